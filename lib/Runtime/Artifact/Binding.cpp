//===- Binding.cpp - Inputs, sizes and parameters of launches -------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Inputs go to the device when a run is bound. Sizes that the compiler did not
// know follow from the shapes of arrays, launch by launch.
//
//===----------------------------------------------------------------------===//

#include "ProgramState.h"
#include <algorithm>
#include <cstring>

namespace fp4::runtime {

/// Whether bytes of one dtype can be read as the other: they are one, or both
/// have 8 bits or fewer, which NumPy stores as it likes.
static bool areInterchangeable(DType a, DType b) {
  return a == b || (dtypeBits(a) <= 8 && dtypeBits(b) <= 8);
}

/// Checks `array` against the argument, which gives values to its symbols.
static Status matchShape(const KernelArgument &argument,
                         const DeviceArray &array, Sizes &sizes) {
  auto mismatch = [&] {
    ProgramValue value{argument.name, argument.type, array.dtype,
                       argument.shape};
    return Status::error(
        "'" + argument.name + "': expected " + toString(value) + ", got " +
        std::string(dtypeName(array.dtype)) + " " + shapeString(array.shape));
  };
  Expected<DType> dtype = dtypeOfType(argument.type);
  if (!dtype.ok())
    return dtype.status();
  if (!areInterchangeable(*dtype, array.dtype) ||
      array.shape.size() != argument.shape.size())
    return mismatch();
  // Packed elements: less than a byte each, unless the dtype is packed.
  unsigned bits = *bitsOfType(argument.type);
  bool isPacked = bits < 8 && dtypeBits(array.dtype) == 8;
  for (size_t i = 0; i < array.shape.size(); ++i) {
    const Size &size = argument.shape[i];
    bool isLast = i + 1 == array.shape.size();
    int64_t extent =
        isPacked && isLast ? array.shape[i] * 8 / bits : array.shape[i];
    if (!size.isStatic() && size.tile == 1)
      sizes.emplace(size.symbol, extent);
    Expected<int64_t> expected = evaluateSize(size, sizes);
    if (expected.ok() && *expected != extent)
      return mismatch();
  }
  return Status::success();
}

/// The shape of an argument's array in memory.
static Expected<std::vector<int64_t>> shapeOf(const KernelArgument &argument,
                                              const Sizes &sizes) {
  std::vector<int64_t> shape;
  for (const Size &size : argument.shape) {
    Expected<int64_t> extent = evaluateSize(size, sizes);
    if (!extent.ok())
      return Status::error("'" + argument.name + "': " + extent.message());
    shape.push_back(*extent);
  }
  Expected<unsigned> bits = bitsOfType(argument.type);
  if (!bits.ok())
    return bits.status();
  if (*bits < 8)
    shape.back() = shape.back() * *bits / 8;
  return shape;
}

static Expected<LaunchShape> shapeLaunch(const KernelDescription &kernel,
                                         const Sizes &sizes,
                                         unsigned multiprocessors) {
  LaunchShape shape;
  shape.block = kernel.block;
  shape.cluster = kernel.cluster;
  shape.dynamicSharedBytes = kernel.dynamicSharedBytes;
  shape.startsEarly = kernel.startsEarly;
  uint32_t *grid[] = {&shape.grid.x, &shape.grid.y, &shape.grid.z};
  for (unsigned i = 0; i < 3; ++i) {
    int64_t count = 1;
    for (const Size &size : kernel.grid[i]) {
      Expected<int64_t> factor = evaluateSize(size, sizes);
      if (!factor.ok())
        return factor.status();
      count *= *factor;
    }
    if (count < 1 || count > INT32_MAX)
      return Status::error("kernel '" + kernel.name + "': a grid of " +
                           std::to_string(count) + " blocks is not possible");
    *grid[i] = uint32_t(count);
  }
  // Blocks that share a tile, the last factor, may wait for one another.
  uint32_t least = 1;
  if (kernel.grid[0].size() > 2)
    least = uint32_t(*evaluateSize(kernel.grid[0].back(), sizes));
  if (!kernel.hasExactGrid)
    shape.grid.x =
        std::min(shape.grid.x, std::max(std::max(multiprocessors, 1u) *
                                            kernel.blocksPerMultiprocessor,
                                        least));
  // Whole clusters; blocks without a tile have nothing to do.
  uint32_t cluster = std::max(kernel.cluster.x, 1u);
  shape.grid.x = (shape.grid.x + cluster - 1) / cluster * cluster;
  return shape;
}

/// Writes the value of `argument` into its slot.
static Status fillSlot(Device &device, const KernelArgument &argument,
                       const BoundLaunch &launch, uint8_t *slot,
                       size_t slotBytes) {
  auto write = [&](const void *value, size_t bytes) {
    if (bytes != slotBytes)
      return Status::error("kernel '" + launch.kernel->name +
                           "': expected parameter '" + argument.name +
                           "' to have " + std::to_string(bytes) +
                           " bytes, got " + std::to_string(slotBytes));
    std::memcpy(slot, value, bytes);
    return Status::success();
  };
  if (argument.kind == KernelArgument::Kind::Value) {
    auto it = launch.sizes.find(argument.name);
    if (it == launch.sizes.end() || argument.type != "i32")
      return Status::error("kernel '" + launch.kernel->name +
                           "': no array has the size '" + argument.name +
                           "', an i32");
    auto value = static_cast<int32_t>(it->second);
    return write(&value, sizeof value);
  }
  if (argument.kind == KernelArgument::Kind::Workspace) {
    uint64_t scratch = launch.workspace ? launch.workspace->address() : 0;
    return write(&scratch, sizeof scratch);
  }
  uint64_t address = launch.arrays.at(argument.name).buffer->address();
  if (argument.kind == KernelArgument::Kind::Pointer)
    return write(&address, sizeof address);
  ptx::TensorMapParams params = argument.map.params;
  params.globalAddress = address;
  for (unsigned i = 0; i < params.rank; ++i) {
    Expected<int64_t> extent =
        evaluateSize(argument.map.shape[i], launch.sizes);
    if (!extent.ok())
      return extent.status();
    params.globalDim[i] = uint64_t(*extent);
  }
  Expected<ptx::TensorMap> map = device.encodeTensorMap(params);
  if (!map.ok())
    return Status::error("'" + argument.name + "': " + map.message());
  return write(map->data(), map->size());
}

/// Finds the arrays of `launch` that exist, which give the sizes, and makes
/// the others, which need them.
Status ArtifactRun::State::findArrays(BoundLaunch &launch) {
  const DeviceArrays *const homes[] = {&program->weights, &inputs, &outputs,
                                       &buffers};
  std::vector<const KernelArgument *> fresh;
  for (const KernelArgument &argument : launch.kernel->arguments) {
    if (!argument.isArray())
      continue;
    const ArgumentSource &source =
        launch.description->arguments.at(argument.name);
    const DeviceArrays &home = *homes[size_t(source.kind)];
    auto it = home.find(source.name);
    if (it == home.end()) {
      fresh.push_back(&argument);
      continue;
    }
    launch.arrays.emplace(argument.name, it->second);
    Status status = matchShape(argument, it->second, launch.sizes);
    if (!status.ok())
      return status;
  }
  for (const KernelArgument *argument : fresh) {
    const ArgumentSource &source =
        launch.description->arguments.at(argument->name);
    Expected<std::vector<int64_t>> shape = shapeOf(*argument, launch.sizes);
    if (!shape.ok())
      return shape.status();
    Expected<DeviceArray> array =
        program->allocate(*dtypeOfType(argument->type), *shape);
    if (!array.ok())
      return array.status();
    bool isOutput = source.kind == ArgumentSource::Kind::Output;
    (isOutput ? outputs : buffers).emplace(source.name, *array);
    launch.arrays.emplace(argument->name, *array);
  }
  // Again, now that all sizes are known: scale tiles depend on row counts.
  for (const KernelArgument &argument : launch.kernel->arguments)
    if (argument.isArray())
      if (Status status = matchShape(argument, launch.arrays.at(argument.name),
                                     launch.sizes);
          !status.ok())
        return status;
  return Status::success();
}

/// Packs the parameters of a launch whose arrays are known.
static Status packParameters(Device &device, BoundLaunch &launch) {
  launch.parameters.resize(launch.entry->parameterBytes());
  for (size_t i = 0; i < launch.kernel->arguments.size(); ++i) {
    const ParameterSlot &slot = launch.entry->parameters()[i];
    Status status = fillSlot(device, launch.kernel->arguments[i], launch,
                             launch.parameters.data() + slot.offset, slot.size);
    if (!status.ok())
      return status;
  }
  return Status::success();
}

/// Scratch memory, zero before the first launch.
Status ArtifactRun::State::makeWorkspace(BoundLaunch &launch) {
  if (launch.kernel->workspace.empty())
    return Status::success();
  int64_t bytes = 1;
  for (const Size &size : launch.kernel->workspace) {
    Expected<int64_t> factor = evaluateSize(size, launch.sizes);
    if (!factor.ok())
      return factor.status();
    bytes *= *factor;
  }
  Expected<DeviceArray> scratch = program->allocate(DType::U8, {bytes});
  if (!scratch.ok())
    return scratch.status();
  launch.workspace = scratch->buffer;
  return Status::success();
}

Status ArtifactRun::State::prepare(size_t index) {
  const Manifest &manifest = program->artifact.manifest();
  BoundLaunch &launch = launches[index];
  launch.description = &manifest.launches[index];
  launch.kernel = &manifest.kernels[launch.description->kernel];
  if (Status status = findArrays(launch); !status.ok())
    return status;
  Expected<size_t> kernel = chooseKernel(*launch.description, launch.sizes);
  if (!kernel.ok())
    return kernel.status();
  launch.kernel = &manifest.kernels[*kernel];
  Expected<LaunchShape> shape = shapeLaunch(*launch.kernel, launch.sizes,
                                            program->device->multiprocessors());
  if (!shape.ok())
    return shape.status();
  launch.shape = *shape;
  auto entry = program->entries.find(launch.kernel->name);
  if (entry == program->entries.end())
    return Status::success();
  launch.entry = entry->second.get();
  if (Status status = makeWorkspace(launch); !status.ok())
    return status;
  return packParameters(*program->device, launch);
}

Expected<ArtifactRun> ArtifactProgram::bind(const TensorMap &inputs) const {
  auto run = std::make_unique<ArtifactRun::State>();
  run->program = state;
  std::string known;
  for (const ProgramValue &value : state->artifact.inputs()) {
    known += (known.empty() ? "" : ", ") + value.name;
    auto it = inputs.find(value.name);
    if (it == inputs.end())
      return Status::error("expected an input '" + value.name + "', " +
                           toString(value));
    Expected<DeviceArray> array = state->upload(it->second);
    if (!array.ok())
      return array.status();
    run->inputs.emplace(value.name, std::move(*array));
  }
  for (const auto &[name, array] : inputs)
    if (!run->inputs.count(name))
      return Status::error("no input called '" + name +
                           "'; there is: " + (known.empty() ? "none" : known));
  run->launches.resize(state->artifact.manifest().launches.size());
  for (size_t i = 0; i < run->launches.size(); ++i)
    if (Status status = run->prepare(i); !status.ok())
      return Status::error("launch '" +
                           state->artifact.manifest().launches[i].layer +
                           "': " + status.message());
  for (std::unique_ptr<Event> *event : {&run->start, &run->end}) {
    Expected<std::unique_ptr<Event>> created = state->device->createEvent();
    if (!created.ok())
      return created.status();
    *event = std::move(*created);
  }
  return ArtifactRun(std::move(run));
}

} // namespace fp4::runtime

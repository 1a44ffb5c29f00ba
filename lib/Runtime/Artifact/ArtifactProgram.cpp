//===- ArtifactProgram.cpp - Loading an artifact on a device --------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loads the kernels and uploads the weights.
//
//===----------------------------------------------------------------------===//

#include "ProgramState.h"

namespace fp4::runtime {

Expected<DeviceArray>
ArtifactProgram::State::upload(const NDArray &array) const {
  Expected<std::unique_ptr<Buffer>> buffer = device->allocate(array.byteSize());
  if (!buffer.ok())
    return buffer.status();
  Status status = stream->copyToDevice((*buffer)->address(), array.bytes(),
                                       array.byteSize());
  if (status.ok())
    status = stream->synchronize();
  if (!status.ok())
    return status;
  return DeviceArray{std::move(*buffer), array.dtype(), array.shape()};
}

Expected<DeviceArray>
ArtifactProgram::State::allocate(DType dtype,
                                 std::vector<int64_t> shape) const {
  Expected<size_t> bytes = byteSizeOf(dtype, shape);
  if (!bytes.ok())
    return bytes.status();
  Expected<std::unique_ptr<Buffer>> buffer = device->allocate(*bytes);
  if (!buffer.ok())
    return buffer.status();
  Status status = stream->fill((*buffer)->address(), 0, *bytes);
  if (!status.ok())
    return status;
  return DeviceArray{std::move(*buffer), dtype, std::move(shape)};
}

Expected<NDArray>
ArtifactProgram::State::download(const DeviceArray &array) const {
  NDArray result(array.dtype, array.shape);
  Status status = stream->copyToHost(
      result.mutableBytes(), array.buffer->address(), result.byteSize());
  if (status.ok())
    status = stream->synchronize();
  if (!status.ok())
    return status;
  return result;
}

/// Loads the PTX and finds the entry of every kernel.
static Status loadKernels(ArtifactProgram::State &state) {
  Expected<std::unique_ptr<Module>> module =
      state.device->loadModule(state.artifact.ptx(), state.artifact.ptxPath());
  if (!module.ok())
    return module.status();
  state.module = std::move(*module);
  for (const KernelDescription &kernel : state.artifact.manifest().kernels) {
    Expected<std::unique_ptr<Kernel>> entry = state.module->kernel(kernel.name);
    if (!entry.ok())
      return entry.status();
    size_t got = (*entry)->parameters().size();
    if (got != kernel.arguments.size())
      return Status::error(
          state.artifact.ptxPath() + ": expected " +
          std::to_string(kernel.arguments.size()) + " parameters of '" +
          kernel.name + "', as the manifest says, got " + std::to_string(got));
    state.entries[kernel.name] = std::move(*entry);
  }
  return Status::success();
}

Expected<ArtifactProgram>
ArtifactProgram::load(const Artifact &artifact,
                      std::shared_ptr<Device> device) {
  auto state = std::make_shared<State>();
  state->artifact = artifact;
  state->device = std::move(device);
  Expected<std::unique_ptr<Stream>> stream = state->device->createStream();
  if (!stream.ok())
    return stream.status();
  state->stream = std::move(*stream);
  if (state->device->runsPTX())
    if (Status status = loadKernels(*state); !status.ok())
      return status;
  for (const LaunchDescription &launch : artifact.manifest().launches)
    for (const auto &[argument, source] : launch.arguments) {
      if (source.kind != ArgumentSource::Kind::Weight)
        continue;
      Expected<NDArray> weight = artifact.weight(source.name);
      if (!weight.ok())
        return weight.status();
      Expected<DeviceArray> array = state->upload(*weight);
      if (!array.ok())
        return array.status();
      state->weights.insert_or_assign(source.name, std::move(*array));
    }
  ArtifactProgram program;
  program.state = std::move(state);
  return program;
}

} // namespace fp4::runtime

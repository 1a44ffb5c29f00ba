//===- CompiledKernel.cpp - Compile a module and run its kernels ----------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See the header. Tensor maps are encoded from the parameters in the manifest.
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"
#include "fp4/Conversion/Passes.h"
#include "fp4/Dialect/FP4/IR/ConstantData.h"
#include "fp4/Dialect/FP4GPU/IR/FP4GPUDialect.h"
#include "fp4/Emulator/PTX/TensorMap.h"
#include "fp4/InitAllDialects.h"
#include "fp4/Target/Artifact.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include <cstring>

using namespace mlir;
using nlohmann::json;

namespace fp4::testing {

//===----------------------------------------------------------------------===//
// Compilation
//===----------------------------------------------------------------------===//

static Status runPhases(ModuleOp module, const std::string &target) {
  CompileOptions options;
  options.target = target;
  bool isLate = false;
  for (const Phase &phase : getPhases()) {
    isLate |= phase.name == "layout";
    if (!isLate || !phase.build)
      continue;
    PassManager pm(module.getContext());
    // With tensor scales computed on the device, which the phase leaves off.
    if (phase.name == "gpu")
      pm.addPass(createConvertFP4ToFP4GPU(
          {target, /*requireKernels=*/false, /*computeTensorScales=*/true}));
    phase.build(pm, options);
    if (failed(pm.run(module)))
      return Status::error("phase " + phase.name.str() + " failed");
  }
  return Status::success();
}

/// The constants that the module's launch hands to its kernel.
static std::map<std::string, std::vector<uint8_t>>
collectConstants(ModuleOp module, const json &kernel) {
  std::map<std::string, std::vector<uint8_t>> weights;
  module.walk([&](fp4::gpu::LaunchOp launch) {
    for (auto [i, operand] : llvm::enumerate(launch.getInputs())) {
      ElementsAttr constant;
      if (!matchPattern(operand, m_Constant(&constant)))
        continue;
      std::vector<uint8_t> &weight = weights[kernel["arguments"][i]["name"]];
      if (std::optional<ArrayRef<char>> bytes = fp4::getRawBytes(constant)) {
        weight.assign(bytes->begin(), bytes->end());
        continue;
      }
      ArrayRef<char> splat = cast<DenseElementsAttr>(constant).getRawData();
      for (int64_t j = 0; j < constant.getNumElements(); ++j)
        weight.insert(weight.end(), splat.begin(), splat.end());
    }
  });
  return weights;
}

Expected<CompiledKernel> compileKernel(const std::string &text,
                                       const std::string &target) {
  DialectRegistry registry;
  fp4::registerAllDialects(registry);
  registerPTXTranslation(registry);
  MLIRContext context(registry);
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  if (!module)
    return Status::error("the module does not parse");
  Status status = runPhases(*module, target);
  if (!status.ok())
    return status;
  auto device = *module->getOps<mlir::gpu::GPUModuleOp>().begin();
  FailureOr<std::string> ptx = emitPTX(device);
  if (failed(ptx))
    return Status::error("no PTX");
  FailureOr<std::string> manifest =
      makeManifest(*module, *fp4::gpu::findGPUArch(target), *ptx);
  if (failed(manifest))
    return Status::error("no manifest");
  json parsed = json::parse(*manifest);
  auto weights = collectConstants(*module, parsed["kernels"][0]);
  return CompiledKernel{*ptx, parsed, weights};
}

//===----------------------------------------------------------------------===//
// Launch
//===----------------------------------------------------------------------===//

/// A number, or the value of the argument that is named.
static uint64_t resolveSize(const json &size,
                            const KernelArguments &arguments) {
  if (size.is_number())
    return size.get<uint64_t>();
  if (size.is_object()) {
    uint64_t tile = size["tile"];
    return (resolveSize(size["size"], arguments) + tile - 1) / tile;
  }
  return arguments.values.at(size.get<std::string>());
}

static Expected<ptx::TensorMap> encodeMap(const json &map, uint64_t address,
                                          const KernelArguments &arguments) {
  static const std::map<std::string, ptx::TensorMapSwizzle> swizzles = {
      {"32B", ptx::TensorMapSwizzle::B32},
      {"64B", ptx::TensorMapSwizzle::B64},
      {"128B", ptx::TensorMapSwizzle::B128}};
  static const std::map<std::string, ptx::TensorMapType> types = {
      {"uint8", ptx::TensorMapType::U8},
      {"bfloat16", ptx::TensorMapType::BF16},
      {"16u4_align16b", ptx::TensorMapType::U4Align16B},
      {"16u6_align16b", ptx::TensorMapType::U6Align16B}};
  ptx::TensorMapParams params;
  params.type = types.at(map["data_type"]);
  params.rank = map["shape"].size();
  params.globalAddress = address;
  for (unsigned i = 0; i < params.rank; ++i) {
    params.globalDim[i] = resolveSize(map["shape"][i], arguments);
    params.boxDim[i] = map["box"][i];
    params.elementStrides[i] = map["element_strides"][i];
    if (i > 0)
      params.globalStrides[i - 1] = map["strides"][i - 1];
  }
  params.swizzle = swizzles.at(map["swizzle"]);
  return ptx::encodeTensorMap(params);
}

/// The parameter block, with arrays at `addresses`.
static Expected<std::vector<uint8_t>>
makeParams(const json &kernel, const ptx::KernelInfo &info,
           const KernelArguments &arguments,
           const std::map<std::string, uint64_t> &addresses) {
  std::vector<uint8_t> params(info.paramBytes);
  for (size_t i = 0; i < info.params.size(); ++i) {
    const json &argument = kernel["arguments"][i];
    std::string name = argument["name"];
    uint8_t *slot = params.data() + info.params[i].offset;
    if (argument["kind"] == "value") {
      std::memcpy(slot, &arguments.values.at(name), sizeof(int32_t));
      continue;
    }
    uint64_t address = addresses.at(name);
    if (argument["kind"] != "tensor_map") {
      std::memcpy(slot, &address, sizeof(address));
      continue;
    }
    Expected<ptx::TensorMap> map =
        encodeMap(argument["tensor_map"], address, arguments);
    if (!map.ok())
      return map.status();
    std::memcpy(slot, map->data(), map->size());
  }
  return params;
}

size_t chooseKernel(const CompiledKernel &compiled,
                    const KernelArguments &arguments) {
  const json &kernels = compiled.manifest["kernels"];
  const json &launch = compiled.manifest["launches"][0];
  std::string name = launch["kernel"];
  for (const json &other : launch.value("alternatives", json::array()))
    if (resolveSize(other["size"], arguments) <=
        other["at_most"].get<uint64_t>()) {
      name = other["kernel"];
      break;
    }
  size_t index = 0;
  while (kernels[index]["name"] != name)
    ++index;
  return index;
}

static uint32_t getTileCount(const json &kernel,
                             const KernelArguments &arguments) {
  uint64_t count = 1;
  for (const json &factor : kernel["grid"]["x"])
    count *= resolveSize(factor, arguments);
  return count;
}

Expected<ptx::Statistics>
launchKernel(const CompiledKernel &compiled, KernelArguments &arguments,
             uint32_t blocks, const ptx::LaunchOptions &options, size_t index) {
  Expected<ptx::Module> module = ptx::Module::parse(compiled.ptx);
  if (!module.ok())
    return module.status();
  const json &kernel = compiled.manifest["kernels"][index];
  std::string name = kernel["name"];
  Expected<ptx::KernelInfo> info = module->kernel(name);
  if (!info.ok())
    return info.status();
  // What the test gives itself stands for the constants of the module.
  arguments.arrays.insert(compiled.weights.begin(), compiled.weights.end());
  if (kernel["workspace"].is_array()) {
    size_t bytes = 1;
    for (const json &size : kernel["workspace"])
      bytes *= resolveSize(size, arguments);
    // As the last launch left it.
    arguments.arrays["workspace"].resize(bytes);
  }
  ptx::Device device;
  std::map<std::string, uint64_t> addresses;
  for (const auto &[array, bytes] : arguments.arrays) {
    Expected<uint64_t> address = device.allocate(bytes.size());
    if (!address.ok())
      return address.status();
    addresses[array] = *address;
    Status status = device.copyIn(*address, bytes.data(), bytes.size());
    if (!status.ok())
      return status;
  }
  Expected<std::vector<uint8_t>> params =
      makeParams(kernel, *info, arguments, addresses);
  if (!params.ok())
    return params.status();
  ptx::LaunchConfig config;
  config.grid.x = blocks ? blocks : getTileCount(kernel, arguments);
  config.block.x = kernel["block"][0];
  config.dynamicSharedBytes = kernel["dynamic_shared_memory"];
  Expected<ptx::Statistics> statistics = device.launch(
      *module, name, config, params->data(), params->size(), options);
  if (!statistics.ok())
    return statistics;
  for (auto &[array, bytes] : arguments.arrays) {
    Status status =
        device.copyOut(bytes.data(), addresses[array], bytes.size());
    if (!status.ok())
      return status;
  }
  return statistics;
}

} // namespace fp4::testing

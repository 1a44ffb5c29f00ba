//===- Manifest.cpp - The launch manifest ---------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// JSON for the runtime: what to launch, with which arguments. The description
// of a kernel's arguments, grid and shared memory was attached to its function
// by the lowering; this file turns attributes into JSON and adds what is known
// only here. docs/Manifest.md describes the result.
//
//===----------------------------------------------------------------------===//

#include "Weights.h"
#include "fp4/Target/Artifact.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include <nlohmann/json.hpp>

using namespace mlir;
using Json = nlohmann::ordered_json;

static Json toJson(Attribute attr) {
  if (auto text = dyn_cast<StringAttr>(attr))
    return text.str();
  if (auto integer = dyn_cast<IntegerAttr>(attr))
    return integer.getInt();
  Json json;
  if (auto array = dyn_cast<ArrayAttr>(attr)) {
    json = Json::array();
    for (Attribute element : array)
      json.push_back(toJson(element));
    return json;
  }
  json = Json::object();
  for (NamedAttribute field : cast<DictionaryAttr>(attr))
    json[field.getName().str()] = toJson(field.getValue());
  return json;
}

static Json describeInstructions(const fp4::InstructionCounts &counts) {
  Json json;
  int64_t total = 0;
  for (const auto &[opcode, count] : counts)
    total += count;
  json["total"] = total;
  json["by_opcode"] = counts;
  return json;
}

/// One launch: which kernel, and where its arguments come from.
static Json describeLaunch(fp4::gpu::LaunchOp launch, StringRef layer,
                           ArrayRef<std::string> names) {
  Json json;
  json["kernel"] = launch.getKernelAttr().getLeafReference().str();
  json["layer"] = layer.str();
  json["arguments"] = Json::object();
  for (auto [i, operand] : llvm::enumerate(launch.getInputs())) {
    ElementsAttr constant;
    Json source;
    if (matchPattern(operand, m_Constant(&constant)))
      source["weight"] = fp4::getWeightName(layer, names[i]);
    else
      source["input"] = names[i];
    json["arguments"][names[i]] = source;
  }
  for (size_t i = launch.getInputs().size(); i < names.size(); ++i)
    json["arguments"][names[i]] = Json{{"output", names[i]}};
  return json;
}

FailureOr<std::string>
fp4::makeManifest(ModuleOp module, const gpu::GPUArch &arch, StringRef ptx) {
  Json json;
  json["format"] = "fp4-kernels";
  json["format_version"] = 1;
  json["target"] = arch.name.str();
  json["ptx"] = {{"file", getPTXFileName(arch)},
                 {"version", std::to_string(arch.ptxVersion / 10) + "." +
                                 std::to_string(arch.ptxVersion % 10)},
                 {"min_driver", std::to_string(arch.minDriver)}};
  json["weights"] = kWeightsFileName;
  auto counts = countInstructions(ptx);
  json["kernels"] = Json::array();
  module.walk([&](LLVM::LLVMFuncOp func) {
    auto description = func->getAttrOfType<DictionaryAttr>("fp4gpu.launch");
    if (!description)
      return;
    Json kernel;
    kernel["name"] = func.getSymName().str();
    kernel.update(toJson(description));
    kernel["workspace"] = 0;
    kernel["instructions"] =
        describeInstructions(counts[func.getSymName().str()]);
    json["kernels"].push_back(kernel);
  });
  json["launches"] = Json::array();
  forEachLaunch(module, [&](gpu::LaunchOp launch, StringRef layer,
                            ArrayRef<std::string> names) {
    json["launches"].push_back(describeLaunch(launch, layer, names));
  });
  return json.dump(2) + "\n";
}

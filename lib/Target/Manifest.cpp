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

#include "LaunchOrder.h"
#include "Weights.h"
#include "fp4/Target/Artifact.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include <nlohmann/json.hpp>

using namespace mlir;
using Json = nlohmann::ordered_json;

static Json toJson(Attribute attr) {
  if (auto text = dyn_cast<StringAttr>(attr))
    return text.str();
  if (auto boolean = dyn_cast<BoolAttr>(attr))
    return boolean.getValue();
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

namespace {
/// Writes the launches and names the arrays that go in, out and between them.
class LaunchWriter {
public:
  /// In a program of one launch, inputs and outputs are called as the kernel's
  /// arguments are; otherwise "<layer>.<argument>".
  explicit LaunchWriter(bool isOnly) : isOnly(isOnly) {}

  Json describe(fp4::gpu::LaunchOp launch, StringRef layer,
                ArrayRef<std::string> names);

private:
  std::string getName(StringRef layer, const std::string &argument) const {
    return isOnly ? argument : (layer + "." + argument).str();
  }
  Json describeOperand(Value operand, StringRef layer, const std::string &name);

  bool isOnly;
  /// Results of launches that other launches read.
  llvm::DenseMap<Value, std::string> buffers;
  /// A value that several launches read is one input.
  llvm::DenseMap<Value, std::string> inputs;
};
} // namespace

/// What an input of several launches is called: arg<i> for an argument of the
/// function, with the function's name ahead unless it is the only one.
static std::string nameArgument(BlockArgument argument) {
  std::string name = "arg" + std::to_string(argument.getArgNumber());
  Operation *function = argument.getOwner()->getParentOp();
  if (llvm::hasSingleElement(
          function->getBlock()->getOps<FunctionOpInterface>()))
    return name;
  return SymbolTable::getSymbolName(function).str() + "." + name;
}

Json LaunchWriter::describeOperand(Value operand, StringRef layer,
                                   const std::string &name) {
  ElementsAttr constant;
  if (matchPattern(operand, m_Constant(&constant)))
    return {{"weight", fp4::getWeightName(layer, name)}};
  if (auto it = buffers.find(operand); it != buffers.end())
    return {{"buffer", it->second}};
  auto argument = dyn_cast<BlockArgument>(operand);
  return {{"input", inputs
                        .try_emplace(operand, argument && !isOnly
                                                  ? nameArgument(argument)
                                                  : getName(layer, name))
                        .first->second}};
}

/// The kernels for few rows, the number of which is the operand of type index.
static Json describeAlternatives(fp4::gpu::LaunchOp launch,
                                 ArrayRef<std::string> names) {
  auto rows = llvm::find_if(launch.getInputs(), [](Value input) {
    return input.getType().isIndex();
  });
  size_t index = std::distance(launch.getInputs().begin(), rows);
  Json json = Json::array();
  for (auto [kernel, limit] :
       llvm::zip_equal(launch.getAlternativesAttr().getAsRange<SymbolRefAttr>(),
                       *launch.getLimits()))
    json.push_back({{"kernel", kernel.getLeafReference().str()},
                    {"size", names[index]},
                    {"at_most", limit}});
  return json;
}

Json LaunchWriter::describe(fp4::gpu::LaunchOp launch, StringRef layer,
                            ArrayRef<std::string> names) {
  Json json;
  json["kernel"] = launch.getKernelAttr().getLeafReference().str();
  json["layer"] = layer.str();
  if (launch.getAlternativesAttr())
    json["alternatives"] = describeAlternatives(launch, names);
  Json &arguments = json["arguments"] = Json::object();
  for (auto [i, operand] : llvm::enumerate(launch.getInputs()))
    arguments[names[i]] = describeOperand(operand, layer, names[i]);
  for (OpResult result : launch->getResults()) {
    const std::string &name =
        names[launch.getInputs().size() + result.getResultNumber()];
    bool isRead = llvm::any_of(result.getUsers(), [](Operation *user) {
      return isa<fp4::gpu::LaunchOp>(user);
    });
    if (isRead)
      buffers[result] = getName(layer, name);
    arguments[name] = {{isRead ? "buffer" : "output", getName(layer, name)}};
  }
  return json;
}

FailureOr<std::string>
fp4::makeManifest(ModuleOp module, const gpu::GPUArch &arch, StringRef ptx) {
  if (failed(checkLaunchOrder(module)))
    return failure();
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
    if (!kernel.contains("workspace"))
      kernel["workspace"] = 0;
    kernel["instructions"] =
        describeInstructions(counts[func.getSymName().str()]);
    json["kernels"].push_back(kernel);
  });
  unsigned numLaunches = 0;
  module.walk([&](gpu::LaunchOp) { ++numLaunches; });
  LaunchWriter writer(/*isOnly=*/numLaunches == 1);
  json["launches"] = Json::array();
  forEachLaunch(module, [&](gpu::LaunchOp launch, StringRef layer,
                            ArrayRef<std::string> names) {
    json["launches"].push_back(writer.describe(launch, layer, names));
  });
  return json.dump(2) + "\n";
}

//===- Weights.cpp - Names and tensors of prepacked weights ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Finds the constants that launches use and gives them as arrays to write.
//
//===----------------------------------------------------------------------===//

#include "Weights.h"
#include "fp4/Dialect/FP4/IR/ConstantData.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

/// The argument names in the description that the lowering left.
static SmallVector<std::string> getArgumentNames(LLVM::LLVMFuncOp func) {
  SmallVector<std::string> names;
  auto description = func->getAttrOfType<DictionaryAttr>("fp4gpu.launch");
  if (!description)
    return names;
  for (auto argument :
       description.getAs<ArrayAttr>("arguments").getAsRange<DictionaryAttr>())
    // A workspace is the runtime's, not the launch's.
    if (argument.getAs<StringAttr>("kind") != "workspace")
      names.push_back(argument.getAs<StringAttr>("name").str());
  return names;
}

void fp4::forEachLaunch(
    ModuleOp module,
    function_ref<void(gpu::LaunchOp, StringRef, ArrayRef<std::string>)> body) {
  SymbolTableCollection symbols;
  llvm::StringSet<> used;
  unsigned count = 0;
  module.walk([&](gpu::LaunchOp launch) {
    auto func = symbols.lookupNearestSymbolFrom<LLVM::LLVMFuncOp>(
        launch, launch.getKernelAttr());
    if (!func)
      return;
    auto layer = launch->getAttrOfType<StringAttr>("fp4.layer");
    std::string name = layer ? layer.str() : "launch" + std::to_string(count);
    ++count;
    for (unsigned copy = 1; !used.insert(name).second; ++copy)
      name = (layer ? layer.str() : "launch") + "." + std::to_string(copy);
    body(launch, name, getArgumentNames(func));
  });
}

static std::optional<fp4::DType> getDType(Type type) {
  if (type.isInteger(8))
    return fp4::DType::U8;
  if (type.isF32())
    return fp4::DType::F32;
  if (type.isBF16())
    return fp4::DType::BF16;
  if (type.isF16())
    return fp4::DType::F16;
  return std::nullopt;
}

/// The array of a constant; nothing if its bytes are missing.
static std::optional<fp4::NDArray> toArray(ElementsAttr constant) {
  std::optional<fp4::DType> dtype = getDType(constant.getElementType());
  if (!dtype)
    return std::nullopt;
  std::vector<int64_t> shape(constant.getShapedType().getShape());
  if (std::optional<ArrayRef<char>> raw = fp4::getRawBytes(constant)) {
    // The module, which owns the bytes, outlives the array.
    std::shared_ptr<const uint8_t> bytes(
        reinterpret_cast<const uint8_t *>(raw->data()), [](const uint8_t *) {});
    return fp4::NDArray::view(*dtype, shape, bytes);
  }
  auto splat = dyn_cast<DenseElementsAttr>(constant);
  if (!splat || !splat.isSplat())
    return std::nullopt;
  ArrayRef<char> element = splat.getRawData();
  fp4::NDArray array(*dtype, shape);
  for (size_t i = 0; i < array.byteSize(); ++i)
    array.mutableBytes()[i] = element[i % element.size()];
  return array;
}

FailureOr<fp4::TensorMap> fp4::collectWeights(ModuleOp module) {
  TensorMap weights;
  bool isComplete = true;
  forEachLaunch(module, [&](gpu::LaunchOp launch, StringRef layer,
                            ArrayRef<std::string> names) {
    for (auto [i, operand] : llvm::enumerate(launch.getInputs())) {
      ElementsAttr constant;
      if (!matchPattern(operand, m_Constant(&constant)))
        continue;
      std::optional<NDArray> array = toArray(constant);
      if (!array) {
        launch.emitOpError()
            << "expected readable bytes for argument '" << names[i] << "'";
        isComplete = false;
        continue;
      }
      weights.emplace(getWeightName(layer, names[i]), std::move(*array));
    }
  });
  if (!isComplete)
    return failure();
  return weights;
}

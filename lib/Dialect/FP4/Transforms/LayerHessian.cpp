//===- LayerHessian.cpp - Calibration data of a layer ---------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Looking up a Hessian and carrying it to the input that the matmul has now:
// x' = x diag(1 / g) R gives H' = R^T diag(1 / g) H diag(1 / g) R.
//
//===----------------------------------------------------------------------===//

#include "LayerHessian.h"
#include "PassOptions.h"
#include "fp4/Dialect/FP4/IR/ConstantData.h"
#include "fp4/Quantization/Hessian.h"

using namespace mlir;

namespace fp4 {

Expected<InputTransform> getInputTransform(MatmulOp matmul) {
  InputTransform transform;
  transform.gain = matmul->getAttrOfType<ElementsAttr>(kInputGainAttr);
  if (auto block = matmul->getAttrOfType<IntegerAttr>(kInputRotationAttr)) {
    transform.block = block.getInt();
    return transform;
  }
  Value lhs = matmul.getLhs();
  if (auto fused = lhs.getDefiningOp<RotateQuantizeOp>()) {
    transform.block = fused.getBlock();
    transform.signs = fused.getSigns().value_or(ArrayRef<int8_t>());
    return transform;
  }
  if (auto quantize = lhs.getDefiningOp<QuantizeOp>())
    lhs = quantize.getInput();
  if (auto hadamard = lhs.getDefiningOp<HadamardOp>()) {
    if (hadamard.getInverse() && hadamard.getSigns())
      return Status::error("no Hessian for an input that went through the "
                           "inverse of a rotation with signs");
    transform.block = hadamard.getBlock();
    transform.signs = hadamard.getSigns().value_or(ArrayRef<int8_t>());
  }
  return transform;
}

/// H <- diag(1 / g) H diag(1 / g). A channel with gain 0 had no input; its
/// weights were multiplied by 0, so any value does, and 0 marks it as dead.
static void removeGain(std::vector<float> &hessian,
                       const std::vector<float> &gain) {
  size_t k = gain.size();
  for (size_t i = 0; i < k; ++i)
    for (size_t j = 0; j < k; ++j)
      hessian[i * k + j] = gain[i] == 0 || gain[j] == 0
                               ? 0.0f
                               : hessian[i * k + j] / (gain[i] * gain[j]);
}

Expected<std::vector<float>> readHessian(const CheckpointReader &file,
                                         MatmulOp matmul) {
  std::string name = getLayerName(matmul).str();
  if (!file.contains(name))
    return Status::error("expected a tensor \"" + name +
                         "\" in the file of Hessians, got none; the nearest "
                         "name is \"" +
                         findNearestTensor(file, name) + "\"");
  Expected<NDArray> array = file.tensor(name);
  if (!array.ok())
    return array.status();
  int64_t k = matmul.getReductionSize();
  std::vector<int64_t> shape = {k, k};
  if (array->dtype() != DType::F32 || array->shape() != shape)
    return Status::error("expected a Hessian of F32 " + shapeString(shape) +
                         ", got " + std::string(dtypeName(array->dtype())) +
                         " " + shapeString(array->shape()));
  Expected<InputTransform> transform = getInputTransform(matmul);
  if (!transform.ok())
    return transform.status();
  Expected<std::vector<float>> hessian = array->toFloat32();
  if (!hessian.ok())
    return hessian;
  if (transform->gain)
    if (std::optional<std::vector<float>> gain = readFloats(transform->gain);
        gain && static_cast<int64_t>(gain->size()) == k)
      removeGain(*hessian, *gain);
  if (transform->block)
    quantization::rotateHessian(
        hessian->data(), k, transform->block,
        transform->signs.empty() ? nullptr : transform->signs.data());
  return hessian;
}

} // namespace fp4

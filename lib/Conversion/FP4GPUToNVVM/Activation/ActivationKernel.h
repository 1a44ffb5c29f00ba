//===- ActivationKernel.h - Code of an activation kernel --------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One object per kernel; ActivationKernel.cpp loads, rotates and quantizes,
// AmaxKernel.cpp has what a computed tensor scale needs.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4GPUTONVVM_ACTIVATION_ACTIVATIONKERNEL_H
#define FP4_LIB_CONVERSION_FP4GPUTONVVM_ACTIVATION_ACTIVATIONKERNEL_H

#include "ActivationPlan.h"
#include "BlockQuantizer.h"
#include "mlir/IR/IRMapping.h"

namespace fp4::gpu {

class ActivationKernel {
public:
  using Value = mlir::Value;
  using Values = KernelBuilder::Values;

  ActivationKernel(ActivationPlan &plan, RealBuilder &builder,
                   mlir::Operation *device)
      : plan(plan), b(builder), device(device) {}

  void emit();

private:
  static constexpr int64_t kHalf = ActivationPlan::kElementsPerThread / 2;

  /// Where a thread's 32 elements are.
  struct Place {
    Value row, column;
    /// Whether the first 16 and the last 16 elements exist.
    Value isFirstInside, isSecondInside;
  };

  /// The tasks of this block, one of `blocks`, carrying `init`.
  Values
  forTasks(Value blocks, mlir::ValueRange init,
           llvm::function_ref<Values(const Place &, mlir::ValueRange)> body);
  Place findPlace(Value task);

  Values loadHalf(Value array, Value index);
  Values loadVectors(const Place &place, mlir::ArrayRef<mlir::Type> types);
  Values loadValues(const Place &place);
  Values emitBody(mlir::ArrayRef<Values> inputs);
  void rotate(Values &values);
  void flipSigns(Values &values, llvm::ArrayRef<int8_t> signs);
  void rotateAcrossLanes(Values &values);
  float normalize(Values &values);
  void saturate(Values &values);
  Values prepareValues(const Place &place, float &norm);

  void emitQuantize(const Place &place, llvm::ArrayRef<Value> values,
                    float norm);
  void storeScales(const Place &place, llvm::ArrayRef<QuantizedBlock> blocks);
  void storeElements(const Place &place, llvm::ArrayRef<QuantizedBlock> blocks);

  //===--------------------------------------------------------------------===//
  // Computed tensor scales (AmaxKernel.cpp)
  //===--------------------------------------------------------------------===//
  void emitAmax();
  Value emitTensorScale(TensorScaleOp op);
  Value largestOfWarp(Value bits);
  Value largestOfBlock(Value bits);

  ActivationPlan &plan;
  RealBuilder &b;
  mlir::Operation *device;
  /// Kernel arguments and scalars to their device values.
  mlir::IRMapping mapping;
};

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4GPUTONVVM_ACTIVATION_ACTIVATIONKERNEL_H

//===- ActivationKernel.h - Code of an activation kernel --------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One object per kernel; ActivationKernel.cpp loads, rotates and quantizes,
// MatrixTransform.cpp multiplies with given matrices, AmaxKernel.cpp has what a
// computed tensor scale needs.
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
    /// What the body gets for the row, or null.
    Value factor;
  };
  /// An array that the body reads: a matrix, or a vector along the columns.
  struct Source {
    Value array;
    bool isVector;

    mlir::Type getElementType() const {
      return mlir::cast<mlir::MemRefType>(array.getType()).getElementType();
    }
    /// Elements of 16 bytes.
    int64_t getVectorSize() const {
      return 128 / getElementType().getIntOrFloatBitWidth();
    }
  };

  /// The tasks of this block, one of `blocks`, carrying `init`.
  Values
  forTasks(Value blocks, mlir::ValueRange init,
           llvm::function_ref<Values(const Place &, mlir::ValueRange)> body);
  /// The place of this thread in part `part` of tile (m, n).
  Place findPlace(Value m, Value n, Value part);

  Values loadHalf(const Source &source, Value index);
  Values loadVectors(const Place &place, llvm::ArrayRef<Source> sources);
  llvm::SmallVector<Values> loadSources(const Place &place,
                                        llvm::ArrayRef<Source> sources);
  Values loadValues(const Place &place);
  Value emitRegion(mlir::Block &body, mlir::ValueRange arguments);
  Value emitRowFactor(Value m, Value part);
  void rotate(Values &values);
  void flipSigns(Values &values, llvm::ArrayRef<int8_t> signs);
  void rotateAcrossLanes(Values &values);
  float normalize(Values &values);

  //===--------------------------------------------------------------------===//
  // Given matrices (MatrixTransform.cpp)
  //===--------------------------------------------------------------------===//
  void transform(const Place &place, Values &values);
  Value findMatrix(const Place &place, int64_t offset);
  void multiply(Value rows, llvm::ArrayRef<Value> values,
                llvm::MutableArrayRef<Value> sums);
  Values transformAcrossLanes(const Place &place, llvm::ArrayRef<Value> values);

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

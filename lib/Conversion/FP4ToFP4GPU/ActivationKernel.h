//===- ActivationKernel.h - The kernel of a quantization --------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What distinguishes one quantizing kernel from another, and the kernel of it.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4TOFP4GPU_ACTIVATIONKERNEL_H
#define FP4_LIB_CONVERSION_FP4TOFP4GPU_ACTIVATIONKERNEL_H

#include "InputFusion.h"
#include "fp4/Dialect/FP4/IR/FP4Ops.h"
#include "fp4/Dialect/FP4GPU/IR/FP4GPUDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

namespace fp4::gpu {

/// fp4.quantize or fp4.rotate_quantize, all that a kernel depends on.
struct QuantizeProblem {
  /// What the kernel reads, and what it does before it quantizes.
  FusedInput source;
  /// Null if the format has none or it is to be computed.
  mlir::Value tensorScale;
  MicroscaledTensorType type;
  /// Null without rotation.
  mlir::IntegerAttr rotation;
  mlir::DenseI8ArrayAttr signs;
  /// Block-diagonal, instead of a rotation, or null.
  mlir::Value matrix;
  ScaleRule rule;
  bool saturatesInf;

  /// A symbol name that tells kernels apart.
  std::string getName() const;
  mlir::RankedTensorType getInputType() const { return source.getInputType(); }
  int64_t getMatrixBlock() const {
    return mlir::cast<mlir::RankedTensorType>(matrix.getType())
        .getShape()
        .back();
  }
  /// Whether a pass over the input gives the tensor scale.
  bool computesTensorScale() const {
    return type.getFormat().hasTensorScale() && !tensorScale;
  }
  /// The kernel of that pass.
  std::string getAmaxName() const;
  bool hasDynamicRows() const { return getInputType().isDynamicDim(0); }
};

/// The problem of `op`, with as much of what is in front of it as its kernel
/// can do, or, in `reason`, why no kernel serves it.
mlir::FailureOr<QuantizeProblem> getQuantizeProblem(mlir::Operation *op,
                                                    std::string &reason);

/// Creates the kernel at the builder's insertion point. Its arguments are the
/// inputs, the columns, the tensor scale or the maxima to compute it from if
/// the format has one, the rows if they are dynamic, elements, scales and the
/// tensor scale if it is computed.
KernelOp createQuantizeKernel(mlir::OpBuilder &builder, mlir::Location loc,
                              const QuantizeProblem &problem);

/// Creates the kernel that finds the largest magnitude: inputs, columns, rows,
/// maxima.
KernelOp createAmaxKernel(mlir::OpBuilder &builder, mlir::Location loc,
                          const QuantizeProblem &problem);

/// The tensor scale as the array that kernels read.
mlir::Value makeScaleArray(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::Value scale);

/// Makes `parts` the prepacked form of `op`'s result, and `rows`, if not null,
/// their dynamic number of rows. `op` is erased unless it is used otherwise;
/// returns whether it was.
bool replacePrepacked(mlir::Operation *op, mlir::ValueRange parts,
                      mlir::Value rows);

struct ConversionCounts {
  unsigned kernels = 0, launches = 0;
};

/// Replaces each quantization whose prepacked form is asked for, and that a
/// kernel serves, by a launch of that kernel; with `computeTensorScales` also
/// those without a tensor scale that need one.
ConversionCounts convertQuantizations(mlir::ModuleOp module,
                                      bool computeTensorScales);

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4TOFP4GPU_ACTIVATIONKERNEL_H

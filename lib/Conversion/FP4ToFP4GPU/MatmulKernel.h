//===- MatmulKernel.h - The kernel of a matmul ------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What distinguishes one matmul kernel from another, and the kernel of it.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4TOFP4GPU_MATMULKERNEL_H
#define FP4_LIB_CONVERSION_FP4TOFP4GPU_MATMULKERNEL_H

#include "EpilogueFusion.h"
#include "fp4/Dialect/FP4GPU/IR/FP4GPUDialect.h"
#include "fp4/Dialect/FP4GPU/IR/GPUArch.h"
#include "mlir/IR/Builders.h"

namespace fp4::gpu {

/// The attribute of a matmul that overrides the table of schedules.
inline constexpr llvm::StringLiteral kScheduleAttrName = "fp4gpu.schedule";

/// rows x columns = (rows x depth) * (columns x depth)^T, all that a kernel
/// depends on.
struct MatmulProblem {
  /// Of the activation, and of the weight: the same but for 8-bit elements.
  FormatAttr format, weightFormat;
  /// `rows` may be dynamic.
  int64_t rows, columns, depth;
  mlir::Type resultType;
  /// Null without bias.
  mlir::Type biasType;
  Activation activation;
  /// The second product of a gated pair: whether there is one, with its bias
  /// and activation.
  bool isGated = false;
  mlir::Type secondBiasType;
  Activation secondActivation = Activation::None;
  /// Null: by the table.
  ScheduleAttr schedule;

  /// A symbol name that tells kernels apart.
  std::string getName() const;
  bool hasDynamicRows() const { return mlir::ShapedType::isDynamic(rows); }
  /// Bits of an element, on both sides.
  unsigned getBits() const {
    return format.getElementStorageType().getIntOrFloatBitWidth();
  }
  /// Columns of what the tensor cores compute: both products of a pair.
  int64_t getProductColumns() const { return isGated ? 2 * columns : columns; }
};

/// The problem of `matmul`, or, in `reason`, why no kernel serves it.
mlir::FailureOr<MatmulProblem> getMatmulProblem(MatmulOp matmul,
                                                std::string &reason);

/// The two matmuls as one problem, of which both are known to be served.
MatmulProblem getGatedProblem(const MatmulProblem &first,
                              const MatmulProblem &second);

struct ScheduleChoice {
  ScheduleAttr schedule;
  /// Why this one, for a remark.
  llvm::StringRef reason;
};

/// The schedule that the problem asks for, or else that of the target's table.
ScheduleChoice chooseSchedule(const MatmulProblem &problem,
                              const GPUArch &arch);

/// Creates the kernel at the builder's insertion point, with the tail of
/// `fused` in its epilogue.
KernelOp createMatmulKernel(mlir::OpBuilder &builder, FusedMatmul &fused,
                            const MatmulProblem &problem,
                            ScheduleAttr schedule);

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4TOFP4GPU_MATMULKERNEL_H

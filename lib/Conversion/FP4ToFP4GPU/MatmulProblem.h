//===- MatmulProblem.h - What a matmul kernel depends on ------ -*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What distinguishes one matmul kernel from another, and the choice of its
// schedule.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4TOFP4GPU_MATMULPROBLEM_H
#define FP4_LIB_CONVERSION_FP4TOFP4GPU_MATMULPROBLEM_H

#include "fp4/Dialect/FP4/IR/FP4Ops.h"
#include "fp4/Dialect/FP4GPU/IR/FP4GPUDialect.h"
#include "fp4/Dialect/FP4GPU/IR/GPUArch.h"

namespace fp4::gpu {

/// Rows of a unit of fp4gpu.to_fragments, and its depth for bf16.
inline constexpr int64_t kUnit = 64;

/// The attribute of a matmul that overrides the table of schedules.
inline constexpr llvm::StringLiteral kScheduleAttrName = "fp4gpu.schedule";

/// rows x columns = (rows x depth) * (columns x depth)^T, all that a kernel
/// depends on.
struct MatmulProblem {
  /// Of the activation, and of the weight: the same, or two with MX scales.
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
  /// Whether the weight is decoded to a type of 8 or 16 bits, in which the left
  /// side is too; `format` is then that of the weight.
  bool decodesWeight = false;
  /// Null: by the table.
  ScheduleAttr schedule;
  /// Of a product with a decoded weight: whether both sides are f8E4M3FN, the
  /// weight with its scales folded in, rather than bf16.
  bool isFolded = false;
  /// Whether the left side becomes bf16 ahead of the kernel (WidenedInput.h),
  /// and whether the products then still have a factor for it.
  bool isWidened = false, hasLhsFactor = false;
  /// Of a product with a decoded weight: in which type both sides are, bf16,
  /// f16 or f8E4M3FN.
  mlir::Type lhsType;
  /// Why the left side is widened although it has an instruction, or empty.
  std::string fallback;

  /// Of dynamic rows: for up to how many of them the kernel is; 0: any number.
  int64_t mostRows = 0;

  /// A symbol name that tells kernels apart.
  std::string getName() const;
  bool hasDynamicRows() const { return mlir::ShapedType::isDynamic(rows); }
  /// Whether the tensor cores take a byte for each element of both sides: all
  /// pairs of formats but two of 4 bits.
  bool usesBytes() const;
  /// Bits of an element in shared memory.
  unsigned getBits() const { return usesBytes() ? 8 : 4; }
  /// Columns of what the tensor cores compute: both products of a pair.
  int64_t getProductColumns() const { return isGated ? 2 * columns : columns; }
};

/// Whether the weight of `matmul` is decoded on `arch`: always where no
/// instruction takes scales, else next to a float matrix.
bool isDecodeMatmul(MatmulOp matmul, const GPUArch &arch);

/// The problem of `matmul`, or, in `reason`, why no kernel serves it.
mlir::FailureOr<MatmulProblem> getMatmulProblem(MatmulOp matmul,
                                                std::string &reason);

/// The same for a matmul whose weight is to be decoded.
mlir::FailureOr<MatmulProblem>
getDecodeProblem(MatmulOp matmul, const GPUArch &arch, std::string &reason);

/// The problem of `matmul` if `arch` has a kernel for it, or the reason.
mlir::FailureOr<MatmulProblem> getProblem(MatmulOp matmul, const GPUArch &arch,
                                          std::string &reason);

/// Whether two matmuls read the same input through constant weights of the same
/// shape, so that one kernel can do both.
bool isGatedPair(MatmulOp first, MatmulOp second, const GPUArch &arch);

/// The two matmuls as one problem, of which both are known to be served.
MatmulProblem getGatedProblem(const MatmulProblem &first,
                              const MatmulProblem &second);

struct ScheduleChoice {
  ScheduleAttr schedule;
  /// Why this one, for a remark.
  llvm::StringRef reason;
};

/// The schedule that the problem asks for, or else that of the target's table;
/// where the rows are dynamic, for any number of them.
ScheduleChoice chooseSchedule(const MatmulProblem &problem,
                              const GPUArch &arch);

/// The same for a decoded weight (DecodeSchedules.cpp).
ScheduleChoice chooseDecodeSchedule(const MatmulProblem &problem,
                                    const GPUArch &arch);

/// A schedule for up to so many rows of a problem.
struct RowRange {
  int64_t mostRows;
  ScheduleChoice choice;
};

/// Where the rows are dynamic: ranges of few of them, ascending, for which the
/// table has other schedules than the one for any number.
llvm::SmallVector<RowRange> chooseRowRanges(const MatmulProblem &problem,
                                            const GPUArch &arch);

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4TOFP4GPU_MATMULPROBLEM_H

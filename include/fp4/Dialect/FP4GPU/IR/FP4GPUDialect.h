//===- FP4GPUDialect.h - Dialect, types, operations -------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Declares the kernel dialect; the meaning of its operations is documented in
// the .td files.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_DIALECT_FP4GPU_IR_FP4GPUDIALECT_H
#define FP4_DIALECT_FP4GPU_IR_FP4GPUDIALECT_H

#include "fp4/Dialect/FP4/IR/FP4Dialect.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "fp4/Dialect/FP4GPU/IR/FP4GPUDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "fp4/Dialect/FP4GPU/IR/FP4GPUAttributes.h.inc"

#define GET_TYPEDEF_CLASSES
#include "fp4/Dialect/FP4GPU/IR/FP4GPUTypes.h.inc"

#define GET_OP_CLASSES
#include "fp4/Dialect/FP4GPU/IR/FP4GPUOps.h.inc"

namespace fp4::gpu {

/// The attribute of a kernel that says what it computes: a dictionary for the
/// manifest, with a string `kind`.
inline constexpr llvm::StringLiteral kMeaningAttrName = "fp4gpu.meaning";

/// Rows of the scale tiles that the tensor cores read.
inline constexpr int64_t kScaleTileRows = 128;

/// Entries of the array by which `fp4gpu.amax` hands over what it found.
inline constexpr int64_t kMaxima = 1024;
/// Rows of prepacked elements, but those of 6 bits, are padded to multiples of
/// so many bytes.
inline constexpr int64_t kRowAlignment = 16;

/// The types of the byte arrays that `fp4gpu.prepack` makes of a matrix.
mlir::RankedTensorType getPrepackedElementsType(MicroscaledTensorType type);
mlir::RankedTensorType getPrepackedScalesType(MicroscaledTensorType type);
mlir::RankedTensorType getPrepackedTensorScaleType(mlir::MLIRContext *context);

/// The types of the bytes and factors that `fp4gpu.to_fragments` makes of a
/// matrix; `isFolded`: of its folded form.
mlir::RankedTensorType getFragmentsType(MicroscaledTensorType type,
                                        bool isFolded = false);
mlir::RankedTensorType getFragmentFactorType(MicroscaledTensorType type,
                                             bool isFolded = false);
/// Whether fragments of matrices of that format exist.
bool hasFragments(FormatAttr format, bool isFolded = false);
/// Bytes and columns of a unit of 64 rows.
int64_t getFragmentUnitBytes(FormatAttr format, bool isFolded = false);
int64_t getFragmentUnitDepth(bool isFolded = false);
/// Whether `matrices`, one or two for one array, are constants that
/// `fp4gpu.to_fragments` cannot represent, or, with `isHalf`, not for f16.
bool isOutsideFragmentRange(llvm::ArrayRef<mlir::Value> matrices,
                            bool isFolded = false, bool isHalf = false);

/// The format as the kernels know it, or nothing: 4-bit elements in blocks of
/// one row with an MX or NVFP4 scale.
bool isKernelFormat(FormatAttr format);

/// Checks `scales`, `format`, `rule` and `tensorScale` of an operation that
/// writes `elements`, a matrix of `shape`; `mayBeWide` says whether elements
/// may have 6 or 8 bits.
mlir::LogicalResult
verifyQuantized(mlir::Operation *op, FormatAttr format, ScaleRule rule,
                llvm::ArrayRef<int64_t> shape, mlir::MemRefType elements,
                mlir::MemRefType scales, bool hasTensorScale,
                bool mayBeWide = false);

/// Whether a matrix can be prepacked: a kernel format, or elements of 6 or 8
/// bits in blocks of one row with an MX scale.
bool isPrepackedFormat(FormatAttr format);

} // namespace fp4::gpu

#endif // FP4_DIALECT_FP4GPU_IR_FP4GPUDIALECT_H

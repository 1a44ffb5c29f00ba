//===- Passes.h - Conversions into and out of fp4 ---------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Constructors and registration of the conversion passes. What each does is
// documented in Passes.td.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_CONVERSION_PASSES_H
#define FP4_CONVERSION_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::arith {
class ArithDialect;
} // namespace mlir::arith
namespace mlir::func {
class FuncDialect;
} // namespace mlir::func
namespace mlir::gpu {
class GPUDialect;
} // namespace mlir::gpu
namespace mlir::linalg {
class LinalgDialect;
} // namespace mlir::linalg
namespace mlir::LLVM {
class LLVMDialect;
} // namespace mlir::LLVM
namespace mlir::math {
class MathDialect;
} // namespace mlir::math
namespace mlir::memref {
class MemRefDialect;
} // namespace mlir::memref
namespace mlir::NVVM {
class NVVMDialect;
} // namespace mlir::NVVM
namespace mlir::scf {
class SCFDialect;
} // namespace mlir::scf
namespace mlir::tensor {
class TensorDialect;
} // namespace mlir::tensor
namespace fp4::gpu {
class FP4GPUDialect;
} // namespace fp4::gpu

namespace fp4 {

#define GEN_PASS_DECL
#include "fp4/Conversion/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "fp4/Conversion/Passes.h.inc"

} // namespace fp4

#endif // FP4_CONVERSION_PASSES_H

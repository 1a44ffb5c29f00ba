//===- TailText.h - The tail of a kernel in words ---------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For the meaning of a kernel in the manifest (docs/Manifest.md).
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4TOFP4GPU_TAILTEXT_H
#define FP4_LIB_CONVERSION_FP4TOFP4GPU_TAILTEXT_H

#include "mlir/IR/Operation.h"
#include "llvm/ADT/DenseMap.h"
#include <optional>
#include <string>

namespace fp4::gpu {

/// The scalar operations of `block` from `first` to the terminator as
/// "t0 = mulf:f32 p0 column0; ...". `names` has the values they may use; it
/// gets those that they define. Nothing if there is no word for one of them.
std::optional<std::string>
describeTail(mlir::Block &block, mlir::Block::iterator first,
             llvm::DenseMap<mlir::Value, std::string> &names);

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4TOFP4GPU_TAILTEXT_H

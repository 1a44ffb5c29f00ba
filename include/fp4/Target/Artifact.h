//===- Artifact.h - What a compilation leaves behind ------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The directory that fp4-compile writes: PTX, launch manifest, prepacked
// weights.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TARGET_ARTIFACT_H
#define FP4_TARGET_ARTIFACT_H

#include "fp4/Dialect/FP4GPU/IR/GPUArch.h"
#include "fp4/Target/PTX.h"

namespace fp4 {

/// The manifest (docs/Manifest.md) of `module`, whose kernels are lowered to
/// `ptx`, as JSON text.
mlir::FailureOr<std::string> makeManifest(mlir::ModuleOp module,
                                          const gpu::GPUArch &arch,
                                          llvm::StringRef ptx);

/// Writes `path` with kernels.<arch>.ptx, manifest.json and
/// weights.safetensors, or nothing at all. Emits an error on failure.
mlir::LogicalResult writeArtifact(mlir::ModuleOp module,
                                  const gpu::GPUArch &arch, llvm::StringRef ptx,
                                  llvm::StringRef path);

} // namespace fp4

#endif // FP4_TARGET_ARTIFACT_H

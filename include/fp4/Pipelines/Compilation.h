//===- Compilation.h - Run the phases over a module -------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What fp4-compile does, as a library: the phases in order, the calibration
// between them, and the translation at the end.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_PIPELINES_COMPILATION_H
#define FP4_PIPELINES_COMPILATION_H

#include "fp4/Pipelines/Phases.h"
#include "fp4/Target/Artifact.h"

namespace fp4 {

/// Runs all phases up to and including `last` that are passes; emits errors as
/// diagnostics. The context must know the dialects of InitAllDialects.h.
mlir::LogicalResult runPhases(mlir::ModuleOp module,
                              const CompileOptions &options, const Phase &last);

/// PTX for a module after the phase `nvvm`.
mlir::FailureOr<std::string> translateToPTX(mlir::ModuleOp module);

/// All phases, and the artifact directory `path` of their results.
mlir::LogicalResult compileToArtifact(mlir::ModuleOp module,
                                      const CompileOptions &options,
                                      llvm::StringRef path);

} // namespace fp4

#endif // FP4_PIPELINES_COMPILATION_H

//===- Phases.h - The phases of compilation, one list -----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From a module of linear layers to PTX in named steps. `--compile-to`,
// `--dump`, the help text and the documentation all come from this list.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_PIPELINES_PHASES_H
#define FP4_PIPELINES_PHASES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace fp4 {

struct CompileOptions {
  /// GPU, as ptxas spells it.
  std::string target = "sm_120a";
  /// Block format of weights and activations.
  std::string format = "nvfp4";
  /// How constant weights are quantized: rtn, gptq, mr-gptq, ...
  std::string algorithm = "mr-gptq";
  /// Values per Hadamard rotation; 0: none; negative: what the algorithm asks
  /// for.
  int64_t rotation = -1;
  /// safetensors file, index or folder with the weights that the module names.
  std::string weights;
  /// safetensors file of calibration Hessians.
  std::string hessians;
};

/// Values per rotation after resolving the default.
int64_t getRotationBlock(const CompileOptions &options);

struct Phase {
  llvm::StringLiteral name;
  llvm::StringLiteral description;
  /// Adds the passes of the phase. Null for the last phase, which is the
  /// translation to text.
  void (*build)(mlir::OpPassManager &pm, const CompileOptions &options);
};

/// In order; each phase starts from what the one before it leaves.
llvm::ArrayRef<Phase> getPhases();

/// The phase of that name, or null.
const Phase *findPhase(llvm::StringRef name);

} // namespace fp4

#endif // FP4_PIPELINES_PHASES_H

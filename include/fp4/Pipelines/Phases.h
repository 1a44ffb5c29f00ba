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
#include <vector>

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace fp4 {

struct CompileOptions {
  /// GPU, as ptxas spells it.
  std::string target = "sm_120a";
  /// Block format of the weights, and of the activations unless they have
  /// their own.
  std::string format = "nvfp4";
  /// Block format of the activations; empty: `format`, "none": they stay float.
  std::string activations;
  /// Scale rule of the activations; empty: the best that one pass over a block
  /// can compute, `even` for E8M0 scales and `four_over_six` for NVFP4.
  std::string activationScaleRule;
  /// How constant weights are quantized: rtn, gptq, mr-gptq, ...
  std::string algorithm = "mr-gptq";
  /// Values per Hadamard rotation; 0: none; negative: what the algorithm asks
  /// for.
  int64_t rotation = -1;
  /// safetensors file, index or folder with the weights that the module names.
  std::string weights;
  /// safetensors file of calibration Hessians.
  std::string hessians;
  /// Inputs of the program, one file per argument, from which Hessians are
  /// computed ("x.npy", "x.safetensors:tensor"); instead of `hessians`.
  std::vector<std::string> calibration;
  /// If not empty, the module is written there after every phase.
  std::string dumpDirectory;
};

/// Values per rotation after resolving the default: the block of the format for
/// the algorithms that are defined with a rotation, else 0.
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

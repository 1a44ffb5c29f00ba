//===- ModelProgram.h - Parts of a model on this CPU ------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles the functions of ModelText.h one at a time and runs them over
// batches of sequences. Weights are arguments of the compiled code, so that one
// program serves all blocks, and a whole model never has to be in memory:
// hidden states go through one block after the other.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_MODEL_HOST_MODELPROGRAM_H
#define FP4_MODEL_HOST_MODELPROGRAM_H

#include "fp4/Model/ModelDirectory.h"
#include "fp4/Runtime/Host/HostProgram.h"
#include "mlir/IR/MLIRContext.h"
#include <functional>
#include <map>

namespace fp4::model {

/// A context with all that model text and its lowering need.
std::unique_ptr<mlir::MLIRContext> makeModelContext();

/// Changes a module after its linear layers have become fp4.matmul of
/// fp4.parameter. An error stops the compilation.
using ModuleRewrite = std::function<Status(mlir::ModuleOp)>;

/// Values of parameters by name.
using Parameters = std::map<std::string, NDArray>;

class ModelProgram {
public:
  /// `text` is a module with one function. Without `rewrite` the linear layers
  /// stay linalg. The context outlives the program.
  static Expected<ModelProgram> compile(mlir::MLIRContext &context,
                                        const std::string &text,
                                        const ModuleRewrite &rewrite = {});

  /// Names of the fp4.parameter operations, in the order of the program.
  const std::vector<std::string> &parameters() const { return names; }
  /// `values` are those of `parameters`, in their order.
  Expected<std::vector<NDArray>> run(std::vector<NDArray> inputs,
                                     const std::vector<NDArray> &values) const;
  Expected<std::vector<NDArray>> run(const NDArray &input,
                                     const std::vector<NDArray> &values) const {
    return run(std::vector<NDArray>{input}, values);
  }

private:
  ModelProgram(HostProgram program, std::string entry,
               std::vector<std::string> names)
      : program(std::move(program)), entry(std::move(entry)),
        names(std::move(names)) {}

  HostProgram program;
  std::string entry;
  std::vector<std::string> names;
};

/// The values of the program's parameters in `model`, in their order. Those of
/// a block are taken from layer `layer`, whichever the program was made for.
/// `overrides` come before the model. Fails on values that are not finite.
Expected<std::vector<NDArray>>
gatherParameters(const ModelProgram &program, const ModelDirectory &model,
                 int64_t layer = 0, const Parameters &overrides = {});

/// Sequences of equal length, a few to a batch: token ids [sequence, position]
/// or hidden states [sequence, position, channel].
using Batches = std::vector<NDArray>;

/// Cuts the first `sequences` * `length` tokens; `perBatch` sequences to a
/// batch. There must be that many.
Batches makeTokenBatches(const std::vector<int32_t> &tokens, size_t sequences,
                         size_t length, size_t perBatch);

/// Called with the number of finished steps; from one thread at a time.
using Progress = std::function<void(size_t)>;

/// Calls `step(i)` for i in [0, count) on `threads` threads, and `progress`
/// after each. Stops at the first error and returns it.
Status forEachInParallel(size_t count, unsigned threads,
                         const std::function<Status(size_t)> &step,
                         const Progress &progress = {});

/// Replaces every batch by the first result of `program` for it.
Status runBatches(const ModelProgram &program,
                  const std::vector<NDArray> &parameters, Batches &batches,
                  unsigned threads, const Progress &progress = {});

} // namespace fp4::model

#endif // FP4_MODEL_HOST_MODELPROGRAM_H

//===- Perplexity.cpp - How well a model predicts text --------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs the model block by block over all sequences, so that only one block's
// weights are in memory, and adds up -log p of the next token.
//
//===----------------------------------------------------------------------===//

#include "fp4/Model/Host/Perplexity.h"
#include "fp4/Model/ModelText.h"
#include <algorithm>
#include <cmath>
#include <cstring>

namespace fp4::model {

/// -log softmax(logits)[target].
static double surprise(const float *logits, int64_t count, int32_t target) {
  float largest = *std::max_element(logits, logits + count);
  double total = 0;
  for (int64_t i = 0; i < count; ++i)
    total += std::exp(double(logits[i] - largest));
  return std::log(total) - double(logits[target] - largest);
}

/// The sequence `index` of a batch, as a batch of its own.
static NDArray takeSequence(const NDArray &batch, int64_t index) {
  std::vector<int64_t> shape = batch.shape();
  size_t bytes = batch.byteSize() / static_cast<size_t>(shape.front());
  shape.front() = 1;
  NDArray sequence(batch.dtype(), shape);
  std::memcpy(sequence.mutableBytes(),
              batch.bytes() + bytes * static_cast<size_t>(index), bytes);
  return sequence;
}

namespace {
/// A sum of -log p and the number of its terms.
struct Surprise {
  double sum = 0;
  size_t count = 0;
};
} // namespace

/// Adds up the surprise of all predictions of a batch, one sequence at a time:
/// logits are the largest tensors of a model. `following`: the tokens from the
/// batch's second one on.
static Expected<Surprise> sumSurprise(const ModelProgram &head,
                                      const std::vector<NDArray> &parameters,
                                      const NDArray &states,
                                      llvm::ArrayRef<int32_t> following) {
  Surprise total;
  for (int64_t i = 0; i < states.shape()[0]; ++i) {
    Expected<std::vector<NDArray>> results =
        head.run(takeSequence(states, i), parameters);
    if (!results.ok())
      return results.status();
    const NDArray &logits = results->front();
    const auto *row = reinterpret_cast<const float *>(logits.bytes());
    int64_t length = logits.shape()[1], vocabulary = logits.shape()[2];
    for (int64_t t = 0; t < length; ++t, row += vocabulary) {
      size_t at = static_cast<size_t>(i * length + t);
      if (at >= following.size())
        continue; // the end of the stream
      total.sum += surprise(row, vocabulary, following[at]);
      ++total.count;
    }
  }
  return total;
}

namespace {
/// The steps of one measurement, which share batches and progress.
class Measurement {
public:
  Measurement(mlir::MLIRContext &context, const ModelDirectory &model,
              const PerplexityOptions &options)
      : context(context), model(model), options(options) {}

  Status embed(const Batches &tokens);
  Status runBlocks(const BlockVariant &variant);
  Expected<Surprise> runHead(llvm::ArrayRef<int32_t> tokens);

private:
  /// `index`: of the equal shares of a block each, and one for the head.
  Progress report(const std::string &step, int64_t index) const {
    if (!options.progress)
      return {};
    double count = double(states.size());
    auto shares = static_cast<double>(model.config().numLayers + 1);
    return [=, show = options.progress](size_t done) {
      double part = double(done) / count;
      show({step, part, (double(index) + (index < 0 ? 1 : part)) / shares});
    };
  }

  mlir::MLIRContext &context;
  const ModelDirectory &model;
  const PerplexityOptions &options;
  Batches states;
};
} // namespace

Status Measurement::embed(const Batches &tokens) {
  Expected<ModelProgram> program =
      ModelProgram::compile(context, embedModule(model));
  if (!program.ok())
    return program.status();
  Expected<std::vector<NDArray>> parameters = gatherParameters(*program, model);
  if (!parameters.ok())
    return parameters.status();
  states = tokens;
  return runBatches(*program, *parameters, states, options.threads,
                    report("embedding", -1));
}

Status Measurement::runBlocks(const BlockVariant &variant) {
  auto stepName = [](int64_t layer) {
    return "block " + std::to_string(layer);
  };
  if (variant.runBlock) {
    Status status = Status::success();
    for (int64_t layer = 0; layer < model.config().numLayers && status.ok();
         ++layer)
      status = variant.runBlock(layer, states, options.threads,
                                report(stepName(layer), layer));
    return status;
  }
  Expected<ModelProgram> program =
      ModelProgram::compile(context, blockModule(model, 0), variant.rewrite);
  if (!program.ok())
    return program.status();
  for (int64_t layer = 0; layer < model.config().numLayers; ++layer) {
    Expected<Parameters> overrides =
        variant.parameters ? variant.parameters(layer) : Parameters();
    if (!overrides.ok())
      return overrides.status();
    Expected<std::vector<NDArray>> parameters =
        gatherParameters(*program, model, layer, *overrides);
    if (!parameters.ok())
      return parameters.status();
    if (Status status =
            runBatches(*program, *parameters, states, options.threads,
                       report(stepName(layer), layer));
        !status.ok())
      return status;
  }
  return Status::success();
}

Expected<Surprise> Measurement::runHead(llvm::ArrayRef<int32_t> tokens) {
  Expected<ModelProgram> program =
      ModelProgram::compile(context, headModule(model));
  if (!program.ok())
    return program.status();
  Expected<std::vector<NDArray>> parameters = gatherParameters(*program, model);
  if (!parameters.ok())
    return parameters.status();
  size_t perBatch = options.sequencesPerBatch * options.sequenceLength;
  std::vector<Surprise> sums(states.size());
  Status status = forEachInParallel(
      states.size(), options.threads,
      [&](size_t i) -> Status {
        Expected<Surprise> sum =
            sumSurprise(*program, *parameters, states[i],
                        tokens.drop_front(i * perBatch + 1));
        if (!sum.ok())
          return sum.status();
        sums[i] = *sum;
        return Status::success();
      },
      report("head", model.config().numLayers));
  if (!status.ok())
    return status;
  Surprise total;
  for (const Surprise &sum : sums) {
    total.sum += sum.sum;
    total.count += sum.count;
  }
  return total;
}

Expected<PerplexityResult> measurePerplexity(mlir::MLIRContext &context,
                                             const ModelDirectory &model,
                                             const std::vector<int32_t> &tokens,
                                             const PerplexityOptions &options,
                                             const BlockVariant &variant) {
  size_t available = tokens.size() / options.sequenceLength;
  size_t sequences = options.sequences ? options.sequences : available;
  if (sequences == 0 || sequences > available)
    return Status::error("expected at least " +
                         std::to_string(std::max<size_t>(sequences, 1) *
                                        options.sequenceLength) +
                         " tokens, got " + std::to_string(tokens.size()));
  Batches ids = makeTokenBatches(tokens, sequences, options.sequenceLength,
                                 options.sequencesPerBatch);
  Measurement measurement(context, model, options);
  if (Status status = measurement.embed(ids); !status.ok())
    return status;
  if (Status status = measurement.runBlocks(variant); !status.ok())
    return status;
  Expected<Surprise> total = measurement.runHead(tokens);
  if (!total.ok())
    return total.status();
  PerplexityResult result;
  result.sequences = sequences;
  result.predictions = total->count;
  result.perplexity = std::exp(total->sum / double(total->count));
  return result;
}

} // namespace fp4::model

//===- Perplexity.cpp - How well a model predicts text --------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
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

/// Adds up the surprise of all predictions of a batch, one sequence at a time:
/// logits are the largest tensors of a model.
static Expected<double> sumSurprise(const ModelProgram &head,
                                    const std::vector<NDArray> &parameters,
                                    const NDArray &states,
                                    const NDArray &tokens) {
  double total = 0;
  int64_t sequences = tokens.shape()[0], length = tokens.shape()[1];
  const auto *ids = reinterpret_cast<const int32_t *>(tokens.bytes());
  for (int64_t i = 0; i < sequences; ++i) {
    Expected<std::vector<NDArray>> results =
        head.run(takeSequence(states, i), parameters);
    if (!results.ok())
      return results.status();
    const NDArray &logits = results->front();
    const auto *row = reinterpret_cast<const float *>(logits.bytes());
    int64_t vocabulary = logits.shape().back();
    for (int64_t t = 0; t + 1 < length; ++t, row += vocabulary)
      total += surprise(row, vocabulary, ids[i * length + t + 1]);
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
  Expected<double> runHead(const Batches &tokens);

private:
  Progress report(const std::string &step) const {
    if (!options.progress)
      return {};
    double count = double(states.size());
    return [=](size_t done) { options.progress(step, double(done) / count); };
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
                    report("embedding"));
}

Status Measurement::runBlocks(const BlockVariant &variant) {
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
    std::string step = "block " + std::to_string(layer);
    if (Status status = runBatches(*program, *parameters, states,
                                   options.threads, report(step));
        !status.ok())
      return status;
  }
  return Status::success();
}

Expected<double> Measurement::runHead(const Batches &tokens) {
  Expected<ModelProgram> program =
      ModelProgram::compile(context, headModule(model));
  if (!program.ok())
    return program.status();
  Expected<std::vector<NDArray>> parameters = gatherParameters(*program, model);
  if (!parameters.ok())
    return parameters.status();
  std::vector<double> sums(states.size());
  Status status = forEachInParallel(
      states.size(), options.threads,
      [&](size_t i) -> Status {
        Expected<double> sum =
            sumSurprise(*program, *parameters, states[i], tokens[i]);
        if (!sum.ok())
          return sum.status();
        sums[i] = *sum;
        return Status::success();
      },
      report("head"));
  if (!status.ok())
    return status;
  double total = 0;
  for (double sum : sums)
    total += sum;
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
  Expected<double> total = measurement.runHead(ids);
  if (!total.ok())
    return total.status();
  PerplexityResult result;
  result.sequences = sequences;
  result.predictions = sequences * (options.sequenceLength - 1);
  result.perplexity = std::exp(*total / double(result.predictions));
  return result;
}

} // namespace fp4::model

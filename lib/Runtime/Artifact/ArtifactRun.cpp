//===- ArtifactRun.cpp - Launching and checking ---------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Allocates the arrays of an artifact, launches its kernels in order, and
// compares every result with the kernel's meaning.
//
//===----------------------------------------------------------------------===//

#include "ProgramState.h"

namespace fp4::runtime {

ArtifactRun::ArtifactRun(std::unique_ptr<State> state)
    : state(std::move(state)) {}
ArtifactRun::ArtifactRun(ArtifactRun &&) noexcept = default;
ArtifactRun::~ArtifactRun() = default;

double ArtifactRun::milliseconds() const { return state->milliseconds; }

Expected<KernelOperands>
ArtifactRun::State::operandsOf(const BoundLaunch &launch) const {
  KernelOperands operands;
  operands.sizes = launch.sizes;
  for (const auto &[name, array] : launch.arrays) {
    Expected<NDArray> copy = program->download(array);
    if (!copy.ok())
      return copy.status();
    operands.arrays.emplace(name, std::move(*copy));
  }
  return operands;
}

Status ArtifactRun::State::launch(BoundLaunch &launch) {
  if (launch.entry)
    return program->stream->launch(*launch.entry, launch.shape,
                                   launch.parameters);
  Expected<KernelOperands> operands = operandsOf(launch);
  if (!operands.ok())
    return operands.status();
  Expected<std::vector<ExpectedOutput>> results =
      evaluateMeaning(*launch.kernel, *operands);
  if (!results.ok())
    return results.status();
  for (const ExpectedOutput &result : *results) {
    auto it = launch.arrays.find(result.argument);
    if (it == launch.arrays.end() ||
        it->second.buffer->size() != result.array.byteSize())
      return Status::error("expected the result '" + result.argument +
                           "' to be an array of the launch");
    Status status = program->stream->copyToDevice(it->second.buffer->address(),
                                                  result.array.bytes(),
                                                  result.array.byteSize());
    if (!status.ok())
      return status;
  }
  return Status::success();
}

Status ArtifactRun::execute() {
  Stream &stream = *state->program->stream;
  Status status = stream.record(*state->start);
  for (BoundLaunch &launch : state->launches) {
    if (!status.ok())
      return status;
    status = state->launch(launch);
    if (!status.ok())
      return Status::error("launch '" + launch.description->layer +
                           "': " + status.message());
  }
  if (status.ok())
    status = stream.record(*state->end);
  if (status.ok())
    status = stream.synchronize();
  if (!status.ok())
    return status;
  Expected<double> elapsed = state->end->millisecondsSince(*state->start);
  if (!elapsed.ok())
    return elapsed.status();
  state->milliseconds = *elapsed;
  return Status::success();
}

Expected<TensorMap> ArtifactRun::outputs() {
  TensorMap results;
  for (const auto &[name, array] : state->outputs) {
    Expected<NDArray> copy = state->program->download(array);
    if (!copy.ok())
      return copy.status();
    results.emplace(name, std::move(*copy));
  }
  return results;
}

Expected<std::vector<LaunchCheck>> ArtifactRun::check() {
  std::vector<LaunchCheck> checks;
  for (const BoundLaunch &launch : state->launches) {
    Expected<KernelOperands> operands = state->operandsOf(launch);
    if (!operands.ok())
      return operands.status();
    Expected<std::vector<ExpectedOutput>> expected =
        evaluateMeaning(*launch.kernel, *operands);
    if (!expected.ok())
      return expected.status();
    for (const ExpectedOutput &output : *expected) {
      auto got = operands->arrays.find(output.argument);
      if (got == operands->arrays.end())
        return Status::error("expected the result '" + output.argument +
                             "' to be an array of the launch");
      Expected<OutputError> error = compareOutput(got->second, output);
      if (!error.ok())
        return error.status();
      checks.push_back({launch.description->layer, launch.kernel->name,
                        output.argument, *error});
    }
  }
  return checks;
}

} // namespace fp4::runtime

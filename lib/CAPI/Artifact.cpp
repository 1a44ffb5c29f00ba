//===- Artifact.cpp - Running artifacts through C -------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Implements fp4-c/Artifact.h over Runtime/Artifact.
//
//===----------------------------------------------------------------------===//

#include "fp4-c/Artifact.h"
#include "Arrays.h"
#include "Text.h"
#include "fp4/Runtime/Artifact/Artifact.h"

using namespace fp4;

struct FP4Artifact {
  runtime::Artifact artifact;
  runtime::ArtifactProgram program;
  bool runsPTX;
  /// The shape that the last fp4ArtifactGetInputType gave.
  mutable std::vector<int64_t> shape;
};

/// Stores the message of a failure and returns null.
static std::nullptr_t failWith(char **error, const Status &status) {
  capi::fail(error, status.message());
  return nullptr;
}

FP4Artifact *fp4ArtifactLoad(const char *path, const char *device,
                             char **error) {
  Expected<runtime::Artifact> artifact = runtime::Artifact::open(path);
  if (!artifact.ok())
    return failWith(error, artifact.status());
  Expected<std::shared_ptr<runtime::Device>> opened =
      runtime::openDevice(device);
  if (!opened.ok())
    return failWith(error, opened.status());
  Expected<runtime::ArtifactProgram> program =
      runtime::ArtifactProgram::load(*artifact, *opened);
  if (!program.ok())
    return failWith(error, program.status());
  capi::succeed(error);
  return new FP4Artifact{*artifact, *program, (*opened)->runsPTX(), {}};
}

void fp4ArtifactDestroy(FP4Artifact *artifact) { delete artifact; }

size_t fp4ArtifactGetNumInputs(const FP4Artifact *artifact) {
  return artifact->artifact.inputs().size();
}

const char *fp4ArtifactGetInputName(const FP4Artifact *artifact, size_t index) {
  return artifact->artifact.inputs()[index].name.c_str();
}

FP4Array fp4ArtifactGetInputType(const FP4Artifact *artifact, size_t index) {
  const runtime::ProgramValue &value = artifact->artifact.inputs()[index];
  artifact->shape.clear();
  for (const runtime::Size &size : value.shape)
    artifact->shape.push_back(size.isStatic() ? *runtime::evaluateSize(size, {})
                                              : -1);
  return {dtypeName(value.dtype).data(), artifact->shape.size(),
          artifact->shape.data(), nullptr};
}

/// The first launch that is not what its kernel means.
static Status checkRun(const FP4Artifact &artifact, runtime::ArtifactRun &run) {
  if (!artifact.runsPTX)
    return Status::error("the host is the reference itself: nothing to check");
  Expected<std::vector<runtime::LaunchCheck>> checks = run.check();
  if (!checks.ok())
    return checks.status();
  for (const runtime::LaunchCheck &check : *checks)
    if (check.error.numWrong)
      return Status::error("launch '" + check.layer + "', " + check.argument +
                           ": " + std::to_string(check.error.numWrong) +
                           " of " + std::to_string(check.error.numElements) +
                           " elements differ from the reference, by up to " +
                           std::to_string(check.error.largestError));
  return Status::success();
}

FP4Arrays *fp4ArtifactRun(const FP4Artifact *artifact, const FP4Array *inputs,
                          size_t numInputs, bool check, char **error) {
  const std::vector<runtime::ProgramValue> &values =
      artifact->artifact.inputs();
  if (numInputs != values.size())
    return failWith(error,
                    Status::error("expected " + std::to_string(values.size()) +
                                  " inputs, got " + std::to_string(numInputs)));
  Expected<std::vector<NDArray>> arrays = capi::viewArrays(inputs, numInputs);
  if (!arrays.ok())
    return failWith(error, arrays.status());
  TensorMap named;
  for (size_t i = 0; i < numInputs; ++i)
    named.emplace(values[i].name, (*arrays)[i]);
  Expected<runtime::ArtifactRun> run = artifact->program.bind(named);
  if (!run.ok())
    return failWith(error, run.status());
  if (Status status = run->execute(); !status.ok())
    return failWith(error, status);
  if (check)
    if (Status status = checkRun(*artifact, *run); !status.ok())
      return failWith(error, status);
  Expected<TensorMap> outputs = run->outputs();
  if (!outputs.ok())
    return failWith(error, outputs.status());
  auto result = std::make_unique<FP4Arrays>();
  for (const runtime::ProgramValue &value : artifact->artifact.outputs()) {
    result->names.push_back(value.name);
    result->arrays.push_back(outputs->at(value.name));
  }
  capi::succeed(error);
  return result.release();
}

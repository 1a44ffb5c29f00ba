//===- ArtifactRun.cpp - fp4-run on artifacts -----------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Binds inputs, runs all launches, and checks each against what its kernel
// means.
//
//===----------------------------------------------------------------------===//

#include "Results.h"
#include "fp4/Runtime/Arrays/ArrayFile.h"
#include "fp4/Runtime/Artifact/DrawnInputs.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>

using namespace fp4::runtime;

namespace fp4 {

/// The --input files: named ones where they belong, the others in order.
static Expected<TensorMap> readInputs(const RunRequest &request,
                                      const Artifact &artifact) {
  TensorMap inputs;
  std::vector<std::pair<ArrayFile, bool>> files;
  for (const std::string &text : request.inputs) {
    ArrayFile file = ArrayFile::parse(text);
    files.emplace_back(file, !file.name.empty());
  }
  auto dtypeOf = [&](const std::string &name) {
    for (const ProgramValue &value : artifact.inputs())
      if (value.name == name)
        return value.dtype;
    return DType::BF16;
  };
  for (auto &[file, isNamed] : files)
    if (isNamed) {
      Expected<NDArray> array = readArray(file, dtypeOf(file.name));
      if (!array.ok())
        return array.status();
      if (!inputs.emplace(file.name, *array).second)
        return Status::error("two inputs for '" + file.name + "'");
    }
  auto next = artifact.inputs().begin(), end = artifact.inputs().end();
  for (auto &[file, isNamed] : files) {
    if (isNamed)
      continue;
    while (next != end && inputs.count(next->name))
      ++next;
    if (next == end)
      return Status::error(
          "expected at most " + std::to_string(artifact.inputs().size()) +
          " --input files, got " + std::to_string(request.inputs.size()));
    Expected<NDArray> array = readArray(file, next->dtype);
    if (!array.ok())
      return array.status();
    inputs.emplace(next->name, *array);
  }
  return inputs;
}

static Expected<TensorMap> makeInputs(const RunRequest &request,
                                      const Artifact &artifact) {
  if (!request.inputs.empty() || artifact.inputs().empty())
    return readInputs(request, artifact);
  Sizes sizes = request.sizes;
  Expected<TensorMap> inputs = drawInputs(artifact, sizes, request.seed);
  if (!inputs.ok())
    return inputs;
  llvm::outs() << "inputs: drawn with seed " << request.seed;
  for (const auto &[name, value] : sizes)
    llvm::outs() << ", " << name << " = " << value;
  llvm::outs() << "\n";
  return inputs;
}

/// The results in the order of the manifest.
static Expected<std::vector<NDArray>> takeOutputs(const Artifact &artifact,
                                                  ArtifactRun &run) {
  Expected<TensorMap> outputs = run.outputs();
  if (!outputs.ok())
    return outputs.status();
  std::vector<NDArray> results;
  for (const ProgramValue &value : artifact.outputs())
    results.push_back(outputs->at(value.name));
  return results;
}

/// One line for each launch.
static Status checkLaunches(ArtifactRun &run) {
  Expected<std::vector<LaunchCheck>> checks = run.check();
  if (!checks.ok())
    return checks.status();
  bool allGood = true;
  for (const LaunchCheck &check : *checks) {
    const OutputError &error = check.error;
    allGood &= error.numWrong == 0;
    llvm::outs() << "check " << check.layer << " (" << check.kernel << ") "
                 << check.argument << ": "
                 << (error.numWrong == 0 ? "ok" : "FAILED") << ", "
                 << error.numElements << " elements, largest error "
                 << llvm::format("%.3g", error.largestError)
                 << ", of the largest value "
                 << llvm::format("%.3g", error.relativeError)
                 << ", of the bound "
                 << llvm::format("%.3g", error.largestShareOfBound);
    if (error.numWrong)
      llvm::outs() << ", " << error.numWrong << " wrong";
    llvm::outs() << "\n";
  }
  return allGood ? Status::success()
                 : Status::error("a launch differs from its reference");
}

/// Runs once, or as often as a median needs.
static Status execute(const RunRequest &request, const Device &device,
                      ArtifactRun &run) {
  auto start = std::chrono::steady_clock::now();
  Status status = run.execute();
  if (!status.ok())
    return status;
  std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  if (device.statistics())
    return printStatistics(request, device, seconds.count());
  if (request.trace)
    return printStatistics(request, device, 0);
  if (!request.time)
    return Status::success();
  std::vector<double> times;
  for (unsigned i = 0; i < request.numRuns; ++i) {
    if (Status repeated = run.execute(); !repeated.ok())
      return repeated;
    times.push_back(run.milliseconds());
  }
  printTimes(std::move(times));
  return Status::success();
}

Status runArtifact(const RunRequest &request) {
  Expected<Artifact> artifact = Artifact::open(request.program);
  if (!artifact.ok())
    return artifact.status();
  Expected<std::shared_ptr<Device>> device = request.openDevice("emulator");
  if (!device.ok())
    return device.status();
  bool wantsReference = false;
  RunRequest files = request;
  files.checks.clear();
  for (const std::string &check : request.checks)
    if (check.empty())
      wantsReference = true;
    else
      files.checks.push_back(check);
  if (wantsReference && !(*device)->runsPTX())
    return Status::error("expected --check=file with --device=host: the host "
                         "is the reference itself");
  Expected<TensorMap> inputs = makeInputs(request, *artifact);
  if (!inputs.ok())
    return inputs.status();
  Expected<ArtifactProgram> program = ArtifactProgram::load(*artifact, *device);
  if (!program.ok())
    return program.status();
  Expected<ArtifactRun> run = program->bind(*inputs);
  if (!run.ok())
    return run.status();
  llvm::outs() << "device: " << (*device)->description() << "\n";
  if (Status status = execute(request, **device, *run); !status.ok())
    return status;
  Expected<std::vector<NDArray>> results = takeOutputs(*artifact, *run);
  if (!results.ok())
    return results.status();
  printResults(*results);
  Status status = writeOutputs(request, *results);
  if (status.ok())
    status = checkResults(files, *results);
  if (status.ok() && wantsReference)
    status = checkLaunches(*run);
  return status;
}

} // namespace fp4

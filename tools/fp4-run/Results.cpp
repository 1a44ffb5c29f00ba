//===- Results.cpp - What fp4-run does with results -----------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compares results with --check files, writes --output files and prints what a
// run took.
//
//===----------------------------------------------------------------------===//

#include "Results.h"
#include "fp4/Runtime/Arrays/ArrayFile.h"
#include "fp4/TensorIO/AtomicFile.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>

namespace fp4 {

/// One line per comparison; an error if one is not within the tolerance.
Status checkResults(const RunRequest &request,
                    const std::vector<NDArray> &results) {
  if (request.checks.size() > results.size())
    return Status::error("expected at most " + std::to_string(results.size()) +
                         " --check files, one per result, got " +
                         std::to_string(request.checks.size()));
  bool allGood = true;
  for (size_t i = 0; i < request.checks.size(); ++i) {
    Expected<NDArray> reference =
        readArray(ArrayFile::parse(request.checks[i]), results[i].dtype());
    if (!reference.ok())
      return reference.status();
    Expected<Comparison> compared = compareArrays(results[i], *reference);
    if (!compared.ok())
      return Status::error("result " + std::to_string(i) + ": " +
                           compared.message());
    bool isGood = compared->numNotFinite == 0 &&
                  (compared->numDifferent == 0 ||
                   compared->relativeError <= request.tolerance);
    allGood &= isGood;
    llvm::outs() << "check " << i << ": " << (isGood ? "ok" : "FAILED")
                 << ", relative error "
                 << llvm::format("%.3g", compared->relativeError)
                 << ", largest difference "
                 << llvm::format("%.3g", compared->largestDifference) << ", "
                 << compared->numDifferent << " of "
                 << results[i].elementCount() << " differ\n";
  }
  return allGood ? Status::success()
                 : Status::error("a result differs from its reference");
}

Status writeOutputs(const RunRequest &request,
                    const std::vector<NDArray> &results) {
  if (request.outputs.size() > results.size())
    return Status::error("expected at most " + std::to_string(results.size()) +
                         " --output files, one per result, got " +
                         std::to_string(request.outputs.size()));
  for (size_t i = 0; i < request.outputs.size(); ++i) {
    Status status = writeArray(request.outputs[i], results[i]);
    if (!status.ok())
      return status;
  }
  return Status::success();
}

void printResults(const std::vector<NDArray> &results) {
  for (size_t i = 0; i < results.size(); ++i)
    llvm::outs() << "result " << i << ": " << dtypeName(results[i].dtype())
                 << " " << shapeString(results[i].shape()) << "\n";
}

void printTimes(std::vector<double> milliseconds) {
  std::sort(milliseconds.begin(), milliseconds.end());
  llvm::outs() << "time: median "
               << llvm::format("%.4f",
                               milliseconds[(milliseconds.size() - 1) / 2])
               << " ms, minimum " << llvm::format("%.4f", milliseconds.front())
               << " ms, " << milliseconds.size() << " runs\n";
}

Status printStatistics(const RunRequest &request, const runtime::Device &device,
                       double seconds) {
  const ptx::Statistics *statistics = device.statistics();
  if (!statistics) {
    if (request.trace)
      return Status::error("expected --device=emulator with --trace: " +
                           device.description() + " does not count");
    return Status::success();
  }
  if (request.time)
    llvm::outs() << "emulated: " << statistics->warpInstructions
                 << " warp instructions in " << llvm::format("%.2f", seconds)
                 << " s on this CPU, which says nothing about a GPU\n";
  if (!request.trace)
    return Status::success();
  if (!request.traceFile.empty())
    return writeFileAtomically(request.traceFile, statistics->toJSON() + "\n");
  llvm::outs() << statistics->toText();
  return Status::success();
}

} // namespace fp4

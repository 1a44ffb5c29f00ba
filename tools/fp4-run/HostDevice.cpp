//===- HostDevice.cpp - fp4-run on this CPU -------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parses a module, compiles it with Runtime/Host and runs one of its functions
// on files.
//
//===----------------------------------------------------------------------===//

#include "Devices.h"
#include "fp4/InitAllDialects.h"
#include "fp4/Runtime/Arrays/ArrayFile.h"
#include "fp4/Runtime/Host/HostProgram.h"
#include "fp4/Runtime/Host/ModuleFile.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>

using namespace mlir;

namespace fp4 {

/// Milliseconds since `start`.
static double millisecondsSince(std::chrono::steady_clock::time_point start) {
  std::chrono::duration<double, std::milli> elapsed =
      std::chrono::steady_clock::now() - start;
  return elapsed.count();
}

/// Reads the inputs and puts the named ones in the place of their argument.
static Expected<std::vector<NDArray>>
readInputs(const RunRequest &request, const HostSignature &entry,
           const std::vector<std::string> &argumentNames) {
  size_t count = entry.arguments.size();
  if (request.inputs.size() != count)
    return Status::error("expected " + std::to_string(count) + " inputs for '" +
                         entry.name + "', got " +
                         std::to_string(request.inputs.size()));
  std::vector<std::optional<NDArray>> places(count);
  size_t next = 0;
  for (const std::string &text : request.inputs) {
    ArrayFile file = ArrayFile::parse(text);
    size_t place = next;
    if (!file.name.empty()) {
      Expected<size_t> found = findArgument(argumentNames, file.name);
      if (!found.ok())
        return found.status();
      place = *found;
    }
    if (place >= count || places[place])
      return Status::error("two inputs for argument " + std::to_string(place) +
                           " of '" + entry.name + "'");
    Expected<NDArray> array = readArray(file);
    if (!array.ok())
      return array.status();
    places[place] = *array;
    while (next < count && places[next])
      ++next;
  }
  std::vector<NDArray> arrays;
  for (std::optional<NDArray> &array : places)
    arrays.push_back(std::move(*array));
  return arrays;
}

/// One line per comparison; an error if one is not within the tolerance.
static Status checkResults(const RunRequest &request,
                           const std::vector<NDArray> &results) {
  if (request.checks.size() > results.size())
    return Status::error("expected at most " + std::to_string(results.size()) +
                         " --check files, one per result, got " +
                         std::to_string(request.checks.size()));
  bool allGood = true;
  for (size_t i = 0; i < request.checks.size(); ++i) {
    Expected<NDArray> reference =
        readArray(ArrayFile::parse(request.checks[i]));
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

static Status writeOutputs(const RunRequest &request,
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

static void printResults(const std::vector<NDArray> &results) {
  for (size_t i = 0; i < results.size(); ++i)
    llvm::outs() << "result " << i << ": " << dtypeName(results[i].dtype())
                 << " " << shapeString(results[i].shape()) << "\n";
}

Status runOnHost(const RunRequest &request) {
  DialectRegistry registry;
  fp4::registerAllDialects(registry);
  MLIRContext context(registry);
  Expected<ModuleFile> file = ModuleFile::parse(request.program, context);
  if (!file.ok())
    return file.status();

  auto start = std::chrono::steady_clock::now();
  Expected<HostProgram> program = HostProgram::compile(file->getModule());
  if (!program.ok())
    return program.status();
  double compileTime = millisecondsSince(start);

  Expected<const HostSignature *> entry = program->findEntry(request.entry);
  if (!entry.ok())
    return entry.status();
  Expected<std::vector<NDArray>> inputs =
      readInputs(request, **entry, file->getArgumentNames((*entry)->name));
  if (!inputs.ok())
    return inputs.status();

  start = std::chrono::steady_clock::now();
  Expected<std::vector<NDArray>> results = program->run(**entry, *inputs);
  if (!results.ok())
    return results.status();
  double runTime = millisecondsSince(start);

  printResults(*results);
  if (request.time)
    llvm::outs() << "compile: " << llvm::format("%.1f", compileTime)
                 << " ms, run: " << llvm::format("%.2f", runTime) << " ms\n";
  Status status = writeOutputs(request, *results);
  return status.ok() ? checkResults(request, *results) : status;
}

} // namespace fp4

//===- ModuleRun.cpp - fp4-run on MLIR modules ----------------------------===//
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

#include "Results.h"
#include "fp4/InitAllDialects.h"
#include "fp4/Runtime/Arrays/ArrayFile.h"
#include "fp4/Runtime/Host/Calibration.h"
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

/// Reads the inputs and puts the named ones in the place of their argument,
/// the others in the places that are left, in order.
static Expected<std::vector<NDArray>>
readInputs(const std::vector<std::string> &texts,
           const std::vector<std::string> &argumentNames) {
  std::vector<std::optional<NDArray>> places(texts.size());
  std::vector<NDArray> unnamed;
  for (const std::string &text : texts) {
    ArrayFile file = ArrayFile::parse(text);
    Expected<NDArray> array = readArray(file);
    if (!array.ok())
      return array.status();
    if (file.name.empty()) {
      unnamed.push_back(*array);
      continue;
    }
    Expected<size_t> place = findArgument(argumentNames, file.name);
    if (!place.ok())
      return place.status();
    if (*place >= places.size())
      return Status::error("input '" + file.name + "' is argument " +
                           std::to_string(*place) + ", but only " +
                           std::to_string(places.size()) + " inputs are given");
    if (places[*place])
      return Status::error("two inputs for argument '" + file.name + "'");
    places[*place] = *array;
  }
  std::vector<NDArray> arrays;
  auto next = unnamed.begin();
  for (std::optional<NDArray> &place : places)
    arrays.push_back(place ? *place : *next++);
  return arrays;
}

/// Runs the program and collects the statistics of its linear layers.
static Status writeHessians(const RunRequest &request, ModuleOp module,
                            const std::string &entry,
                            const std::vector<NDArray> &inputs) {
  Expected<TensorMap> hessians = collectHessians(module, entry, inputs);
  if (!hessians.ok())
    return hessians.status();
  for (const auto &[layer, hessian] : *hessians)
    llvm::outs() << "hessian " << layer << ": " << shapeString(hessian.shape())
                 << "\n";
  return writeSafetensors(request.hessiansOut, *hessians);
}
/// Compiles the module, runs `entry`, and writes and compares its results.
static Status runEntry(const RunRequest &request, ModuleOp module,
                       const std::string &entry,
                       const std::vector<NDArray> &inputs) {
  auto start = std::chrono::steady_clock::now();
  HostOptions options;
  options.useBLAS = request.useBLAS;
  options.sharedLibs = request.sharedLibs;
  Expected<HostProgram> program = HostProgram::compile(module, entry, options);
  if (!program.ok())
    return program.status();
  double compileTime = millisecondsSince(start);
  start = std::chrono::steady_clock::now();
  Expected<std::vector<NDArray>> results = program->run(entry, inputs);
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

/// What only makes sense for kernels.
static Status checkRequest(const RunRequest &request) {
  if (!request.device.empty() && request.device != "host")
    return Status::error("expected --device=host for an MLIR module, got '" +
                         request.device +
                         "'; fp4-compile makes an artifact for GPUs of it");
  for (const std::string &check : request.checks)
    if (check.empty())
      return Status::error("expected --check=file for an MLIR module: the host "
                           "is the reference itself");
  if (request.trace)
    return Status::error("expected --trace with the emulator, got a module");
  return Status::success();
}

Status runModule(const RunRequest &request) {
  if (Status status = checkRequest(request); !status.ok())
    return status;
  DialectRegistry registry;
  fp4::registerAllDialects(registry);
  MLIRContext context(registry);
  Expected<ModuleFile> file = ModuleFile::parse(request.program, context);
  if (!file.ok())
    return file.status();
  Expected<std::string> entry = file->findEntry(request.entry);
  if (!entry.ok())
    return entry.status();
  Expected<std::vector<NDArray>> inputs =
      readInputs(request.inputs, file->getArgumentNames(*entry));
  if (!inputs.ok())
    return inputs.status();

  if (!request.hessiansOut.empty()) {
    OwningOpRef<ModuleOp> copy = file->getModule().clone();
    Status status = writeHessians(request, *copy, *entry, *inputs);
    bool isDone = request.outputs.empty() && request.checks.empty();
    if (!status.ok() || isDone)
      return status;
  }
  return runEntry(request, file->getModule(), *entry, *inputs);
}

} // namespace fp4

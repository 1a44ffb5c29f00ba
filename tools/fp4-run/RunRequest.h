//===- RunRequest.h - The command line of fp4-run ---------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the user asked for, and the three kinds of programs that there are.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TOOLS_FP4RUN_RUNREQUEST_H
#define FP4_TOOLS_FP4RUN_RUNREQUEST_H

#include "fp4/Runtime/Device/Device.h"
#include "fp4/Status/Status.h"
#include <map>
#include <string>
#include <vector>

namespace fp4 {

struct RunRequest {
  std::string program;
  std::string device;               // empty: the program's usual one
  std::string entry;                // empty: "main" or the only one
  std::vector<std::string> inputs;  // ArrayFile texts
  std::vector<std::string> outputs; // .npy paths, in the order of results
  /// ArrayFile texts, in the order of results; empty: an independent reference.
  std::vector<std::string> checks;
  double tolerance = 0; // largest relative error
  bool time = false;
  unsigned numRuns = 10;                // with `time`, on a GPU
  std::map<std::string, int64_t> sizes; // of inputs that are drawn
  uint64_t seed = 0;                    // of inputs that are drawn
  ptx::LaunchOptions emulation;
  bool trace = false;
  std::string traceFile; // JSON; empty: text on standard output

  // Kernels.
  runtime::LaunchShape shape;
  bool hasBlock = false;
  std::vector<std::string> arguments; // KernelArguments.h

  // Modules.
  std::string hessiansOut;
  std::vector<std::string> sharedLibs;
  bool useBLAS = false;

  /// The device, or `usual` if none was asked for.
  Expected<std::shared_ptr<runtime::Device>>
  openDevice(const char *usual) const;
};

/// An MLIR module, on the host.
Status runModule(const RunRequest &request);
/// A directory that fp4-compile wrote, on any device.
Status runArtifact(const RunRequest &request);
/// One kernel of a PTX file, on a GPU or the emulator.
Status runKernel(const RunRequest &request);

} // namespace fp4

#endif // FP4_TOOLS_FP4RUN_RUNREQUEST_H

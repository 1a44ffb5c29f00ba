//===- Devices.h - Where fp4-run runs programs ------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A device runs a program file on arrays. To add one, write its run function
// and add a line to the table in Devices.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TOOLS_FP4RUN_DEVICES_H
#define FP4_TOOLS_FP4RUN_DEVICES_H

#include "fp4/Status/Status.h"
#include <string>
#include <vector>

namespace fp4 {

/// The command line of fp4-run.
struct RunRequest {
  std::string program;
  std::string entry;                // empty: "main" or the only one
  std::vector<std::string> inputs;  // ArrayFile texts
  std::vector<std::string> outputs; // .npy paths, in the order of results
  std::vector<std::string> checks;  // ArrayFile texts, in the order of results
  double tolerance = 0;             // largest relative error
  bool time = false;
  std::string hessiansOut;
  std::vector<std::string> sharedLibs;
  bool useBLAS = false;
};

struct Device {
  const char *name;
  const char *summary;
  Status (*run)(const RunRequest &request);
};

/// All devices that are built in.
const std::vector<Device> &getDevices();
/// The error lists the devices there are.
Expected<const Device *> findDevice(const std::string &name);

Status runOnHost(const RunRequest &request);

} // namespace fp4

#endif // FP4_TOOLS_FP4RUN_DEVICES_H

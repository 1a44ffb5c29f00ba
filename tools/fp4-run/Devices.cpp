//===- Devices.cpp - Where fp4-run runs programs --------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of devices.
//
//===----------------------------------------------------------------------===//

#include "Devices.h"

namespace fp4 {

const std::vector<Device> &getDevices() {
  static const std::vector<Device> devices = {
      {"host", "compiles an MLIR module for this CPU", runOnHost}};
  return devices;
}

Expected<const Device *> findDevice(const std::string &name) {
  std::string known;
  for (const Device &device : getDevices()) {
    if (name == device.name)
      return &device;
    known += (known.empty() ? "" : ", ") + std::string(device.name);
  }
  return Status::error("no device called '" + name + "'; built in: " + known);
}

} // namespace fp4

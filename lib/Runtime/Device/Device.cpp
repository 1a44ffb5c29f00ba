//===- Device.cpp - Devices by name ---------------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The names that --device takes.
//
//===----------------------------------------------------------------------===//

#include "fp4/Runtime/Device/Device.h"

namespace fp4::runtime {

Buffer::~Buffer() = default;
Kernel::~Kernel() = default;
Module::~Module() = default;
Event::~Event() = default;
Stream::~Stream() = default;
Device::~Device() = default;

size_t Kernel::parameterBytes() const {
  const std::vector<ParameterSlot> &slots = parameters();
  return slots.empty() ? 0 : slots.back().offset + slots.back().size;
}

Expected<std::shared_ptr<Device>> openDevice(const std::string &name) {
  if (name == "emulator")
    return openEmulator();
  if (name == "host")
    return openHost();
  if (name == "cuda")
    return openCUDA();
  return Status::error("no device called '" + name +
                       "'; there is: cuda, emulator, host");
}

} // namespace fp4::runtime

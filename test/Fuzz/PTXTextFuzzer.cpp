//===- PTXTextFuzzer.cpp - Any bytes as PTX -------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parses the input; what parses is run with a small budget. An error must name
// its line. The seeds are the files of test/Emulator/PTX.
//
//===----------------------------------------------------------------------===//

#include "fp4/Emulator/PTX/Emulator.h"
#include <cstdlib>
#include <cstring>

using namespace fp4;
using namespace fp4::ptx;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  Expected<Module> module = Module::parse(text);
  if (!module.ok()) {
    if (module.message().compare(0, 5, "line ") != 0)
      std::abort();
    return 0;
  }
  for (const KernelInfo &kernel : module->kernels()) {
    if (kernel.paramBytes != 16 || kernel.staticSharedBytes > 65536)
      continue;
    Device device;
    uint64_t params[2] = {*device.allocate(256), *device.allocate(256)};
    LaunchConfig config;
    config.block = {32};
    LaunchOptions options;
    options.stepBudget = 2000;
    options.threads = 1;
    Expected<Statistics> stats = device.launch(*module, kernel.name, config,
                                               params, sizeof params, options);
    if (!stats.ok() && stats.message().empty())
      std::abort();
  }
  return 0;
}

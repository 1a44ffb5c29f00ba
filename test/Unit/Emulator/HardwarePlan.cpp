//===- HardwarePlan.cpp - Writes the hardware cases for a GPU -------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   FP4EmulatorPlan CASES FOLDER
//
// Writes the cases of the folder CASES into FOLDER: `plan.txt`, one line per
// case (name, threads, blocks, cluster, shared bytes, input offset and bytes,
// bytes of each result, tensor map, exact or approximate), `inputs.bin`,
// `N.ptx`, and `emulated.bin`, what the emulator gives.
// test/Emulator/Hardware/record.py runs such a folder.
//
//===----------------------------------------------------------------------===//

#include "HardwareCases.h"
#include <cstdio>
#include <fstream>

using namespace fp4;
using namespace fp4::ptx;
using namespace fp4::ptx::testing;

static std::string planLine(const HardwareCase &c, size_t offset,
                            size_t bytes) {
  std::string line = c.name;
  for (size_t number : {size_t(c.block), size_t(c.grid), size_t(c.cluster),
                        size_t(c.sharedBytes), offset, bytes})
    line += " " + std::to_string(number);
  line += " ";
  for (const ResultSpec &result : c.results)
    line += (line.back() == ' ' ? "" : ",") +
            std::to_string(result.size * c.tuples);
  auto map = c.settings.find("map");
  return line + " " + (map == c.settings.end() ? "-" : map->second) +
         (c.isApproximate() ? " approximate\n" : " exact\n");
}

int main(int argc, char **argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: FP4EmulatorPlan CASES FOLDER\n");
    return 1;
  }
  Expected<std::vector<HardwareCase>> cases = loadHardwareCases(argv[1]);
  if (!cases.ok()) {
    std::fprintf(stderr, "FP4EmulatorPlan: %s\n", cases.message().c_str());
    return 1;
  }
  std::string folder = argv[2];
  std::ofstream plan(folder + "/plan.txt"), inputs(folder + "/inputs.bin"),
      emulated(folder + "/emulated.bin");
  size_t offset = 0, number = 0;
  int failures = 0;
  for (const HardwareCase &c : *cases) {
    std::vector<uint8_t> input = c.makeInput();
    plan << planLine(c, offset, input.size());
    inputs.write(reinterpret_cast<const char *>(input.data()),
                 std::streamsize(input.size()));
    offset += input.size();
    std::ofstream(folder + "/" + std::to_string(number++) + ".ptx") << c.ptx;
    LaunchOptions options;
    options.accumulation = Accumulation::Hopper;
    Expected<std::vector<uint8_t>> output = runHardwareCase(c, options);
    if (!output.ok()) {
      std::fprintf(stderr, "%s: %s\n", c.name.c_str(),
                   output.message().c_str());
      ++failures;
    }
    std::vector<uint8_t> bytes =
        output.ok() ? *output : std::vector<uint8_t>(c.outputBytes());
    emulated.write(reinterpret_cast<const char *>(bytes.data()),
                   std::streamsize(bytes.size()));
  }
  if (!plan.flush() || !inputs.flush() || !emulated.flush()) {
    std::fprintf(stderr, "FP4EmulatorPlan: cannot write %s\n", argv[2]);
    return 1;
  }
  std::printf("%zu cases, %d failed\n", cases->size(), failures);
  return failures != 0;
}

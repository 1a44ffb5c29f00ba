//===- HardwareCases.h - What emulator and GPU both run ---------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A hardware case is a kernel `test(in, out)`, where every thread reads one
// tuple of operands and writes one tuple of results, and a rule that makes the
// operands from the name of the case. Cases come from the table
// test/Emulator/Hardware/cases.txt (its head explains the lines) and from
// test/Emulator/PTX, as far as sm_90a has the instructions. FP4EmulatorPlan
// writes them out for a GPU, record.py runs them there, HardwareReplayTest
// compares.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TEST_UNIT_EMULATOR_HARDWARECASES_H
#define FP4_TEST_UNIT_EMULATOR_HARDWARECASES_H

#include "fp4/Emulator/PTX/Emulator.h"
#include "fp4/Status/Status.h"
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace fp4::ptx::testing {

/// How an operand's values are drawn; see the head of cases.txt.
struct OperandSpec {
  /// A PTX type name, "f16x2" say.
  std::string type;
  /// "", "mid", "small", "few" or "warp".
  std::string choice;
  /// Bytes in memory.
  unsigned size = 4;
};

struct ResultSpec {
  std::string type;
  unsigned size = 4;
};

struct HardwareCase {
  std::string name;
  std::string ptx;
  std::vector<OperandSpec> operands;
  std::vector<ResultSpec> results;
  unsigned tuples = 4096;
  unsigned block = 128;
  unsigned grid = 32;
  unsigned cluster = 0;
  unsigned sharedBytes = 0;
  /// The input of a case without operands.
  std::vector<uint8_t> fixedInput;
  /// What the output holds before.
  std::vector<uint8_t> clearedOutput() const;
  /// "ulp", "abs", "rel": tolerances. "map": a tensor map as third parameter,
  /// `in:7:64x32:256:32x16:3`: over the input or output, CUtensorMapDataType,
  /// dimensions, strides in bytes, box, CUtensorMapSwizzle.
  std::map<std::string, std::string> settings;

  /// Operand j of all tuples, then operand j + 1.
  std::vector<uint8_t> makeInput() const;
  size_t outputBytes() const;
  double tolerance(const std::string &name) const;
  bool isApproximate() const {
    return settings.count("ulp") || settings.count("abs") ||
           settings.count("rel");
  }
};

/// All cases, ordered by name; fails with file and line on a bad one.
Expected<std::vector<HardwareCase>> loadHardwareCases(const std::string &dir);

/// Runs a case on the emulator and gives its output bytes.
Expected<std::vector<uint8_t>> runHardwareCase(const HardwareCase &hardwareCase,
                                               const LaunchOptions &options);

} // namespace fp4::ptx::testing

#endif // FP4_TEST_UNIT_EMULATOR_HARDWARECASES_H

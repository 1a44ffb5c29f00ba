//===- PTXFile.h - The test files below test/Emulator/PTX -------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every file below test/Emulator/PTX is one test. Its kernel `test` takes two
// pointers, to the input words and to the output words. Lines with `//!` say
// what to do and what must come out:
//
//   //! block: 32          threads (default 1); also grid, cluster, shared
//   //! in: 0x1 0x2        32-bit input words; 1.5f is a float, -1 an integer;
//                          word*count repeats; several lines append
//   //! out: 0x3           the expected output words; `?` matches anything
//   //! ulp: 2             outputs are floats, compared within 2 ulp
//   //! trap: text         the launch must fail with a message holding the text
//   //! error: text        so must parsing
//   //! zeroed: no         trapping on undefined values off
//   //! late-differs: yes  only the late mode must give `out` or `trap`
//   //! strict: yes  LaunchOptions::strict
//
// Every file runs in all asynchronous modes.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TEST_UNIT_EMULATOR_PTXFILE_H
#define FP4_TEST_UNIT_EMULATOR_PTXFILE_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace fp4::ptx::testing {

struct Expectation {
  std::map<std::string, std::string> settings;
  std::vector<uint32_t> in;
  std::vector<uint32_t> out;
  /// False where `?` stands.
  std::vector<bool> compared;

  uint32_t number(const std::string &name, uint32_t otherwise) const;
  bool has(const std::string &name) const { return settings.count(name) != 0; }
};

/// The `//!` lines of a file.
Expectation parseExpectation(const std::string &text);

/// The first difference between `got` and what is expected, or nothing.
std::string firstDifference(const Expectation &expectation,
                            const std::vector<uint32_t> &got);

/// The names below `root`, relative to it, in order.
std::vector<std::string> listPTXFiles(const std::string &root);

} // namespace fp4::ptx::testing

#endif // FP4_TEST_UNIT_EMULATOR_PTXFILE_H

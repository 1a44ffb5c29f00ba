//===- PTXProgramFuzzer.cpp - Random instruction streams ------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes a kernel of the input's bytes and runs it with a small budget. Most
// instructions are those of test/Emulator with other registers, constants and
// labels, so that most kernels parse; the others are put together from the
// opcode table. Whatever the program does, the emulator may only trap.
//
//===----------------------------------------------------------------------===//

#include "fp4/Emulator/PTX/Emulator.h"
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <fuzzer/FuzzedDataProvider.h>
#include <set>
#include <sstream>

using namespace fp4;
using namespace fp4::ptx;

namespace {

const char *const kMnemonics[] = {
#define PTX_OPCODE(mnemonic, decode, minTarget) mnemonic,
#include "Opcodes.def"
};

const char *const kModifiers[] = {"sync",
                                  "aligned",
                                  "u8",
                                  "s16",
                                  "u32",
                                  "s32",
                                  "u64",
                                  "s64",
                                  "b16",
                                  "b32",
                                  "b64",
                                  "b128",
                                  "f16",
                                  "bf16",
                                  "f32",
                                  "f64",
                                  "f16x2",
                                  "bf16x2",
                                  "f32x2",
                                  "pred",
                                  "rn",
                                  "rz",
                                  "rni",
                                  "ftz",
                                  "sat",
                                  "approx",
                                  "lo",
                                  "hi",
                                  "wide",
                                  "cc",
                                  "global",
                                  "shared",
                                  "local",
                                  "const",
                                  "param",
                                  "shared::cluster",
                                  "v2",
                                  "v4",
                                  "add",
                                  "min",
                                  "cas",
                                  "exch",
                                  "eq",
                                  "lt",
                                  "and",
                                  "or",
                                  "all",
                                  "any",
                                  "idx",
                                  "bfly",
                                  "noinc",
                                  "relu",
                                  "tile",
                                  "2d",
                                  "bulk",
                                  "async",
                                  "x1",
                                  "x4",
                                  "trans",
                                  "m8n8",
                                  "m16n8k16",
                                  "row",
                                  "col",
                                  "e4m3x2",
                                  "e2m1x2",
                                  "satfinite",
                                  "mbarrier",
                                  "parity",
                                  "inc",
                                  "popc",
                                  "multicast::cluster",
                                  "bulk_group",
                                  "cta_group::1",
                                  "32x32b",
                                  "kind::f16",
                                  "mbarrier::complete_tx::bytes"};

const char *const kConstants[] = {
    "0",     "1",          "-1",         "2",          "4",
    "16",    "31",         "32",         "64",         "127",
    "255",   "256",        "512",        "1024",       "4096",
    "65535", "2147483647", "0x80000000", "0xffffffff", "0x4000004000010020"};

/// The instructions of the test files, one per line, without guard and label.
const std::vector<std::string> &knownInstructions() {
  static const std::vector<std::string> all = [] {
    namespace fs = std::filesystem;
    std::set<std::string> lines;
    for (const auto &entry :
         fs::recursive_directory_iterator(FP4_EMULATOR_TEST_DIR)) {
      if (entry.path().extension() != ".ptx")
        continue;
      std::ifstream file(entry.path());
      std::string line;
      while (std::getline(file, line)) {
        size_t start = line.find_first_not_of(" \t");
        if (start == std::string::npos || line[start] == '/' ||
            line[start] == '.' || line.back() != ';')
          continue;
        line = line.substr(start);
        // "LABEL: @%p1 opcode" loses both.
        size_t colon = line.find(": ");
        if (colon != std::string::npos && colon < line.find(' '))
          line = line.substr(colon + 2);
        if (line[0] == '@')
          line = line.substr(line.find(' ') + 1);
        if (line.size() < 300)
          lines.insert(line);
      }
    }
    return std::vector<std::string>(lines.begin(), lines.end());
  }();
  return all;
}

bool isWordChar(char c) { return std::isalnum((unsigned char)c) || c == '_'; }

/// The kernel's register of the class that a name like "%rd17" belongs to.
std::string renamed(const std::string &name, FuzzedDataProvider &input) {
  static const char *classes[] = {"%fd", "%rd", "%rs", "%rq",
                                  "%p",  "%h",  "%r",  "%f"};
  for (const char *prefix : classes) {
    size_t length = std::strlen(prefix);
    if (name.compare(0, length, prefix) == 0 && name.size() > length &&
        std::isdigit((unsigned char)name[length]))
      return (std::string(prefix) == "%rs" ? "%h" : prefix) +
             std::to_string(input.ConsumeIntegralInRange<int>(0, 15));
  }
  return name;
}

/// `line` with other registers, constants and labels.
std::string varied(const std::string &line, FuzzedDataProvider &input) {
  std::string result;
  bool isBranch = line.compare(0, 3, "bra") == 0;
  size_t i = line.find_first_of(" ;");
  result = line.substr(0, i);
  while (i < line.size()) {
    char c = line[i];
    if (c != '%' && !isWordChar(c)) {
      result += c;
      ++i;
      continue;
    }
    size_t end = i + 1;
    while (end < line.size() && (isWordChar(line[end]) || line[end] == '.'))
      ++end;
    std::string word = line.substr(i, end - i);
    i = end;
    if (c == '%')
      result += renamed(word, input);
    else if (std::isdigit((unsigned char)c))
      result += input.ConsumeIntegralInRange<int>(0, 3)
                    ? word
                    : input.PickValueInArray(kConstants);
    else if (isBranch)
      result += "L" + std::to_string(input.ConsumeIntegralInRange<int>(0, 3));
    else
      result += word == "in" || word == "out" || word == "smem" ? word : "smem";
  }
  return result;
}

std::string randomOperand(FuzzedDataProvider &input) {
  static const char *forms[] = {
      "%r1",    "%rd1", "%f1",        "%h1",     "%p1",
      "%fd1",   "%rq1", "[smem]",     "[%rd1]",  "[%r1]",
      "1",      "smem", "{%r1, %r2}", "%r1|%p1", "{%r1, %r2, %r3, %r4}",
      "%tid.x", "_"};
  return varied("x " + std::string(input.PickValueInArray(forms)), input)
      .substr(2);
}

std::string invented(FuzzedDataProvider &input) {
  std::string line = input.PickValueInArray(kMnemonics);
  for (int n = input.ConsumeIntegralInRange<int>(0, 5); n > 0; --n)
    line += std::string(".") + input.PickValueInArray(kModifiers);
  for (int n = input.ConsumeIntegralInRange<int>(0, 5), i = 0; i < n; ++i)
    line += (i ? ", " : " ") + randomOperand(input);
  return line + ";";
}

std::string makeProgram(FuzzedDataProvider &input) {
  static const char *targets[] = {"sm_90a", "sm_100a", "sm_120a", "sm_103a",
                                  "sm_80"};
  std::string text = std::string(".version 9.0\n.target ") +
                     input.PickValueInArray(targets) +
                     "\n.address_size 64\n.visible .entry test(.param .u64 in, "
                     ".param .u64 out) {\n"
                     ".reg .pred %p<16>; .reg .b16 %h<16>; .reg .b32 %r<16>;\n"
                     ".reg .f32 %f<16>; .reg .b64 %rd<16>; .reg .f64 %fd<16>;\n"
                     ".reg .b128 %rq<16>;\n"
                     ".shared .align 1024 .b8 smem[4096];\n"
                     "ld.param.u64 %rd1, [in]; ld.param.u64 %rd2, [out];\n"
                     "mov.u32 %r1, %tid.x; mov.u32 %r2, smem;\n"
                     "mov.u32 %r3, 1; mad.lo.u32 %r4, %r1, 16, %r2;\n"
                     "setp.lt.u32 %p1, %r1, 7; cvt.u64.u32 %rd3, %r4;\n"
                     "mov.b64 %rd4, 0x4000004000010020;\n";
  int count = input.ConsumeIntegralInRange<int>(1, 16);
  for (int i = 0; i < count; ++i) {
    if (i % 4 == 0)
      text += "L" + std::to_string(i / 4) + ":\n";
    if (input.ConsumeIntegralInRange<int>(0, 7) == 0)
      text +=
          "@%p" + std::to_string(input.ConsumeIntegralInRange<int>(0, 3)) + " ";
    const std::vector<std::string> &known = knownInstructions();
    text += input.ConsumeIntegralInRange<int>(0, 9)
                ? varied(known[input.ConsumeIntegralInRange<size_t>(
                             0, known.size() - 1)],
                         input)
                : invented(input);
    text += "\n";
  }
  for (int label = (count + 3) / 4; label < 4; ++label)
    text += "L" + std::to_string(label) + ":\n";
  return text + "ret;\n}\n";
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  FuzzedDataProvider input(data, size);
  LaunchConfig config;
  config.block = {input.PickValueInArray({32u, 64u, 33u, 128u})};
  config.cluster = {input.PickValueInArray({1u, 1u, 2u}), 1, 1};
  config.grid = {2};
  LaunchOptions options;
  options.stepBudget = 1000;
  options.threads = 1;
  options.async = AsyncMode(input.ConsumeIntegralInRange<int>(0, 2));
  options.accumulation = Accumulation(input.ConsumeIntegralInRange<int>(0, 2));
  options.trapUninitialized = input.ConsumeBool();
  options.countBankConflicts = input.ConsumeBool();
  std::string text = makeProgram(input);
  if (std::getenv("FP4_FUZZ_PRINT"))
    std::fputs(text.c_str(), stderr);
  Expected<Module> module = Module::parse(text);
  if (!module.ok())
    return 0;
  Device device;
  uint64_t params[2] = {*device.allocate(1024), *device.allocate(1024)};
  Expected<Statistics> stats =
      device.launch(*module, "test", config, params, sizeof params, options);
  if (!stats.ok() && stats.message().empty())
    std::abort();
  return 0;
}

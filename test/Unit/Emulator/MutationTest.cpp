//===- MutationTest.cpp - Programs without one synchronisation ------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Drops every barrier, wait, commit and fence of the CUDA programs in turn: the
// emulator must trap, or give another result in one of eight schedules. The
// kernels with wgmma and tcgen05 have the same test beside their launch code.
//
//===----------------------------------------------------------------------===//

#include "EmulatorTesting.h"
#include <sstream>

using namespace fp4;
using namespace fp4::ptx;
using namespace fp4::ptx::testing;

namespace {

/// One kernel of a CUDA program. Buffers of words come first or where `order`
/// says: 'p' the next buffer, 'i' the next number.
struct Program {
  const char *file, *kernel, *order;
  Dim3 grid, block;
  std::vector<size_t> bufferWords;
  std::vector<int> numbers;
  std::vector<std::string> needed;
};

/// All buffers behind a launch, or the trap.
struct Outcome {
  std::vector<std::vector<uint32_t>> buffers;
  std::string trap;
  bool operator!=(const Outcome &other) const {
    return buffers != other.buffers || trap != other.trap;
  }
};

Outcome run(const Program &program, const std::string &text, uint64_t seed) {
  Outcome outcome;
  Expected<Module> module = Module::parse(text);
  if (!module.ok()) {
    outcome.trap = module.message();
    return outcome;
  }
  Device device;
  std::vector<uint64_t> addresses;
  Params params;
  size_t number = 0;
  for (const char *c = program.order; *c; ++c) {
    if (*c == 'i') {
      params.add(program.numbers[number++]);
      continue;
    }
    std::vector<uint32_t> words(program.bufferWords[addresses.size()]);
    // Pairs of bf16 numbers between 1 and 2, or integers: all sums are exact.
    for (size_t i = 0; i < words.size(); ++i)
      words[i] = 0x3F803F80 + uint32_t(i * 2654435761u >> 28) * 0x00100010;
    addresses.push_back(upload(device, words));
    params.add(addresses.back());
  }
  LaunchConfig config;
  config.grid = program.grid;
  config.block = program.block;
  LaunchOptions options;
  options.stepBudget = 400'000;
  options.seed = seed;
  options.threads = 1;
  Expected<Statistics> stats = device.launch(
      *module, program.kernel, config, params.data(), params.size(), options);
  if (!stats.ok())
    outcome.trap = stats.message();
  for (size_t i = 0; i < addresses.size(); ++i)
    outcome.buffers.push_back(
        download<uint32_t>(device, addresses[i], program.bufferWords[i]));
  return outcome;
}

/// The lines of the kernel whose loss nothing shows, by their number from 1.
std::vector<std::string> survivors(const Program &program) {
  std::istringstream stream(readTestFile(program.file));
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);)
    lines.push_back(line + "\n");
  auto text = [&] {
    std::string all;
    for (const std::string &line : lines)
      all += line;
    return all;
  };
  Outcome reference = run(program, text(), 0);
  EXPECT_EQ(reference.trap, "");
  for (uint64_t seed = 1; seed < 8; ++seed)
    EXPECT_FALSE(run(program, text(), seed) != reference) << program.kernel;
  std::vector<std::string> found;
  bool inKernel = false;
  unsigned mutations = 0;
  for (std::string &line : lines) {
    if (line.find(".entry") != std::string::npos)
      inKernel = line.find(program.kernel) != std::string::npos;
    bool isNeeded = false;
    for (const std::string &name : program.needed)
      isNeeded |= line.find(name) != std::string::npos;
    if (!inKernel || !isNeeded)
      continue;
    ++mutations;
    std::string original = line;
    line = "\n";
    std::string mutant = text();
    bool differs = false;
    for (uint64_t seed = 0; seed < 8 && !differs; ++seed)
      differs = run(program, mutant, seed) != reference;
    if (!differs)
      found.push_back(std::to_string(&line - lines.data() + 1) + ": " +
                      original.substr(0, original.size() - 1));
    line = original;
  }
  EXPECT_GT(mutations, 0u);
  return found;
}

const std::vector<std::string> kNone;

TEST(Mutations, Reduction) {
  Program program{"CUDA/basics.ptx", "reduce", "pip",       {4}, {128},
                  {5000, 1},         {5000},   {"bar.sync"}};
  EXPECT_EQ(survivors(program), kNone);
}

TEST(Mutations, Transposition) {
  Program program{"CUDA/basics.ptx", "transpose",  "ppii",   {2, 3},
                  {32, 8},           {3150, 3150}, {70, 45}, {"bar.sync"}};
  EXPECT_EQ(survivors(program), kNone);
}

TEST(Mutations, Scan) {
  Program program{"CUDA/basics.ptx", "scan", "pp",        {2}, {256},
                  {512, 512},        {},     {"bar.sync"}};
  // The barrier behind the last step orders nothing: every thread then stores
  // the sum that it wrote itself.
  EXPECT_EQ(survivors(program),
            (std::vector<std::string>{"507: \tbar.sync \t0;"}));
}

TEST(Mutations, PipelinedGemm) {
  Program program{"CUDA/gemm_cpasync.ptx",
                  "gemm",
                  "pppiii",
                  {1, 1},
                  {128},
                  {64 * 48, 64 * 48, 64 * 64},
                  {64, 64, 96},
                  {"bar.sync", "cp.async.commit_group", "cp.async.wait_group"}};
  EXPECT_EQ(survivors(program), kNone);
}

TEST(Mutations, RingOfClusters) {
  Program program{"CUDA/hopper.ptx",  "ring", "p", {8}, {32}, {256}, {},
                  {"barrier.cluster"}};
  EXPECT_EQ(survivors(program), kNone);
}

} // namespace

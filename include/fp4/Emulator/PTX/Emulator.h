//===- Emulator.h - Run PTX on the CPU --------------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A functional emulator of NVIDIA GPUs at the level of PTX:
//
//   auto module = ptx::Module::parse(text);
//   ptx::Device device;
//   auto x = device.allocate(bytes);
//   device.copyIn(*x, data, bytes);
//   ptx::LaunchConfig config{grid, block};
//   auto stats = device.launch(*module, "kernel", config, params, options);
//   device.copyOut(result, *x, bytes);
//
// A module is parsed and checked completely before anything runs. A program
// that does something undefined stops with a trap, which is the Status of the
// launch: PTX line, CTA, warp, lane and the values involved. What is modelled,
// and how far, is in docs/PTXEmulator.md.
//
// No function of this header throws or prints (but for vprintf through
// LaunchOptions::output).
//
//===----------------------------------------------------------------------===//

#ifndef FP4_EMULATOR_PTX_EMULATOR_H
#define FP4_EMULATOR_PTX_EMULATOR_H

#include "fp4/Status/Status.h"
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fp4::ptx {

struct ModuleData;

struct Dim3 {
  uint32_t x = 1, y = 1, z = 1;
  uint64_t count() const { return uint64_t(x) * y * z; }
};

/// One parameter of a kernel, as its caller lays it out.
struct KernelParam {
  std::string name;
  uint32_t offset = 0;
  uint32_t size = 0;
  uint32_t align = 1;
};

struct KernelInfo {
  std::string name;
  std::vector<KernelParam> params;
  /// Size of the parameter block that `launch` expects.
  uint32_t paramBytes = 0;
  /// Shared memory that the kernel's own variables take.
  uint32_t staticSharedBytes = 0;
  /// .maxntid and .reqntid; all zero when absent.
  std::array<uint32_t, 3> maxThreads{};
  std::array<uint32_t, 3> requiredThreads{};
  /// .reqnctapercluster; all zero when absent.
  std::array<uint32_t, 3> clusterDims{};
};

/// A parsed and checked PTX module; cheap to copy.
class Module {
public:
  /// Fails with "line L, column C: what" at the first thing that is not PTX or
  /// that the emulator does not support.
  static Expected<Module> parse(std::string_view text);

  std::vector<KernelInfo> kernels() const;
  Expected<KernelInfo> kernel(std::string_view name) const;
  /// Bytes of a .global or .const variable.
  Expected<uint64_t> variableBytes(std::string_view name) const;
  /// 90 for sm_90a.
  unsigned target() const;
  const std::shared_ptr<ModuleData> &data() const { return contents; }

private:
  std::shared_ptr<ModuleData> contents;
};

/// When asynchronous operations take effect (docs/PTXEmulator.md, "Time").
enum class AsyncMode : uint8_t {
  /// As late as the program's own waits allow: the default.
  Late,
  /// At the instruction that starts them.
  Early,
  /// At moments drawn from LaunchOptions::seed.
  Random,
};

/// How matrix instructions add products (docs/PTXEmulator.md, "Accumulation").
enum class Accumulation : uint8_t {
  /// All products of one instruction and the addend, summed exactly up to
  /// double precision and rounded once to nearest even.
  Exact,
  /// The published model of Blackwell's FP4 tensor cores (arXiv 2609.02846):
  /// p = RN(exact sum of the products), d = RZ(c + p).
  Blackwell,
  /// What an H200 gives, bit for bit: products aligned to the largest exponent
  /// and cut. Only matrix instructions that sm_90a has; others are Exact.
  Hopper,
};

struct LaunchConfig {
  Dim3 grid;
  Dim3 block;
  /// Zeros: what the kernel's .reqnctapercluster says, else 1 x 1 x 1.
  Dim3 cluster = {0, 0, 0};
  uint32_t dynamicSharedBytes = 0;
  /// Gives %envreg1 (high half) and %envreg2 (low half) the address of two zero
  /// words, where the CTAs of a grid of cooperative groups meet. CTAs may wait
  /// for one another in any launch.
  bool cooperative = false;
  /// Programmatic dependent launch: on a GPU the kernel may start before the
  /// launch in front of it has ended, and waits with griddepcontrol.wait. Here
  /// launches follow one another; only LaunchOptions::strict asks for the wait.
  bool programmatic = false;
};

struct LaunchOptions {
  AsyncMode async = AsyncMode::Late;
  Accumulation accumulation = Accumulation::Exact;
  /// Also chooses the order in which warps take turns, in every mode.
  uint64_t seed = 0;
  /// Warp-instructions after which a launch stops with a trap.
  uint64_t stepBudget = uint64_t(1) << 40;
  /// 0: one per core. Kernels with floating-point atomics always run on one,
  /// so that results do not depend on the machine.
  unsigned threads = 0;
  /// Trap when a value that was never written reaches a store, an address or a
  /// branch.
  bool trapUninitialized = true;
  /// Hold the program to the letter of the ISA, whatever order its warps
  /// happen to run in (docs/PTXEmulator.md, "Strictly by the ISA"). Traps on
  /// races in shared memory, on mbarriers that the asynchronous proxy or
  /// another CTA uses without a fence.mbarrier_init, and on memory of the
  /// launch in front that a programmatic launch uses without
  /// griddepcontrol.wait. Registers of a tcgen05.ld are undefined until
  /// tcgen05.wait::ld, a tcgen05.st need not have happened before
  /// tcgen05.wait::st, and tcgen05 operations on what another thread wrote,
  /// loaded or allocated need their tcgen05.fence. Kernels of CUTLASS 4.7 omit
  /// some of these, so this is off unless asked for. Costs time and 24 bytes
  /// per byte of shared memory.
  bool strict = false;
  /// Count shared-memory bank conflicts (costs time).
  bool countBankConflicts = false;
  /// Receives what device printf prints; null drops it.
  std::function<void(std::string_view)> output;
};

/// What a launch did.
struct Statistics {
  uint64_t warpInstructions = 0;
  uint64_t threadInstructions = 0;
  /// Warp-instructions by opcode without modifiers ("cp.async.bulk").
  std::map<std::string, uint64_t> instructions;
  /// Bytes that lanes and copies moved, by state space.
  std::map<std::string, uint64_t> bytesRead, bytesWritten;
  /// Extra shared-memory cycles from bank conflicts, when counted.
  uint64_t bankConflicts = 0;
  /// Matrix instructions and the multiply-adds in them.
  uint64_t mmaInstructions = 0;
  uint64_t mmaMultiplyAdds = 0;
  uint64_t asyncOperations = 0;
  uint32_t sharedBytes = 0;
  uint32_t tensorMemoryColumns = 0;
  uint64_t ctas = 0;

  void merge(const Statistics &other);
  std::string toText() const;
  std::string toJSON() const;
};

/// The memory of an emulated GPU and the launches on it. Not thread safe.
class Device {
public:
  Device();
  ~Device();
  Device(const Device &) = delete;
  Device &operator=(const Device &) = delete;

  /// Device memory, 256-byte aligned and zero-filled.
  Expected<uint64_t> allocate(size_t bytes);
  /// Lets kernels use memory of the caller, at its own address, until `free`:
  /// what CUDA calls managed or mapped memory.
  Status map(void *memory, size_t bytes);
  /// Frees an address that `allocate` returned or `map` was given.
  Status free(uint64_t address);
  Status copyIn(uint64_t address, const void *source, size_t bytes);
  Status copyOut(void *destination, uint64_t address, size_t bytes);

  /// The device address of a .global or .const variable of `module`.
  Expected<uint64_t> symbolAddress(const Module &module, std::string_view name);

  /// What `launch` refuses before anything runs: an unknown kernel, a shape, a
  /// number of parameter bytes or an amount of shared memory that can't be.
  Status checkLaunch(const Module &module, std::string_view kernel,
                     const LaunchConfig &config, size_t paramBytes) const;

  /// Runs `kernel` to its end. `params` is the parameter block: every parameter
  /// at its natural alignment, in order (KernelInfo::params says where).
  Expected<Statistics> launch(const Module &module, std::string_view kernel,
                              const LaunchConfig &config, const void *params,
                              size_t paramBytes,
                              const LaunchOptions &options = {});

  /// Runs `kernel` in the late, the early and two random modes, each from the
  /// present contents of device memory, and fails if the contents behind them
  /// differ (with mode, address and bytes), or with the trap of a launch. A
  /// correct program passes. Memory then holds what the late mode left.
  Expected<Statistics> compareAsyncModes(const Module &module,
                                         std::string_view kernel,
                                         const LaunchConfig &config,
                                         const void *params, size_t paramBytes,
                                         const LaunchOptions &options = {});

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

} // namespace fp4::ptx

#endif // FP4_EMULATOR_PTX_EMULATOR_H

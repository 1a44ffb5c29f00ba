//===- Machine.h - Clusters, CTAs, warps and lanes --------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The running state of a launch. A warp is a set of fragments: lanes that share
// a program counter and a call frame. Fragments split at divergent branches and
// merge when they meet again; the one furthest behind runs first, and a
// fragment that spins gives way to the others, so no schedule starves a lane.
//
// A trap is the C++ exception TrapError; it never leaves the library.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_MACHINE_H
#define FP4_LIB_EMULATOR_PTX_MACHINE_H

#include "Async.h"
#include "Fragment.h"
#include "Memory.h"
#include "Program.h"
#include "fp4/Emulator/PTX/Emulator.h"
#include <atomic>
#include <mutex>
#include <set>

namespace fp4::ptx {

class HappensBefore;
struct Cluster;
struct TensorMemory;

struct TrapError {
  std::string message;
};

/// What all CTAs of a launch share.
struct LaunchState {
  std::shared_ptr<ModuleData> module;
  const Function *kernel = nullptr;
  LaunchConfig config;
  LaunchOptions options;
  GlobalMemory *global = nullptr;
  /// By variable index: address of .global and .const, offset of .shared.
  std::vector<uint64_t> variableAddress;
  uint64_t paramAddress = 0;
  /// Of a cooperative launch.
  uint64_t gridWorkspace = 0;
  uint32_t sharedBytes = 0;
  Dim3 clusters;
  std::mutex outputMutex;
  /// Steps of all threads, for the budget.
  std::atomic<uint64_t> steps{0};
  /// Clusters that have not started; clusterlaunchcontrol takes from them too.
  std::atomic<uint64_t> nextCluster{0};
  std::atomic<bool> stop{false};

  /// The next cluster to run, or nothing.
  std::optional<uint64_t> takeCluster() {
    uint64_t index = nextCluster.fetch_add(1);
    if (index < clusters.count())
      return index;
    return std::nullopt;
  }
};

/// A loop around a failed look at a barrier is at most this long.
constexpr uint32_t kPollLoop = 64;

class Warp {
public:
  Warp(CTA &cta, unsigned index, uint32_t lanes);

  CTA &cta;
  LaunchState &launch;
  const unsigned index;
  /// Lanes that have not exited, and those of the current instruction.
  uint32_t live;
  uint32_t active = 0;
  /// The frame of the current instruction.
  Frame *frame = nullptr;
  std::vector<Fragment> fragments;
  /// Per-lane groups: cp.async, bulk; and the warp's wgmma groups.
  std::array<uint32_t, kWarpSize> copyGroup{}, bulkGroup{};
  uint32_t wgmmaGroup = 0;
  /// wgmma operations that have not taken effect, and whether a wgmma.fence
  /// came.
  uint32_t wgmmaPending = 0;
  bool wgmmaFenced = false;
  /// `clock` at the last wgmma.fence.
  uint64_t wgmmaFence = 0;
  /// The cluster barrier phase at which each lane arrived.
  std::array<uint64_t, kWarpSize> clusterArrival{};
  uint32_t clusterArrived = 0;
  /// Writes to tensor memory that tcgen05.fence::after_thread_sync let it see.
  uint64_t tensorFence = 0;
  /// tcgen05.ld that have not taken effect.
  uint32_t tensorLoads = 0;
  /// CC.CF of the extended-precision instructions.
  uint32_t carry = 0;
  uint64_t clock = 0;
  std::array<std::vector<uint8_t>, kWarpSize> local;

  //===--- Operands
  //--------------------------------------------------------===//

  /// The value of a source operand; `scratch` backs what is no register.
  const Lanes &read(const Operand &op, Lanes &scratch);
  /// Where the result `op` goes; sinks get a scratch register.
  Lanes &write(const Operand &op);
  Lanes &reg(int32_t slot) { return frame->regs[slot]; }
  uint32_t &poison(int32_t slot) { return frame->poison[slot]; }
  /// The address of `op` in a lane.
  uint64_t address(const Operand &op, unsigned lane);
  /// The value in the lowest active lane; for operands that must be uniform.
  uint64_t uniform(const Operand &op);
  /// Lanes in which the predicate `op` holds.
  uint32_t predicate(const Operand &op);
  void setPredicate(const Operand &op, uint32_t values);
  /// Stores `value` in one lane, poisoned or not.
  void setLane(const Operand &op, unsigned lane, uint64_t value,
               bool poisoned = false);
  uint64_t symbolAddress(int32_t symbol);
  void readSpecial(Special special, Lanes &result);

  //===--- Memory
  //----------------------------------------------------------===//

  /// Checks and finds `size` bytes; traps when they are not there.
  Location locate(Space space, uint64_t addr, unsigned size, unsigned align,
                  unsigned lane, Access access);
  /// Copies and, for tracked spaces, tells whether all bytes were written.
  bool load(const Location &from, void *to, unsigned size);
  void store(const Location &to, const void *from, unsigned size);
  /// Adds the bank conflicts of one access by the active lanes.
  void countConflicts(const std::array<Location, kWarpSize> &where,
                      unsigned size);
  /// The shared-memory offset of a shared or generic address.
  MbarrierRef sharedRef(Space space, uint64_t addr, unsigned size,
                        unsigned align, unsigned lane);

  //===--- Control
  //---------------------------------------------------------===//

  enum class Result : uint8_t { Progress, Blocked, Done };
  /// Keeps the current frame alive for results that arrive later.
  std::shared_ptr<Frame> currentFrame() {
    return fragments[currentFragment].frame;
  }
  /// Runs up to `quantum` instructions or until nothing can run. Blocked also
  /// means that all it did was to look at a barrier once more.
  Result run(uint32_t quantum);
  /// Sends the `taken` lanes of the current fragment to `pc`, the rest on.
  void branch(uint32_t taken, uint32_t pc);
  /// As `branch`, one target per lane.
  void branchIndirect(const std::array<uint32_t, kWarpSize> &targets);
  /// Leaves `lanes` of the current fragment at the current instruction.
  void splitBack(uint32_t lanes);
  void call(const Function &callee, const Instr &site);
  void ret();
  void exitLanes(uint32_t lanes);
  /// The current fragment waits behind the current instruction.
  void block(Wait wait, uint8_t barrier = 0);
  /// The current instruction looked at `barrier` in vain.
  void poll(MbarrierRef barrier);
  void yield() { yieldRequested = true; }

  [[noreturn]] void trap(const std::string &what, int lane = -1) const;

  const Instr *current = nullptr;
  /// Barriers that the warp's fragments looked at since they last got on.
  std::vector<MbarrierRef> polled;
  Statistics &stats();

private:
  /// With LaunchOptions::strict: traps when the access may come before the end
  /// of a grid in front of this one that uses the same memory.
  void noteGlobal(GlobalMemory::Allocation &allocation, unsigned lane,
                  Access access);
  bool pick();
  void mergeFragments();
  void runFragment(uint32_t &quantum);
  bool converge(const Instr &instr);
  void execute(const Instr &instr);
  void awaitTensorLoads(const Instr &instr);
  void passArguments(Frame &callee, const Instr &site);
  void passResults(Frame &callee);

  unsigned currentFragment = 0;
  bool yieldRequested = false;
  uint64_t turnCounter = 0;
  /// Instructions since the last look at a barrier that failed, and its pc.
  uint32_t sincePoll = 0;
  uint32_t pollPc = ~0u;
  bool pollFailed = false;
  GlobalMemory::Allocation *lastAllocation = nullptr;
  Lanes sink;
};

struct CTA {
  CTA(Cluster &cluster, Dim3 id, unsigned rank);
  ~CTA();

  Cluster &cluster;
  LaunchState &launch;
  Dim3 id;
  unsigned rank;
  SharedMemory shared;
  std::set<uint32_t> mbarriers;
  std::array<NamedBarrier, 16> barriers;
  std::vector<std::unique_ptr<Warp>> warps;
  std::unique_ptr<TensorMemory> tensorMemory;

  bool done() const;
  /// Releases the barriers that the arrivals so far complete.
  void updateBarrier(unsigned index);
  void updateAllBarriers();
};

struct Cluster {
  Cluster(LaunchState &launch, uint64_t linearIndex, Statistics &stats);
  ~Cluster();

  LaunchState &launch;
  uint64_t linearIndex;
  Dim3 id;
  Statistics &stats;
  AsyncQueue async;
  /// Only with LaunchOptions::strict.
  std::unique_ptr<HappensBefore> order;
  std::vector<std::unique_ptr<CTA>> ctas;
  /// barrier.cluster: phases completed and lanes that arrived in this one.
  uint64_t barrierPhase = 0;
  uint64_t barrierArrived = 0;
  std::vector<uint64_t> opcodeCounts;
  /// Counts writes to tensor memory and fences, for what orders them.
  uint64_t tensorClock = 0;
  /// Bytes that lanes and copies moved, by Space.
  std::array<uint64_t, 8> bytesRead{}, bytesWritten{};

  enum class Result : uint8_t { Done, Paused };
  /// Runs until the cluster ends or has used `budget` instructions.
  Result run(uint64_t budget);
  void updateClusterBarrier();
  uint64_t liveLanes() const;

private:
  [[noreturn]] void deadlock();
  unsigned idleRounds = 0;
  unsigned stuckRounds = 0;
  std::minstd_rand schedule;
};

inline Statistics &Warp::stats() { return cta.cluster.stats; }

/// Calls `body(lane)` for every set bit of `mask`, lowest first.
template <typename Body> void forEachLane(uint32_t mask, Body body) {
  if (mask == ~0u) {
    for (unsigned lane = 0; lane < kWarpSize; ++lane)
      body(lane);
    return;
  }
  for (; mask; mask &= mask - 1)
    body(unsigned(__builtin_ctz(mask)));
}

std::string hex(uint64_t value);

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_MACHINE_H

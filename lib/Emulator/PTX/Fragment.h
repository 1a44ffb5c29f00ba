//===- Fragment.h - What lanes of a warp have in common ---------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The parts of Machine.h's warps: call frames with their registers, fragments
// of lanes that run together, named barriers, and places in memory.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_FRAGMENT_H
#define FP4_LIB_EMULATOR_PTX_FRAGMENT_H

#include "Program.h"
#include <memory>
#include <vector>

namespace fp4::ptx {

struct CTA;

struct Frame {
  Frame(const Function &function, std::shared_ptr<Frame> parent,
        uint32_t returnPc, uint32_t localBase);

  const Function *function;
  std::shared_ptr<Frame> parent;
  const Instr *callSite = nullptr;
  uint32_t returnPc;
  uint32_t localBase;
  std::vector<Lanes> regs;
  /// Lanes of each register that hold no defined value.
  std::vector<uint32_t> poison;
  /// How many low bytes of each register are defined nevertheless: a register
  /// may be put together of bytes of which only some are ever used.
  std::vector<uint8_t> definedBytes;
  /// Warp::clock at the last access to each register by an ordinary
  /// instruction; empty unless the kernel has wgmma.
  std::vector<uint64_t> accessedAt;
  /// `.param` variables and formals: function->paramBytes per lane.
  std::vector<uint8_t> params;

  uint8_t *param(unsigned lane, uint32_t offset) {
    return &params[lane * function->paramBytes + offset];
  }
};

/// Calls that `frame` stands in.
unsigned depthOf(const Frame *frame);

enum class Wait : uint8_t {
  Ready,
  /// At a .sync instruction that other lanes have not reached.
  Converge,
  Barrier,
  ClusterBarrier,
};

struct Fragment {
  uint32_t mask = 0;
  uint32_t pc = 0;
  std::shared_ptr<Frame> frame;
  Wait wait = Wait::Ready;
  /// Where Wait::Barrier stands.
  uint8_t barrier = 0;
  /// Schedules in which it gave way; larger runs later.
  uint64_t turn = 0;
};

struct NamedBarrier {
  /// 0: all threads of the CTA.
  uint32_t expected = 0;
  uint32_t arrived = 0;
  bool inUse = false;
  /// Lanes that arrived, by warp.
  std::vector<uint32_t> lanes;
  /// bar.red: running count, conjunction and disjunction.
  uint32_t count = 0;
  bool all = true, any = false;
};

enum class Access : uint8_t { Read, Write, Atomic };

/// Bytes of memory and what is known about them.
struct Location {
  uint8_t *bytes = nullptr;
  /// Null unless the space tracks initialisation.
  uint8_t *valid = nullptr;
  /// The owner and offset of shared memory.
  CTA *cta = nullptr;
  uint32_t offset = 0;
  Space space = Space::Global;
  /// Whose access it is; only for shared memory.
  uint8_t lane = 0;
};

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_FRAGMENT_H

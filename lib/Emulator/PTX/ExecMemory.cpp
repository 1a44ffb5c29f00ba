//===- ExecMemory.cpp - mov, ld, st and address instructions --------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, section "Data Movement and Conversion Instructions". Cache
// operators, eviction priorities and prefetches have no effect here.
//
//===----------------------------------------------------------------------===//

#include "Exec.h"
#include <cstring>

namespace fp4::ptx {

//===----------------------------------------------------------------------===//
// mov
//===----------------------------------------------------------------------===//

static void move(Warp &warp, const Instr &instr) {
  uint64_t mask = lowBits(typeBits(instr.type));
  map1(warp, instr, [mask](uint64_t a) { return a & mask; });
}

static void move128(Warp &warp, const Instr &instr) {
  const Operand &from = instr.ops[1], &to = instr.ops[0];
  forEachLane(warp.active, [&](unsigned lane) {
    for (unsigned half = 0; half < 2; ++half)
      warp.reg(to.slot + int(half))[lane] =
          warp.reg(from.slot + int(half))[lane];
  });
}

/// The result of a pack is undefined where a part is, up to the first such
/// part.
static void packPoison(Warp &warp, const Instr &instr, unsigned width) {
  const std::vector<Operand> &parts = instr.ops[1].elems;
  uint32_t poison = 0;
  unsigned definedBits = 0;
  for (const Operand &part : parts) {
    poison |= part.isReg() ? warp.poison(part.slot) & warp.active : 0;
    definedBits += poison ? 0 : width;
  }
  for (unsigned half = 0; half < (instr.type == Type::B128 ? 2 : 1); ++half) {
    int32_t slot = instr.ops[0].slot + int32_t(half);
    uint32_t &state = warp.poison(slot);
    state = (state & ~warp.active) | poison;
    warp.frame->definedBytes[slot] = half ? 0 : uint8_t(definedBits / 8);
  }
}

static void pack(Warp &warp, const Instr &instr) {
  const std::vector<Operand> &parts = instr.ops[1].elems;
  unsigned width = typeBits(instr.type) / unsigned(parts.size());
  const Operand &to = instr.ops[0];
  Lanes result[2];
  for (Lanes &half : result)
    half.value.fill(0);
  for (unsigned i = 0; i < parts.size(); ++i) {
    Lanes scratch;
    const Lanes &value = warp.read(parts[i], scratch);
    unsigned position = i * width;
    for (unsigned lane = 0; lane < kWarpSize; ++lane)
      result[position / 64][lane] |= (value[lane] & lowBits(width))
                                     << (position % 64);
  }
  if (!to.isReg())
    return;
  packPoison(warp, instr, width);
  forEachLane(warp.active, [&](unsigned lane) {
    warp.reg(to.slot)[lane] = result[0][lane];
    if (instr.type == Type::B128)
      warp.reg(to.slot + 1)[lane] = result[1][lane];
  });
}

static void unpack(Warp &warp, const Instr &instr) {
  const std::vector<Operand> &parts = instr.ops[0].elems;
  unsigned width = typeBits(instr.type) / unsigned(parts.size());
  const Operand &from = instr.ops[1];
  Lanes scratch;
  Lanes source[2];
  source[0] = warp.read(from, scratch);
  if (instr.type == Type::B128)
    source[1] = warp.reg(from.slot + 1);
  for (unsigned i = 0; i < parts.size(); ++i) {
    if (!parts[i].isReg())
      continue;
    unsigned position = i * width;
    Lanes &to = warp.reg(parts[i].slot);
    forEachLane(warp.active, [&](unsigned lane) {
      to[lane] =
          source[position / 64][lane] >> (position % 64) & lowBits(width);
    });
  }
}

void decodeMov(Decoder &d) {
  Instr &i = d.instr;
  i.type = d.takeType();
  if (!d.needOperands(2))
    return;
  bool packs = i.ops[1].kind == Operand::Kind::Vector;
  bool unpacks = i.ops[0].kind == Operand::Kind::Vector;
  if (packs && unpacks)
    return d.fail("one side must be a scalar");
  i.ownPoison = packs;
  if (packs)
    return d.setExec(pack);
  if (unpacks)
    return d.setExec(unpack);
  if (i.type == Type::B128 && !(i.ops[0].isReg() && i.ops[1].isReg()))
    return d.fail("needs registers");
  d.setExec(i.type == Type::B128 ? move128 : move);
}

//===----------------------------------------------------------------------===//
// ld, st
//===----------------------------------------------------------------------===//

static void countAccess(Warp &warp, std::array<Location, kWarpSize> &where,
                        unsigned size) {
  if (warp.launch.options.countBankConflicts)
    warp.countConflicts(where, size);
}

/// Puts the loaded `bytes` of one element into lane `lane` of `to`.
static void setLoaded(Warp &warp, const Instr &instr, const Operand &to,
                      unsigned lane, const uint8_t *bytes, unsigned size,
                      bool poisoned) {
  uint64_t value = 0;
  std::memcpy(&value, bytes, std::min(size, 8u));
  if (isSigned(instr.type))
    value = uint64_t(signExtend(value, size * 8));
  warp.setLane(to, lane, value, poisoned);
  if (size == 16 && to.isReg()) {
    Operand high = to;
    high.slot += 1;
    std::memcpy(&value, bytes + 8, 8);
    warp.setLane(high, lane, value, poisoned);
  }
}

static void load(Warp &warp, const Instr &instr) {
  const std::vector<Operand> &results = instr.ops[0].elems;
  unsigned size = typeBytes(instr.type);
  unsigned total = size * instr.vec;
  const Operand &from = instr.ops[1];
  alignas(16) uint8_t bytes[64];
  if (!from.elems[0].isReg() && instr.space == Space::Param) {
    // A parameter by name: often the same for all lanes.
    uint64_t addr = warp.address(from, 0);
    if ((addr & kWindowMask) != kParamWindow) {
      unsigned lane = unsigned(__builtin_ctz(warp.active));
      Location location =
          warp.locate(instr.space, addr, total, total, lane, Access::Read);
      warp.load(location, bytes, total);
      forEachLane(warp.active, [&](unsigned l) {
        for (unsigned i = 0; i < instr.vec; ++i)
          setLoaded(warp, instr, results[i], l, bytes + i * size, size, false);
      });
      return;
    }
  }
  std::array<Location, kWarpSize> where;
  forEachLane(warp.active, [&](unsigned lane) {
    where[lane] = warp.locate(instr.space, warp.address(from, lane), total,
                              total, lane, Access::Read);
  });
  countAccess(warp, where, total);
  forEachLane(warp.active, [&](unsigned lane) {
    bool defined = warp.load(where[lane], bytes, total);
    for (unsigned i = 0; i < instr.vec; ++i) {
      bool poisoned =
          !defined && std::memchr(where[lane].valid + i * size, 0, size);
      setLoaded(warp, instr, results[i], lane, bytes + i * size, size,
                poisoned);
    }
  });
}

/// PTX ISA, "Memory Consistency Model": everything but .weak.
static bool isStrong(const Decoder &d) {
  return d.has("volatile") || d.has("relaxed") || d.has("acquire") ||
         d.has("release") || d.has("mmio");
}

void decodeLoad(Decoder &d) {
  Instr &i = d.instr;
  if (d.mnemonic == "ld" && d.take("async"))
    return d.fail("is not a PTX instruction");
  i.space = d.takeSpace();
  i.isStrong = isStrong(d);
  d.ignoreHints();
  unsigned vec = d.takeVector();
  i.type = d.takeType();
  d.dropCachePolicy(2);
  if (!d.needOperands(2) || !d.needAddress(1) || !d.needVector(0, vec, vec))
    return;
  if (vec * typeBytes(i.type) > 32)
    return d.fail("the vector is wider than 32 bytes");
  if (vec * typeBytes(i.type) == 32)
    d.needTarget(100);
  i.vec = uint8_t(vec);
  i.ownPoison = true;
  d.setExec(load);
}

/// Keeps track of undefined values on their way to memory: shared memory
/// remembers them, so that programs may exchange what no lane will use (CUB
/// does, at the ends of arrays); local and parameter memory forget; elsewhere
/// the store traps.
static void storeUndefined(Warp &warp, const Instr &instr, const Operand &value,
                           unsigned index, const Location &to, unsigned lane) {
  unsigned size = typeBytes(instr.type);
  if (!value.isReg() || !(warp.poison(value.slot) >> lane & 1) ||
      warp.frame->definedBytes[value.slot] >= size)
    return;
  if (to.valid)
    std::memset(to.valid + index * size, 0, size);
  else if (to.space == Space::Global && warp.launch.options.trapUninitialized)
    warp.trap("register " + warp.frame->function->slotNames[value.slot] +
                  " holds a value that was never written",
              int(lane));
}

static void storeLanes(Warp &warp, const Instr &instr) {
  const std::vector<Operand> &values = instr.ops[1].elems;
  unsigned size = typeBytes(instr.type);
  unsigned total = size * instr.vec;
  const Operand &to = instr.ops[0];
  Lanes scratch[8];
  const Lanes *source[8], *high = nullptr;
  for (unsigned i = 0; i < instr.vec; ++i) {
    source[i] = &warp.read(values[i], scratch[i]);
    if (size == 16)
      high = &warp.reg(values[i].slot + 1);
  }
  std::array<Location, kWarpSize> where;
  forEachLane(warp.active, [&](unsigned lane) {
    where[lane] = warp.locate(instr.space, warp.address(to, lane), total, total,
                              lane, Access::Write);
  });
  countAccess(warp, where, total);
  forEachLane(warp.active, [&](unsigned lane) {
    alignas(16) uint8_t bytes[64];
    for (unsigned i = 0; i < instr.vec; ++i) {
      uint64_t value = (*source[i])[lane];
      std::memcpy(bytes + i * size, &value, std::min(size, 8u));
      if (high) {
        value = (*high)[lane];
        std::memcpy(bytes + i * size + 8, &value, 8);
      }
    }
    warp.store(where[lane], bytes, total);
    for (unsigned i = 0; i < instr.vec; ++i)
      storeUndefined(warp, instr, values[i], i, where[lane], lane);
  });
}

void decodeStore(Decoder &d) {
  Instr &i = d.instr;
  if (d.take("async"))
    return decodeStoreAsync(d);
  i.space = d.takeSpace();
  i.isStrong = isStrong(d);
  d.ignoreHints();
  unsigned vec = d.takeVector();
  i.type = d.takeType();
  d.dropCachePolicy(2);
  if (!d.needOperands(2) || !d.needAddress(0) || !d.needVector(1, vec, vec))
    return;
  if (vec * typeBytes(i.type) > 32)
    return d.fail("the vector is wider than 32 bytes");
  if (i.type == Type::B128)
    for (const Operand &op : i.ops[1].elems)
      if (!op.isReg())
        return d.fail("needs registers");
  i.vec = uint8_t(vec);
  d.setResults(0);
  d.setExec(storeLanes);
}

//===----------------------------------------------------------------------===//
// cvta, isspacep
//===----------------------------------------------------------------------===//

static uint64_t windowOf(Space space) {
  switch (space) {
  case Space::SharedCTA:
  case Space::SharedCluster:
    return kSharedWindow;
  case Space::Local:
    return kLocalWindow;
  default:
    return 0;
  }
}

static void convertAddress(Warp &warp, const Instr &instr) {
  uint64_t window = windowOf(instr.space);
  Space space = instr.space;
  bool toSpace = instr.flag;
  uint64_t mask = lowBits(typeBits(instr.type));
  Lanes s1;
  const Lanes &a = warp.read(instr.ops[1], s1);
  Lanes &d = warp.write(instr.ops[0]);
  forEachLane(warp.active, [&](unsigned lane) {
    uint64_t addr = a[lane];
    if (window && toSpace) {
      // Null stays null: CUTLASS converts barrier pointers before it asks
      // whether there is a barrier, and nobody can use address 0.
      if (addr != 0 && (addr & kWindowMask) != window)
        warp.trap(hex(addr) + " is not an address of " +
                      std::string(spaceName(space)) + " memory",
                  int(lane));
      addr &= ~kWindowMask;
    } else if (window) {
      addr = window + uint32_t(addr);
    }
    d[lane] = addr & mask;
  });
}

void decodeCvta(Decoder &d) {
  Instr &i = d.instr;
  i.flag = d.take("to");
  i.space = d.takeSpace();
  if (i.space == Space::Generic)
    d.fail("expected a state space");
  i.type = d.needType({Type::U32, Type::U64});
  d.needOperands(2);
  d.setExec(convertAddress);
}

static bool isInSpace(Warp &warp, Space space, uint64_t addr) {
  uint64_t window = addr & kWindowMask;
  switch (space) {
  case Space::SharedCTA:
    return window == kSharedWindow &&
           (addr & 0xFFFFFFFF) >> kSharedRankShift == warp.cta.rank;
  case Space::SharedCluster:
    return window == kSharedWindow;
  case Space::Local:
    return window == kLocalWindow;
  default:
    break;
  }
  if (window == kSharedWindow || window == kLocalWindow ||
      window == kParamWindow)
    return false;
  GlobalMemory::Allocation *allocation = warp.launch.global->find(addr);
  bool isParam = allocation && allocation->base == warp.launch.paramAddress;
  bool isConst = allocation && allocation->readOnly && !isParam;
  if (space == Space::Param)
    return isParam;
  if (space == Space::Const)
    return isConst;
  // Kernel parameters and constants answer true for .global only when they are
  // not in their own window.
  return !isParam && !isConst;
}

static void testSpace(Warp &warp, const Instr &instr) {
  map1(warp, instr,
       [&](uint64_t a) { return uint64_t(isInSpace(warp, instr.space, a)); });
}

void decodeIsspacep(Decoder &d) {
  d.instr.space = d.takeSpace();
  d.needOperands(2);
  d.setExec(testSpace);
}

//===----------------------------------------------------------------------===//
// Hints
//===----------------------------------------------------------------------===//

static void nothing(Warp &, const Instr &) {}

void decodeHint(Decoder &d) {
  d.takeSpace();
  d.take("tensormap");
  d.ignoreHints();
  d.takeOneOf({"L1", "L2"});
  d.setResults(0);
  d.setExec(nothing);
}

/// The policy is opaque; instructions that take one ignore it.
static void createPolicy(Warp &warp, const Instr &instr) {
  Lanes &d = warp.write(instr.ops[0]);
  forEachLane(warp.active,
              [&](unsigned lane) { d[lane] = 0x10F0000000000000; });
}

void decodeCreatePolicy(Decoder &d) {
  d.takeOneOf({"fractional", "range", "cvt"});
  d.takeSpace();
  d.ignoreHints();
  d.instr.type = d.needType({Type::B64});
  d.needReg(0);
  d.setExec(createPolicy);
}

//===----------------------------------------------------------------------===//
// mapa, getctarank
//===----------------------------------------------------------------------===//

static void mapAddress(Warp &warp, const Instr &instr) {
  size_t ranks = warp.cta.cluster.ctas.size();
  Lanes s1, s2;
  const Lanes &a = warp.read(instr.ops[1], s1);
  const Lanes &b = warp.read(instr.ops[2], s2);
  Lanes &d = warp.write(instr.ops[0]);
  forEachLane(warp.active, [&](unsigned lane) {
    uint32_t rank = uint32_t(b[lane]);
    if (rank >= ranks)
      warp.trap("CTA rank " + std::to_string(rank) + " of a cluster of " +
                    std::to_string(ranks),
                int(lane));
    uint64_t window = a[lane] & kWindowMask;
    if (instr.space == Space::Generic && window != kSharedWindow)
      warp.trap(hex(a[lane]) + " is not an address of shared memory",
                int(lane));
    d[lane] = window | uint64_t(rank) << kSharedRankShift |
              (a[lane] & kSharedOffsetMask);
  });
}

void decodeMapa(Decoder &d) {
  d.instr.space = d.takeSpace();
  d.instr.type = d.needType({Type::U32, Type::U64});
  d.needOperands(3);
  d.setExec(mapAddress);
}

static void ctaRankOf(Warp &warp, const Instr &instr) {
  map1(warp, instr,
       [](uint64_t a) { return (a & 0xFFFFFFFF) >> kSharedRankShift; });
}

void decodeGetCtaRank(Decoder &d) {
  d.instr.space = d.takeSpace();
  d.instr.type = d.needType({Type::U32, Type::U64});
  d.needOperands(2);
  d.setExec(ctaRankOf);
}

} // namespace fp4::ptx

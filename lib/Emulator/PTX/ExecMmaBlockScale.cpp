//===- ExecMmaBlockScale.cpp - mma.sync with block scales -----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, section "Block Scaling for mma.sync". kind::mxf4 and mxf4nvf4
// multiply e2m1 (m16n8k64), kind::mxf8f6f4 bytes that hold FP8, FP6 or FP4
// (m16n8k32).
//
// Of every quad of lanes, the one or two that the thread id selects give the
// scales: SFA thread id 0 means lanes 0 (row g) and 1 (row g + 8), 1 means
// lanes 2 and 3; SFB thread id t means lane t (column g). The byte id is the
// first byte of the register.
//
//===----------------------------------------------------------------------===//

#include "FloatFormat.h"
#include "Mma.h"
#include <cmath>
#include <cstring>

namespace fp4::ptx {

namespace {
constexpr unsigned kM = 16, kN = 8;

/// The operands of one instruction.
struct Scales {
  double a[kM][4];
  double b[kN][4];
};

/// Two doubled e2m1 values for every byte.
struct PairTable {
  int16_t value[256][2];
  PairTable() {
    for (unsigned byte = 0; byte < 256; ++byte)
      for (unsigned i = 0; i < 2; ++i)
        value[byte][i] = kDoubledE2M1[byte >> (4 * i) & 15];
  }
};
} // namespace

static const PairTable &pairTable() {
  static const PairTable table;
  return table;
}

/// Why a {byte id, thread id} operand is wrong, or empty.
static std::string selectorProblem(uint64_t byte, uint64_t thread,
                                   unsigned count, unsigned maxThread) {
  if (byte % count || byte + count > 4)
    return "byte id " + std::to_string(byte) +
           " does not fit the scale vector size";
  if (thread > maxThread)
    return "thread id " + std::to_string(thread) + " is out of range";
  return "";
}

namespace {
struct Selector {
  unsigned byte, thread;
};
} // namespace

/// nvcc and LLVM put the ids in registers; they are constants all the same.
static Selector readSelector(Warp &warp, const Instr &instr, unsigned operand,
                             unsigned maxThread) {
  const std::vector<Operand> &ids = instr.ops[operand].elems;
  uint64_t byte = warp.uniform(ids[0]), thread = warp.uniform(ids[1]);
  std::string problem = selectorProblem(byte, thread, instr.vec, maxThread);
  if (!problem.empty())
    warp.trap(problem);
  return {unsigned(byte), unsigned(thread)};
}

/// Reads the scales and returns the poison of the lanes that give them.
static uint32_t readScales(Warp &warp, const Instr &instr, Scales &scales) {
  unsigned count = instr.vec;
  auto [byteA, threadA] = readSelector(warp, instr, 5, 1);
  auto [byteB, threadB] = readSelector(warp, instr, 7, 3);
  Lanes s1, s2;
  const Lanes &sfa = warp.read(instr.ops[4], s1);
  const Lanes &sfb = warp.read(instr.ops[6], s2);
  uint32_t usedA = 0, usedB = 0;
  for (unsigned row = 0; row < kM; ++row) {
    unsigned lane = row % 8 * 4 + threadA * 2 + row / 8;
    usedA |= 1u << lane;
    for (unsigned i = 0; i < count; ++i)
      scales.a[row][i] =
          blockScale(instr.type4, uint8_t(sfa[lane] >> (8 * (byteA + i))));
  }
  for (unsigned column = 0; column < kN; ++column) {
    unsigned lane = column * 4 + threadB;
    usedB |= 1u << lane;
    for (unsigned i = 0; i < count; ++i)
      scales.b[column][i] =
          blockScale(instr.type4, uint8_t(sfb[lane] >> (8 * (byteB + i))));
  }
  uint32_t poison = 0;
  if (instr.ops[4].isReg())
    poison |= warp.poison(instr.ops[4].slot) & usedA;
  if (instr.ops[6].isReg())
    poison |= warp.poison(instr.ops[6].slot) & usedB;
  return poison;
}

/// Adds `sums` to C, writes D and settles what is defined.
static void finish(Warp &warp, const Instr &instr, const double (&sums)[kM][kN],
                   uint32_t poison, unsigned k) {
  Accumulation mode = warp.launch.options.accumulation;
  for (unsigned i = 1; i < 4; ++i)
    for (const Operand &elem : instr.ops[i].elems)
      if (elem.isReg())
        poison |= warp.poison(elem.slot);
  for (unsigned i = 0; i < 4; ++i) {
    Lanes scratch, result;
    const Lanes &c = warp.read(instr.ops[3].elems[i], scratch);
    for (unsigned lane = 0; lane < kWarpSize; ++lane)
      result[lane] = resultBits(
          accumulate(mode, sums[lane / 4 + 8 * (i / 2)][lane % 4 * 2 + i % 2],
                     asFloat(c[lane])));
    const Operand &target = instr.ops[0].elems[i];
    warp.write(target) = result;
    if (target.isReg())
      warp.poison(target.slot) = poison ? ~0u : 0;
  }
  ++warp.stats().mmaInstructions;
  warp.stats().mmaMultiplyAdds += uint64_t(kM) * kN * k;
}

//===----------------------------------------------------------------------===//
// kind::mxf4, kind::mxf4nvf4
//===----------------------------------------------------------------------===//

constexpr unsigned kK4 = 64;

/// Spreads one register of every lane: 8 elements of row (or column) g.
static void spread(const Lanes &reg, int16_t (*out)[kK4], unsigned row,
                   unsigned column) {
  const PairTable &table = pairTable();
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    int16_t *to = &out[lane / 4 + row][lane % 4 * 8 + column];
    uint32_t word = uint32_t(reg[lane]);
    for (unsigned byte = 0; byte < 4; ++byte)
      std::memcpy(to + 2 * byte, table.value[word >> (8 * byte) & 0xFF], 4);
  }
}

template <unsigned Blocks>
static void multiply4(const int16_t (&a)[kM][kK4], const int16_t (&b)[kN][kK4],
                      const Scales &scales, double (&sums)[kM][kN]) {
  constexpr unsigned size = kK4 / Blocks;
  for (unsigned m = 0; m < kM; ++m)
    for (unsigned n = 0; n < kN; ++n) {
      double sum = 0;
      for (unsigned block = 0; block < Blocks; ++block) {
        int32_t dot = 0;
        for (unsigned k = 0; k < size; ++k)
          dot += int32_t(a[m][block * size + k]) * b[n][block * size + k];
        sum += dot * (scales.a[m][block] * scales.b[n][block]);
      }
      // Both factors were doubled.
      sums[m][n] = sum * 0.25;
    }
}

static void mmaFP4(Warp &warp, const Instr &instr) {
  int16_t a[kM][kK4], b[kN][kK4];
  Lanes scratch;
  for (unsigned i = 0; i < 4; ++i)
    spread(warp.read(instr.ops[1].elems[i], scratch), a, i % 2 * 8, i / 2 * 32);
  for (unsigned i = 0; i < 2; ++i)
    spread(warp.read(instr.ops[2].elems[i], scratch), b, 0, i * 32);
  Scales scales;
  uint32_t poison = readScales(warp, instr, scales);
  double sums[kM][kN];
  if (instr.vec == 4)
    multiply4<4>(a, b, scales, sums);
  else
    multiply4<2>(a, b, scales, sums);
  finish(warp, instr, sums, poison, kK4);
}

//===----------------------------------------------------------------------===//
// kind::mxf8f6f4
//===----------------------------------------------------------------------===//

constexpr unsigned kK8 = 32;

static void spreadBytes(const Lanes &reg, Type type, double (*out)[kK8],
                        unsigned row, unsigned column) {
  for (unsigned lane = 0; lane < kWarpSize; ++lane)
    for (unsigned i = 0; i < 4; ++i)
      out[lane / 4 + row][lane % 4 * 4 + column + i] =
          mmaElement(type, uint32_t(reg[lane] >> (8 * i)) & 0xFF);
}

static void mmaMX8(Warp &warp, const Instr &instr) {
  double a[kM][kK8], b[kN][kK8];
  Lanes scratch;
  for (unsigned i = 0; i < 4; ++i)
    spreadBytes(warp.read(instr.ops[1].elems[i], scratch), instr.type2, a,
                i % 2 * 8, i / 2 * 16);
  for (unsigned i = 0; i < 2; ++i)
    spreadBytes(warp.read(instr.ops[2].elems[i], scratch), instr.type3, b, 0,
                i * 16);
  Scales scales;
  uint32_t poison = readScales(warp, instr, scales);
  double sums[kM][kN];
  for (unsigned m = 0; m < kM; ++m)
    for (unsigned n = 0; n < kN; ++n) {
      double sum = 0;
      for (unsigned k = 0; k < kK8; ++k)
        sum += a[m][k] * b[n][k];
      sums[m][n] = sum * (scales.a[m][0] * scales.b[n][0]);
    }
  finish(warp, instr, sums, poison, kK8);
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

/// Checks the {byte id, thread id} operand behind a scale.
static void checkSelector(Decoder &d, unsigned operand, unsigned count,
                          unsigned maxThread) {
  if (!d.needVector(operand, 2, 2))
    return;
  const std::vector<Operand> &ids = d.instr.ops[operand].elems;
  if (ids[0].kind != Operand::Kind::Imm || ids[1].kind != Operand::Kind::Imm)
    return;
  std::string problem =
      selectorProblem(ids[0].imm, ids[1].imm, count, maxThread);
  if (!problem.empty())
    d.fail(problem);
}

static bool isMX8(Type type) {
  return type == Type::E4M3 || type == Type::E5M2 || type == Type::E2M3 ||
         type == Type::E3M2 || type == Type::E2M1;
}

void decodeMmaBlockScale(Decoder &d, unsigned k, std::string_view kind) {
  Instr &i = d.instr;
  d.needArchSpecific({120, 121});
  if (!d.take("block_scale"))
    d.fail("needs .block_scale");
  int vec = d.takeOneOf({"scale_vec::1X", "scale_vec::2X", "scale_vec::4X"});
  i.type = d.needType({Type::F32});
  i.type2 = d.takeType();
  i.type3 = d.takeType();
  d.needType({Type::F32});
  i.type4 = d.needType({Type::UE8M0, Type::UE4M3});
  bool isMX = kind == "mxf8f6f4", isMXF4 = kind == "mxf4";
  if (!isMX && !isMXF4 && kind != "mxf4nvf4")
    return d.fail("unknown kind::" + std::string(kind));
  if (vec < 0)
    vec = isMX ? 0 : 1;
  i.vec = uint8_t(1u << vec);
  bool e8m0 = i.type4 == Type::UE8M0;
  bool legal = isMX     ? vec == 0 && e8m0
               : isMXF4 ? vec == 1 && e8m0
                        : (vec == 1 && e8m0) || (vec == 2 && !e8m0);
  if (!legal)
    return d.fail("this scale vector size and scale type do not fit the kind");
  bool elements = isMX ? isMX8(i.type2) && isMX8(i.type3)
                       : i.type2 == Type::E2M1 && i.type3 == Type::E2M1;
  if (!elements || k != (isMX ? kK8 : kK4))
    return d.fail("the element types or the shape do not fit the kind");
  if (!d.needOperands(8) || !d.needVector(0, 4, 4) || !d.needVector(1, 4, 4) ||
      !d.needVector(2, 2, 2) || !d.needVector(3, 4, 4))
    return;
  for (unsigned operand : {4, 6})
    d.unwrap(operand);
  checkSelector(d, 5, i.vec, 1);
  checkSelector(d, 7, i.vec, 3);
  i.ownPoison = true;
  d.setExec(isMX ? mmaMX8 : mmaFP4);
}

} // namespace fp4::ptx

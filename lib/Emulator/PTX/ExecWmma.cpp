//===- ExecWmma.cpp - wmma load, mma and store ----------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, section "Matrix multiply-accumulate operation using wmma
// instructions". The ISA leaves the fragments' layout open; here element i of
// lane l is element l * count + i of the matrix in row-major order. The f16
// fragments of A and B have twice as many registers as elements; the rest is 0.
//
//===----------------------------------------------------------------------===//

#include "FloatFormat.h"
#include "FloatOps.h"
#include "Mma.h"
#include <cstring>

namespace fp4::ptx {

namespace {
enum Part : uint8_t { PartA, PartB, PartC, PartD };
} // namespace

/// m, n, k into extra[0..2].
static bool takeShape(Decoder &d) {
  std::optional<std::string_view> shape = d.takePrefixed("m");
  unsigned m = 0, n = 0, k = 0;
  if (!shape ||
      std::sscanf(std::string(*shape).c_str(), "%un%uk%u", &m, &n, &k) != 3) {
    d.fail("expected a shape such as .m16n16k16");
    return false;
  }
  bool ok = (m == 16 && n == 16 && (k == 16 || k == 8)) ||
            (m == 32 && n == 8 && k == 16) || (m == 8 && n == 32 && k == 16);
  if (!ok)
    d.fail("this shape is not supported");
  d.instr.extra = {m, n, k, 0};
  return ok;
}

static unsigned rowsOf(const Instr &instr, unsigned part) {
  return part == PartB ? instr.extra[2] : instr.extra[0];
}

static unsigned columnsOf(const Instr &instr, unsigned part) {
  return part == PartA ? instr.extra[2] : instr.extra[1];
}

/// Registers of a fragment, as the ISA's tables have them.
static unsigned registersOf(const Instr &instr, unsigned part, Type type) {
  unsigned elements = rowsOf(instr, part) * columnsOf(instr, part) / kWarpSize;
  unsigned regs = std::max(elements * typeBits(type) / 32, 1u);
  bool doubled = type == Type::F16 && (part == PartA || part == PartB);
  // f16 fragments have 8 registers whatever the shape.
  return doubled ? 8 : regs;
}

static uint32_t elementOf(const Lanes *const *regs, unsigned lane, unsigned i,
                          unsigned bits) {
  unsigned perReg = 32 / bits;
  return uint32_t((*regs[i / perReg])[lane] >> (i % perReg * bits)) &
         uint32_t(lowBits(bits));
}

//===----------------------------------------------------------------------===//
// load, store
//===----------------------------------------------------------------------===//

static uint64_t elementAddress(Warp &warp, const Instr &instr,
                               const Operand &base, unsigned row,
                               unsigned column, uint64_t stride) {
  uint64_t index = instr.flag ? column * stride + row : row * stride + column;
  return warp.address(base, 0) + index * typeBytes(instr.type);
}

static uint64_t strideOf(Warp &warp, const Instr &instr, unsigned operand) {
  if (operand < instr.ops.size())
    return warp.uniform(instr.ops[operand]) & 0xFFFFFFFF;
  return instr.flag ? rowsOf(instr, instr.variant)
                    : columnsOf(instr, instr.variant);
}

static void loadFragment(Warp &warp, const Instr &instr) {
  unsigned part = instr.variant, bits = typeBits(instr.type);
  unsigned columns = columnsOf(instr, part);
  unsigned count = rowsOf(instr, part) * columns / kWarpSize;
  unsigned perReg = 32 / bits;
  uint64_t stride = strideOf(warp, instr, 2);
  const std::vector<Operand> &regs = instr.ops[0].elems;
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    std::array<uint32_t, 16> words{};
    bool defined = true;
    for (unsigned i = 0; i < count; ++i) {
      unsigned element = lane * count + i;
      uint64_t address =
          elementAddress(warp, instr, instr.ops[1], element / columns,
                         element % columns, stride);
      Location from = warp.locate(instr.space, address, bits / 8, bits / 8,
                                  lane, Access::Read);
      uint32_t value = 0;
      defined &= warp.load(from, &value, bits / 8);
      words[i / perReg] |= value << (i % perReg * bits);
    }
    for (unsigned r = 0; r < regs.size(); ++r)
      warp.setLane(regs[r], lane, words[r], !defined);
  }
}

static void storeFragment(Warp &warp, const Instr &instr) {
  unsigned bits = typeBits(instr.type), columns = columnsOf(instr, PartD);
  unsigned count = rowsOf(instr, PartD) * columns / kWarpSize;
  uint64_t stride = strideOf(warp, instr, 2);
  Lanes scratch[8];
  const Lanes *regs[8];
  for (unsigned r = 0; r < instr.ops[1].elems.size(); ++r)
    regs[r] = &warp.read(instr.ops[1].elems[r], scratch[r]);
  for (unsigned lane = 0; lane < kWarpSize; ++lane)
    for (unsigned i = 0; i < count; ++i) {
      unsigned element = lane * count + i;
      uint64_t address =
          elementAddress(warp, instr, instr.ops[0], element / columns,
                         element % columns, stride);
      Location to = warp.locate(instr.space, address, bits / 8, bits / 8, lane,
                                Access::Write);
      uint32_t value = elementOf(regs, lane, i, bits);
      warp.store(to, &value, bits / 8);
    }
}

static void takeLayout(Decoder &d) {
  d.take("sync");
  d.take("aligned");
  d.instr.sync = Sync::Warp;
  d.instr.flag = d.needOneOf({"row", "col"}) == 1;
}

void decodeWmmaLoad(Decoder &d) {
  Instr &i = d.instr;
  i.variant = uint8_t(d.needOneOf({"a", "b", "c"}));
  takeLayout(d);
  if (!takeShape(d))
    return;
  i.space = d.takeSpace();
  i.type =
      i.variant == PartC
          ? d.needType({Type::F16, Type::F32, Type::S32})
          : d.needType({Type::F16, Type::BF16, Type::TF32, Type::S8, Type::U8});
  if (i.variant != PartC && (i.type == Type::TF32) != (i.extra[2] == 8))
    d.fail("the shape and the type do not fit together");
  unsigned regs = registersOf(i, i.variant, i.type);
  i.ownPoison = true;
  if (d.needOperands(2, 3) && d.needVector(0, regs, regs) && d.needAddress(1))
    d.setExec(loadFragment);
}

void decodeWmmaStore(Decoder &d) {
  Instr &i = d.instr;
  if (!d.take("d"))
    d.fail("expected .d");
  i.variant = PartD;
  takeLayout(d);
  if (!takeShape(d))
    return;
  i.space = d.takeSpace();
  i.type = d.needType({Type::F16, Type::F32, Type::S32});
  unsigned regs = registersOf(i, PartD, i.type);
  d.setResults(0);
  d.setStores();
  if (d.needOperands(2, 3) && d.needAddress(0) && d.needVector(1, regs, regs))
    d.setExec(storeFragment);
}

//===----------------------------------------------------------------------===//
// mma
//===----------------------------------------------------------------------===//

/// Gathers a matrix of raw elements, row-major.
static std::vector<uint32_t> gather(Warp &warp, const Operand &op,
                                    unsigned elements, unsigned bits) {
  Lanes scratch[8];
  const Lanes *regs[8];
  for (unsigned r = 0; r < op.elems.size(); ++r)
    regs[r] = &warp.read(op.elems[r], scratch[r]);
  std::vector<uint32_t> matrix(elements);
  unsigned count = elements / kWarpSize;
  for (unsigned e = 0; e < elements; ++e)
    matrix[e] = elementOf(regs, e / count, e % count, bits);
  return matrix;
}

static uint32_t dotElement(Warp &warp, const Instr &instr, const uint32_t *a,
                           const uint32_t *b, uint32_t c) {
  unsigned n = instr.extra[1], k = instr.extra[2];
  if (instr.type == Type::S32) {
    int64_t sum = int32_t(c);
    for (unsigned kk = 0; kk < k; ++kk) {
      bool isS = isSigned(instr.type2);
      sum += (isS ? int64_t(int8_t(a[kk])) : int64_t(a[kk])) *
             (isS ? int64_t(int8_t(b[kk * n])) : int64_t(b[kk * n]));
    }
    if (instr.sat)
      sum = std::min<int64_t>(std::max<int64_t>(sum, INT32_MIN), INT32_MAX);
    return uint32_t(sum);
  }
  double x[16], y[16];
  for (unsigned kk = 0; kk < k; ++kk) {
    x[kk] = mmaElement(instr.type2, a[kk]);
    y[kk] = mmaElement(instr.type2, b[kk * n]);
  }
  DotProduct dot{warp.launch.options.accumulation, instr.type2, instr.type2,
                 instr.type};
  return uint32_t(dot.element(x, y, k, floatValue(instr.type4, c)));
}

/// A and B arrive in the row-major order of the fragments whatever their layout
/// in memory was, so .row and .col do not matter here.
static void multiplyFragments(Warp &warp, const Instr &instr) {
  auto [m, n, k, unused] = instr.extra;
  unsigned bits = typeBits(instr.type2);
  std::vector<uint32_t> a = gather(warp, instr.ops[1], m * k, bits);
  std::vector<uint32_t> b = gather(warp, instr.ops[2], k * n, bits);
  std::vector<uint32_t> c =
      gather(warp, instr.ops[3], m * n, typeBits(instr.type4));
  unsigned count = m * n / kWarpSize, width = typeBits(instr.type);
  unsigned perReg = 32 / width;
  const std::vector<Operand> &results = instr.ops[0].elems;
  for (const Operand &reg : results)
    warp.write(reg).value.fill(0);
  for (unsigned e = 0; e < m * n; ++e) {
    uint64_t value = dotElement(warp, instr, &a[e / n * k], &b[e % n], c[e]);
    unsigned i = e % count;
    warp.write(results[i / perReg])[e / count] |= value << (i % perReg * width);
  }
  ++warp.stats().mmaInstructions;
  warp.stats().mmaMultiplyAdds += uint64_t(m) * n * k;
}

void decodeWmmaMma(Decoder &d) {
  Instr &i = d.instr;
  takeLayout(d);
  d.needOneOf({"row", "col"});
  if (!takeShape(d))
    return;
  i.sat = d.take("satfinite");
  i.type = d.takeType();
  i.type2 = d.takeType();
  // f16 leaves out the types of A and B: .dtype.ctype.
  if (d.has("f16") || d.has("f32") || d.has("s32") || d.has("bf16") ||
      d.has("tf32") || d.has("s8") || d.has("u8")) {
    i.type3 = d.takeType();
    i.type4 = d.takeType();
  } else {
    i.type4 = i.type2;
    i.type2 = i.type3 = Type::F16;
  }
  if (i.type2 != i.type3)
    d.fail("A and B must have one type");
  unsigned aRegs = registersOf(i, PartA, i.type2);
  unsigned bRegs = registersOf(i, PartB, i.type2);
  unsigned cRegs = registersOf(i, PartC, i.type4);
  unsigned dRegs = registersOf(i, PartD, i.type);
  if (d.needOperands(4) && d.needVector(0, dRegs, dRegs) &&
      d.needVector(1, aRegs, aRegs) && d.needVector(2, bRegs, bRegs) &&
      d.needVector(3, cRegs, cRegs))
    d.setExec(multiplyFragments);
}

} // namespace fp4::ptx

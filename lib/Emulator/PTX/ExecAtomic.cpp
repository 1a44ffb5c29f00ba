//===- ExecAtomic.cpp - atom and red --------------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, sections "atom" and "red". Lanes act in order of their number;
// host threads are kept apart by compare-and-swap on the word itself.
//
//===----------------------------------------------------------------------===//

#include "AtomicOps.h"
#include "Exec.h"
#include "FloatFormat.h"
#include "FloatOps.h"
#include "HappensBefore.h"
#include <cmath>
#include <cstring>
#include <mutex>

namespace fp4::ptx {

static uint64_t integerOp(AtomicOp op, Type type, uint64_t old, uint64_t b) {
  unsigned bits = typeBits(type);
  auto less = [&](uint64_t x, uint64_t y) {
    return isSigned(type) ? signExtend(x, bits) < signExtend(y, bits) : x < y;
  };
  switch (op) {
  case AtomicOp::Add:
    return old + b;
  case AtomicOp::And:
    return old & b;
  case AtomicOp::Or:
    return old | b;
  case AtomicOp::Xor:
    return old ^ b;
  case AtomicOp::Exch:
    return b;
  case AtomicOp::Inc:
    return old >= b ? 0 : old + 1;
  case AtomicOp::Dec:
    return old == 0 || old > b ? b : old - 1;
  case AtomicOp::Min:
    return less(b, old) ? b : old;
  case AtomicOp::Max:
    return less(old, b) ? b : old;
  case AtomicOp::Cas:
    break;
  }
  return old;
}

uint64_t applyAtomic(AtomicOp op, Type type, uint64_t old, uint64_t operand,
                     bool isGlobal) {
  Type scalar = scalarType(type);
  unsigned width = typeBits(scalar);
  uint64_t result = 0;
  for (unsigned part = 0; part < packedCount(type); ++part) {
    uint64_t x = old >> (part * width) & lowBits(width);
    uint64_t y = operand >> (part * width) & lowBits(width);
    uint64_t value;
    if (!isFloat(scalar) || op == AtomicOp::Exch)
      value = integerOp(op, scalar, x, y);
    else if (op == AtomicOp::Add && scalar == Type::F64 && isGlobal &&
             (std::isnan(asDouble(x)) || std::isnan(asDouble(y))))
      // The memory's own adder hands a NaN on as it is.
      value = std::isnan(asDouble(y)) ? y : x;
    else if (op == AtomicOp::Add && scalar == Type::F64)
      value = floatAdd(scalar, y, x, {});
    else if (op == AtomicOp::Add)
      value = floatAdd(
          scalar, x, y,
          {Rounding::RN, isGlobal && scalar == Type::F32, false, false});
    else
      value =
          floatMinMax(scalar, x, y, op == AtomicOp::Max, false, false, false);
    result |= (value & lowBits(width)) << (part * width);
  }
  return result;
}

template <typename T>
static uint64_t updateWord(uint8_t *where, AtomicOp op, Type type,
                           uint64_t operand, uint64_t compare, bool isGlobal) {
  T *word = reinterpret_cast<T *>(where);
  T old = __atomic_load_n(word, __ATOMIC_SEQ_CST);
  for (;;) {
    T next = op == AtomicOp::Cas
                 ? (old == T(compare) ? T(operand) : old)
                 : T(applyAtomic(op, type, old, operand, isGlobal));
    if (__atomic_compare_exchange_n(word, &old, next, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST))
      return old;
  }
}

uint64_t atomicUpdate(uint8_t *where, AtomicOp op, Type type, uint64_t operand,
                      uint64_t compare, bool isGlobal) {
  switch (typeBytes(type)) {
  case 2:
    return updateWord<uint16_t>(where, op, type, operand, compare, isGlobal);
  case 4:
    return updateWord<uint32_t>(where, op, type, operand, compare, isGlobal);
  default:
    return updateWord<uint64_t>(where, op, type, operand, compare, isGlobal);
  }
}

static Location locateAtomic(Warp &warp, const Instr &instr, unsigned lane,
                             unsigned bytes, const Operand &address) {
  Location location = warp.locate(instr.space, warp.address(address, lane),
                                  bytes, bytes, lane, Access::Atomic);
  if (location.valid && warp.launch.options.trapUninitialized &&
      std::memchr(location.valid, 0, bytes))
    warp.trap("atomic operation on shared memory at " + hex(location.offset) +
                  " that was never written",
              int(lane));
  if (location.cta && warp.cta.cluster.order)
    warp.cta.cluster.order->atomic(warp, location);
  warp.cta.cluster.bytesRead[unsigned(location.space)] += bytes;
  warp.cta.cluster.bytesWritten[unsigned(location.space)] += bytes;
  return location;
}

/// Operands: {result,} address, operand {, second}; vectors element by element.
static void atomic(Warp &warp, const Instr &instr) {
  unsigned first = instr.numResults;
  AtomicOp op = AtomicOp(instr.variant);
  const Operand &address = instr.ops[first];
  const std::vector<Operand> &operands = instr.ops[first + 1].elems;
  unsigned size = typeBytes(instr.type);
  Lanes scratch[8], scratch2;
  const Lanes *values[8];
  for (unsigned i = 0; i < instr.vec; ++i)
    values[i] = &warp.read(operands[i], scratch[i]);
  const Lanes *second = op == AtomicOp::Cas
                            ? &warp.read(instr.ops[first + 2], scratch2)
                            : nullptr;
  forEachLane(warp.active, [&](unsigned lane) {
    Location location =
        locateAtomic(warp, instr, lane, size * instr.vec, address);
    for (unsigned i = 0; i < instr.vec; ++i) {
      uint64_t value = (*values[i])[lane];
      uint64_t old =
          second ? atomicUpdate(location.bytes + i * size, op, instr.type,
                                (*second)[lane], value, false)
                 : atomicUpdate(location.bytes + i * size, op, instr.type,
                                value, 0, location.space == Space::Global);
      if (first)
        warp.setLane(instr.ops[0].elems[i], lane, old);
    }
  });
}

/// atom.{cas,exch}.b128: no host word is that wide, so one lock serves all.
static void atomic128(Warp &warp, const Instr &instr) {
  static std::mutex lock;
  const Operand &result = instr.ops[0].elems[0];
  const Operand &b = instr.ops[2].elems[0];
  bool isCas = AtomicOp(instr.variant) == AtomicOp::Cas;
  forEachLane(warp.active, [&](unsigned lane) {
    Location location = locateAtomic(warp, instr, lane, 16, instr.ops[1]);
    std::lock_guard<std::mutex> guard(lock);
    uint64_t old[2],
        operand[2] = {warp.reg(b.slot)[lane], warp.reg(b.slot + 1)[lane]};
    std::memcpy(old, location.bytes, 16);
    if (!isCas) {
      std::memcpy(location.bytes, operand, 16);
    } else if (old[0] == operand[0] && old[1] == operand[1]) {
      const Operand &c = instr.ops[3];
      uint64_t next[2] = {warp.reg(c.slot)[lane], warp.reg(c.slot + 1)[lane]};
      std::memcpy(location.bytes, next, 16);
    }
    if (!result.isReg())
      return;
    warp.reg(result.slot)[lane] = old[0];
    warp.reg(result.slot + 1)[lane] = old[1];
  });
}

static void checkAtomicType(Decoder &d) {
  const Instr &i = d.instr;
  AtomicOp op = AtomicOp(i.variant);
  TypeKind kind = typeKind(i.type);
  bool isBits = kind == TypeKind::Bits;
  bool ok = true;
  switch (op) {
  case AtomicOp::And:
  case AtomicOp::Or:
  case AtomicOp::Xor:
  case AtomicOp::Exch:
  case AtomicOp::Cas:
    ok = isBits || kind == TypeKind::Unsigned;
    break;
  case AtomicOp::Inc:
  case AtomicOp::Dec:
    ok = i.type == Type::U32;
    break;
  default:
    ok = !isBits && typeBits(i.type) >= 16;
  }
  if (!ok)
    d.fail("type ." + std::string(typeName(i.type)) +
           " does not fit the operation");
}

static void decodeAtomic(Decoder &d, unsigned results) {
  Instr &i = d.instr;
  i.space = d.takeSpace();
  d.ignoreHints();
  i.variant = uint8_t(d.needOneOf(
      {"add", "and", "or", "xor", "exch", "inc", "dec", "min", "max", "cas"}));
  d.take("noftz");
  bool hasPolicy = d.take("L2::cache_hint");
  unsigned vec = d.takeVector();
  i.type = d.takeType();
  checkAtomicType(d);
  bool isCas = AtomicOp(i.variant) == AtomicOp::Cas;
  size_t count = results + (isCas ? 3u : 2u);
  if (hasPolicy && i.ops.size() == count + 1)
    i.ops.pop_back();
  if (!d.needOperands(count) || !d.needAddress(results) ||
      !d.needVector(results + 1, vec, vec) ||
      (results && !d.needVector(0, vec, vec)))
    return;
  i.vec = uint8_t(vec);
  d.setResults(results);
  d.setStores();
  if (i.type != Type::B128)
    return d.setExec(atomic);
  if (!results || !i.ops[2].elems[0].isReg() || (isCas && !i.ops[3].isReg()))
    return d.fail("needs registers");
  d.setExec(atomic128);
}

void decodeAtom(Decoder &d) { decodeAtomic(d, 1); }

void decodeRed(Decoder &d) {
  if (d.take("async"))
    return decodeRedAsync(d);
  decodeAtomic(d, 0);
}

} // namespace fp4::ptx

//===- ExecTcgen05Mma.cpp - tcgen05.mma and tcgen05.mma.ws ----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, sections "tcgen05.mma" and "tcgen05.mma.ws": modifiers, operands
// and issue. Collector buffers are a matter of speed: B and A are read from
// memory each time, which the ISA allows.
//
//===----------------------------------------------------------------------===//

#include "Exec.h"
#include "Tcgen05Mma.h"
#include "TensorMemory.h"

namespace fp4::ptx {

using namespace tcgen05;

namespace {
/// Which operands an instruction has, in `extra[0]`.
enum Has : uint32_t {
  HasDisabled = 1,
  HasScaleInput = 2,
  HasColumnMask = 4,
  IsWeightStationary = 8
};
} // namespace

/// Operands: [d], a or [a], b, idesc, {[sfa], [sfb],} {disabled lanes,}
/// enable {, scale of the input, or zero-column mask}.
static void issueMma(Warp &warp, const Instr &instr) {
  forEachLane(warp.active, [&](unsigned lane) {
    Lanes scratch;
    auto value = [&](const Operand &op) {
      return warp.read(op, scratch)[lane];
    };
    Mma mma;
    mma.kind = Kind(instr.variant);
    mma.ctaGroup = instr.vec;
    mma.group = tensorGroup(warp, instr.vec);
    mma.isWeightStationary = instr.extra[0] & IsWeightStationary;
    mma.dAddress = uint32_t(warp.address(instr.ops[0], lane));
    mma.aInTensorMemory = instr.ops[1].kind == Operand::Kind::Address;
    if (mma.aInTensorMemory)
      mma.aAddress = uint32_t(warp.address(instr.ops[1], lane));
    else
      mma.aDescriptor = MatrixDescriptor::ofTcgen05(warp, value(instr.ops[1]));
    mma.bDescriptor = MatrixDescriptor::ofTcgen05(warp, value(instr.ops[2]));
    size_t next = 4;
    if (mma.isBlockScaled()) {
      mma.sfaAddress = uint32_t(warp.address(instr.ops[next++], lane));
      mma.sfbAddress = uint32_t(warp.address(instr.ops[next++], lane));
    }
    if (instr.extra[0] & HasDisabled) {
      const std::vector<Operand> &masks = instr.ops[next++].elems;
      for (size_t i = 0; i < masks.size(); ++i)
        mma.disabledLanes[i] = uint32_t(value(masks[i]));
    }
    mma.enableInput = value(instr.ops[next++]) & 1;
    if (instr.extra[0] & HasScaleInput)
      mma.scaleInput = unsigned(value(instr.ops[next]));
    if (instr.extra[0] & HasColumnMask)
      mma.columnMask = value(instr.ops[next]);
    decodeDescriptor(warp, uint32_t(value(instr.ops[3])), instr.variant2, mma);
    AsyncOp op;
    op.reads = checkOperands(warp, mma);
    op.kind = AsyncOp::Kind::Tensor;
    op.warp = &warp;
    op.lanes = 1u << lane;
    op.finish = [mma, issuer = &warp](uint32_t) { perform(*issuer, mma); };
    warp.cta.cluster.async.issue(std::move(op));
  });
}

/// The targets of a kind.
static void needKind(Decoder &d, Kind kind) {
  if (kind == I8Kind)
    d.needArchSpecific({100, 101, 110});
  else
    d.needArchSpecific({100, 101, 103, 110});
}

/// `.block_scale` and its vector size, into `variant2`.
static void takeScaling(Decoder &d) {
  Instr &i = d.instr;
  bool scaled = i.variant >= MXF8F6F4Kind;
  if (d.take("block_scale") != scaled)
    d.fail(scaled ? "needs .block_scale" : ".block_scale does not fit");
  static constexpr uint8_t sizes[] = {1, 2, 4, 2, 4};
  int size = scaled ? d.takeOneOf({"scale_vec::1X", "scale_vec::2X",
                                   "scale_vec::4X", "block32", "block16"})
                    : -1;
  i.variant2 = size < 0 ? 0 : sizes[size];
  if (i.variant == MXF8F6F4Kind && size == 3)
    i.variant2 = 1;
}

/// Operands behind the descriptor of the kinds without scales.
static void takeTail(Decoder &d) {
  Instr &i = d.instr;
  size_t next = 4;
  bool isWeightStationary = i.extra[0] & IsWeightStationary;
  if (!isWeightStationary && i.ops[next].kind == Operand::Kind::Vector) {
    i.extra[0] |= HasDisabled;
    d.needVector(next++, i.vec * 4u, i.vec * 4u);
  }
  if (i.ops.size() > next + 1)
    i.extra[0] |= isWeightStationary ? HasColumnMask : HasScaleInput;
  if (i.ops.size() <= next || i.ops.size() > next + 2)
    d.fail("wrong number of operands");
}

void decodeTcgen05Mma(Decoder &d) {
  Instr &i = d.instr;
  if (d.take("sp"))
    return d.fail("sparse operands are not supported");
  i.extra[0] = d.take("ws") ? IsWeightStationary : 0;
  if (d.take("sp"))
    return d.fail("sparse operands are not supported");
  i.vec = uint8_t(d.needOneOf({"cta_group::1", "cta_group::2"}) + 1);
  i.variant = uint8_t(
      d.needOneOf({"kind::f16", "kind::tf32", "kind::f8f6f4", "kind::i8",
                   "kind::mxf8f6f4", "kind::mxf4", "kind::mxf4nvf4"}));
  needKind(d, Kind(i.variant));
  bool scaled = i.variant >= MXF8F6F4Kind;
  if (i.extra[0] && (scaled || i.vec == 2))
    return d.fail(".ws needs cta_group::1 and a kind without scales");
  takeScaling(d);
  d.ignorePrefix("collector::");
  d.setResults(0);
  d.setStores();
  if (!d.needOperands(scaled ? 7 : 5, 7) || !d.needAddress(0))
    return;
  if (!scaled)
    takeTail(d);
  else if (!d.needAddress(4) || !d.needAddress(5))
    return;
  d.setExec(issueMma);
}

} // namespace fp4::ptx

//===- ExecClusterLaunch.cpp - clusterlaunchcontrol.* ---------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, sections "clusterlaunchcontrol.try_cancel" and "query_cancel": a
// running cluster takes over one that has not started. The 16-byte response is
// opaque; ours is {canceled, x, y, z} of the first CTA.
//
//===----------------------------------------------------------------------===//

#include "AsyncProxy.h"
#include "Exec.h"
#include "Mbarrier.h"

namespace fp4::ptx {

/// Operands: response, mbarrier.
static void tryCancel(Warp &warp, const Instr &instr) {
  forEachLane(warp.active, [&](unsigned lane) {
    auto &ctas = warp.cta.cluster.ctas;
    uint32_t mask = instr.flag ? uint32_t(lowBits(unsigned(ctas.size()))) : 0;
    std::vector<CopyTarget> targets =
        copyTargets(warp, Space::SharedCTA, warp.address(instr.ops[0], lane),
                    warp.address(instr.ops[1], lane), mask, false, 16, lane);
    LaunchState &launch = warp.launch;
    std::array<uint32_t, 4> response{};
    if (std::optional<uint64_t> index = launch.takeCluster()) {
      const Dim3 &grid = launch.clusters, &shape = launch.config.cluster;
      response = {1, uint32_t(*index % grid.x) * shape.x,
                  uint32_t(*index / grid.x % grid.y) * shape.y,
                  uint32_t(*index / grid.x / grid.y) * shape.z};
    }
    for (const CopyTarget &target : targets) {
      AsyncOp op;
      op.kind = AsyncOp::Kind::Bulk;
      op.warp = &warp;
      op.lanes = 1u << lane;
      op.barrier = target.barrier;
      op.finish = [=, issuer = &warp](uint32_t) {
        asyncWrite(*issuer, *target.cta, target.offset, response.data(), 16);
        mbarrierTx(*issuer, target.barrier, -16);
      };
      warp.cta.cluster.async.issue(std::move(op));
    }
  });
}

void decodeTryCancel(Decoder &d) {
  d.take("async");
  d.takeSpace();
  if (!d.take("mbarrier::complete_tx::bytes"))
    d.fail("needs .mbarrier::complete_tx::bytes");
  d.instr.flag = d.take("multicast::cluster::all");
  d.needType({Type::B128});
  d.setResults(0);
  d.setStores();
  if (d.needOperands(2) && d.needAddress(0) && d.needAddress(1))
    d.setExec(tryCancel);
}

/// Word `word` of the response in a b128 register.
static uint64_t responseWord(Warp &warp, const Operand &op, unsigned word,
                             unsigned lane) {
  return uint32_t(warp.reg(op.slot + int(word / 2))[lane] >> (32 * (word % 2)));
}

static void isCanceled(Warp &warp, const Instr &instr) {
  uint32_t result = 0;
  forEachLane(warp.active, [&](unsigned lane) {
    result |= uint32_t(responseWord(warp, instr.ops[1], 0, lane) & 1) << lane;
  });
  warp.setPredicate(instr.ops[0], result);
}

static void firstCta(Warp &warp, const Instr &instr) {
  const std::vector<Operand> &results = instr.ops[0].elems;
  forEachLane(warp.active, [&](unsigned lane) {
    if (!(responseWord(warp, instr.ops[1], 0, lane) & 1))
      warp.trap("get_first_ctaid of a request that was not canceled",
                int(lane));
    for (unsigned i = 0; i < results.size(); ++i) {
      unsigned word = results.size() == 1 ? instr.variant : i + 1;
      uint64_t value =
          word > 3 ? 0 : responseWord(warp, instr.ops[1], word, lane);
      warp.setLane(results[i], lane, value);
    }
  });
}

void decodeQueryCancel(Decoder &d) {
  Instr &i = d.instr;
  if (!d.needOperands(2) || !i.ops[1].isReg() || i.ops[1].type != Type::B128)
    return d.fail("needs a .b128 register");
  if (d.take("is_canceled")) {
    d.needType({Type::Pred});
    d.needType({Type::B128});
    return d.setExec(isCanceled);
  }
  int part = d.needOneOf({"get_first_ctaid::x", "get_first_ctaid::y",
                          "get_first_ctaid::z", "get_first_ctaid"});
  unsigned count = d.takeVector();
  d.needType({Type::B32});
  d.needType({Type::B128});
  i.variant = uint8_t(part + 1);
  if (d.needVector(0, count, count))
    d.setExec(firstCta);
}

} // namespace fp4::ptx

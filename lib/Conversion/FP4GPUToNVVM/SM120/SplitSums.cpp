//===- SplitSums.cpp - Sums of blocks that share a tile -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See the header. One lane counts for its warp: the barriers of the warp order
// what the other lanes wrote before, and read after, the atomic operation (PTX
// ISA, "Memory Consistency Model": causality order).
//
//===----------------------------------------------------------------------===//

#include "SplitSums.h"
#include "../InlinePTX.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

int64_t SplitSums::getWorkspaceBytes() const {
  int64_t columns = plan.forTiles.getStaticSizes()[1];
  return getTileBytes() * llvm::divideCeil(columns, plan.schedule.getTileN());
}

void SplitSums::finish(Value warp, Value lane, ValueRange sums,
                       function_ref<void(ValueRange)> body) {
  int64_t split = plan.schedule.getSplit();
  Type quad = VectorType::get(4, b.getF32Type());
  Value base = b.at(skeleton.getWorkspace(),
                    b.createOrFold<arith::MulIOp>(b.extend(skeleton.getTile()),
                                                  b.i64(getTileBytes())));
  Value counter = b.at(base, b.mul(warp, 4));
  Value slots = b.at(b.at(base, getCounterBytes()),
                     b.add(b.mul(warp, getWarpBytes()), b.mul(lane, 16)));
  Value own = b.at(slots, b.mul(skeleton.getPart(), getPartBytes()));
  for (int64_t i = 0; i < registers; i += 4)
    b.store(b.pack(sums.slice(i, 4)), b.at(own, i * 128), 16);
  b.syncWarp();
  Value isFirstLane = b.equal(lane, 0);
  Values arrivals = b.choose(
      isFirstLane, [&]() -> Values { return {countArrival(b, counter)}; },
      [&]() -> Values { return {b.i32(0)}; });
  Value isLast = b.equal(b.broadcast(arrivals[0]), split - 1);
  b.syncWarp();
  b.ifThen(isLast, [&] {
    b.ifThen(isFirstLane, [&] { b.store(b.i32(0), counter, 4); });
    Values zeros(registers, b.f32(0.0f));
    Values total = b.forLoop(
        b.i32(0), b.i32(split), b.i32(1), zeros,
        [&](Value part, ValueRange carried) {
          Value source = b.at(slots, b.mul(part, getPartBytes()));
          Values next;
          for (int64_t i = 0; i < registers; i += 4) {
            Values four = b.unpack(b.load(quad, b.at(source, i * 128), 16));
            for (auto [sum, value] : llvm::zip_equal(carried.slice(i, 4), four))
              next.push_back(arith::AddFOp::create(b, sum, value));
          }
          return next;
        });
    body(total);
  });
}

} // namespace fp4::gpu

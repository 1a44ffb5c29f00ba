//===- BalancedShares.cpp - Work divided evenly among blocks --------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See the header.
//
//===----------------------------------------------------------------------===//

#include "BalancedShares.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace fp4::gpu {

BalancedShares::BalancedShares(KernelBuilder &builder, Value total,
                               int64_t mostBlocks)
    : b(builder), total(total) {
  Value blocks = b.atMost(b.gridSize(), b.i32(mostBlocks));
  share = b.div(total, blocks);
  longer = b.rem(total, blocks);
}

Value BalancedShares::begin(Value block) {
  Value before = b.atMost(block, longer);
  return b.atMost(b.add(b.createOrFold<arith::MulIOp>(block, share), before),
                  total);
}

Value BalancedShares::blockOf(Value unit) {
  Value longShare = b.add(share, 1);
  Value end = b.createOrFold<arith::MulIOp>(longer, longShare);
  // All shares are longer ones where there are fewer units than blocks.
  Value atLeast = b.select(b.less(b.i32(0), share), share, b.i32(1));
  Value behind = b.div(b.createOrFold<arith::SubIOp>(unit, end), atLeast);
  return b.select(b.less(unit, end), b.div(unit, longShare),
                  b.add(longer, behind));
}

} // namespace fp4::gpu

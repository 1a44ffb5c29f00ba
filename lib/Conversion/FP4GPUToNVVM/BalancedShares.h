//===- BalancedShares.h - Work divided evenly among blocks ------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The arithmetic of stream-K (Osama et al., PPoPP 2023): `total` units of work,
// in a row, are divided among blocks so that each has the same number of
// neighbours, the first ones one more.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4GPUTONVVM_BALANCEDSHARES_H
#define FP4_LIB_CONVERSION_FP4GPUTONVVM_BALANCEDSHARES_H

#include "KernelBuilder.h"

namespace fp4::gpu {

class BalancedShares {
public:
  using Value = mlir::Value;

  /// For the blocks of the grid, of which at most `mostBlocks` work.
  BalancedShares(KernelBuilder &builder, Value total, int64_t mostBlocks);

  /// Units before those of block `block`; `total` for blocks that are too many.
  Value begin(Value block);
  /// The block that has `unit`.
  Value blockOf(Value unit);

private:
  KernelBuilder &b;
  /// Units that each block has, and the number of blocks that have one more.
  Value total, share, longer;
};

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4GPUTONVVM_BALANCEDSHARES_H

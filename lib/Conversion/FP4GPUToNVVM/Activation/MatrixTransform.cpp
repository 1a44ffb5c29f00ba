//===- MatrixTransform.cpp - Blocks times given matrices ------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each block of B values, x, becomes T x: fused multiply-adds in float32 from
// zero, in the order of the columns. The lanes of a warp read few different
// rows of T at a time, from L1. Where a block is longer than the 32 values of a
// thread, the lanes that share it hand theirs round one after another.
//
//===----------------------------------------------------------------------===//

#include "ActivationKernel.h"

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

/// The matrix of the block `offset` behind this thread's first one. Blocks that
/// do not exist take the last one's.
Value ActivationKernel::findMatrix(const Place &place, int64_t offset) {
  Value matrix = mapping.lookup(plan.getMatrix());
  if (plan.getMatrixType().getRank() == 2)
    return matrix;
  int64_t block = plan.getMatrixBlock();
  Value index = b.add(b.div(place.column, b.i32(block)), offset);
  index = b.minInt(index, b.i32(plan.getColumns() / block - 1));
  return b.at(matrix, b.mul(index, block * block), b.getF32Type());
}

/// Adds to `sums` the products of as many rows, which begin at `rows`, with
/// `values`.
void ActivationKernel::multiply(Value rows, ArrayRef<Value> values,
                                MutableArrayRef<Value> sums) {
  constexpr int64_t perVector = 4, floatBytes = 4;
  auto type = VectorType::get(perVector, b.getF32Type());
  for (auto [i, sum] : llvm::enumerate(sums)) {
    Value row = b.at(rows, static_cast<int64_t>(i) * plan.getMatrixBlock() *
                               floatBytes);
    for (size_t j = 0; j < values.size(); j += perVector) {
      Value vector =
          b.load(type, b.at(row, static_cast<int64_t>(j) * floatBytes), 16);
      for (auto [k, entry] : llvm::enumerate(b.unpack(vector)))
        sum = b.fma(entry, values[j + k], sum);
    }
  }
}

Values ActivationKernel::transformAcrossLanes(const Place &place,
                                              ArrayRef<Value> values) {
  constexpr int64_t own = ActivationPlan::kElementsPerThread;
  int64_t block = plan.getMatrixBlock(), lanes = block / own;
  Value lane = b.bitAnd(b.threadId(), 31);
  Value inBlock = b.bitAnd(lane, lanes - 1);
  Value first = b.sub(lane, inBlock);
  Value rows =
      b.at(findMatrix(place, 0), b.mul(inBlock, own * block), b.getF32Type());
  Values zeros(own, b.f32(0.0f));
  return b.forLoop(b.i32(0), b.i32(lanes), b.i32(1), zeros,
                   [&](Value other, ValueRange carried) -> Values {
                     Values sums(carried), theirs;
                     Value source = b.add(first, other);
                     for (Value value : values)
                       theirs.push_back(b.shuffleFrom(value, source));
                     multiply(b.at(rows, b.mul(other, own), b.getF32Type()),
                              theirs, sums);
                     return sums;
                   });
}

void ActivationKernel::transform(const Place &place, Values &values) {
  int64_t block = plan.getMatrixBlock();
  if (block > ActivationPlan::kElementsPerThread) {
    values = transformAcrossLanes(place, values);
    return;
  }
  Values results(values.size(), b.f32(0.0f));
  for (size_t i = 0; i < values.size(); i += block)
    multiply(findMatrix(place, static_cast<int64_t>(i) / block),
             ArrayRef(values).slice(i, block),
             MutableArrayRef(results).slice(i, block));
  values = results;
}

} // namespace fp4::gpu

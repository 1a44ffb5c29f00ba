//===- ScaleSearch.cpp - The scale with the least error -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rule `search` tries every code near that of absmax or floor: three with
// power-of-two scales, nine with e4m3 ones. All errors are the float64 sums of
// the definition, in a loop that is not unrolled.
//
//===----------------------------------------------------------------------===//

#include "BlockQuantizer.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <limits>

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

/// The first code in first .. last with the least error.
Value BlockQuantizer::searchCode(ArrayRef<Value> values, Value first,
                                 Value last) {
  Values scaled = normalized(values);
  // No error is infinite: squares of floats stay far below 2^1024. Those that
  // are NaN belong to scales that overflow, and so do all that follow.
  Value infinity = arith::ConstantOp::create(
      b, b.getF64FloatAttr(std::numeric_limits<double>::infinity()));
  Values init = {first, infinity};
  return b.forLoop(first, b.add(last, 1), b.i32(1), init,
                   [&](Value code, ValueRange best) -> Values {
                     Value error = exactErrorOf(scaled, divisorOf(code));
                     Value isBetter = arith::CmpFOp::create(
                         b, arith::CmpFPredicate::OLT, error, best[1]);
                     return {b.select(isBetter, code, best[0]),
                             b.select(isBetter, error, best[1])};
                   })[0];
}

/// One code to either side of floor's.
Value BlockQuantizer::searchPowerCode(ArrayRef<Value> values, Value amaxBits) {
  Value floor = exponentCode(amaxBits);
  Value code = searchCode(values, b.maxInt(b.add(floor, -1), b.i32(0)),
                          b.minInt(b.add(floor, 1), b.i32(254)));
  return b.select(b.equal(amaxBits, 0), b.i32(0), code);
}

/// Two codes below that of absmax and six above.
Value BlockQuantizer::searchMantissaCode(ArrayRef<Value> values,
                                         Value amaxBits) {
  constexpr int64_t largestCode = 0x7E;
  Value absMax = mantissaCode(amaxBits, 6.0f);
  return searchCode(values, b.maxInt(b.add(absMax, -2), b.i32(1)),
                    b.minInt(b.add(absMax, 6), b.i32(largestCode)));
}

} // namespace fp4::gpu

//===- WarpgroupSum.cpp - Sums of 8-bit products by wgmma -----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What an H200 does (docs/PTXEmulator.md, "Accumulation", fitted to
// recordings): the 32 products of an instruction and the addend are cut to 13
// bits behind the point of the largest of them, where subnormal factors count
// as of the smallest exponent, and the sum is cut to 13 bits again.
//
// So with u the last bit that is kept, each term loses less than u, and nothing
// if it is a multiple of u; and sums of multiples of u that stay below 2^14 u
// are exact.
//
//===----------------------------------------------------------------------===//

#include "WarpgroupSum.h"
#include <algorithm>
#include <cmath>

namespace fp4::runtime {

static constexpr int64_t kInstructionDepth = 32;
static constexpr int kKeptBits = 13, kLeastExponent = -6;

static int exponentOf(double value) {
  return value == 0 ? kLeastExponent
                    : std::max(std::ilogb(value), kLeastExponent);
}

namespace {
/// What is known of a whole row of products.
struct Extent {
  double sum = 0;
  /// Of sums from any multiple of 32 to any other.
  double largestSum = 0;
  /// The largest sum of two exponents; below all for products of zeros.
  int exponent = 4 * kLeastExponent;
};
} // namespace

static Extent measure(const double *x, const double *w, int64_t depth) {
  Extent extent;
  double low = 0, high = 0;
  for (int64_t k = 0; k < depth; ++k) {
    extent.sum += x[k] * w[k];
    if (x[k] != 0 && w[k] != 0)
      extent.exponent =
          std::max(extent.exponent, exponentOf(x[k]) + exponentOf(w[k]));
    if ((k + 1) % kInstructionDepth == 0 || k + 1 == depth) {
      low = std::min(low, extent.sum);
      high = std::max(high, extent.sum);
    }
  }
  extent.largestSum = high - low;
  return extent;
}

double boundWarpgroupE4M3(const double *x, const double *w, int64_t depth) {
  Extent extent = measure(x, w, depth);
  if (!std::isfinite(extent.sum))
    return 0;
  double error = 0;
  bool isExact = true;
  for (int64_t first = 0; first < depth; first += kInstructionDepth) {
    int top = extent.exponent;
    if (extent.largestSum + error > 0)
      top = std::max(top, std::ilogb(extent.largestSum + error));
    double unit = std::ldexp(1.0, top - kKeptBits), lost = 0;
    for (int64_t k = first; k < std::min(first + kInstructionDepth, depth);
         ++k) {
      double product = std::fabs(x[k] * w[k]);
      if (std::fmod(product, unit) != 0)
        lost += std::min(product, unit);
    }
    isExact = isExact && lost == 0;
    // The addend and the sum are cut as well; a sum of the products alone may
    // have six bits more than they.
    if (!isExact)
      error += lost + unit + 2 * unit;
  }
  // A float32 addition for each part of the depth, 128 at the least.
  double additions = isExact ? 0 : double(depth) / 128 + 1;
  error += additions * std::ldexp(extent.largestSum + error, -23);
  return error;
}

} // namespace fp4::runtime

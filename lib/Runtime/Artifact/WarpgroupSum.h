//===- WarpgroupSum.h - Sums of 8-bit products by wgmma ---------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How far the tensor cores of Hopper may be from a sum of e4m3 products.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_RUNTIME_ARTIFACT_WARPGROUPSUM_H
#define FP4_LIB_RUNTIME_ARTIFACT_WARPGROUPSUM_H

#include "ElementMath.h"

namespace fp4::runtime {

/// The sum of x[k] * w[k], both e4m3, and a bound for what chains of wgmma
/// m64nNk32 make of it, in order of k, cut into parts at any multiples of 32
/// that are added in float32 in any order.
Bounded sumWarpgroupE4M3(const double *x, const double *w, int64_t depth);

} // namespace fp4::runtime

#endif // FP4_LIB_RUNTIME_ARTIFACT_WARPGROUPSUM_H

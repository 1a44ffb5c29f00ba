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

#include <cstdint>

namespace fp4::runtime {

/// How far from the sum of x[k] * w[k], both e4m3, chains of wgmma m64nNk32 may
/// be that go in order of k, cut into parts at any multiples of 32 that are
/// added in float32 in any order.
double boundWarpgroupE4M3(const double *x, const double *w, int64_t depth);

} // namespace fp4::runtime

#endif // FP4_LIB_RUNTIME_ARTIFACT_WARPGROUPSUM_H

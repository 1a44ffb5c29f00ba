//===- Hadamard.cpp - Blockwise orthonormal Hadamard transform ------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The fast transform, block by block (a block fits the first-level cache).
//
//===----------------------------------------------------------------------===//

#include "fp4/Numerics/Hadamard.h"
#include <cassert>
#include <cmath>

using namespace fp4::numerics;

bool fp4::numerics::isHadamardBlockLegal(size_t block) {
  return block >= 2 && block <= 1024 && (block & (block - 1)) == 0;
}

/// The rounds of stride 1 and 2 on every four values. Done in one loop because
/// a loop over four values vectorizes and one over a stride of 1 does not; each
/// sum and difference is that of the separate rounds.
static void firstTwoRounds(float *x, size_t block) {
  for (size_t i = 0; i < block; i += 4) {
    float sum01 = x[i] + x[i + 1], difference01 = x[i] - x[i + 1];
    float sum23 = x[i + 2] + x[i + 3], difference23 = x[i + 2] - x[i + 3];
    x[i] = sum01 + sum23;
    x[i + 1] = difference01 + difference23;
    x[i + 2] = sum01 - sum23;
    x[i + 3] = difference01 - difference23;
  }
}

static void butterflies(float *x, size_t block, size_t stride) {
  for (size_t group = 0; group < block; group += 2 * stride) {
    float *low = x + group, *high = low + stride;
    for (size_t i = 0; i < stride; ++i) {
      float a = low[i], b = high[i];
      low[i] = a + b;
      high[i] = a - b;
    }
  }
}

static void transformBlock(float *x, size_t block, float norm) {
  if (block == 2)
    butterflies(x, 2, 1);
  else
    firstTwoRounds(x, block);
  for (size_t stride = 4; stride < block; stride *= 2)
    butterflies(x, block, stride);
  for (size_t i = 0; i < block; ++i)
    x[i] *= norm;
}

static void applySigns(float *x, size_t block, const int8_t *signs) {
  for (size_t i = 0; i < block; ++i)
    x[i] *= static_cast<float>(signs[i]);
}

static float normOf(size_t block) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(block)));
}

void fp4::numerics::hadamard(float *data, size_t count, size_t block,
                             const int8_t *signs) {
  assert(isHadamardBlockLegal(block) && count % block == 0);
  float norm = normOf(block);
  for (float *x = data; x != data + count; x += block) {
    if (signs)
      applySigns(x, block, signs);
    transformBlock(x, block, norm);
  }
}

void fp4::numerics::inverseHadamard(float *data, size_t count, size_t block,
                                    const int8_t *signs) {
  assert(isHadamardBlockLegal(block) && count % block == 0);
  float norm = normOf(block);
  for (float *x = data; x != data + count; x += block) {
    transformBlock(x, block, norm);
    if (signs)
      applySigns(x, block, signs);
  }
}

//===- MatmulCase.h - Matmuls run on the emulator and checked ---*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles fp4.matmul for a target, runs the PTX on the emulator, and compares
// with a float64 sum over decoded codes that shares no code with compiler or
// emulator.
//
// Codes are random, of 8-bit formats those of the values that e2m1 has. With
// exact data, scales are chosen among 0.5, 1, 1.5 and 2
// (NVFP4) or 0.5, 1 and 2 (MXFP4): a product of two elements is a multiple of
// 1/4 of at most 36, one of two scales a multiple of 1/4 of at most 4, so a sum
// of K products is a multiple of 2^-4 of at most 144 K: exact in float32 in any
// order while K < 2^13. What is stored must then agree in every bit.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TEST_UNIT_TARGET_MATMULCASE_H
#define FP4_TEST_UNIT_TARGET_MATMULCASE_H

#include "CompiledKernel.h"
#include <random>

namespace fp4::testing {

struct Case {
  std::string format;
  int64_t rows, columns, depth;
  std::string resultType = "f32";
  bool hasBias = false;
  std::string activation = "none";
  bool hasDynamicRows = false;
  std::string schedule = {};
  uint32_t blocks = 0;
  /// "": nothing. "residual": a matrix is added. "written": a linalg.generic
  /// multiplies by max(x, 0) and adds a vector. "gated": the product with a
  /// second weight multiplies the (activated) first one.
  std::string tail = {};
  /// Scales of all magnitudes and results compared by relative L2 norm.
  bool isRandom = false;
  /// Of the weight, if it differs.
  std::string weightFormat = {};
  /// The format that the result is quantized to, if any, and the rule. Only
  /// with exact data and activations; the tensor scale is 3.
  std::string quantizedTo = {};
  std::string scaleRule = {};

  /// A line that tells cases apart.
  std::string describe() const;
  std::string toModule() const;
  bool isGated() const { return tail == "gated"; }
  const std::string &getWeightFormat() const {
    return weightFormat.empty() ? format : weightFormat;
  }
};

/// A random matrix: codes, and scale codes with their values.
struct Matrix {
  std::string format;
  int64_t rows, depth, block;
  std::vector<uint8_t> codes;
  std::vector<uint8_t> scaleCodes;
  std::vector<double> scales;

  Matrix(const std::string &format, int64_t rows, int64_t depth, bool isExact,
         std::mt19937 &random);
  double at(int64_t row, int64_t k) const;
  /// Bits of an element.
  int getBits() const { return format[4] - '0'; }
  /// Bits of its mantissa, and its exponent's bias.
  int getMantissa() const;
  int getBias() const;
  double decode(unsigned code) const;
  /// Codes from the lowest bit on without gaps; rows of whole 16 bytes, of
  /// 6-bit codes whole 24.
  std::vector<uint8_t> packElements() const;
  /// cuBLASLt, "Scaling factors layout": tiles of 128 rows x 4 scales.
  std::vector<uint8_t> layOutScales() const;
  /// Rows of this and of another matrix by turns, eight at a time.
  Matrix interleave(const Matrix &other) const;
};

/// Compiles and runs a case; what is wrong, or an empty string. `statistics`
/// receives what the launch did.
std::string runCase(const std::string &target, const Case &c, unsigned seed,
                    const ptx::LaunchOptions &options = {},
                    ptx::Statistics *statistics = nullptr);

} // namespace fp4::testing

#endif // FP4_TEST_UNIT_TARGET_MATMULCASE_H

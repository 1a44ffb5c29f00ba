//===- MatrixOperand.h - Operands in shared memory for tests ----*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Random operands of one wgmma or tcgen05.mma, and their images in shared
// memory without swizzle (the canonical layouts of the ISA's "Shared memory
// layout and swizzling").
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TEST_UNIT_EMULATOR_MATRIXOPERAND_H
#define FP4_TEST_UNIT_EMULATOR_MATRIXOPERAND_H

#include "EmulatorTesting.h"
#include <random>

namespace fp4::ptx::testing {

enum class Element {
  F16,
  BF16,
  TF32,
  U8,
  S8,
  E4M3,
  E5M2,
  E2M3,
  E3M2,
  E2M1,
  U4,
  S4
};

unsigned bitsOf(Element type);
double decode(Element type, uint32_t code);
/// A code whose products sum exactly in double: small integers in the wide
/// types, anything but NaN and far exponents in the narrow ones.
uint32_t draw(Element type, std::mt19937 &random);

/// rows x K elements, K filling `rowBytes`: codes, their image in shared
/// memory, and leading and stride offset of the matrix descriptor.
struct MatrixOperand {
  /// By row, then by k.
  std::vector<uint32_t> codes;
  std::vector<uint8_t> image;
  uint64_t descriptor;

  /// `storedBits`: of an element with its padding; 16 padded elements of 4 or 6
  /// bits share 16 bytes, at their beginning.
  MatrixOperand(Element type, unsigned rows, unsigned storedBits,
                bool transposed, std::mt19937 &random, unsigned rowBytes = 32);
};

/// `text` with every `from` replaced.
std::string replaceAll(std::string text, const std::string &from,
                       const std::string &to);

} // namespace fp4::ptx::testing

#endif // FP4_TEST_UNIT_EMULATOR_MATRIXOPERAND_H

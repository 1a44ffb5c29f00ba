//===- DecodedMeaningTest.cpp - Decoded operands of kernels ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Meanings of kernels that make activations bf16, and of products whose weight
// has its scales folded in: small enough to be done by hand.
//
//===----------------------------------------------------------------------===//

#include "fp4/Runtime/Artifact/Meaning.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

namespace fp4::runtime::testing {

static NDArray filled(std::vector<int64_t> shape, uint8_t value) {
  NDArray array(DType::U8, std::move(shape));
  std::memset(array.mutableBytes(), value, array.byteSize());
  return array;
}

static KernelDescription makeKernel(const char *kind,
                                    std::initializer_list<const char *> names,
                                    const char *outType) {
  KernelDescription kernel;
  kernel.name = "k";
  kernel.meaning.kind = kind;
  for (const char *name : names) {
    KernelArgument argument;
    argument.name = name;
    argument.type = std::string(name) == "out" ? outType : "i8";
    kernel.arguments.push_back(argument);
  }
  return kernel;
}

TEST(Dequantize, Takes_a_quarter_out_of_powers_of_two) {
  KernelDescription kernel =
      makeKernel("dequantize", {"elements", "scales", "out"}, "bf16");
  kernel.meaning.fields["format"] = "mxfp4";
  KernelOperands operands;
  // Code 7, 6.0, times 2^127: 6 * 2^125 is a bf16, four times it is not.
  operands.arrays.emplace("elements", filled({1, 16}, 0x77));
  operands.arrays.emplace("scales", filled({1, 1, 32, 4, 4}, 254));
  operands.arrays.emplace("out", NDArray(DType::BF16, {1, 32}));
  auto outputs = evaluateMeaning(kernel, operands);
  ASSERT_TRUE(outputs.ok()) << outputs.message();
  const ExpectedOutput &out = outputs->front();
  EXPECT_EQ(out.values, std::vector<double>(32, std::ldexp(6.0, 125)));
  EXPECT_EQ(out.bounds, std::vector<double>(32, 0.0));
}

TEST(Dequantize, Leaves_bytes_and_padding) {
  KernelDescription kernel =
      makeKernel("dequantize", {"elements", "out"}, "bf16");
  KernelOperands operands;
  NDArray elements(DType::F8_E4M3, {1, 2});
  elements.mutableBytes()[0] = 0x01; // 2^-9
  elements.mutableBytes()[1] = 0xFE; // -448
  operands.arrays.emplace("elements", elements);
  operands.arrays.emplace("out", NDArray(DType::BF16, {1, 2}));
  auto outputs = evaluateMeaning(kernel, operands);
  ASSERT_TRUE(outputs.ok()) << outputs.message();
  EXPECT_EQ(outputs->front().values,
            (std::vector<double>{std::ldexp(1.0, -9), -448}));
  // Rows may be longer than the result's, as packed ones are.
  operands.arrays.insert_or_assign("out", NDArray(DType::BF16, {1, 1}));
  EXPECT_EQ(evaluateMeaning(kernel, operands)->front().values.size(), 1u);
}

TEST(Dequantize, Says_what_is_wrong) {
  KernelDescription kernel =
      makeKernel("dequantize", {"elements", "scales", "out"}, "bf16");
  kernel.meaning.fields["format"] = "mxfp8e4m3";
  KernelOperands operands;
  operands.arrays.emplace("elements", filled({1, 16}, 0));
  operands.arrays.emplace("scales", filled({1, 1, 32, 4, 4}, 127));
  operands.arrays.emplace("out", NDArray(DType::BF16, {2, 32}));
  EXPECT_EQ(evaluateMeaning(kernel, operands).message(),
            "kernel 'k': expected meaning.format to be nvfp4 or mxfp4, got "
            "'mxfp8e4m3'");
  kernel.meaning.fields["format"] = "mxfp4";
  EXPECT_EQ(evaluateMeaning(kernel, operands).message(),
            "kernel 'k': expected 'out' with the rows and at most the columns "
            "of 'elements', got [2, 32]");
  kernel.arguments.pop_back();
  EXPECT_EQ(evaluateMeaning(kernel, operands).message(),
            "kernel 'k': expected an argument 'out'");
}

/// 16 rows by 128 of a folded weight: row 0 has -1.5 at k = 0 and 1.0 at k = 1
/// (j = 5 for the block), row 9 has 6 * 2^2 (j = 7) at k = 100.
static KernelOperands foldedOperands(const std::vector<float> &lhs) {
  KernelOperands operands;
  NDArray units = filled({1, 1, 4352}, 0);
  uint8_t *unit = units.mutableBytes();
  // Lane 0, word 0: magnitudes 3 and 2 in nibbles 0 and 1; the sign of the
  // first in bit 3 of nibble 1.
  unit[0] = 0x80 | 2 << 4 | 3;
  unit[4096] = 5;
  // The second 64 of k, lane 4 * 1 + 100 % 16 / 4, word 2 * (36 / 32) + 1.
  unit[512 + (5 * 4 + 3) * 4] = 7;
  unit[4096 + 8 + 4 + 3] = 7;
  operands.arrays.emplace("rhs", units);
  operands.arrays.emplace("lhs", NDArray::fromFloats({1, 128}, lhs));
  operands.arrays.emplace(
      "rhs_factor", NDArray::fromFloats({16}, std::vector<float>(16, 2.0f)));
  operands.arrays.emplace("out", NDArray(DType::F32, {1, 16}));
  return operands;
}

static KernelDescription foldedKernel() {
  KernelDescription kernel =
      makeKernel("matmul", {"lhs", "rhs", "rhs_factor", "out"}, "f32");
  kernel.meaning.fields = {{"rhs_format", "mxfp4"}, {"rhs_layout", "folded"}};
  return kernel;
}

TEST(Matmul, Reads_folded_weights) {
  KernelDescription kernel = foldedKernel();
  KernelOperands operands = foldedOperands(std::vector<float>(128, 1.0f));
  auto outputs = evaluateMeaning(kernel, operands);
  ASSERT_TRUE(outputs.ok()) << outputs.message();
  std::vector<double> expected(16);
  expected[0] = 2 * (-1.5 + 1);
  expected[9] = 2 * 6 * 4;
  EXPECT_EQ(outputs->front().values, expected);
  // Nothing is lost: three roundings, and one to float32.
  EXPECT_LE(outputs->front().bounds[9], std::ldexp(48.0, -21));

  operands.arrays.insert_or_assign("rhs", filled({1, 2, 2176}, 0));
  EXPECT_EQ(evaluateMeaning(kernel, operands).message(),
            "kernel 'k': expected fragments of 16 rows and 128 columns in "
            "units of 4352 bytes, got [1, 2, 2176]");
  kernel.meaning.fields["rhs_layout"] = "tiles";
  EXPECT_EQ(evaluateMeaning(kernel, operands).message(),
            "kernel 'k': expected meaning.rhs_layout to be fragments or "
            "folded, got 'tiles'");
}

TEST(Matmul, Bounds_what_8_bit_sums_lose) {
  // Row 0: -1.5 * 256 + 2^-9. The largest exponent of a product is 8 and that
  // of the sum too, so 2^-5 is the last bit kept: 2^-9 is lost, and from then
  // on the sum may be off the grid, three bits for each of four instructions.
  std::vector<float> lhs(128, 0.0f);
  lhs[0] = 256;
  lhs[1] = std::ldexp(1.0f, -9);
  auto outputs = evaluateMeaning(foldedKernel(), foldedOperands(lhs));
  ASSERT_TRUE(outputs.ok()) << outputs.message();
  double lost = std::ldexp(1.0, -9) + 4 * 3 * std::ldexp(1.0, -5);
  EXPECT_NEAR(outputs->front().bounds[0], 2 * lost, 1e-3);
  // Other rows have no products at all.
  EXPECT_LT(outputs->front().bounds[9], 1e-30);
}

} // namespace fp4::runtime::testing

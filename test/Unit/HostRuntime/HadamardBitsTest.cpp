//===- HadamardBitsTest.cpp - fp4.hadamard equals Numerics bit for bit ----===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every block size, with and without signs, both directions, and the 16-bit
// types, whose results are rounded once at the end.
//
//===----------------------------------------------------------------------===//

#include "HostTesting.h"
#include "fp4/Numerics/Hadamard.h"
#include "fp4/Numerics/Half.h"

using namespace fp4;

namespace {
constexpr size_t kRows = 12, kCols = 1024;

std::vector<int8_t> makeSigns(size_t block) {
  std::vector<int8_t> signs;
  for (size_t i = 0; i < block; ++i)
    signs.push_back(i % 3 == 1 || i % 7 == 2 ? -1 : 1);
  return signs;
}

std::string programFor(size_t block, const std::string &element) {
  std::string type = "tensor<?x1024x" + element + ">", signs;
  for (int8_t sign : makeSigns(block))
    signs += (signs.empty() ? "" : ", ") + std::to_string(sign);
  std::string text;
  for (bool withSigns : {false, true})
    for (bool inverse : {false, true})
      text += std::string("func.func @h") + (withSigns ? "_signs" : "") +
              (inverse ? "_inverse" : "") + "(%x: " + type + ") -> " + type +
              " {\n  %y = fp4.hadamard %x block " + std::to_string(block) +
              (withSigns ? " signs [" + signs + "]" : "") +
              (inverse ? " inverse" : "") + " : " + type +
              "\n  return %y : " + type + "\n}\n";
  return text;
}

/// Numerics' transform of `values`.
std::vector<float> transform(std::vector<float> values, size_t block,
                             bool withSigns, bool inverse) {
  std::vector<int8_t> signs = makeSigns(block);
  const int8_t *pointer = withSigns ? signs.data() : nullptr;
  if (inverse)
    numerics::inverseHadamard(values.data(), values.size(), block, pointer);
  else
    numerics::hadamard(values.data(), values.size(), block, pointer);
  return values;
}

NDArray toHalves(const std::vector<float> &values, DType dtype) {
  NDArray array(dtype, {kRows, kCols});
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t bits = dtype == DType::BF16 ? numerics::encodeBF16(values[i])
                                         : numerics::encodeF16(values[i]);
    std::memcpy(array.mutableBytes() + 2 * i, &bits, sizeof(bits));
  }
  return array;
}

class HadamardBits : public testing::TestWithParam<size_t> {};

TEST_P(HadamardBits, equalNumericsInFloat32) {
  test::Snippet snippet(programFor(GetParam(), "f32"));
  std::vector<float> x = test::makeBlocks(kRows, kCols);
  for (bool withSigns : {false, true})
    for (bool inverse : {false, true}) {
      std::string entry = std::string("h") + (withSigns ? "_signs" : "") +
                          (inverse ? "_inverse" : "");
      std::vector<NDArray> got =
          snippet.run(entry, {NDArray::fromFloats({kRows, kCols}, x)});
      ASSERT_EQ(got.size(), 1u);
      std::vector<float> expected =
          transform(x, GetParam(), withSigns, inverse);
      ASSERT_EQ(std::memcmp(got[0].bytes(), expected.data(),
                            expected.size() * sizeof(float)),
                0)
          << entry;
    }
}

INSTANTIATE_TEST_SUITE_P(Blocks, HadamardBits,
                         testing::Values(2, 4, 8, 16, 32, 64, 128, 256, 512,
                                         1024));

class HadamardHalves : public testing::TestWithParam<DType> {};

TEST_P(HadamardHalves, roundOnceAtTheEnd) {
  DType dtype = GetParam();
  test::Snippet snippet(programFor(32, dtype == DType::BF16 ? "bf16" : "f16"));
  NDArray x = toHalves(test::makeBlocks(kRows, kCols), dtype);
  std::vector<NDArray> got = snippet.run("h", {x});
  ASSERT_EQ(got.size(), 1u);
  std::vector<float> wide = *x.toFloat32();
  NDArray expected = toHalves(transform(wide, 32, false, false), dtype);
  std::vector<float> gotWide = *got[0].toFloat32();
  std::vector<float> expectedWide = *expected.toFloat32();
  for (size_t i = 0; i < wide.size(); ++i) {
    uint16_t a, b;
    std::memcpy(&a, got[0].bytes() + 2 * i, sizeof(a));
    std::memcpy(&b, expected.bytes() + 2 * i, sizeof(b));
    bool bothNaN = std::isnan(gotWide[i]) && std::isnan(expectedWide[i]);
    ASSERT_TRUE(a == b || bothNaN) << i << ": " << a << " and " << b;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, HadamardHalves,
                         testing::Values(DType::BF16, DType::F16));
} // namespace

//===- OracleTest.cpp - Bit equality with other implementations -----------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two implementations by other people, in two different styles, agree with ours
// on every comparable input of TestFloats.h.
//
//===----------------------------------------------------------------------===//

#include "Oracles.h"
#include "TestFloats.h"
#include <gtest/gtest.h>

using namespace fp4::numerics;
using namespace fp4::numerics::test;

class OracleTest : public testing::TestWithParam<ElementFormat> {
protected:
  static void expectAgreement(ElementOracle oracle, const char *missing) {
    if (!oracle)
      GTEST_SKIP() << missing;
    size_t compared = 0;
    for (float input : oracleInputs()) {
      std::optional<uint8_t> expected = oracle(GetParam(), input);
      if (!expected)
        continue;
      ++compared;
      ASSERT_EQ(encodeElement(GetParam(), input), *expected)
          << "input " << input << ", bits " << std::hex << floatBits(input);
    }
    // Only NaN may be left out: below a hundredth of the inputs.
    EXPECT_GT(compared, 8'000'000u);
  }
};

// MXINT8 has no implementation elsewhere; ElementFormatTest.cpp covers it.
INSTANTIATE_TEST_SUITE_P(Formats, OracleTest,
                         testing::Values(ElementFormat::E2M1,
                                         ElementFormat::E2M3,
                                         ElementFormat::E3M2,
                                         ElementFormat::E4M3,
                                         ElementFormat::E5M2),
                         [](const auto &info) {
                           return std::string(elementFormatName(info.param));
                         });

TEST_P(OracleTest, AgreesWithCudaHeaders) {
  expectAgreement(cudaElementOracle(), "built without the CUDA headers");
}

TEST_P(OracleTest, AgreesWithAPFloat) {
  expectAgreement(apfloatElementOracle(), "built without LLVM");
}

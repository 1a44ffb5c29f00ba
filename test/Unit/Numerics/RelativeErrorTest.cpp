//===- RelativeErrorTest.cpp - Known errors on normal samples -------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Relative squared error of each format and rule on N(0, 1), against figures
// that other programs computed (numpy and stand-alone C++ on 2^21 to 2^23
// samples).
//
// Tolerance 2 %: the error of one block of 32 varies about as much as its mean,
// so that of 2^15 blocks has a standard deviation of 0.55 %; the anchors have
// three digits. The seed is fixed, so the test itself is deterministic.
//
//===----------------------------------------------------------------------===//

#include "BlockTesting.h"
#include <gtest/gtest.h>

using namespace fp4::numerics;
using namespace fp4::numerics::test;

struct Anchor {
  const char *format;
  ScaleRule rule;
  double relativeError;
};

static std::ostream &operator<<(std::ostream &os, const Anchor &anchor) {
  return os << anchor.format << " " << scaleRuleName(anchor.rule);
}

class RelativeError : public testing::TestWithParam<Anchor> {};

static const Anchor kAnchors[] = {{"nvfp4", ScaleRule::AbsMax, 9.03e-3},
                                  {"nvfp4", ScaleRule::FourOverSix, 7.55e-3},
                                  {"nvfp4", ScaleRule::Search, 6.59e-3},
                                  {"mxfp4", ScaleRule::Floor, 1.322e-2},
                                  {"mxfp4", ScaleRule::RCeil, 1.332e-2},
                                  {"mxfp4", ScaleRule::Even, 1.251e-2},
                                  {"mxfp4", ScaleRule::Search, 1.245e-2},
                                  {"mxfp6e2m3", ScaleRule::Floor, 8.048e-4},
                                  {"mxfp6e2m3", ScaleRule::RCeil, 8.017e-4},
                                  {"mxfp6e3m2", ScaleRule::Floor, 2.911e-3},
                                  {"mxfp6e3m2", ScaleRule::RCeil, 2.791e-3},
                                  {"mxfp8e4m3", ScaleRule::Floor, 8.619e-4},
                                  {"mxfp8e4m3", ScaleRule::RCeil, 7.042e-4},
                                  {"mxfp8e4m3", ScaleRule::Even, 7.623e-4},
                                  {"mxfp8e5m2", ScaleRule::Floor, 2.911e-3},
                                  {"mxfp8e5m2", ScaleRule::RCeil, 2.791e-3},
                                  {"mxint8", ScaleRule::Floor, 6.81e-5}};

INSTANTIATE_TEST_SUITE_P(Anchors, RelativeError, testing::ValuesIn(kAnchors),
                         [](const auto &info) {
                           return std::string(info.param.format) + "_" +
                                  std::string(scaleRuleName(info.param.rule));
                         });

TEST_P(RelativeError, MatchesTheAnchor) {
  static const std::vector<float> samples = normalSamples(1 << 20, 15);
  static const double power = squaredError(
      samples, std::vector<float>(samples.size()), 0, samples.size());
  BlockFormat format = *parseBlockFormat(GetParam().format);
  double error =
      squaredError(samples, quantizeRow(format, GetParam().rule, samples));
  EXPECT_NEAR(error / power, GetParam().relativeError,
              0.02 * GetParam().relativeError);
}

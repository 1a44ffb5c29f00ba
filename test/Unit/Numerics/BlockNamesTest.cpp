//===- BlockNamesTest.cpp - Names, costs and legality of block formats ----===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "fp4/Numerics/BlockFormat.h"
#include <gtest/gtest.h>

using namespace fp4::numerics;

static constexpr BlockFormat kFormats[] = {
    kNVFP4, kMXFP4, kMXFP6E2M3, kMXFP6E3M2, kMXFP8E4M3, kMXFP8E5M2, kMXINT8};

static constexpr ScaleRule kRules[] = {
    ScaleRule::Floor,  ScaleRule::RCeil,       ScaleRule::Even,
    ScaleRule::AbsMax, ScaleRule::FourOverSix, ScaleRule::Search};

TEST(BlockNames, RoundTrip) {
  for (const BlockFormat &format : kFormats)
    EXPECT_EQ(parseBlockFormat(*blockFormatName(format)), format);
  for (ScaleRule rule : kRules)
    EXPECT_EQ(parseScaleRule(scaleRuleName(rule)), rule);
  EXPECT_FALSE(parseBlockFormat("NVFP4"));
  EXPECT_FALSE(parseScaleRule("ceil")); // torchao's CEIL is another rule
  BlockFormat square = kNVFP4;
  square.blockRows = 16;
  EXPECT_FALSE(blockFormatName(square));
}

TEST(BlockNames, StorageCost) {
  EXPECT_EQ(bitsPerElement(kNVFP4), 4.5);
  EXPECT_EQ(bitsPerElement(kMXFP4), 4.25);
  EXPECT_EQ(bitsPerElement(kMXFP6E2M3), 6.25);
  EXPECT_EQ(bitsPerElement(kMXINT8), 8.25);
}

TEST(BlockNames, LegalRules) {
  for (const BlockFormat &format : kFormats) {
    bool powersOfTwo = format.scale == ScaleFormat::E8M0;
    EXPECT_TRUE(isScaleRuleLegal(defaultScaleRule(format), format));
    EXPECT_TRUE(isScaleRuleLegal(ScaleRule::Search, format));
    for (ScaleRule rule : {ScaleRule::Floor, ScaleRule::RCeil, ScaleRule::Even})
      EXPECT_EQ(isScaleRuleLegal(rule, format), powersOfTwo);
    EXPECT_EQ(isScaleRuleLegal(ScaleRule::AbsMax, format), !powersOfTwo);
  }
  EXPECT_TRUE(isScaleRuleLegal(ScaleRule::FourOverSix, kNVFP4));
  BlockFormat eightBit = kNVFP4;
  eightBit.element = ElementFormat::E4M3;
  EXPECT_FALSE(isScaleRuleLegal(ScaleRule::FourOverSix, eightBit));
}

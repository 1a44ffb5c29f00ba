//===- PackingTest.cpp - Packed codes and scale layouts -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "fp4/Numerics/Packing.h"
#include "TestFloats.h"
#include <gtest/gtest.h>

using namespace fp4::numerics;
using namespace fp4::numerics::test;

static std::vector<uint8_t> randomBytes(size_t count, uint8_t mask) {
  SplitMix64 random(5);
  std::vector<uint8_t> bytes(count);
  for (uint8_t &byte : bytes)
    byte = random.next() & mask;
  return bytes;
}

TEST(Packing, FourBitCodesFillTheLowNibbleFirst) {
  // [0, 0.5, -1, 6].
  const uint8_t codes[] = {0x0, 0x1, 0xA, 0x7};
  uint8_t packed[2];
  packCodes(ElementFormat::E2M1, codes, 1, 4, packed);
  EXPECT_EQ(packed[0], 0x10);
  EXPECT_EQ(packed[1], 0x7A);
}

TEST(Packing, SixBitCodesAreLittleEndian) {
  // 0x3F at bits 0..5, 0 at 6..11, 0x21 at 12..17, 0x02 at 18..23:
  // 0x3F + (0x21 << 12) + (0x02 << 18) = 0x0A103F.
  const uint8_t codes[] = {0x3F, 0x00, 0x21, 0x02};
  uint8_t packed[3];
  packCodes(ElementFormat::E3M2, codes, 1, 4, packed);
  EXPECT_EQ(packed[0], 0x3F);
  EXPECT_EQ(packed[1], 0x10);
  EXPECT_EQ(packed[2], 0x0A);
}

TEST(Packing, RowsOfEveryWidthRoundTrip) {
  for (ElementFormat format : kElementFormats) {
    auto mask = static_cast<uint8_t>((1u << elementBits(format)) - 1);
    for (size_t cols : {0, 4, 16, 36, 100}) {
      const size_t rows = 3;
      std::vector<uint8_t> codes = randomBytes(rows * cols, mask);
      ASSERT_EQ(packedRowBytes(format, cols), cols * elementBits(format) / 8);
      std::vector<uint8_t> packed(rows * packedRowBytes(format, cols));
      packCodes(format, codes.data(), rows, cols, packed.data());
      std::vector<uint8_t> unpacked(codes.size());
      unpackCodes(format, packed.data(), rows, cols, unpacked.data());
      EXPECT_EQ(unpacked, codes) << elementFormatName(format) << " x " << cols;
    }
  }
}

TEST(Packing, StrayHighBitsDoNotReachNeighbours) {
  const uint8_t four[] = {0xF1, 0xF2, 0xF3, 0xF4};
  uint8_t packed[3];
  packCodes(ElementFormat::E2M1, four, 1, 4, packed);
  EXPECT_EQ(packed[0], 0x21);
  EXPECT_EQ(packed[1], 0x43);
  const uint8_t six[] = {0xC0, 0xC0, 0xC0, 0xC0};
  packCodes(ElementFormat::E2M3, six, 1, 4, packed);
  EXPECT_EQ(packed[0] | packed[1] | packed[2], 0);
}

//===----------------------------------------------------------------------===//
// 128x4 scale layout
//===----------------------------------------------------------------------===//

struct Extent {
  size_t rows, columns;
};
// Whole tiles, ragged rows, ragged columns, both, less than one tile, nothing.
static const Extent kExtents[] = {{128, 4}, {256, 12}, {200, 8}, {128, 7},
                                  {300, 9}, {1, 1},    {33, 3},  {0, 4}};

TEST(Scales128x4, FollowTheSixDimensionalView) {
  // Triton and vLLM write the layout as a reshape to (rowTiles, 4, 32,
  // columnTiles, 4) and a transpose to (rowTiles, columnTiles, 32, 4, 4).
  for (auto [rows, columns] : kExtents) {
    std::vector<uint8_t> scales = randomBytes(rows * columns, 0xFF);
    for (uint8_t &byte : scales)
      byte |= 1; // so that padding is told from data
    std::vector<uint8_t> swizzled(scaleBytes128x4(rows, columns), 0xEE);
    swizzleScales128x4(scales.data(), rows, columns, swizzled.data());

    size_t rowTiles = (rows + 127) / 128, columnTiles = (columns + 3) / 4;
    ASSERT_EQ(swizzled.size(), rowTiles * columnTiles * 512);
    const uint8_t *next = swizzled.data();
    for (size_t rowTile = 0; rowTile < rowTiles; ++rowTile)
      for (size_t columnTile = 0; columnTile < columnTiles; ++columnTile)
        for (size_t inner = 0; inner < 32; ++inner)
          for (size_t group = 0; group < 4; ++group)
            for (size_t k = 0; k < 4; ++k) {
              size_t row = rowTile * 128 + group * 32 + inner;
              size_t column = columnTile * 4 + k;
              bool inside = row < rows && column < columns;
              ASSERT_EQ(*next++, inside ? scales[row * columns + column] : 0)
                  << "row " << row << " column " << column;
            }
  }
}

TEST(Scales128x4, UnswizzleIsTheInverse) {
  for (auto [rows, columns] : kExtents) {
    std::vector<uint8_t> scales = randomBytes(rows * columns, 0xFF);
    std::vector<uint8_t> swizzled(scaleBytes128x4(rows, columns));
    swizzleScales128x4(scales.data(), rows, columns, swizzled.data());
    std::vector<uint8_t> result(scales.size());
    unswizzleScales128x4(swizzled.data(), rows, columns, result.data());
    EXPECT_EQ(result, scales);
  }
}

TEST(Scales128x4, OffsetsByHand) {
  // Within a tile: 16 bytes per row mod 32, 4 per group of 32 rows. Then tiles
  // along a row of 8 scales (two of them), then the next 128 rows.
  EXPECT_EQ(scaleOffset128x4(0, 3, 8), 3u);
  EXPECT_EQ(scaleOffset128x4(1, 0, 8), 16u);
  EXPECT_EQ(scaleOffset128x4(32, 0, 8), 4u);
  EXPECT_EQ(scaleOffset128x4(127, 3, 8), 511u);
  EXPECT_EQ(scaleOffset128x4(0, 4, 8), 512u);
  EXPECT_EQ(scaleOffset128x4(128, 0, 8), 1024u);
}

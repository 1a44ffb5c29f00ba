//===- NDArrayTest.cpp - Dtypes, shapes and conversion --------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "fp4/TensorIO/NDArray.h"
#include <cstring>
#include <gtest/gtest.h>

using namespace fp4;

TEST(DType, NamesAndWidths) {
  struct {
    DType dtype;
    const char *name;
    unsigned bits;
  } rows[] = {{DType::Bool, "BOOL", 8},
              {DType::U8, "U8", 8},
              {DType::I8, "I8", 8},
              {DType::U16, "U16", 16},
              {DType::I16, "I16", 16},
              {DType::U32, "U32", 32},
              {DType::I32, "I32", 32},
              {DType::U64, "U64", 64},
              {DType::I64, "I64", 64},
              {DType::F16, "F16", 16},
              {DType::BF16, "BF16", 16},
              {DType::F32, "F32", 32},
              {DType::F64, "F64", 64},
              {DType::F8_E4M3, "F8_E4M3", 8},
              {DType::F8_E5M2, "F8_E5M2", 8},
              {DType::F8_E8M0, "F8_E8M0", 8},
              {DType::F6_E2M3, "F6_E2M3", 6},
              {DType::F6_E3M2, "F6_E3M2", 6},
              {DType::F4, "F4", 4}};
  for (const auto &row : rows) {
    EXPECT_EQ(dtypeName(row.dtype), row.name);
    EXPECT_EQ(parseDType(row.name), row.dtype);
    EXPECT_EQ(dtypeBits(row.dtype), row.bits);
  }
  EXPECT_FALSE(parseDType("C64"));
  EXPECT_FALSE(parseDType("f32"));
}

TEST(Shape, Sizes) {
  EXPECT_EQ(*byteSizeOf(DType::F32, {2, 3}), 24u);
  EXPECT_EQ(*byteSizeOf(DType::F64, {}), 8u);
  EXPECT_EQ(*byteSizeOf(DType::F4, {3, 2}), 3u);
  EXPECT_EQ(*byteSizeOf(DType::F6_E2M3, {4}), 3u);
  EXPECT_EQ(*byteSizeOf(DType::F32, {0, 5}), 0u);
  // Zero elements, whatever the other dimensions multiply to.
  EXPECT_EQ(*elementCountOf({INT64_MAX, 2, 0}), 0);
}

TEST(Shape, Errors) {
  EXPECT_EQ(elementCountOf({2, -1}).message(),
            "shape [2, -1] has a negative dimension");
  EXPECT_EQ(elementCountOf({INT64_MAX, 2}).message(),
            "shape [9223372036854775807, 2] has more than 2^63 - 1 elements");
  EXPECT_EQ(byteSizeOf(DType::F32, {INT64_MAX}).message(),
            "shape [9223372036854775807] of F32 needs more than 2^64 - 1 bits");
  EXPECT_EQ(byteSizeOf(DType::F4, {3}).message(),
            "3 elements of F4 do not fill whole bytes");
}

TEST(NDArray, OwnedArraysStartAsZerosAndCopiesShare) {
  NDArray array(DType::U8, {2, 2});
  EXPECT_EQ(array.rank(), 2);
  EXPECT_EQ(array.elementCount(), 4);
  EXPECT_EQ(std::string(array.bytes(), array.bytes() + 4), std::string(4, 0));
  NDArray copy = array;
  array.mutableBytes()[3] = 7;
  EXPECT_EQ(copy.bytes()[3], 7);
}

TEST(NDArray, ViewsKeepTheirOwnerAlive) {
  auto owner = std::make_shared<std::vector<uint8_t>>(4, uint8_t(9));
  std::weak_ptr<std::vector<uint8_t>> watch = owner;
  {
    NDArray view = NDArray::view(
        DType::U8, {4}, std::shared_ptr<const uint8_t>(owner, owner->data()));
    owner.reset();
    EXPECT_FALSE(watch.expired());
    EXPECT_EQ(view.bytes()[3], 9);
    EXPECT_EQ(view.mutableBytes(), nullptr);
  }
  EXPECT_TRUE(watch.expired());
}

/// An array of the given elements at an odd address, as in a file whose header
/// is not padded.
template <typename T>
static NDArray unaligned(DType dtype, const std::vector<T> &elements) {
  size_t size = elements.size() * sizeof(T);
  auto owner = std::make_shared<std::vector<uint8_t>>(size + 1);
  std::memcpy(owner->data() + 1, elements.data(), size);
  return NDArray::view(dtype, {static_cast<int64_t>(elements.size())},
                       {owner, owner->data() + 1});
}

TEST(NDArray, ConvertsEveryFloatingDType) {
  const std::vector<float> expected = {1.0f, -2.5f, 0.0f};
  EXPECT_EQ(*unaligned<float>(DType::F32, expected).toFloat32(), expected);
  EXPECT_EQ(*unaligned<double>(DType::F64, {1.0, -2.5, 0.0}).toFloat32(),
            expected);
  // 1 = 0x3C00 and -2.5 = -1.25 * 2 = 0xC100 in binary16; bfloat16 is the upper
  // half of float32's 0x3F800000 and 0xC0200000.
  EXPECT_EQ(*unaligned<uint16_t>(DType::F16, {0x3C00, 0xC100, 0}).toFloat32(),
            expected);
  EXPECT_EQ(*unaligned<uint16_t>(DType::BF16, {0x3F80, 0xC020, 0}).toFloat32(),
            expected);
  EXPECT_EQ(*NDArray::fromFloats({3}, expected).toFloat32(), expected);
}

TEST(NDArray, DoesNotConvertOtherDTypes) {
  EXPECT_EQ(NDArray(DType::U8, {1}).toFloat32().message(),
            "cannot convert U8 to F32; expected F32, F16, BF16 or F64");
}

//===- NpyTest.cpp - NumPy array files ------------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "fp4/TensorIO/Npy.h"
#include "TempDir.h"

using namespace fp4;

class NpyTest : public fp4::test::TempDir {
protected:
  /// The message for a file, without its standard beginning.
  std::string messageFor(const std::string &bytes,
                         std::optional<DType> rawType = std::nullopt) {
    std::string file = write("a.npy", bytes);
    Expected<NDArray> result = readNpy(file, rawType);
    if (result.ok())
      return "accepted";
    std::string prefix = "cannot read '" + file + "' as npy: ";
    EXPECT_EQ(result.message().substr(0, prefix.size()), prefix);
    return result.message().substr(prefix.size());
  }
};

/// A file of the given major version, as numpy.lib.format lays it out.
static std::string npy(int version, const std::string &header,
                       size_t dataBytes) {
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(version);
  bytes += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i)
    bytes += static_cast<char>(header.size() >> (8 * i));
  return bytes + header + std::string(dataBytes, '\1');
}

static std::string header(const std::string &descr, const std::string &order,
                          const std::string &shape) {
  return "{'descr': " + descr + ", 'fortran_order': " + order +
         ", 'shape': " + shape + ", }      \n";
}

TEST_F(NpyTest, EveryDTypeRoundTrips) {
  for (unsigned i = 0; i <= static_cast<unsigned>(DType::F8_E8M0); ++i) {
    auto dtype = static_cast<DType>(i);
    NDArray array(dtype, {2, 3});
    for (size_t k = 0; k < array.byteSize(); ++k)
      array.mutableBytes()[k] = static_cast<uint8_t>(k);
    ASSERT_TRUE(writeNpy(path("a.npy"), array).ok());
    Expected<NDArray> result = readNpy(path("a.npy"), dtype);
    ASSERT_TRUE(result.ok()) << result.message();
    EXPECT_EQ(result->dtype(), dtype);
    EXPECT_EQ(result->shape(), array.shape());
    EXPECT_EQ(std::string(result->bytes(), result->bytes() + array.byteSize()),
              std::string(array.bytes(), array.bytes() + array.byteSize()));
  }
}

TEST_F(NpyTest, BytesOfTheFormat) {
  // Byte for byte what numpy.save writes for float32 [1., 2.]: the dictionary
  // padded with spaces and one newline so that the data starts at 128.
  ASSERT_TRUE(
      writeNpy(path("a.npy"), NDArray::fromFloats({2}, {1.0f, 2.0f})).ok());
  std::string dictionary =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
  dictionary.append(117 - dictionary.size(), ' ');
  std::string start("\x93NUMPY\x01\x00\x76\x00", 10); // 0x76 = 118 = 128 - 10
  EXPECT_EQ(read("a.npy"), start + dictionary + "\n" +
                               std::string("\0\0\x80\x3F\0\0\0\x40", 8));
}

TEST_F(NpyTest, ShapesOfEveryRank) {
  for (const std::vector<int64_t> &shape :
       {std::vector<int64_t>{}, {3}, {2, 3}, {1, 2, 3}, {0, 4}}) {
    ASSERT_TRUE(writeNpy(path("a.npy"), NDArray(DType::F32, shape)).ok());
    Expected<NDArray> result = readNpy(path("a.npy"));
    ASSERT_TRUE(result.ok()) << result.message();
    EXPECT_EQ(result->shape(), shape);
    // The data starts at a multiple of 64.
    EXPECT_EQ((read("a.npy").size() - result->byteSize()) % 64, 0u);
  }
}

TEST_F(NpyTest, AcceptsAllVersionsAndQuotes) {
  for (int version : {1, 2, 3})
    EXPECT_EQ(messageFor(npy(version, header("'<f4'", "False", "(2,)"), 8)),
              "accepted");
  EXPECT_EQ(messageFor(npy(1,
                           "{\"shape\":(2),\"fortran_order\":False,"
                           "\"descr\":\"|u1\"}",
                           2)),
            "accepted");
}

TEST_F(NpyTest, RawItemsTakeTheTypeOfTheCaller) {
  for (const char *descr : {"'<V2'", "'|V2'", "'V2'"}) {
    std::string bytes = npy(1, header(descr, "False", "(1,)"), 2);
    Expected<NDArray> array = readNpy(write("a.npy", bytes), DType::BF16);
    ASSERT_TRUE(array.ok()) << array.message();
    EXPECT_EQ(array->dtype(), DType::BF16);
  }
  std::string bytes = npy(1, header("'<V2'", "False", "(1,)"), 2);
  EXPECT_EQ(messageFor(bytes),
            "items of dtype '<V2' have no type of their own; pass one, such as "
            "BF16");
  EXPECT_EQ(messageFor(bytes, DType::F32),
            "items of dtype '<V2' cannot be F32, which has 32 bits");
}

TEST_F(NpyTest, RejectsDTypes) {
  auto messageOf = [&](const std::string &descr) {
    return messageFor(npy(1, header(descr, "False", "(1,)"), 8));
  };
  EXPECT_EQ(messageOf("'|O'"), "arrays of Python objects are not supported");
  EXPECT_EQ(messageOf("'>f4'"), "big-endian dtype '>f4' is not supported");
  EXPECT_EQ(messageOf("'<c8'"), "dtype '<c8' is not supported");
  EXPECT_EQ(messageOf("[('a', '<f4')]"), "structured dtypes are not supported");
}

TEST_F(NpyTest, RejectsLayoutsAndSizes) {
  EXPECT_EQ(messageFor(npy(1, header("'<f4'", "True", "(2, 2)"), 16)),
            "Fortran order is not supported; save the array with "
            "numpy.ascontiguousarray");
  std::string whole = header("'<f4'", "False", "(2, 2)");
  EXPECT_EQ(messageFor(npy(1, whole, 15)),
            "shape [2, 2] of F32 needs 16 bytes of data, got 15");
  EXPECT_EQ(messageFor(npy(1, whole, 17)),
            "shape [2, 2] of F32 needs 16 bytes of data, got 17");
  EXPECT_EQ(
      messageFor(
          npy(1, header("'<f4'", "False", "(100000000000, 100000000000)"), 0)),
      "shape [100000000000, 100000000000] has more than 2^63 - 1 "
      "elements");
  const char *badShape = "expected a tuple of non-negative integers for "
                         "'shape'";
  for (const char *shape :
       {"(-1,)", "2", "(2", "(1 2)", "(2.0,)", "(,)", "(1234567890123456789,)"})
    EXPECT_EQ(messageFor(npy(1, header("'<f4'", "False", shape), 0)), badShape)
        << shape;
}

TEST_F(NpyTest, RejectsHeaders) {
  EXPECT_EQ(readNpy(path("none")).message(),
            "cannot open '" + path("none") + "': No such file or directory");
  for (const std::string &bytes : {std::string(), std::string("PK\3\4....")})
    EXPECT_EQ(messageFor(bytes), "expected the magic string \\x93NUMPY");
  EXPECT_EQ(messageFor("\x93NUMPY\x01"), "file ends in the header");
  EXPECT_EQ(messageFor(npy(4, "{}", 0)),
            "expected format version 1, 2 or 3, got 4");
  EXPECT_EQ(messageFor(npy(1, "0123456789", 0).substr(0, 12)),
            "header length 10 exceeds the 2 bytes that follow");
  struct {
    const char *header, *message;
  } rows[] = {
      {"", "expected a dictionary in the header"},
      {"{}", "expected the keys 'descr', 'fortran_order' and 'shape'"},
      {"{'a': 1}", "unexpected key 'a' in the header"},
      {"{'descr' '<f4'}", "expected a quoted key and ':' in the header"},
      {"{descr: '<f4'}", "expected a quoted key and ':' in the header"},
      {"{'descr': <f4}", "expected a quoted dtype for 'descr'"},
      {"{'descr': '<f4}", "expected a quoted dtype for 'descr'"},
      {"{'descr': '<f4' 'shape': ()}", "expected ',' or '}' after key 'descr'"},
      {"{'fortran_order': 0}", "expected True or False for 'fortran_order'"},
      {"{} x", "unexpected text after the header's dictionary"}};
  for (const auto &row : rows)
    EXPECT_EQ(messageFor(npy(1, row.header, 0)), row.message) << row.header;
}

TEST_F(NpyTest, EveryTruncationIsRejected) {
  std::string good = npy(2, header("'<f4'", "False", "(2,)"), 8);
  ASSERT_EQ(messageFor(good), "accepted");
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_NE(messageFor(good.substr(0, size)), "accepted") << size;
}

TEST_F(NpyTest, WriterRejectsPackedElements) {
  EXPECT_EQ(writeNpy(path("a.npy"), NDArray(DType::F4, {2})).message(),
            "cannot write '" + path("a.npy") + "': npy has no dtype for F4");
  EXPECT_TRUE(listing().empty());
}

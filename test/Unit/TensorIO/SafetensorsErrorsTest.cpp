//===- SafetensorsErrorsTest.cpp - Files that must be rejected ------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One malformed file per check of the reader, with the line that the user sees.
//
//===----------------------------------------------------------------------===//

#include "TempDir.h"
#include "fp4/TensorIO/Safetensors.h"

using namespace fp4;

class SafetensorsErrors : public fp4::test::TempDir {
protected:
  /// The message for a file, without its standard beginning.
  std::string messageFor(const std::string &bytes) {
    std::string file = write("a", bytes);
    Expected<SafetensorsFile> result = SafetensorsFile::open(file);
    if (result.ok())
      return "accepted";
    std::string prefix = "'" + file + "' is not a valid safetensors file: ";
    EXPECT_EQ(result.message().substr(0, prefix.size()), prefix);
    return result.message().substr(prefix.size());
  }
};

static std::string lengthField(uint64_t length) {
  return {reinterpret_cast<const char *>(&length), sizeof(length)};
}

static std::string withHeader(const std::string &header, size_t dataBytes) {
  return lengthField(header.size()) + header + std::string(dataBytes, 'x');
}

/// A file of one tensor "t" with the given fields and four bytes of data.
static std::string oneTensor(const std::string &fields) {
  return withHeader(R"({"t": {)" + fields + "}}", 4);
}

static const char *const kGood =
    R"("dtype": "U8", "shape": [4], "data_offsets": [0, 4])";

TEST_F(SafetensorsErrors, TheFileItself) {
  EXPECT_EQ(SafetensorsFile::open(path("none")).message(),
            "cannot open '" + path("none") + "': No such file or directory");
  EXPECT_EQ(SafetensorsFile::open(folder.string()).message(),
            "cannot read '" + folder.string() + "': not a regular file");
  EXPECT_EQ(messageFor(""), "expected at least 8 bytes, got 0");
  EXPECT_EQ(messageFor("1234567"), "expected at least 8 bytes, got 7");
}

TEST_F(SafetensorsErrors, HeaderLength) {
  EXPECT_EQ(messageFor(lengthField(3) + "{}"),
            "header length 3 exceeds the 2 bytes that follow");
  EXPECT_EQ(messageFor(lengthField(100'000'001)),
            "header length 100000001 exceeds the limit of 100000000");
  EXPECT_EQ(messageFor(lengthField(UINT64_MAX)),
            "header length 18446744073709551615 exceeds the limit of "
            "100000000");
}

TEST_F(SafetensorsErrors, HeaderText) {
  for (const char *text : {"", "{", "nonsense", "{\"a\": \xFF}", "{} {}"})
    EXPECT_EQ(messageFor(withHeader(text, 0)), "header: expected valid JSON")
        << text;
  EXPECT_EQ(messageFor(withHeader("[]", 0)),
            "header: expected a JSON object, got array");
  std::string entry = std::string("{") + kGood + "}";
  EXPECT_EQ(messageFor(withHeader(
                R"({"t": )" + entry + R"(, "t": )" + entry + "}", 4)),
            "header: key 't' occurs twice");
  EXPECT_EQ(messageFor(withHeader(R"({"": 1, "": 2})", 0)),
            "header: key '' occurs twice");
  EXPECT_EQ(messageFor(oneTensor(std::string(kGood) + R"(, "dtype": "I8")")),
            "header: key 'dtype' occurs twice");
}

TEST_F(SafetensorsErrors, Metadata) {
  EXPECT_EQ(messageFor(withHeader(R"({"__metadata__": 1})", 0)),
            "__metadata__: expected an object, got number");
  EXPECT_EQ(messageFor(withHeader(R"({"__metadata__": {"k": []}})", 0)),
            "__metadata__: expected a string for 'k', got array");
}

TEST_F(SafetensorsErrors, TensorFields) {
  ASSERT_EQ(messageFor(oneTensor(kGood)), "accepted");
  EXPECT_EQ(messageFor(withHeader(R"({"t": 1})", 0)),
            "tensor 't': expected an object, got number");
  struct {
    const char *fields, *message;
  } rows[] = {
      {R"("shape": [4], "data_offsets": [0, 4])", "expected a 'dtype' string"},
      {R"("dtype": 1, "shape": [4], "data_offsets": [0, 4])",
       "expected a 'dtype' string"},
      {R"("dtype": "U7", "shape": [4], "data_offsets": [0, 4])",
       "unknown dtype 'U7'"},
      {R"("dtype": "U8", "data_offsets": [0, 4])", "expected a 'shape' array"},
      {R"("dtype": "U8", "shape": [-4], "data_offsets": [0, 4])",
       "expected dimensions in 0..2^63-1, got -4"},
      {R"("dtype": "U8", "shape": [4.0], "data_offsets": [0, 4])",
       "expected dimensions in 0..2^63-1, got 4.0"},
      {R"("dtype": "U8", "shape": [9223372036854775808],
          "data_offsets": [0, 4])",
       "expected dimensions in 0..2^63-1, got 9223372036854775808"},
      {R"("dtype": "U8", "shape": [4294967296, 4294967296],
          "data_offsets": [0, 0])",
       "shape [4294967296, 4294967296] has more than 2^63 - 1 elements"},
      {R"("dtype": "F32", "shape": [1000000000000000000],
          "data_offsets": [0, 0])",
       "shape [1000000000000000000] of F32 needs more than 2^64 - 1 bits"},
      {R"("dtype": "F4", "shape": [7], "data_offsets": [0, 4])",
       "7 elements of F4 do not fill whole bytes"},
      {R"("dtype": "U8", "shape": [4])",
       "expected 'data_offsets' of two unsigned integers"},
      {R"("dtype": "U8", "shape": [4], "data_offsets": [4])",
       "expected 'data_offsets' of two unsigned integers"},
      {R"("dtype": "U8", "shape": [4], "data_offsets": [-1, 3])",
       "expected 'data_offsets' of two unsigned integers"},
      {R"("dtype": "U8", "shape": [4], "data_offsets": [4, 0])",
       "data_offsets [4, 0] run backwards"},
      {R"("dtype": "F32", "shape": [2], "data_offsets": [0, 4])",
       "data_offsets [0, 4] hold 4 bytes, but F32 of shape [2] needs 8"}};
  for (const auto &row : rows)
    EXPECT_EQ(messageFor(oneTensor(row.fields)),
              "tensor 't': " + std::string(row.message))
        << row.fields;
}

/// Two U8 tensors at the given offsets.
static std::string twoTensors(int aBegin, int aEnd, int bBegin, int bEnd,
                              size_t dataBytes) {
  auto entry = [](int begin, int end) {
    return R"({"dtype": "U8", "shape": [)" + std::to_string(end - begin) +
           R"(], "data_offsets": [)" + std::to_string(begin) + ", " +
           std::to_string(end) + "]}";
  };
  return withHeader(R"({"a": )" + entry(aBegin, aEnd) + R"(, "b": )" +
                        entry(bBegin, bEnd) + "}",
                    dataBytes);
}

TEST_F(SafetensorsErrors, Coverage) {
  ASSERT_EQ(messageFor(twoTensors(2, 4, 0, 2, 4)), "accepted");
  ASSERT_EQ(messageFor(twoTensors(2, 2, 0, 4, 4)),
            "tensor 'a' at data offset 2 overlaps the tensor before it, which "
            "ends at 4");
  ASSERT_EQ(messageFor(twoTensors(0, 0, 0, 4, 4)), "accepted");
  EXPECT_EQ(messageFor(twoTensors(0, 2, 2, 5, 4)),
            "tensor 'b' at data offset 2 ends at 5, past the 4 bytes of data");
  EXPECT_EQ(messageFor(twoTensors(0, 3, 2, 4, 4)),
            "tensor 'b' at data offset 2 overlaps the tensor before it, which "
            "ends at 3");
  EXPECT_EQ(messageFor(twoTensors(0, 1, 2, 4, 4)),
            "tensor 'b' at data offset 2 leaves a hole after offset 1");
  EXPECT_EQ(messageFor(twoTensors(1, 2, 2, 4, 4)),
            "tensor 'a' at data offset 1 leaves a hole after offset 0");
  EXPECT_EQ(messageFor(twoTensors(0, 2, 2, 4, 6)),
            "2 bytes of data belong to no tensor");
}

TEST_F(SafetensorsErrors, EveryTruncationIsRejected) {
  std::string good = twoTensors(0, 2, 2, 4, 4);
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_NE(messageFor(good.substr(0, size)), "accepted") << size;
}

TEST_F(SafetensorsErrors, NoByteOfTheHeaderCrashesTheReader) {
  // Whatever a damaged byte makes of the file, the tensors lie inside it.
  std::string good = twoTensors(0, 2, 2, 4, 4);
  for (size_t position = 0; position < good.size() - 4; ++position)
    for (char byte : {'\0', '"', '}', '9', '-', '\xFF'}) {
      std::string damaged = good;
      damaged[position] = byte;
      Expected<SafetensorsFile> file =
          SafetensorsFile::open(write("a", damaged));
      if (!file.ok())
        continue;
      size_t covered = 0;
      for (const std::string &name : file->tensors())
        covered += file->tensor(name)->byteSize();
      EXPECT_EQ(covered, 4u) << "byte " << position;
    }
}

//===- SafetensorsTest.cpp - Round trips of safetensors files -------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "fp4/TensorIO/Safetensors.h"
#include "TempDir.h"

using namespace fp4;

using Names = std::vector<std::string>;

class SafetensorsTest : public fp4::test::TempDir {};

static NDArray bytesArray(DType dtype, std::vector<int64_t> shape) {
  NDArray array(dtype, std::move(shape));
  for (size_t i = 0; i < array.byteSize(); ++i)
    array.mutableBytes()[i] = static_cast<uint8_t>(i + 1);
  return array;
}

static std::string bytesOf(const NDArray &array) {
  return {array.bytes(), array.bytes() + array.byteSize()};
}

TEST_F(SafetensorsTest, EveryDTypeRoundTrips) {
  TensorMap tensors;
  for (unsigned i = 0; i <= static_cast<unsigned>(DType::F4); ++i) {
    auto dtype = static_cast<DType>(i);
    tensors.emplace(std::string(dtypeName(dtype)), bytesArray(dtype, {2, 4}));
  }
  tensors.emplace("scalar", bytesArray(DType::F32, {}));
  tensors.emplace("empty", bytesArray(DType::BF16, {3, 0}));
  Metadata metadata = {{"format", "pt"}, {"quote", "\"\\\n\xC3\xA9"}};
  Status status = writeSafetensors(path("a"), tensors, metadata);
  ASSERT_TRUE(status.ok()) << status.message();

  Expected<SafetensorsFile> file = SafetensorsFile::open(path("a"));
  ASSERT_TRUE(file.ok()) << file.message();
  EXPECT_EQ(file->metadata(), metadata);
  EXPECT_EQ(file->tensors().size(), tensors.size());
  for (const auto &[name, expected] : tensors) {
    Expected<NDArray> tensor = file->tensor(name);
    ASSERT_TRUE(tensor.ok()) << tensor.message();
    EXPECT_EQ(tensor->dtype(), expected.dtype());
    EXPECT_EQ(tensor->shape(), expected.shape());
    EXPECT_EQ(bytesOf(*tensor), bytesOf(expected));
  }
}

TEST_F(SafetensorsTest, BytesOfTheFormat) {
  // One U8 and one F32 tensor: the wider comes first. The header has 119
  // characters and is padded to 120 = 0x78.
  TensorMap tensors;
  tensors.emplace("a", bytesArray(DType::U8, {3}));
  tensors.emplace("b", bytesArray(DType::F32, {1}));
  ASSERT_TRUE(writeSafetensors(path("a"), tensors).ok());
  std::string header =
      R"({"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
      R"("a":{"dtype":"U8","shape":[3],"data_offsets":[4,7]}})";
  header.append((8 - header.size() % 8) % 8, ' ');
  std::string length(8, '\0');
  length[0] = static_cast<char>(header.size());
  EXPECT_EQ(read("a"), length + header + "\x01\x02\x03\x04\x01\x02\x03");
}

TEST_F(SafetensorsTest, TensorsOutliveTheFileObjectAndTheFile) {
  TensorMap tensors;
  tensors.emplace("x", NDArray::fromFloats({2}, {1.5f, -2.0f}));
  ASSERT_TRUE(writeSafetensors(path("a"), tensors).ok());
  Expected<NDArray> tensor = Status::error("not read");
  {
    Expected<SafetensorsFile> file = SafetensorsFile::open(path("a"));
    ASSERT_TRUE(file.ok());
    tensor = file->tensor("x");
  }
  std::filesystem::remove(path("a"));
  EXPECT_EQ(*tensor->toFloat32(), (std::vector<float>{1.5f, -2.0f}));
}

TEST_F(SafetensorsTest, NamesAreSortedAndMissingOnesReported) {
  TensorMap tensors;
  tensors.emplace("w.b", bytesArray(DType::U8, {1}));
  tensors.emplace("w.a", bytesArray(DType::F32, {1}));
  ASSERT_TRUE(writeSafetensors(path("a"), tensors).ok());
  Expected<SafetensorsFile> file = SafetensorsFile::open(path("a"));
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->tensors(), (Names{"w.a", "w.b"}));
  EXPECT_TRUE(file->contains("w.a"));
  EXPECT_FALSE(file->contains("w.c"));
  EXPECT_EQ(file->tensor("w.c").message(),
            "'" + path("a") + "' has no tensor 'w.c'");
}

TEST_F(SafetensorsTest, EmptyFileOfNoTensors) {
  ASSERT_TRUE(writeSafetensors(path("a"), {}).ok());
  Expected<SafetensorsFile> file = SafetensorsFile::open(path("a"));
  ASSERT_TRUE(file.ok()) << file.message();
  EXPECT_TRUE(file->tensors().empty());
}

TEST_F(SafetensorsTest, WriterRejectsWhatCannotBeRead) {
  TensorMap reserved;
  reserved.emplace("__metadata__", bytesArray(DType::U8, {1}));
  EXPECT_EQ(writeSafetensors(path("a"), reserved).message(),
            "cannot write '" + path("a") +
                "': the tensor name '__metadata__' is reserved");
  EXPECT_EQ(writeSafetensors(path("a"), {}, {{"k", "\xFF"}}).message(),
            "cannot write '" + path("a") +
                "': a tensor name or a metadata entry is not valid UTF-8");
  EXPECT_TRUE(listing().empty());
}

//===----------------------------------------------------------------------===//
// Checkpoints
//===----------------------------------------------------------------------===//

class CheckpointTest : public SafetensorsTest {
protected:
  /// Two shards; the second holds a tensor that the index leaves out.
  void writeShards() {
    TensorMap first, second;
    first.emplace("a", NDArray::fromFloats({1}, {1}));
    second.emplace("b", NDArray::fromFloats({1}, {2}));
    second.emplace("unlisted", NDArray::fromFloats({1}, {3}));
    ASSERT_TRUE(writeSafetensors(path("m-1.safetensors"), first,
                                 {{"format", "pt"}, {"only", "first"}})
                    .ok());
    ASSERT_TRUE(
        writeSafetensors(path("m-2.safetensors"), second, {{"format", "mlx"}})
            .ok());
  }
  std::string writeIndex(const std::string &weightMap) {
    return write("model.safetensors.index.json",
                 R"({"metadata": {"total_size": 8}, "weight_map": )" +
                     weightMap + "}");
  }
};

TEST_F(CheckpointTest, ShardsByFolderAndByIndex) {
  writeShards();
  std::string index =
      writeIndex(R"({"a": "m-1.safetensors", "b": "m-2.safetensors"})");
  for (const std::string &where : {folder.string(), index}) {
    Expected<CheckpointReader> reader = CheckpointReader::open(where);
    ASSERT_TRUE(reader.ok()) << reader.message();
    EXPECT_EQ(reader->tensors(), (Names{"a", "b"}));
    EXPECT_EQ(reader->tensor("b")->toFloat32()->at(0), 2.0f);
    EXPECT_EQ(reader->metadata(),
              (Metadata{{"format", "pt"}, {"only", "first"}}));
    EXPECT_FALSE(reader->contains("unlisted"));
    EXPECT_EQ(reader->tensor("unlisted").message(),
              "'" + index + "' has no tensor 'unlisted'");
  }
}

TEST_F(CheckpointTest, SingleFileByFolderAndByName) {
  TensorMap tensors;
  tensors.emplace("a", NDArray::fromFloats({1}, {1}));
  ASSERT_TRUE(
      writeSafetensors(path("model.safetensors"), tensors, {{"k", "v"}}).ok());
  for (const std::string &where :
       {folder.string(), path("model.safetensors")}) {
    Expected<CheckpointReader> reader = CheckpointReader::open(where);
    ASSERT_TRUE(reader.ok()) << reader.message();
    EXPECT_EQ(reader->tensors(), Names{"a"});
    EXPECT_EQ(reader->metadata(), (Metadata{{"k", "v"}}));
    EXPECT_EQ(reader->tensor("a")->toFloat32()->at(0), 1.0f);
  }
}

TEST_F(CheckpointTest, Errors) {
  writeShards();
  auto messageFor = [&](const std::string &weightMap) {
    return CheckpointReader::open(writeIndex(weightMap)).message();
  };
  std::string index = path("model.safetensors.index.json");
  std::string invalid = "'" + index + "' is not a valid checkpoint index: ";
  EXPECT_EQ(messageFor("[]"), invalid + "expected a 'weight_map' object");
  EXPECT_EQ(messageFor(R"({"a": 1})"),
            invalid + "expected the name of a file beside the index for tensor "
                      "'a', got 1");
  EXPECT_EQ(messageFor(R"({"a": "../m-1.safetensors"})"),
            invalid + "expected the name of a file beside the index for tensor "
                      "'a', got \"../m-1.safetensors\"");
  EXPECT_EQ(messageFor(R"({"a": "x", "a": "y"})"),
            invalid + "key 'a' occurs twice");
  EXPECT_EQ(messageFor("{"), invalid + "expected valid JSON");
  EXPECT_EQ(messageFor(R"({"a": "m-3.safetensors"})"),
            "cannot open '" + path("m-3.safetensors") +
                "': No such file or directory");
  EXPECT_EQ(messageFor(R"({"a": "m-2.safetensors"})"),
            "'" + index +
                "' places tensor 'a' in 'm-2.safetensors', which does not "
                "hold it");
  std::filesystem::remove(index);
  EXPECT_EQ(CheckpointReader::open(folder.string()).message(),
            "cannot open '" + path("model.safetensors") +
                "': No such file or directory");
}

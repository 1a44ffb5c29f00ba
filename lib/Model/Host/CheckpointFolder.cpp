//===- CheckpointFolder.cpp - Files of a Hugging Face directory -----------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every file is written whole or not at all.
//
//===----------------------------------------------------------------------===//

#include "CheckpointFolder.h"
#include "fp4/TensorIO/AtomicFile.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include <filesystem>
#include <fstream>
#include <iterator>

namespace fs = std::filesystem;
namespace json = llvm::json;

namespace fp4::model {

/// Files that describe the tokenizer and not the weights.
static constexpr const char *kCopiedFiles[] = {"tokenizer.json",
                                               "tokenizer_config.json",
                                               "tokenizer.model",
                                               "vocab.json",
                                               "merges.txt",
                                               "special_tokens_map.json",
                                               "added_tokens.json",
                                               "chat_template.jinja",
                                               "generation_config.json"};

Expected<std::string> readText(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)),
                   std::istreambuf_iterator<char>());
  if (!file)
    return Status::error("cannot read '" + path + "'");
  return text;
}

std::string toText(json::Value value) {
  return llvm::formatv("{0:2}\n", value).str();
}

std::string checkpointShard(int64_t index, int64_t count) {
  std::string text;
  llvm::raw_string_ostream(text)
      << "model-" << llvm::format("%05d", int(index + 1)) << "-of-"
      << llvm::format("%05d", int(count)) << ".safetensors";
  return text;
}

Status writeCheckpointIndex(const std::string &folder, int64_t count) {
  json::Object weightMap;
  int64_t total = 0;
  for (int64_t index = 0; index < count; ++index) {
    std::string name = checkpointShard(index, count);
    Expected<SafetensorsFile> shard =
        SafetensorsFile::open(folder + "/" + name);
    if (!shard.ok())
      return shard.status();
    for (const std::string &tensor : shard->tensors()) {
      weightMap[tensor] = name;
      total += int64_t(shard->tensor(tensor)->byteSize());
    }
  }
  return writeFileAtomically(
      folder + "/model.safetensors.index.json",
      toText(json::Object{{"metadata", json::Object{{"total_size", total}}},
                          {"weight_map", std::move(weightMap)}}));
}

Status copyTokenizer(const ModelDirectory &model, const std::string &folder) {
  for (const char *name : kCopiedFiles) {
    std::error_code error;
    fs::path source = fs::path(model.path()) / name;
    if (!fs::exists(source, error))
      continue;
    Expected<std::string> text = readText(source.string());
    if (!text.ok())
      return text.status();
    if (Status status = writeFileAtomically(folder + "/" + name, *text);
        !status.ok())
      return status;
  }
  return Status::success();
}

Status publishCheckpoint(const std::string &partial,
                         const std::string &output) {
  std::error_code error;
  if (fs::exists(output, error))
    return Status::error("'" + output + "' exists; it is not overwritten");
  fs::rename(partial, output, error);
  if (error)
    return Status::error("cannot rename '" + partial + "' to '" + output +
                         "': " + error.message());
  return Status::success();
}

} // namespace fp4::model

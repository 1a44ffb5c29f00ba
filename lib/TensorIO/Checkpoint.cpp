//===- Checkpoint.cpp - Checkpoints of one or several files ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sharded checkpoints as Hugging Face transformers writes them:
//   model.safetensors.index.json = {"metadata": {...},
//                                   "weight_map": {tensor: file in this
//                                   folder}}
//
//===----------------------------------------------------------------------===//

#include "Json.h"
#include "MappedFile.h"
#include "fp4/TensorIO/Safetensors.h"
#include <filesystem>

using namespace fp4;
using nlohmann::json;

static constexpr std::string_view kIndexSuffix = ".index.json";

static bool endsWith(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() &&
         text.substr(text.size() - suffix.size()) == suffix;
}

/// tensor -> file name, from the text of an index.
static Expected<std::map<std::string, std::string>>
parseWeightMap(const MappedFile &file) {
  Expected<json> index = parseJsonObject(
      {reinterpret_cast<const char *>(file.bytes.get()), file.size});
  if (!index.ok())
    return index.status();
  auto weightMap = index->find("weight_map");
  if (weightMap == index->end() || !weightMap->is_object())
    return Status::error("expected a 'weight_map' object");
  std::map<std::string, std::string> result;
  for (const auto &[tensor, value] : weightMap->items()) {
    const auto *name = value.get_ptr<const std::string *>();
    // A path would let an index reach out of its folder.
    if (!name || name->empty() || name->find('/') != std::string::npos)
      return Status::error("expected the name of a file beside the index for "
                           "tensor '" +
                           tensor + "', got " + value.dump(-1, ' ', true));
    result[tensor] = *name;
  }
  return result;
}

/// Opens `path` as the shard called `file`.
Status CheckpointReader::addShard(const std::string &file,
                                  const std::string &path) {
  Expected<SafetensorsFile> shard = SafetensorsFile::open(path);
  if (!shard.ok())
    return shard.status();
  userMetadata.insert(shard->metadata().begin(), shard->metadata().end());
  shards.emplace(file, std::move(*shard));
  return Status::success();
}

Expected<CheckpointReader>
CheckpointReader::openIndex(const std::string &path) {
  Expected<MappedFile> file = MappedFile::open(path);
  if (!file.ok())
    return file.status();
  auto weightMap = parseWeightMap(*file);
  if (!weightMap.ok())
    return Status::error("'" + path + "' is not a valid checkpoint index: " +
                         weightMap.message());
  CheckpointReader reader;
  reader.path = path;
  reader.shardOf = std::move(*weightMap);
  std::set<std::string> files;
  for (const auto &entry : reader.shardOf)
    files.insert(entry.second);
  std::filesystem::path folder = std::filesystem::path(path).parent_path();
  for (const std::string &name : files)
    if (Status status = reader.addShard(name, (folder / name).string());
        !status.ok())
      return status;
  for (const auto &[tensor, name] : reader.shardOf)
    if (!reader.shards.at(name).contains(tensor))
      return Status::error("'" + path + "' places tensor '" + tensor +
                           "' in '" + name + "', which does not hold it");
  return reader;
}

Expected<CheckpointReader> CheckpointReader::open(const std::string &path) {
  namespace fs = std::filesystem;
  if (endsWith(path, kIndexSuffix))
    return openIndex(path);
  std::string file = path;
  std::error_code error;
  if (fs::is_directory(path, error)) {
    fs::path index = fs::path(path) / "model.safetensors.index.json";
    if (fs::exists(index, error))
      return openIndex(index.string());
    file = (fs::path(path) / "model.safetensors").string();
  }
  CheckpointReader reader;
  reader.path = file;
  if (Status status = reader.addShard(file, file); !status.ok())
    return status;
  for (const std::string &name : reader.shards.at(file).tensors())
    reader.shardOf[name] = file;
  return reader;
}

std::vector<std::string> CheckpointReader::tensors() const {
  std::vector<std::string> names;
  for (const auto &entry : shardOf)
    names.push_back(entry.first);
  return names;
}

Expected<NDArray> CheckpointReader::tensor(const std::string &name) const {
  auto it = shardOf.find(name);
  if (it == shardOf.end())
    return Status::error("'" + path + "' has no tensor '" + name + "'");
  return shards.at(it->second).tensor(name);
}

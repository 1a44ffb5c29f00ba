//===- Safetensors.h - Reading and writing checkpoints ----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The safetensors format: eight bytes of little-endian header length, a JSON
// object {name: {dtype, shape, data_offsets}, "__metadata__": {...}}, and the
// data, which the offsets must cover without overlap or hole. Reading maps the
// file and returns views; nothing of the data is touched before it is used.
//
// Source: github.com/huggingface/safetensors, README "Format" and
// safetensors/src/tensor.rs (limits and ordering).
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TENSORIO_SAFETENSORS_H
#define FP4_TENSORIO_SAFETENSORS_H

#include "fp4/TensorIO/NDArray.h"
#include <map>
#include <string>

namespace fp4 {

using TensorMap = std::map<std::string, NDArray>;
using Metadata = std::map<std::string, std::string>;

/// One checked file.
class SafetensorsFile {
public:
  static Expected<SafetensorsFile> open(const std::string &path);

  /// Names in alphabetical order.
  std::vector<std::string> tensors() const;
  const Metadata &metadata() const { return userMetadata; }
  bool contains(const std::string &name) const {
    return entries.count(name) != 0;
  }
  /// A view that keeps the mapping alive.
  Expected<NDArray> tensor(const std::string &name) const;

private:
  std::string path;
  TensorMap entries;
  Metadata userMetadata;
};

/// A checkpoint of one or several files.
class CheckpointReader {
public:
  /// `path` is a .safetensors file, an index ("*.index.json": its "weight_map"
  /// names the shard of each tensor), or a folder that holds
  /// model.safetensors.index.json or else model.safetensors. Opens and checks
  /// all shards.
  static Expected<CheckpointReader> open(const std::string &path);

  /// Names in alphabetical order. Tensors of a shard that the index does not
  /// list are left out.
  std::vector<std::string> tensors() const;
  /// The shards' metadata united; the first shard by name wins.
  const Metadata &metadata() const { return userMetadata; }
  bool contains(const std::string &name) const {
    return shardOf.count(name) != 0;
  }
  Expected<NDArray> tensor(const std::string &name) const;

private:
  static Expected<CheckpointReader> openIndex(const std::string &path);
  Status addShard(const std::string &file, const std::string &path);

  std::string path;
  std::map<std::string, SafetensorsFile> shards;
  std::map<std::string, std::string> shardOf;
  Metadata userMetadata;
};

/// Writes atomically. The bytes depend on the arguments alone: data is ordered
/// by falling element width and then by name, which also aligns every tensor.
Status writeSafetensors(const std::string &path, const TensorMap &tensors,
                        const Metadata &metadata = {});

} // namespace fp4

#endif // FP4_TENSORIO_SAFETENSORS_H

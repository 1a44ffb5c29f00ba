//===- CheckpointFolder.h - Files of a Hugging Face directory ---*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What all checkpoints that we write have in common: shards, their index, the
// files of the tokenizer, and a last step that gives the directory its name.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_MODEL_HOST_CHECKPOINTFOLDER_H
#define FP4_LIB_MODEL_HOST_CHECKPOINTFOLDER_H

#include "fp4/Model/ModelDirectory.h"
#include "llvm/Support/JSON.h"

namespace fp4::model {

/// "model-00002-of-00008.safetensors" for index 1 of 8.
std::string checkpointShard(int64_t index, int64_t count);

/// Indented, with a line break at the end.
std::string toText(llvm::json::Value value);
Expected<std::string> readText(const std::string &path);

/// model.safetensors.index.json for the `count` shards in `folder`.
Status writeCheckpointIndex(const std::string &folder, int64_t count);

/// The files of `model` that describe its tokenizer, as far as it has them.
Status copyTokenizer(const ModelDirectory &model, const std::string &folder);

/// Renames `partial` to `output`, which must not exist.
Status publishCheckpoint(const std::string &partial, const std::string &output);

} // namespace fp4::model

#endif // FP4_LIB_MODEL_HOST_CHECKPOINTFOLDER_H

//===- FusedExport.cpp - A float model with rotations in its weights ------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One shard per block. A run that was stopped starts over: fusion is quick.
//
//===----------------------------------------------------------------------===//

#include "CheckpointFolder.h"
#include "fp4/Model/Host/ModelExport.h"
#include "fp4/Model/RotationFusion.h"
#include "fp4/TensorIO/AtomicFile.h"
#include <filesystem>

namespace fs = std::filesystem;

namespace fp4::model {

Status exportFusedModel(const ModelDirectory &model, size_t block,
                        const std::string &output) {
  if (Status status = checkFusion(model, block); !status.ok())
    return status;
  std::string partial = output + ".partial";
  std::error_code error;
  if (fs::exists(output, error))
    return Status::error("'" + output + "' exists; it is not overwritten");
  if (fs::exists(partial + "/run.json", error))
    return Status::error("'" + partial +
                         "' holds an unfinished run with other options; "
                         "repeat those or remove it");
  fs::create_directories(partial, error);
  if (error)
    return Status::error("cannot create '" + partial + "': " + error.message());
  Expected<std::string> config = fusedConfig(model.configText(), block);
  if (!config.ok())
    return config.status();
  int64_t count = model.config().numLayers + 1;
  for (int64_t layer = 0; layer < count; ++layer) {
    Expected<TensorMap> tensors = fuseRotations(model, layer, block);
    if (!tensors.ok())
      return tensors.status();
    if (Status status =
            writeSafetensors(partial + "/" + checkpointShard(layer, count),
                             *tensors, {{"format", "pt"}});
        !status.ok())
      return status;
  }
  Status status = writeCheckpointIndex(partial, count);
  if (status.ok())
    status = copyTokenizer(model, partial);
  if (status.ok())
    status = writeFileAtomically(partial + "/config.json", *config);
  return status.ok() ? publishCheckpoint(partial, output) : status;
}

} // namespace fp4::model

//===- Artifact.cpp - What a compilation leaves behind --------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes the output directory. All files are written to a temporary directory
// that is renamed at the end, so that a failure leaves nothing behind.
//
//===----------------------------------------------------------------------===//

#include "fp4/Target/Artifact.h"
#include "Weights.h"
#include "fp4/TensorIO/AtomicFile.h"
#include <filesystem>

using namespace mlir;

static fp4::Status writeFiles(const std::string &directory,
                              const fp4::gpu::GPUArch &arch, StringRef ptx,
                              const std::string &manifest,
                              const fp4::TensorMap &weights) {
  fp4::Status status = fp4::writeFileAtomically(
      directory + "/" + fp4::getPTXFileName(arch), std::string(ptx));
  if (!status.ok())
    return status;
  status = fp4::writeFileAtomically(directory + "/" + fp4::kManifestFileName,
                                    manifest);
  if (!status.ok())
    return status;
  return fp4::writeSafetensors(directory + "/" + fp4::kWeightsFileName,
                               weights);
}

/// Puts the directory `fresh` in the place of `path`, an earlier artifact.
static fp4::Status replaceDirectory(const std::string &fresh,
                                    const std::string &path) {
  std::string old = path + ".old";
  std::error_code error;
  std::filesystem::rename(path, old, error);
  if (!error) {
    std::filesystem::rename(fresh, path, error);
    if (error) {
      std::error_code ignored;
      std::filesystem::rename(old, path, ignored);
    }
  }
  if (error)
    return fp4::Status::error("cannot replace '" + path +
                              "': " + error.message());
  std::filesystem::remove_all(old, error);
  return fp4::Status::success();
}

LogicalResult fp4::writeArtifact(ModuleOp module, const gpu::GPUArch &arch,
                                 StringRef ptx, StringRef path) {
  FailureOr<TensorMap> weights = collectWeights(module);
  FailureOr<std::string> manifest = makeManifest(module, arch, ptx);
  if (failed(weights) || failed(manifest))
    return failure();
  // An artifact of ours is replaced; any other directory is not touched.
  std::string target = path.rtrim('/').str();
  std::error_code ignored;
  bool replaces = std::filesystem::exists(
      std::filesystem::path(target) / kManifestFileName, ignored);
  std::string fresh = replaces ? target + ".new" : target;
  Expected<AtomicDirectory> directory = AtomicDirectory::create(fresh);
  if (!directory.ok())
    return module.emitError() << directory.message();
  Status status = writeFiles(directory->path(), arch, ptx, *manifest, *weights);
  if (status.ok())
    status = directory->commit();
  if (status.ok() && replaces)
    status = replaceDirectory(fresh, target);
  if (!status.ok())
    return module.emitError() << status.message();
  return success();
}

//===- MappedFile.h - A read-only mapping of a file -------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Private to TensorIO. A mapping is unmapped with its last owner. Checkpoints
// are taken to be immutable: truncating a file that is mapped kills the process
// by SIGBUS, as for every memory-mapping reader.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_TENSORIO_MAPPEDFILE_H
#define FP4_LIB_TENSORIO_MAPPEDFILE_H

#include "fp4/Status/Status.h"
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace fp4 {

struct MappedFile {
  /// Null for an empty file.
  std::shared_ptr<const uint8_t> bytes;
  size_t size = 0;

  static Expected<MappedFile> open(const std::string &path);

  /// The bytes from `offset` on, owned jointly with the mapping.
  std::shared_ptr<const uint8_t> from(size_t offset) const {
    return {bytes, bytes.get() + offset};
  }
};

/// "cannot <action> '<path>': <text of errno>".
Status systemError(const std::string &action, const std::string &path);

} // namespace fp4

#endif // FP4_LIB_TENSORIO_MAPPEDFILE_H

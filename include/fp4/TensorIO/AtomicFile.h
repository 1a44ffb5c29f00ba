//===- AtomicFile.h - All-or-nothing output files ---------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Output that a reader sees complete or not at all. Everything is written to
// "<path>.tmp-<pid>" beside the target and renamed over it at the end; an
// object that dies before `commit` removes what it wrote.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TENSORIO_ATOMICFILE_H
#define FP4_TENSORIO_ATOMICFILE_H

#include "fp4/Status/Status.h"
#include <cstddef>
#include <string>
#include <string_view>

namespace fp4 {

/// One file; an existing target is replaced.
class AtomicFile {
public:
  static Expected<AtomicFile> create(const std::string &path);
  AtomicFile(AtomicFile &&other) noexcept;
  AtomicFile &operator=(AtomicFile &&) = delete;
  ~AtomicFile();

  Status write(const void *data, size_t size);
  Status write(std::string_view text) {
    return write(text.data(), text.size());
  }
  /// Flushes to the disk and renames. Nothing may be written afterwards.
  Status commit();

private:
  AtomicFile(int file, std::string temporary, std::string target)
      : file(file), temporary(std::move(temporary)), target(std::move(target)) {
  }
  Status failed(std::string_view action) const;

  int file; // -1 after commit or a move
  std::string temporary;
  std::string target;
};

/// A file with exactly these contents, or an unchanged directory.
Status writeFileAtomically(const std::string &path, std::string_view contents);

/// A directory of files. It never replaces: the target must not exist or must
/// be an empty directory.
class AtomicDirectory {
public:
  static Expected<AtomicDirectory> create(const std::string &path);
  AtomicDirectory(AtomicDirectory &&other) noexcept;
  AtomicDirectory &operator=(AtomicDirectory &&) = delete;
  ~AtomicDirectory();

  /// Where to write the files before `commit`.
  const std::string &path() const { return temporary; }
  Status commit();

private:
  AtomicDirectory(std::string temporary, std::string target)
      : temporary(std::move(temporary)), target(std::move(target)) {}

  std::string temporary; // empty after commit or a move
  std::string target;
};

} // namespace fp4

#endif // FP4_TENSORIO_ATOMICFILE_H

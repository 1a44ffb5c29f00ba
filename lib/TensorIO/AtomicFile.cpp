//===- AtomicFile.cpp - All-or-nothing output files -----------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The temporary lies in the target's own folder, since rename is atomic only
// within one file system.
//
//===----------------------------------------------------------------------===//

#include "fp4/TensorIO/AtomicFile.h"
#include "MappedFile.h"
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

using namespace fp4;

/// The n-th name to try. A crash may leave a temporary behind and a later
/// process may get the same id, so one name is not enough.
static std::string temporaryName(const std::string &target, int attempt) {
  std::string name = target + ".tmp-" + std::to_string(getpid());
  return attempt == 0 ? name : name + "-" + std::to_string(attempt);
}

static constexpr int kMaxAttempts = 100;

/// Makes a rename durable. A file system that cannot flush a folder has
/// nothing better to offer, so failure is not reported.
static void flushParent(const std::string &path) {
  std::filesystem::path parent = std::filesystem::path(path).parent_path();
  std::string name = parent.empty() ? "." : parent.string();
  int folder = open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0)
    return;
  fsync(folder);
  close(folder);
}

//===----------------------------------------------------------------------===//
// AtomicFile
//===----------------------------------------------------------------------===//

Expected<AtomicFile> AtomicFile::create(const std::string &path) {
  struct stat info;
  if (stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode))
    return Status::error("cannot write '" + path + "': is a directory");
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    std::string temporary = temporaryName(path, attempt);
    int file =
        open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file >= 0)
      return AtomicFile(file, std::move(temporary), path);
    if (errno != EEXIST)
      break;
  }
  return systemError("write", path);
}

AtomicFile::AtomicFile(AtomicFile &&other) noexcept
    : file(std::exchange(other.file, -1)),
      temporary(std::move(other.temporary)), target(std::move(other.target)) {}

AtomicFile::~AtomicFile() {
  if (file < 0)
    return;
  close(file);
  unlink(temporary.c_str());
}

Status AtomicFile::failed(std::string_view action) const {
  return systemError(std::string(action), target);
}

Status AtomicFile::write(const void *data, size_t size) {
  const auto *bytes = static_cast<const char *>(data);
  while (size != 0) {
    ssize_t written = ::write(file, bytes, size);
    if (written < 0) {
      if (errno == EINTR)
        continue;
      return failed("write");
    }
    bytes += written;
    size -= static_cast<size_t>(written);
  }
  return Status::success();
}

Status AtomicFile::commit() {
  if (fsync(file) != 0)
    return failed("flush");
  if (rename(temporary.c_str(), target.c_str()) != 0)
    return failed("rename to");
  close(std::exchange(file, -1));
  flushParent(target);
  return Status::success();
}

Status fp4::writeFileAtomically(const std::string &path,
                                std::string_view contents) {
  Expected<AtomicFile> file = AtomicFile::create(path);
  if (!file.ok())
    return file.status();
  if (Status status = file->write(contents); !status.ok())
    return status;
  return file->commit();
}

//===----------------------------------------------------------------------===//
// AtomicDirectory
//===----------------------------------------------------------------------===//

/// "out/" means "out": the temporary must lie beside it, not in it.
static std::string withoutTrailingSlashes(std::string path) {
  while (path.size() > 1 && path.back() == '/')
    path.pop_back();
  return path;
}

Expected<AtomicDirectory> AtomicDirectory::create(const std::string &path) {
  std::string target = withoutTrailingSlashes(path);
  std::error_code error;
  bool exists = std::filesystem::exists(target, error);
  if (exists && (!std::filesystem::is_directory(target, error) ||
                 !std::filesystem::is_empty(target, error)))
    return Status::error("cannot create directory '" + target +
                         "': exists and is not an empty directory");
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    std::string temporary = temporaryName(target, attempt);
    if (mkdir(temporary.c_str(), 0777) == 0)
      return AtomicDirectory(std::move(temporary), std::move(target));
    if (errno != EEXIST)
      break;
  }
  return systemError("create directory", target);
}

AtomicDirectory::AtomicDirectory(AtomicDirectory &&other) noexcept
    : temporary(std::exchange(other.temporary, std::string())),
      target(std::move(other.target)) {}

AtomicDirectory::~AtomicDirectory() {
  std::error_code ignored;
  if (!temporary.empty())
    std::filesystem::remove_all(temporary, ignored);
}

Status AtomicDirectory::commit() {
  if (rename(temporary.c_str(), target.c_str()) != 0)
    return systemError("rename to", target);
  temporary.clear();
  flushParent(target);
  return Status::success();
}

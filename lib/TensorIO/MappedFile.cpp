//===- MappedFile.cpp - A read-only mapping of a file ---------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights are mapped, not read: only pages that are used take memory.
//
//===----------------------------------------------------------------------===//

#include "MappedFile.h"
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

using namespace fp4;

Status fp4::systemError(const std::string &action, const std::string &path) {
  return Status::error("cannot " + action + " '" + path +
                       "': " + std::generic_category().message(errno));
}

static Expected<MappedFile> mapDescriptor(int file, const std::string &path) {
  struct stat info;
  if (fstat(file, &info) != 0)
    return systemError("read", path);
  if (!S_ISREG(info.st_mode))
    return Status::error("cannot read '" + path + "': not a regular file");
  auto size = static_cast<size_t>(info.st_size);
  if (size == 0) // mmap rejects empty mappings
    return MappedFile();
  void *memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  if (memory == MAP_FAILED)
    return systemError("map", path);
  MappedFile mapped;
  mapped.size = size;
  mapped.bytes = std::shared_ptr<const uint8_t>(
      static_cast<const uint8_t *>(memory),
      [memory, size](const uint8_t *) { munmap(memory, size); });
  return mapped;
}

Expected<MappedFile> MappedFile::open(const std::string &path) {
  int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return systemError("open", path);
  Expected<MappedFile> mapped = mapDescriptor(file, path);
  close(file); // the mapping keeps the file
  return mapped;
}

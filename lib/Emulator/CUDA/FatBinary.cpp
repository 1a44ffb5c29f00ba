//===- FatBinary.cpp - PTX that nvcc embeds in programs -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// LZ4 blocks: github.com/lz4/lz4, doc/lz4_Block_format.md.
//
//===----------------------------------------------------------------------===//

#include "FatBinary.h"
#include <cstring>
#include <zstd.h>

namespace fp4::cuda {

static constexpr uint32_t kWrapperMagic = 0x466243B1;
static constexpr uint32_t kMagic = 0xBA55ED50;
static constexpr uint16_t kKindPtx = 1;
static constexpr uint64_t kFlagLZ4 = 0x2000;
static constexpr uint64_t kFlagZstd = 0x8000;

namespace {
struct Wrapper {
  uint32_t magic;
  uint32_t version;
  const uint8_t *data;
  const void *file;
};

struct Header {
  uint32_t magic;
  uint16_t version;
  uint16_t headerBytes;
  /// Of all entries.
  uint64_t bytes;
};

struct Entry {
  uint16_t kind;
  uint16_t version;
  uint32_t headerBytes;
  /// Of the payload, padded.
  uint64_t bytes;
  uint32_t packedBytes;
  uint32_t optionsOffset;
  uint32_t isaVersion;
  uint32_t arch;
  uint32_t nameOffset;
  uint32_t nameBytes;
  uint64_t flags;
  uint64_t reserved;
  uint64_t unpackedBytes;
};
} // namespace
static_assert(sizeof(Entry) == 64);

/// Adds the bytes that say a length goes on.
static bool extendLength(const uint8_t *&at, const uint8_t *end,
                         size_t &length) {
  uint8_t more = 255;
  while (more == 255) {
    if (at == end)
      return false;
    more = *at++;
    length += more;
  }
  return true;
}

Expected<std::string> unpackLZ4(const uint8_t *at, size_t packed, size_t size) {
  const Status damaged = Status::error("damaged LZ4 block in a fat binary");
  const uint8_t *end = at + packed;
  std::string text;
  text.reserve(size);
  while (at < end && text.size() < size) {
    uint8_t token = *at++;
    size_t literals = token >> 4;
    if (literals == 15 && !extendLength(at, end, literals))
      return damaged;
    if (size_t(end - at) < literals)
      return damaged;
    text.append(reinterpret_cast<const char *>(at), literals);
    at += literals;
    if (text.size() >= size || at == end)
      break;
    if (end - at < 2)
      return damaged;
    size_t distance = at[0] | at[1] << 8;
    at += 2;
    size_t length = token & 15;
    if (length == 15 && !extendLength(at, end, length))
      return damaged;
    length += 4;
    if (distance == 0 || distance > text.size() || text.size() + length > size)
      return damaged;
    // The source may run into what it writes, so byte by byte.
    for (size_t from = text.size() - distance; length--; ++from)
      text.push_back(text[from]);
  }
  if (text.size() != size)
    return damaged;
  return text;
}

static Expected<std::string> unpackZstd(const uint8_t *data, size_t packed,
                                        size_t size) {
  std::string text(size, '\0');
  size_t got = ZSTD_decompress(text.data(), size, data, packed);
  if (ZSTD_isError(got) || got != size)
    return Status::error("damaged Zstandard frame in a fat binary");
  return text;
}

static Expected<std::string> payload(const Entry &entry, const uint8_t *data) {
  if (entry.flags & kFlagZstd)
    return unpackZstd(data, entry.packedBytes, entry.unpackedBytes);
  if (entry.flags & kFlagLZ4)
    return unpackLZ4(data, entry.packedBytes, entry.unpackedBytes);
  return std::string(reinterpret_cast<const char *>(data), entry.bytes);
}

Expected<FatBinary> readFatBinary(const void *data) {
  Wrapper wrapper;
  std::memcpy(&wrapper, data, sizeof wrapper);
  if (wrapper.magic != kWrapperMagic)
    return Status::error("the program's device code has no fat binary header");
  Header header;
  std::memcpy(&header, wrapper.data, sizeof header);
  if (header.magic != kMagic)
    return Status::error("the program's fat binary has an unknown format");
  FatBinary binary;
  const uint8_t *at = wrapper.data + header.headerBytes;
  const uint8_t *end = at + header.bytes;
  while (at + sizeof(Entry) <= end) {
    Entry entry;
    std::memcpy(&entry, at, sizeof entry);
    if (entry.headerBytes < sizeof entry ||
        entry.bytes > size_t(end - at) - entry.headerBytes)
      return Status::error("damaged entry in a fat binary");
    if (entry.kind == kKindPtx) {
      Expected<std::string> text = payload(entry, at + entry.headerBytes);
      if (!text.ok())
        return text.status();
      binary.ptx.push_back({entry.arch, std::move(*text)});
    } else {
      binary.machineCode.push_back(entry.arch);
    }
    at += entry.headerBytes + entry.bytes;
  }
  return binary;
}

} // namespace fp4::cuda

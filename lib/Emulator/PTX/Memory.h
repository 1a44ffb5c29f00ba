//===- Memory.h - State spaces and generic addressing -----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Global memory is a set of allocations; shared memory carries, per byte,
// whether it was ever written and, per 16 bytes, when the generic proxy last
// wrote it. Generic addresses are split by windows that no allocation touches.
//
// A shared address holds the CTA's rank in its cluster from bit 24 on, as on
// hardware: `mapa` replaces these bits, and clearing bit 24 names the even CTA
// of a pair.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_MEMORY_H
#define FP4_LIB_EMULATOR_PTX_MEMORY_H

#include "fp4/Status/Status.h"
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace fp4::ptx {

constexpr uint64_t kWindowMask = ~uint64_t(0xFFFFFFFF);
constexpr uint64_t kFunctionWindow = 0x7B0000000000;
constexpr uint64_t kParamWindow = 0x7C0000000000;
constexpr uint64_t kLocalWindow = 0x7D0000000000;
constexpr uint64_t kSharedWindow = 0x7E0000000000;
constexpr uint64_t kGlobalBase = 0x7F0000000000;

constexpr unsigned kSharedRankShift = 24;
constexpr uint32_t kSharedOffsetMask = (1u << kSharedRankShift) - 1;
/// The system keeps the first KiB of shared memory, so a null pointer traps.
constexpr uint32_t kSharedBase = 1024;
/// 228 KiB, less the system's.
constexpr uint32_t kMaxSharedBytes = 227 * 1024;

class GlobalMemory {
public:
  struct Allocation {
    uint64_t base = 0;
    uint64_t size = 0;
    bool readOnly = false;
    /// With LaunchOptions::strict: whether the present launch and the one in
    /// front of it read or wrote it.
    bool isRead = false, isWritten = false, wasRead = false, wasWritten = false;
    uint8_t *bytes = nullptr;
    /// Null where `bytes` is memory of the caller.
    std::unique_ptr<uint8_t[]> owned;
  };

  Expected<uint64_t> allocate(uint64_t size, uint64_t align = 256);
  /// Makes memory of the caller an allocation at its own address.
  Status map(void *memory, uint64_t size);
  Status free(uint64_t base);
  /// The allocation that holds `address`, or null.
  Allocation *find(uint64_t address) const;
  /// A launch begins, of which the one in front may not have ended.
  void beginLaunch(bool mayOverlap);
  /// "0x.. is not in an allocation" or "0x.. is 8 bytes past the end of ...".
  std::string describe(uint64_t address, uint64_t size) const;

  /// The contents of all writable allocations, by their base.
  using Contents = std::map<uint64_t, std::vector<uint8_t>>;
  Contents contents() const;
  /// Puts contents back into the allocations that are still there.
  void restore(const Contents &contents);

private:
  std::map<uint64_t, std::unique_ptr<Allocation>> allocations;
  uint64_t next = kGlobalBase;
  uint64_t total = 0;
};

/// The shared memory of one CTA; offsets include the system's first KiB.
struct SharedMemory {
  explicit SharedMemory(uint32_t size)
      : bytes(size), valid(size), writtenAt((size + 15) / 16),
        pendingReads((size + 3) / 4), pendingWrites((size + 3) / 4) {}

  std::vector<uint8_t> bytes;
  /// 1 where a byte was written.
  std::vector<uint8_t> valid;
  /// Proxy epoch of the last write by ordinary instructions, per 16 bytes.
  std::vector<uint32_t> writtenAt;
  /// Counts `fence.proxy.async`; a granule with `writtenAt == epoch` was
  /// written since the last one. Starts at 1 so that 0 means "never".
  uint32_t epoch = 1;
  /// Asynchronous operations that have yet to read or write each word.
  std::vector<uint16_t> pendingReads, pendingWrites;

  /// What is wrong with an access now, or null: someone writes the range, or
  /// reads it while the access would write it.
  const char *conflict(uint32_t offset, uint32_t size, bool isWrite) const;
};

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_MEMORY_H

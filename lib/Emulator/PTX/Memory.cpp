//===- Memory.cpp - State spaces and generic addressing -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA 9.0, sections "State Spaces" and "Generic Addressing".
//
//===----------------------------------------------------------------------===//

#include "Memory.h"
#include "HappensBefore.h"
#include "Machine.h"
#include <algorithm>
#include <cstring>
#include <new>

namespace fp4::ptx {

/// Local memory of a thread, as on hardware.
static constexpr uint64_t kMaxLocalBytes = 512 * 1024;
static constexpr uint64_t kMaxGlobalBytes = uint64_t(1) << 38;

std::string hex(uint64_t value) {
  char buffer[24];
  std::snprintf(buffer, sizeof buffer, "0x%llx",
                static_cast<unsigned long long>(value));
  return buffer;
}

//===----------------------------------------------------------------------===//
// Global memory
//===----------------------------------------------------------------------===//

Expected<uint64_t> GlobalMemory::allocate(uint64_t size, uint64_t align) {
  if (size > kMaxGlobalBytes - total)
    return Status::error("cannot allocate " + std::to_string(size) +
                         " bytes of device memory");
  auto allocation = std::make_unique<Allocation>();
  allocation->size = size;
  allocation->owned.reset(new (std::nothrow) uint8_t[size + 16]());
  allocation->bytes = allocation->owned.get();
  if (!allocation->bytes)
    return Status::error("out of host memory for " + std::to_string(size) +
                         " bytes of device memory");
  align = std::max<uint64_t>(align, 256);
  uint64_t base = (next + align - 1) / align * align;
  allocation->base = base;
  // A gap behind every allocation makes an overrun a trap.
  next = base + size + 4096;
  total += size;
  allocations.emplace(base, std::move(allocation));
  return base;
}

Status GlobalMemory::map(void *memory, uint64_t size) {
  uint64_t base = reinterpret_cast<uintptr_t>(memory);
  auto after = allocations.lower_bound(base);
  if ((base < kGlobalBase && base + size > kFunctionWindow) || find(base) ||
      (after != allocations.end() && after->first < base + size))
    return Status::error("cannot map " + std::to_string(size) + " bytes at " +
                         hex(base) + ": the emulator uses these addresses");
  auto allocation = std::make_unique<Allocation>();
  allocation->base = base;
  allocation->size = size;
  allocation->bytes = static_cast<uint8_t *>(memory);
  allocations.emplace(base, std::move(allocation));
  return Status::success();
}

GlobalMemory::Contents GlobalMemory::contents() const {
  Contents result;
  for (const auto &[base, allocation] : allocations)
    if (!allocation->readOnly)
      result.emplace(
          base, std::vector<uint8_t>(allocation->bytes,
                                     allocation->bytes + allocation->size));
  return result;
}

void GlobalMemory::restore(const Contents &contents) {
  for (const auto &[base, bytes] : contents)
    if (auto found = allocations.find(base); found != allocations.end())
      std::copy(bytes.begin(), bytes.end(), found->second->bytes);
}

Status GlobalMemory::free(uint64_t base) {
  auto found = allocations.find(base);
  if (found == allocations.end())
    return Status::error(hex(base) + " is not the start of an allocation");
  if (found->second->owned)
    total -= found->second->size;
  allocations.erase(found);
  return Status::success();
}

GlobalMemory::Allocation *GlobalMemory::find(uint64_t address) const {
  auto after = allocations.upper_bound(address);
  if (after == allocations.begin())
    return nullptr;
  Allocation *candidate = std::prev(after)->second.get();
  return address - candidate->base < candidate->size ? candidate : nullptr;
}

void GlobalMemory::beginLaunch(bool mayOverlap) {
  for (auto &[base, allocation] : allocations) {
    allocation->wasRead = mayOverlap && allocation->isRead;
    allocation->wasWritten = mayOverlap && allocation->isWritten;
    allocation->isRead = allocation->isWritten = false;
  }
}

std::string GlobalMemory::describe(uint64_t address, uint64_t size) const {
  auto after = allocations.upper_bound(address);
  if (after != allocations.begin()) {
    const Allocation &before = *std::prev(after)->second;
    uint64_t end = before.base + before.size;
    if (address + size > end && address < end + 4096)
      return std::to_string(address + size - end) +
             " bytes past the end of the allocation of " +
             std::to_string(before.size) + " bytes at " + hex(before.base);
  }
  return "not in an allocation";
}

const char *SharedMemory::conflict(uint32_t offset, uint32_t size,
                                   bool isWrite) const {
  for (uint32_t word = offset / 4; word <= (offset + size - 1) / 4; ++word) {
    if (pendingWrites[word])
      return "an asynchronous operation that nobody has waited for writes it";
    if (isWrite && pendingReads[word])
      return "an asynchronous operation that nobody has waited for reads it";
  }
  return nullptr;
}

/// Traps on a race between an ordinary access and a pending operation.
static void checkConflict(const Warp &warp, const Location &location,
                          unsigned size, bool isWrite) {
  if (!location.cta || warp.cta.cluster.async.empty())
    return;
  if (const char *what =
          location.cta->shared.conflict(location.offset, size, isWrite))
    warp.trap(std::string(isWrite ? "write to" : "read of") +
              " shared memory at " + hex(location.offset) + ": " + what);
}

//===----------------------------------------------------------------------===//
// Accesses by a warp
//===----------------------------------------------------------------------===//

static const char *accessName(Access access) {
  return access == Access::Read    ? "read"
         : access == Access::Write ? "write"
                                   : "atomic access";
}

/// Shared memory goes back to the system when the last thread of its CTA exits.
static bool hasExited(const CTA &cta) {
  return std::all_of(cta.warps.begin(), cta.warps.end(),
                     [](const auto &warp) { return !warp->live; });
}

static Location locateShared(Warp &warp, uint64_t addr, unsigned size,
                             unsigned lane, Access access) {
  unsigned rank = unsigned(addr >> kSharedRankShift);
  uint32_t offset = uint32_t(addr) & kSharedOffsetMask;
  auto &ctas = warp.cta.cluster.ctas;
  if (rank >= ctas.size())
    warp.trap("shared memory " + std::string(accessName(access)) + " at " +
                  hex(addr) + ": the cluster has no CTA of rank " +
                  std::to_string(rank),
              int(lane));
  CTA &owner = *ctas[rank];
  if (offset < kSharedBase || offset + size > owner.shared.bytes.size())
    warp.trap("shared memory " + std::string(accessName(access)) + " of " +
                  std::to_string(size) + " bytes at " + hex(addr) +
                  " is out of bounds; the CTA has " + hex(kSharedBase) +
                  " to " + hex(owner.shared.bytes.size()),
              int(lane));
  if (&owner != &warp.cta && hasExited(owner))
    warp.trap("shared memory " + std::string(accessName(access)) + " at " +
                  hex(addr) + ": the CTA of rank " + std::to_string(rank) +
                  " has exited",
              int(lane));
  Location location;
  location.bytes = &owner.shared.bytes[offset];
  location.valid = &owner.shared.valid[offset];
  location.cta = &owner;
  location.offset = offset;
  location.space = Space::SharedCTA;
  location.lane = uint8_t(lane);
  return location;
}

static Location locateLocal(Warp &warp, uint64_t addr, unsigned size,
                            unsigned lane, Access access) {
  if (addr + size > kMaxLocalBytes)
    warp.trap("local memory " + std::string(accessName(access)) + " of " +
                  std::to_string(size) + " bytes at " + hex(addr) +
                  " is out of bounds",
              int(lane));
  std::vector<uint8_t> &bytes = warp.local[lane];
  if (bytes.size() < addr + size)
    bytes.resize(std::max<size_t>(addr + size, bytes.size() * 2));
  Location location;
  location.bytes = &bytes[addr];
  location.space = Space::Local;
  return location;
}

void Warp::noteGlobal(GlobalMemory::Allocation &allocation, unsigned lane,
                      Access access) {
  bool isRace =
      allocation.wasWritten || (access != Access::Read && allocation.wasRead);
  if (isRace && launch.config.programmatic &&
      !cta.cluster.order->gridsAwaited(*this, lane))
    trap(std::string(accessName(access)) +
             " of global memory that the grid "
             "in front of this one " +
             (allocation.wasWritten ? "wrote" : "read") +
             ", without a griddepcontrol.wait",
         int(lane));
  // Clusters run on several host threads.
  if (access != Access::Write)
    __atomic_store_n(&allocation.isRead, true, __ATOMIC_RELAXED);
  if (access != Access::Read)
    __atomic_store_n(&allocation.isWritten, true, __ATOMIC_RELAXED);
}

Location Warp::locate(Space space, uint64_t addr, unsigned size, unsigned align,
                      unsigned lane, Access access) {
  if (addr & (align - 1))
    trap(std::string(accessName(access)) + " of " + std::to_string(size) +
             " bytes at " + hex(addr) + " is not aligned to " +
             std::to_string(align),
         int(lane));
  switch (space) {
  case Space::SharedCTA:
  case Space::SharedCluster:
    // ThunderKittens names shared memory by generic pointers; hardware looks at
    // the low half only.
    if ((addr & kWindowMask) == kSharedWindow)
      addr &= ~kWindowMask;
    return locateShared(*this, addr, size, lane, access);
  case Space::Local:
    return locateLocal(*this, addr & ~kWindowMask, size, lane, access);
  case Space::Param:
    if ((addr & kWindowMask) == kParamWindow) {
      uint64_t offset = addr & ~kWindowMask;
      if (offset + size > frame->function->paramBytes)
        trap("parameter " + std::string(accessName(access)) + " at offset " +
                 hex(offset) + " is out of bounds",
             int(lane));
      Location location;
      location.bytes = frame->param(lane, uint32_t(offset));
      location.space = Space::Param;
      return location;
    }
    break;
  case Space::Generic:
    if ((addr & kWindowMask) == kSharedWindow)
      return locateShared(*this, addr & ~kWindowMask, size, lane, access);
    if ((addr & kWindowMask) == kLocalWindow)
      return locateLocal(*this, addr & ~kWindowMask, size, lane, access);
    if ((addr & kWindowMask) == kParamWindow)
      return locate(Space::Param, addr, size, align, lane, access);
    break;
  case Space::Global:
  case Space::Const:
    break;
  }
  GlobalMemory::Allocation *allocation = lastAllocation;
  if (!allocation || addr - allocation->base >= allocation->size)
    lastAllocation = allocation = launch.global->find(addr);
  if (!allocation || addr - allocation->base + size > allocation->size)
    trap(std::string(spaceName(space)) + " memory " + accessName(access) +
             " of " + std::to_string(size) + " bytes at " + hex(addr) + ": " +
             launch.global->describe(addr, size),
         int(lane));
  if (allocation->readOnly && access != Access::Read)
    trap(std::string(accessName(access)) + " at " + hex(addr) +
             ", which is constant or parameter memory",
         int(lane));
  if (launch.options.strict && !allocation->readOnly)
    noteGlobal(*allocation, lane, access);
  Location location;
  location.bytes = &allocation->bytes[addr - allocation->base];
  location.space = Space::Global;
  return location;
}

MbarrierRef Warp::sharedRef(Space space, uint64_t addr, unsigned size,
                            unsigned align, unsigned lane) {
  Location location = locate(space, addr, size, align, lane, Access::Read);
  if (!location.cta)
    trap(hex(addr) + " is not an address of shared memory", int(lane));
  return {location.cta, location.offset};
}

/// Copies with whole-word accesses, so that a lane of another host thread sees
/// a word old or new but not torn.
static void copyRelaxed(void *to, const void *from, unsigned size) {
  switch (size) {
  case 1:
    __atomic_store_n(
        static_cast<uint8_t *>(to),
        __atomic_load_n(static_cast<const uint8_t *>(from), __ATOMIC_RELAXED),
        __ATOMIC_RELAXED);
    return;
  case 2: {
    uint16_t value;
    std::memcpy(&value, from, 2);
    std::memcpy(to, &value, 2);
    return;
  }
  case 4: {
    uint32_t value;
    std::memcpy(&value, from, 4);
    std::memcpy(to, &value, 4);
    return;
  }
  case 8: {
    uint64_t value;
    std::memcpy(&value, from, 8);
    std::memcpy(to, &value, 8);
    return;
  }
  default:
    std::memcpy(to, from, size);
  }
}

void Warp::countConflicts(const std::array<Location, kWarpSize> &where,
                          unsigned size) {
  // A wide access is served in 2 or 4 parts, of 128 bytes each.
  unsigned lanesAtOnce = size >= 16 ? 8 : size == 8 ? 16 : 32;
  for (unsigned first = 0; first < kWarpSize; first += lanesAtOnce) {
    std::array<std::set<uint32_t>, 32> words;
    for (unsigned lane = first; lane < first + lanesAtOnce; ++lane) {
      if (!(active >> lane & 1) || !where[lane].cta)
        continue;
      for (unsigned byte = 0; byte < std::max(size, 4u); byte += 4) {
        uint32_t word = (where[lane].offset + byte) / 4;
        words[word % 32].insert(word);
      }
    }
    size_t most = 1;
    for (const std::set<uint32_t> &bank : words)
      most = std::max(most, bank.size());
    stats().bankConflicts += most - 1;
  }
}

bool Warp::load(const Location &from, void *to, unsigned size) {
  checkConflict(*this, from, size, false);
  if (from.cta && cta.cluster.order)
    cta.cluster.order->access(*this, from, size, false);
  cta.cluster.bytesRead[unsigned(from.space)] += size;
  copyRelaxed(to, from.bytes, size);
  if (!from.valid)
    return true;
  return std::memchr(from.valid, 0, size) == nullptr;
}

void Warp::store(const Location &to, const void *from, unsigned size) {
  checkConflict(*this, to, size, true);
  if (to.cta && cta.cluster.order)
    cta.cluster.order->access(*this, to, size, true);
  cta.cluster.bytesWritten[unsigned(to.space)] += size;
  copyRelaxed(to.bytes, from, size);
  if (!to.valid)
    return;
  std::memset(to.valid, 1, size);
  SharedMemory &shared = to.cta->shared;
  for (uint32_t granule = to.offset / 16;
       granule <= (to.offset + size - 1) / 16; ++granule)
    shared.writtenAt[granule] = shared.epoch;
}

} // namespace fp4::ptx

//===- AsyncProxy.cpp - Shared memory as bulk copies see it ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checked reads and writes of shared memory by asynchronous operations, and the
// CTAs that a multicast reaches.
//
//===----------------------------------------------------------------------===//

#include "AsyncProxy.h"
#include <cstring>

namespace fp4::ptx {

void checkSharedRange(const Warp &warp, const CTA &cta, uint32_t offset,
                      uint64_t size) {
  if (offset < kSharedBase || offset + size > cta.shared.bytes.size())
    warp.trap("shared memory access of " + std::to_string(size) + " bytes at " +
              hex(offset) + " is out of bounds; the CTA has " +
              hex(kSharedBase) + " to " + hex(cta.shared.bytes.size()));
}

void checkAsyncRead(const Warp &warp, const CTA &cta, uint32_t offset,
                    uint32_t size) {
  checkSharedRange(warp, cta, offset, size);
  const SharedMemory &shared = cta.shared;
  for (uint32_t granule = offset / 16; granule <= (offset + size - 1) / 16;
       ++granule)
    if (shared.writtenAt[granule] == shared.epoch)
      warp.trap("the asynchronous proxy reads shared memory at " +
                hex(granule * 16) +
                ", which ordinary stores wrote without a fence.proxy.async "
                "behind them");
}

void asyncRead(const Warp &warp, const CTA &cta, uint32_t offset, void *to,
               uint32_t size) {
  checkSharedRange(warp, cta, offset, size);
  const uint8_t *valid = &cta.shared.valid[offset];
  if (warp.launch.options.trapUninitialized)
    if (const void *hole = std::memchr(valid, 0, size))
      warp.trap(
          "copies shared memory at " +
          hex(offset + uint32_t(static_cast<const uint8_t *>(hole) - valid)) +
          " that was never written");
  std::memcpy(to, &cta.shared.bytes[offset], size);
  warp.cta.cluster.bytesRead[unsigned(Space::SharedCTA)] += size;
}

void asyncWrite(const Warp &warp, CTA &cta, uint32_t offset, const void *from,
                uint32_t size) {
  checkSharedRange(warp, cta, offset, size);
  std::memcpy(&cta.shared.bytes[offset], from, size);
  std::memset(&cta.shared.valid[offset], 1, size);
  for (uint32_t granule = offset / 16; granule * 16 < offset + size; ++granule)
    cta.shared.writtenAt[granule] = 0;
  warp.cta.cluster.bytesWritten[unsigned(Space::SharedCTA)] += size;
}

std::vector<CopyTarget> copyTargets(Warp &warp, Space space, uint64_t address,
                                    uint64_t barrier, uint32_t ctaMask,
                                    bool pair, unsigned align, unsigned lane) {
  MbarrierRef to = warp.sharedRef(space, address, 16, align, lane);
  MbarrierRef signal = warp.sharedRef(space, barrier, 8, 8, lane);
  if (!ctaMask) {
    if (!pair && signal.cta != to.cta)
      warp.trap("the mbarrier is in another CTA than the destination",
                int(lane));
    return {{to.cta, to.offset, signal}};
  }
  std::vector<CopyTarget> targets;
  auto &ctas = warp.cta.cluster.ctas;
  for (unsigned rank = 0; rank < 16; ++rank) {
    if (!(ctaMask >> rank & 1))
      continue;
    if (rank >= ctas.size())
      warp.trap("multicast to CTA rank " + std::to_string(rank) +
                    " of a cluster of " + std::to_string(ctas.size()),
                int(lane));
    // With .cta_group::2 the signal goes to the CTA of each pair that has the
    // parity of the given barrier.
    unsigned signalRank = pair ? (rank & ~1u) | (signal.cta->rank & 1) : rank;
    targets.push_back(
        {ctas[rank].get(), to.offset, {ctas[signalRank].get(), signal.offset}});
  }
  return targets;
}

} // namespace fp4::ptx

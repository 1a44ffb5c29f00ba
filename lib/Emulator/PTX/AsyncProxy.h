//===- AsyncProxy.h - Shared memory as bulk copies see it -------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bulk and tensor copies and the tensor cores read shared memory through the
// asynchronous proxy (PTX ISA, section "Proxies"): what ordinary instructions
// wrote is visible to it only after a fence.proxy.async.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_ASYNCPROXY_H
#define FP4_LIB_EMULATOR_PTX_ASYNCPROXY_H

#include "Machine.h"

namespace fp4::ptx {

/// Traps if the range is out of bounds or was written by ordinary instructions
/// after the last fence.proxy.async. Called when an operation is issued.
void checkAsyncRead(const Warp &warp, const CTA &cta, uint32_t offset,
                    uint32_t size);
/// Copies out of shared memory; traps on bytes that were never written.
void asyncRead(const Warp &warp, const CTA &cta, uint32_t offset, void *to,
               uint32_t size);
void asyncWrite(const Warp &warp, CTA &cta, uint32_t offset, const void *from,
                uint32_t size);
/// Whether the range lies in the CTA's shared memory; traps if not.
void checkSharedRange(const Warp &warp, const CTA &cta, uint32_t offset,
                      uint64_t size);

/// Where a copy to shared memory lands and what it signals, for every CTA of
/// `ctaMask` (0: the one that the address names).
struct CopyTarget {
  CTA *cta;
  uint32_t offset;
  MbarrierRef barrier;
};
std::vector<CopyTarget> copyTargets(Warp &warp, Space space, uint64_t address,
                                    uint64_t barrier, uint32_t ctaMask,
                                    bool pair, unsigned align, unsigned lane);

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_ASYNCPROXY_H

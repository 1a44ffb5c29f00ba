//===- NVVMThreads.cpp - Threads, barriers, bulk copies -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// NVVM instructions that all families since sm_90 have (PTX ISA, "mbarrier",
// "Data Movement and Conversion Instructions: Bulk copy", "elect.sync").
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;

namespace fp4::gpu {

Value KernelBuilder::threadId() {
  return NVVM::ThreadIdXOp::create(*this, getI32Type());
}

Value KernelBuilder::blockId() {
  return NVVM::BlockIdXOp::create(*this, getI32Type());
}

Value KernelBuilder::gridSize() {
  return NVVM::GridDimXOp::create(*this, getI32Type());
}

Value KernelBuilder::broadcast(Value value) {
  return NVVM::ShflOp::create(*this, getI32Type(), i32(-1), value, i32(0),
                              i32(31), NVVM::ShflKind::idx, UnitAttr());
}

Value KernelBuilder::warpId(Value thread) {
  return broadcast(shiftRight(thread, 5));
}

Value KernelBuilder::elect() {
  return NVVM::ElectSyncOp::create(*this, getI1Type(), Value());
}

void KernelBuilder::barrier() { NVVM::Barrier0Op::create(*this); }

void KernelBuilder::namedBarrier(Value id, int64_t threads) {
  NVVM::BarrierOp::create(*this, TypeRange(), id, i32(threads),
                          NVVM::BarrierReductionAttr(), Value());
}

void KernelBuilder::syncWarp() { NVVM::SyncWarpOp::create(*this, i32(-1)); }

void KernelBuilder::barrierInit(Value barrier, int64_t arrivals) {
  NVVM::MBarrierInitOp::create(*this, barrier, i32(arrivals), Value());
}

void KernelBuilder::fenceBarrierInit() {
  NVVM::FenceMbarrierInitOp::create(*this);
}

static void waitInScope(KernelBuilder &b, Value barrier, Value parity,
                        NVVM::MemScopeKind scope) {
  // The hint lets the thread sleep; it gives no upper bound.
  b.repeatUntil([&]() -> Value {
    return NVVM::MBarrierTryWaitOp::create(b, b.getI1Type(), barrier, parity,
                                           b.i32(10'000'000), scope);
  });
}

void KernelBuilder::barrierWait(Value barrier, Value parity) {
  waitInScope(*this, barrier, parity, NVVM::MemScopeKind::CTA);
}

void KernelBuilder::clusterBarrierWait(Value barrier, Value parity) {
  waitInScope(*this, barrier, parity, NVVM::MemScopeKind::CLUSTER);
}

void KernelBuilder::barrierArrive(Value barrier) {
  NVVM::MBarrierArriveOp::create(*this, getI64Type(), barrier, Value());
}

void KernelBuilder::barrierArriveExpecting(Value barrier, int64_t bytes) {
  barrierArriveExpecting(barrier, i32(bytes));
}

void KernelBuilder::barrierArriveExpecting(Value barrier, Value bytes) {
  NVVM::MBarrierArriveExpectTxOp::create(*this, Type(), barrier, bytes,
                                         NVVM::MemScopeKind::CTA,
                                         /*relaxed=*/false, Value());
}

void KernelBuilder::setMaxRegisters(int64_t count, bool isMore) {
  NVVM::SetMaxRegisterOp::create(*this, count,
                                 isMore ? NVVM::SetMaxRegisterAction::increase
                                        : NVVM::SetMaxRegisterAction::decrease);
}

void KernelBuilder::prefetchTensorMap(Value map) {
  NVVM::PrefetchOp::create(*this, NVVM::PrefetchCacheLevelAttr(),
                           NVVM::CacheEvictionPriorityAttr(), map, Value(),
                           getUnitAttr());
}

void KernelBuilder::copyTile(Value shared, Value map, Value column, Value row,
                             Value barrier) {
  copyTile(shared, map, ValueRange{column, row}, barrier);
}

void KernelBuilder::copyTile(Value shared, Value map, ValueRange coordinates,
                             Value barrier) {
  NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
      *this, shared, map, coordinates, barrier, ValueRange(), Value(), Value(),
      NVVM::TMALoadMode::TILE, /*isCTAOnly=*/true, NVVM::CTAGroupKindAttr(),
      Value());
}

void KernelBuilder::copyBytes(Value shared, Value global, int64_t bytes,
                              Value barrier) {
  NVVM::CpAsyncBulkGlobalToSharedClusterOp::create(
      *this, shared, global, barrier, i32(bytes), Value(), Value());
}

void KernelBuilder::streamBytes(Value shared, Value global, Value bytes,
                                Value barrier) {
  // What createpolicy.fractional.L2::evict_first gives.
  constexpr int64_t kEvictFirst = 0x12F0000000000000;
  NVVM::CpAsyncBulkGlobalToSharedClusterOp::create(
      *this, shared, global, barrier, bytes, Value(), i64(kEvictFirst));
}

void KernelBuilder::copyAsync(Value shared, Value global, int64_t bytes,
                              Value present) {
  auto cache = bytes == 16 ? NVVM::LoadCacheModifierKind::CG
                           : NVVM::LoadCacheModifierKind::CA;
  NVVM::CpAsyncOp::create(*this, shared, global, bytes, cache, present);
}

void KernelBuilder::barrierArriveAfterCopies(Value barrier) {
  NVVM::CpAsyncMBarrierArriveOp::create(*this, barrier, /*noinc=*/true);
}

void KernelBuilder::waitForCopies() {
  NVVM::CpAsyncCommitGroupOp::create(*this);
  NVVM::CpAsyncWaitGroupOp::create(*this, 0);
}

void KernelBuilder::launchDependents() {
  NVVM::GriddepcontrolOp::create(*this,
                                 NVVM::GridDepActionKind::launch_dependents);
}

void KernelBuilder::waitForPreviousGrid() {
  NVVM::GriddepcontrolOp::create(*this, NVVM::GridDepActionKind::wait);
}

} // namespace fp4::gpu

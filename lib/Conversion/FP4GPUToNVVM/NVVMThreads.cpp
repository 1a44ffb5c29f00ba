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
#include "mlir/Dialect/SCF/IR/SCF.h"

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

Value KernelBuilder::warpId(Value thread) {
  return NVVM::ShflOp::create(*this, getI32Type(), i32(-1),
                              shiftRight(thread, 5), i32(0), i32(31),
                              NVVM::ShflKind::idx, UnitAttr());
}

Value KernelBuilder::elect() {
  return NVVM::ElectSyncOp::create(*this, getI1Type(), Value());
}

void KernelBuilder::barrier() { NVVM::Barrier0Op::create(*this); }

void KernelBuilder::syncWarp() { NVVM::SyncWarpOp::create(*this, i32(-1)); }

void KernelBuilder::barrierInit(Value barrier, int64_t arrivals) {
  NVVM::MBarrierInitOp::create(*this, barrier, i32(arrivals), Value());
}

void KernelBuilder::fenceBarrierInit() {
  NVVM::FenceMbarrierInitOp::create(*this);
}

void KernelBuilder::barrierWait(Value barrier, Value parity) {
  auto loop = scf::WhileOp::create(*this, TypeRange(), ValueRange());
  InsertionGuard guard(*this);
  createBlock(&loop.getBefore());
  // The hint lets the thread sleep; it gives no upper bound.
  Value done = NVVM::MBarrierTryWaitOp::create(*this, getI1Type(), barrier,
                                               parity, i32(10'000'000));
  Value again = createOrFold<arith::XOrIOp>(done, boolean(true));
  scf::ConditionOp::create(*this, again, ValueRange());
  createBlock(&loop.getAfter());
  scf::YieldOp::create(*this);
}

void KernelBuilder::barrierArrive(Value barrier) {
  NVVM::MBarrierArriveOp::create(*this, getI64Type(), barrier, Value());
}

void KernelBuilder::barrierArriveExpecting(Value barrier, int64_t bytes) {
  NVVM::MBarrierArriveExpectTxOp::create(*this, Type(), barrier, i32(bytes),
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
  NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
      *this, shared, map, ValueRange{column, row}, barrier, ValueRange(),
      Value(), Value(), NVVM::TMALoadMode::TILE, /*isCTAOnly=*/true,
      NVVM::CTAGroupKindAttr(), Value());
}

void KernelBuilder::copyBytes(Value shared, Value global, int64_t bytes,
                              Value barrier) {
  NVVM::CpAsyncBulkGlobalToSharedClusterOp::create(
      *this, shared, global, barrier, i32(bytes), Value(), Value());
}

} // namespace fp4::gpu

//===- NVVMCluster.cpp - Instructions of thread block clusters ------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Instructions of sm_90 and sm_100 by which blocks of a cluster reach each
// other (PTX ISA, "mapa", "barrier.cluster", "mbarrier.arrive").
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;

namespace fp4::gpu {

void KernelBuilder::clusterBarrier() {
  NVVM::ClusterArriveOp::create(*this, getUnitAttr());
  NVVM::ClusterWaitOp::create(*this, getUnitAttr());
}

Value KernelBuilder::clusterRank() {
  return NVVM::ClusterId::create(*this, getI32Type());
}

Value KernelBuilder::mapToRank(Value shared, Value rank) {
  return NVVM::MapaOp::create(*this, pointer(7), shared, rank);
}

void KernelBuilder::remoteArrive(Value clusterBarrier) {
  NVVM::MBarrierArriveOp::create(*this, Type(), clusterBarrier, Value(),
                                 NVVM::MemScopeKind::CLUSTER);
}

} // namespace fp4::gpu

//===- NVVMTensorMemory.cpp - tcgen05 instructions ------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Instructions of sm_100 and its siblings (PTX ISA, "TensorCore 5th Generation
// Family Instructions"), one-CTA forms. The wait that makes loaded registers
// valid is inline PTX (InlinePTX.h).
//
//===----------------------------------------------------------------------===//

#include "InlinePTX.h"
#include "KernelBuilder.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

Value KernelBuilder::tensorPointer(Value address) {
  return LLVM::IntToPtrOp::create(*this, pointer(6), address);
}

void KernelBuilder::tensorAlloc(Value shared, int64_t columns) {
  NVVM::Tcgen05AllocOp::create(*this, shared, i32(columns));
  NVVM::Tcgen05RelinquishAllocPermitOp::create(*this);
}

void KernelBuilder::tensorDealloc(Value address, int64_t columns) {
  NVVM::Tcgen05DeallocOp::create(*this, tensorPointer(address), i32(columns));
}

void KernelBuilder::tensorFenceBefore() {
  NVVM::Tcgen05FenceOp::create(*this,
                               NVVM::Tcgen05FenceKind::BEFORE_THREAD_SYNC);
}

void KernelBuilder::tensorFenceAfter() {
  NVVM::Tcgen05FenceOp::create(*this,
                               NVVM::Tcgen05FenceKind::AFTER_THREAD_SYNC);
}

Value KernelBuilder::sharedDescriptor(Value address, int64_t leading,
                                      int64_t stride, int64_t swizzle) {
  auto i8 = [&](int64_t value) -> Value {
    return LLVM::ConstantOp::create(*this, getI8IntegerAttr(value));
  };
  return NVVM::Tcgen05MmaSmemDescOp::create(
      *this, getI64Type(), shiftRight(address, 4), i32(leading), i32(stride),
      i8(0), boolean(false), i8(swizzle));
}

void KernelBuilder::tensorCopyScales(Value tensorAddress, Value descriptor) {
  NVVM::Tcgen05CpOp::create(
      *this, NVVM::Tcgen05CpShape::SHAPE_32x128b, NVVM::CTAGroupKind::CTA_1,
      NVVM::Tcgen05CpMulticast::WARPX4, NVVM::Tcgen05CpSrcFormatAttr(),
      tensorPointer(tensorAddress), descriptor);
}

void KernelBuilder::tensorMma(ScaleKind kind, Value accumulator, Value a,
                              Value b, Value instruction, Value accumulate,
                              Value scalesA, Value scalesB) {
  bool isUE4M3 = kind == ScaleKind::UE4M3;
  NVVM::Tcgen05MMABlockScaleOp::create(
      *this,
      isUE4M3 ? NVVM::MMABlockScaleKind::MXF4NVF4
              : NVVM::MMABlockScaleKind::MXF4,
      NVVM::CTAGroupKind::CTA_1,
      isUE4M3 ? NVVM::Tcgen05MMABlockScale::BLOCK16
              : NVVM::Tcgen05MMABlockScale::BLOCK32,
      NVVM::Tcgen05MMACollectorOp::DISCARD, tensorPointer(accumulator), a, b,
      instruction, accumulate, tensorPointer(scalesA), tensorPointer(scalesB));
}

void KernelBuilder::tensorCommit(Value barrier) {
  NVVM::Tcgen05CommitOp::create(*this, barrier, Value());
}

Values KernelBuilder::tensorLoad(Value tensorAddress, unsigned count) {
  auto type = VectorType::get(count, getI32Type());
  Value loaded = NVVM::Tcgen05LdOp::create(
      *this, type, /*pack=*/false, NVVM::Tcgen05LdStShape::SHAPE_32X32B,
      tensorPointer(tensorAddress), Value());
  Values values = waitForTensorLoad(*this, unpack(loaded));
  for (Value &value : values)
    value = LLVM::BitcastOp::create(*this, getF32Type(), value);
  return values;
}

} // namespace fp4::gpu

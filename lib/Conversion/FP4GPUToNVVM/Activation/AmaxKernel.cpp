//===- AmaxKernel.cpp - The tensor scale of an activation -----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A pass over the input ahead of the quantization: each block of threads leaves
// the largest magnitude of its tiles in an entry of its own, so that nothing
// has to be cleared and no atomics are needed. Every warp of the quantizing
// kernel then reduces the 4 KiB again, once per block that stays on the
// machine.
//
// Magnitudes are compared as integers, which puts NaN above infinity.
//
//===----------------------------------------------------------------------===//

#include "ActivationKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

static constexpr int64_t kWarps = ActivationPlan::kThreads / 32;
static constexpr StringLiteral kSharedName = "warp_maxima";

/// A word of shared memory per warp.
static LLVM::GlobalOp getSharedWords(RealBuilder &b, Operation *device) {
  if (Operation *global = SymbolTable::lookupSymbolIn(device, kSharedName))
    return cast<LLVM::GlobalOp>(global);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&device->getRegion(0).front());
  auto type = LLVM::LLVMArrayType::get(b.getI32Type(), kWarps);
  auto global = LLVM::GlobalOp::create(
      b, type, /*isConstant=*/false, LLVM::Linkage::Internal, kSharedName,
      /*value=*/Attribute(), /*alignment=*/16, /*addrSpace=*/3);
  b.createBlock(&global.getInitializerRegion());
  LLVM::ReturnOp::create(b, LLVM::UndefOp::create(b, type).getResult());
  return global;
}

Value ActivationKernel::largestOfWarp(Value bits) {
  for (int64_t mask = 16; mask > 0; mask /= 2)
    bits = b.maxInt(bits, b.shuffleXor(bits, mask));
  return bits;
}

/// The result is that of the block in its first thread.
Value ActivationKernel::largestOfBlock(Value bits) {
  LLVM::GlobalOp global = getSharedWords(b, device);
  Value words = LLVM::AddressOfOp::create(b, global);
  Value thread = b.threadId();
  bits = largestOfWarp(bits);
  Value warp = b.shiftRight(thread, 5);
  b.ifThen(b.equal(b.bitAnd(thread, 31), 0),
           [&] { b.store(bits, b.at(words, warp, b.getI32Type()), 4); });
  b.barrier();
  for (int64_t i = 0; i < kWarps; ++i)
    bits = b.maxInt(bits, b.load(b.getI32Type(), b.at(words, 4 * i), 4));
  return bits;
}

void ActivationKernel::emitAmax() {
  Value block = b.blockId();
  Value blocks = b.minInt(b.gridSize(), b.i32(kMaxima));
  Value maxima = mapping.lookup(plan.amax.getMaxima());
  b.ifThen(b.less(block, b.i32(kMaxima)), [&] {
    Values largest = forTasks(
        blocks, b.i32(0),
        [&](const Place &place, ValueRange carried) -> Values {
          float norm;
          Values values = prepareValues(place, norm);
          Value bits = carried[0];
          // The factor keeps the order of magnitudes.
          for (Value value : values)
            bits = b.maxInt(bits,
                            b.bitAnd(b.bits(b.times(value, norm)), 0x7FFFFFFF));
          return {bits};
        });
    Value result = largestOfBlock(largest[0]);
    b.ifThen(b.equal(b.threadId(), 0), [&] {
      b.store(result, b.at(maxima, block, b.getI32Type()), 4);
      b.forLoop(b.add(block, blocks), b.i32(kMaxima), blocks, ValueRange(),
                [&](Value entry, ValueRange) -> Values {
                  b.store(b.i32(0), b.at(maxima, entry, b.getI32Type()), 4);
                  return {};
                });
    });
  });
}

Value ActivationKernel::emitTensorScale(TensorScaleOp op) {
  constexpr int64_t perVector = 4, perRound = 32 * perVector;
  Value lane = b.bitAnd(b.threadId(), 31);
  Value start = b.at(mapping.lookup(op.getMaxima()), b.mul(lane, perVector),
                     b.getI32Type());
  auto type = VectorType::get(perVector, b.getI32Type());
  Value bits = b.i32(0);
  for (int64_t i = 0; i < kMaxima; i += perRound)
    for (Value entry : b.unpack(b.load(type, b.at(start, 4 * i), 16)))
      bits = b.maxInt(bits, entry);
  Value amax = b.real(largestOfWarp(bits));
  Value scale = b.over(amax, b.f32(op.getDivisor().convertToFloat()));
  Value isZero = b.equal(b.bits(scale), 0);
  scale = b.select(isZero, b.f32(1.0f), scale);
  Value isFirst = b.createOrFold<arith::AndIOp>(b.equal(b.threadId(), 0),
                                                b.equal(b.blockId(), 0));
  b.ifThen(isFirst, [&] { b.store(scale, mapping.lookup(op.getOut()), 4); });
  return scale;
}

} // namespace fp4::gpu

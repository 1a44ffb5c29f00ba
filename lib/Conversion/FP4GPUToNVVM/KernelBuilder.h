//===- KernelBuilder.h - Building device code, one call a line --*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A builder for 32-bit index arithmetic, pointers, structured control flow and
// the NVVM instructions of our kernels. Kernel lowerings are written against
// it, so that they read as the kernel does and need no heavy headers.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4GPUTONVVM_KERNELBUILDER_H
#define FP4_LIB_CONVERSION_FP4GPUTONVVM_KERNELBUILDER_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace fp4::gpu {

enum class ScaleKind { UE4M3, UE8M0 };

class KernelBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;
  using Value = mlir::Value;
  using Values = llvm::SmallVector<mlir::Value>;

  //===--------------------------------------------------------------------===//
  // Arithmetic on i32, folded where the operands are known
  //===--------------------------------------------------------------------===//
  Value i32(int64_t value);
  Value i64(int64_t value);
  Value boolean(bool value);
  Value f32(float value);
  Value add(Value a, Value b);
  Value add(Value a, int64_t b) { return b ? add(a, i32(b)) : a; }
  Value mul(Value a, int64_t b);
  Value bitAnd(Value a, int64_t b);
  Value bitXor(Value a, Value b);
  Value shiftRight(Value a, int64_t bits);
  Value shiftLeft(Value a, int64_t bits);
  /// Unsigned division.
  Value ceilDiv(Value a, int64_t b);
  Value div(Value a, Value b);
  Value rem(Value a, Value b);
  Value equal(Value a, Value b);
  Value equal(Value a, int64_t b) { return equal(a, i32(b)); }
  Value notEqual(Value a, int64_t b);
  Value less(Value a, Value b);
  Value select(Value condition, Value a, Value b);
  /// The lesser one.
  Value atMost(Value a, Value b) { return select(less(a, b), a, b); }
  Value extend(Value a);

  //===--------------------------------------------------------------------===//
  // Memory
  //===--------------------------------------------------------------------===//
  mlir::Type pointer(unsigned space);
  /// `base` plus a number of bytes; `at(base, i, t)` plus `i` elements.
  Value at(Value base, int64_t bytes);
  Value at(Value base, Value bytes);
  Value at(Value base, Value index, mlir::Type element);
  Value load(mlir::Type type, Value pointer, unsigned alignment);
  void store(Value value, Value pointer, unsigned alignment);
  /// The 32-bit address of shared memory.
  Value addressOf(Value sharedPointer);
  /// The entries of a vector of static size.
  Values unpack(Value vector);
  Value pack(mlir::ValueRange scalars);

  //===--------------------------------------------------------------------===//
  // Control flow
  //===--------------------------------------------------------------------===//
  void ifThen(Value condition, llvm::function_ref<void()> body);
  void ifThenElse(Value condition, llvm::function_ref<void()> then,
                  llvm::function_ref<void()> otherwise);
  /// Runs `condition` until it is true.
  void repeatUntil(llvm::function_ref<Value()> condition);
  /// The values of one of two branches.
  Values choose(Value condition, llvm::function_ref<Values()> then,
                llvm::function_ref<Values()> otherwise);
  /// for (i = lower; i < upper; i += step) carrying `init`.
  Values forLoop(Value lower, Value upper, Value step, mlir::ValueRange init,
                 llvm::function_ref<Values(Value, mlir::ValueRange)> body);

  //===--------------------------------------------------------------------===//
  // Threads (NVVMThreads.cpp)
  //===--------------------------------------------------------------------===//
  Value threadId();
  Value blockId();
  Value gridSize();
  /// The warp of this thread, known to be uniform.
  Value warpId(Value thread);
  /// The value of lane 0.
  Value broadcast(Value value);
  /// True in one lane of a converged warp.
  Value elect();
  void barrier();
  /// Named barrier `id` among `threads` threads.
  void namedBarrier(Value id, int64_t threads);
  void syncWarp();
  void barrierInit(Value barrier, int64_t arrivals);
  void fenceBarrierInit();
  /// Returns when the phase of that parity has completed.
  void barrierWait(Value barrier, Value parity);
  void barrierArrive(Value barrier);
  void barrierArriveExpecting(Value barrier, int64_t bytes);
  /// The registers of each thread from here on, for all warps of a warpgroup.
  void setMaxRegisters(int64_t count, bool isMore);
  void prefetchTensorMap(Value map);
  /// Two-dimensional tile by TMA; `column` is in elements of the map.
  void copyTile(Value shared, Value map, Value column, Value row,
                Value barrier);
  /// Tile by TMA, the innermost coordinate first.
  void copyTile(Value shared, Value map, mlir::ValueRange coordinates,
                Value barrier);
  void copyBytes(Value shared, Value global, int64_t bytes, Value barrier);
  /// cp.async of 4, 8 or 16 bytes, of which the first `present` are read and
  /// the others zero; what arrives on `barrier` when this thread's copies so
  /// far are done; and what waits for them.
  void copyAsync(Value shared, Value global, int64_t bytes, Value present);
  void barrierArriveAfterCopies(Value barrier);
  void waitForCopies();
  /// Bytes that nobody reads again: L2 drops them first.
  void streamBytes(Value shared, Value global, Value bytes, Value barrier);
  void barrierArriveExpecting(Value barrier, Value bytes);
  /// Lets the next grid of the stream start; waits for the previous one, whose
  /// writes are visible from then on (programmatic dependent launch).
  void launchDependents();
  void waitForPreviousGrid();

  //===--------------------------------------------------------------------===//
  // Clusters (NVVMCluster.cpp)
  //===--------------------------------------------------------------------===//
  /// All threads of the cluster.
  void clusterBarrier();
  /// Rank of this block in its cluster.
  Value clusterRank();
  /// The same address in the block of that rank.
  Value mapToRank(Value shared, Value rank);
  /// Makes this thread's writes visible to the cluster's waiters.
  void remoteArrive(Value clusterBarrier);
  /// As barrierWait, for arrivals from the cluster.
  void clusterBarrierWait(Value barrier, Value parity);

  //===--------------------------------------------------------------------===//
  // mma.sync (NVVMMatrix.cpp)
  //===--------------------------------------------------------------------===//
  /// m16n8k16 of bf16 or f16, `element`, with f32 accumulators.
  Values mmaPairs(mlir::Type element, mlir::ValueRange a, mlir::ValueRange b,
                  mlir::ValueRange c);
  /// Byte `index` of `word`, zero-extended.
  Value byteOf(Value word, int64_t index);
  /// Product of two pairs of bf16 or f16, `element`, rounded.
  Value mulPairs(mlir::Type element, Value a, Value b);
  /// Four 8x8 matrices of 16-bit entries, one register each.
  Values loadMatrixX4(Value shared);
  /// Four matrices of 8 rows of 16 elements of 4 or 6 bits, which lie together
  /// at the start of 16 bytes; each gets a byte, as mma wants it.
  Values loadSpreadMatrixX4(Value shared, unsigned bits);
  struct LaneScale {
    Value word;
    /// First byte of the word, and which lanes of each quad hold it.
    int64_t byteId, threadId;
  };
  /// m16n8k64 of e2m1 by e2m1, or m16n8k32 of any other elements in bytes, of
  /// types `elementA` and `elementB`.
  Values mmaBlockScaled(ScaleKind kind, mlir::Type elementA,
                        mlir::Type elementB, mlir::ValueRange a,
                        mlir::ValueRange b, mlir::ValueRange c,
                        LaneScale scaleA, LaneScale scaleB);

  //===--------------------------------------------------------------------===//
  // tcgen05 (NVVMTensorMemory.cpp)
  //===--------------------------------------------------------------------===//
  /// Writes the address of `columns` columns to `shared`.
  void tensorAlloc(Value shared, int64_t columns);
  void tensorDealloc(Value address, int64_t columns);
  void tensorFenceBefore();
  void tensorFenceAfter();
  /// `address` and the strides in units of 16 bytes.
  Value sharedDescriptor(Value address, int64_t leading, int64_t stride,
                         int64_t swizzle);
  /// 32 rows of 16 bytes, replicated to the four warps' lanes.
  void tensorCopyScales(Value tensorAddress, Value descriptor);
  void tensorMma(ScaleKind kind, Value accumulator, Value a, Value b,
                 Value instruction, Value accumulate, Value scalesA,
                 Value scalesB);
  /// Arrives on `barrier` when the instructions issued so far are done.
  void tensorCommit(Value barrier);
  /// `count` columns of this warp's 32 lanes, ready to use, as f32.
  Values tensorLoad(Value tensorAddress, unsigned count);

private:
  Value tensorPointer(Value address);
};

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4GPUTONVVM_KERNELBUILDER_H

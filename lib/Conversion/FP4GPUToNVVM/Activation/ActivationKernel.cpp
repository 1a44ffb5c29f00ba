//===- ActivationKernel.cpp - Rotation and quantization in one pass -------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A thread loads 32 consecutive elements with 16-byte accesses, rotates them by
// butterflies in registers (and by shuffles with its neighbours where the
// rotation is longer), quantizes its one or two blocks, and stores 16 bytes of
// codes and one or two scales. How rows are dealt to threads: ActivationPlan.h.
//
//===----------------------------------------------------------------------===//

#include "ActivationKernel.h"
#include "ActivationABI.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include <cmath>

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

void ActivationKernel::emitScalars() {
  for (Operation &op : plan.kernel.getBody().front()) {
    if (isa<ForTilesOp, ReturnOp>(op))
      continue;
    if (auto load = dyn_cast<memref::LoadOp>(op)) {
      Value pointer = mapping.lookup(load.getMemRef());
      mapping.map(load.getResult(), b.load(load.getType(), pointer, 4));
      continue;
    }
    if (auto scale = dyn_cast<TensorScaleOp>(op)) {
      mapping.map(scale.getResult(), emitTensorScale(scale));
      continue;
    }
    b.clone(op, mapping);
  }
}

Value ActivationKernel::rows() {
  int64_t rows = plan.forTiles.getStaticSizes()[0];
  return ShapedType::isDynamic(rows)
             ? mapping.lookup(plan.forTiles.getDynamicSizes()[0])
             : b.i32(rows);
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

/// The place of this thread in task (tile, part), parts counting fastest and
/// then columns, so that blocks that run together share rows.
ActivationKernel::Place ActivationKernel::findPlace(Value task) {
  int64_t lanes = plan.getLanesPerRow(), parts = plan.getParts();
  int64_t tiles = llvm::divideCeil(plan.getColumns(), plan.getTileColumns());
  Value part = b.rem(task, b.i32(parts));
  Value tile = b.div(task, b.i32(parts));
  Value n = b.rem(tile, b.i32(tiles)), m = b.div(tile, b.i32(tiles));
  Value thread = b.threadId();
  Value slot = b.div(thread, b.i32(lanes));
  Value lane = b.rem(thread, b.i32(lanes));
  Value inTile = b.add(b.mul(b.bitAnd(slot, 3), 32),
                       b.add(b.mul(part, 32 / parts), b.shiftRight(slot, 2)));
  Place place;
  place.row = b.add(b.mul(m, kScaleTileRows), inTile);
  place.column = b.add(b.mul(n, plan.getTileColumns()),
                       b.mul(lane, ActivationPlan::kElementsPerThread));
  Value isRow = b.less(place.row, rows());
  auto isInside = [&](int64_t offset) {
    if (plan.getColumns() % plan.getTileColumns() == 0)
      return isRow;
    Value isColumn =
        b.less(b.add(place.column, offset), b.i32(plan.getColumns()));
    return b.createOrFold<arith::AndIOp>(isRow, isColumn);
  };
  place.isFirstInside = isInside(0);
  place.isSecondInside =
      plan.getColumns() % ActivationPlan::kElementsPerThread == 0
          ? place.isFirstInside
          : isInside(kHalf);
  return place;
}

//===----------------------------------------------------------------------===//
// Loads
//===----------------------------------------------------------------------===//

/// 16 elements as vectors of 16 bytes.
Values ActivationKernel::loadHalf(Value array, Value index) {
  Type element = cast<MemRefType>(array.getType()).getElementType();
  int64_t perVector = 128 / element.getIntOrFloatBitWidth();
  Value pointer = b.at(mapping.lookup(array), index, element);
  Values vectors;
  for (int64_t i = 0; i < kHalf; i += perVector)
    vectors.push_back(b.load(VectorType::get(perVector, element),
                             b.at(pointer, 16 * (i / perVector)), 16));
  return vectors;
}

/// The vectors of `types` for each half, zeros outside.
Values ActivationKernel::loadVectors(const Place &place, ArrayRef<Type> types) {
  // 64-bit: an input can have more than 2^31 elements.
  Value start = b.createOrFold<arith::MulIOp>(b.extend(place.row),
                                              b.i64(plan.getColumns()));
  Value first = b.createOrFold<arith::AddIOp>(start, b.extend(place.column));
  Value second = b.createOrFold<arith::AddIOp>(first, b.i64(kHalf));
  auto loadInputs = [&](Values &vectors, Value index) {
    for (Value input : plan.getInputs())
      llvm::append_range(vectors, loadHalf(input, index));
  };
  auto loadIf = [&](Value isInside, ArrayRef<Value> indices) {
    SmallVector<Type> all;
    for (size_t i = 0; i < indices.size(); ++i)
      llvm::append_range(all, types);
    return b.choose(
        isInside, all,
        [&] {
          Values vectors;
          for (Value index : indices)
            loadInputs(vectors, index);
          return vectors;
        },
        [&] {
          Values zeros;
          for (Type type : all)
            zeros.push_back(LLVM::ZeroOp::create(b, type));
          return zeros;
        });
  };
  if (place.isFirstInside == place.isSecondInside)
    return loadIf(place.isFirstInside, {first, second});
  Values vectors = loadIf(place.isFirstInside, first);
  vectors.append(loadIf(place.isSecondInside, second));
  return vectors;
}

/// The body's result for each element.
Values ActivationKernel::emitBody(ArrayRef<Values> inputs) {
  Block &body = plan.getBody();
  Values results;
  for (size_t i = 0; i < inputs[0].size(); ++i) {
    IRMapping local = mapping;
    for (auto [input, argument] : llvm::zip(inputs, body.getArguments()))
      local.map(argument, input[i]);
    for (Operation &op : body.without_terminator())
      b.clone(op, local);
    results.push_back(
        local.lookupOrDefault(cast<YieldOp>(body.back()).getValues()[0]));
  }
  return results;
}

/// The 32 values of a thread as the body computes them from elements, or from
/// zeros outside.
Values ActivationKernel::loadValues(const Place &place) {
  SmallVector<Type> types;
  for (Value input : plan.getInputs()) {
    Type element = cast<MemRefType>(input.getType()).getElementType();
    int64_t perVector = 128 / element.getIntOrFloatBitWidth();
    types.append(kHalf / perVector, VectorType::get(perVector, element));
  }
  Values vectors = loadVectors(place, types);
  Values values;
  size_t next = 0;
  for (int64_t half = 0; half < 2; ++half) {
    SmallVector<Values> inputs(plan.getInputs().size());
    for (Values &input : inputs)
      while (input.size() < kHalf)
        llvm::append_range(input, b.unpack(vectors[next++]));
    llvm::append_range(values, emitBody(inputs));
  }
  return values;
}

//===----------------------------------------------------------------------===//
// Rotation
//===----------------------------------------------------------------------===//

/// Strides of 32 and more: a partner's value of the same register.
void ActivationKernel::rotateAcrossLanes(Values &values) {
  Value lane = b.threadId();
  for (int64_t mask = 1;
       mask * ActivationPlan::kElementsPerThread < plan.getRotation();
       mask *= 2) {
    Value isUpper = b.notEqual(b.bitAnd(lane, mask), 0);
    // a + b below, a - b above; a product with 1 or -1 is exact.
    Value sign = b.select(isUpper, b.f32(-1.0f), b.f32(1.0f));
    for (Value &value : values)
      value = b.fma(value, sign, b.shuffleXor(value, mask));
  }
}

/// Negates the values whose sign in their rotation is -1.
void ActivationKernel::flipSigns(Values &values, ArrayRef<int8_t> signs) {
  int64_t period = signs.size();
  int64_t lanes =
      std::max<int64_t>(1, period / ActivationPlan::kElementsPerThread);
  Value lane = b.bitAnd(b.threadId(), lanes - 1);
  for (auto [i, value] : llvm::enumerate(values)) {
    // Bit l: the sign in lane l of those that share a rotation.
    int64_t negative = 0;
    for (int64_t l = 0; l < lanes; ++l) {
      int64_t index = (l * ActivationPlan::kElementsPerThread + i) % period;
      negative |= int64_t(signs[index] < 0) << l;
    }
    if (negative == 0)
      continue;
    if (negative == (int64_t(1) << lanes) - 1) {
      value = b.negate(value);
      continue;
    }
    Value shifted = b.createOrFold<arith::ShRUIOp>(b.i32(negative), lane);
    Value sign = b.shiftLeft(shifted, 31);
    value = b.real(b.bitXor(b.bits(value), sign));
  }
}

void ActivationKernel::rotate(Values &values) {
  if (std::optional<ArrayRef<int8_t>> signs = plan.getSigns())
    flipSigns(values, *signs);
  int64_t inThread =
      std::min<int64_t>(plan.getRotation(), ActivationPlan::kElementsPerThread);
  for (int64_t stride = 1; stride < inThread; stride *= 2)
    for (int64_t i = 0; i < ActivationPlan::kElementsPerThread; ++i) {
      if (i & stride)
        continue;
      Value low = values[i], high = values[i + stride];
      values[i] = b.plus(low, high);
      values[i + stride] = b.minus(low, high);
    }
  rotateAcrossLanes(values);
}

/// The factor 1 / sqrt(rotation): returned if it can wait for the division,
/// otherwise applied.
float ActivationKernel::normalize(Values &values) {
  int64_t rotation = plan.getRotation();
  auto norm =
      static_cast<float>(1.0 / std::sqrt(static_cast<double>(rotation)));
  // A power of two changes no bit of sums of bf16 and f16 values: they are
  // multiples of 2^-133, so none becomes too small. The largest float may not
  // be exceeded either, which saturation would do before the factor.
  bool isPowerOfTwo = llvm::Log2_64(rotation) % 2 == 0;
  bool isWide = llvm::any_of(plan.getInputs(), [](Value input) {
    return cast<MemRefType>(input.getType()).getElementType().isF32();
  });
  bool isCast = llvm::hasSingleElement(plan.getBody().without_terminator()) &&
                isa<arith::ExtFOp>(plan.getBody().front());
  if (rotation == 1)
    return 1.0f;
  if (isPowerOfTwo && !isWide && isCast && !plan.saturatesInf())
    return norm;
  for (Value &value : values)
    value = b.times(value, norm);
  return 1.0f;
}

/// Infinities become the largest float.
void ActivationKernel::saturate(Values &values) {
  Value largest = b.i32(0x7F7FFFFF);
  for (Value &value : values) {
    Value bits = b.bits(value);
    Value isInf = b.equal(b.bitAnd(bits, 0x7FFFFFFF), 0x7F800000);
    Value sign = b.bitAnd(bits, int64_t(0x80000000));
    value = b.select(isInf, b.real(b.bitOr(largest, sign)), value);
  }
}

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

void ActivationKernel::storeElements(const Place &place,
                                     ArrayRef<QuantizedBlock> blocks) {
  Values words;
  for (const QuantizedBlock &block : blocks)
    llvm::append_range(words, block.words);
  int64_t rowBytes = plan.quantize.getElements().getType().getDimSize(1) / 2;
  b.ifThen(place.isFirstInside, [&] {
    Value start =
        b.createOrFold<arith::MulIOp>(b.extend(place.row), b.i64(rowBytes));
    Value index = b.createOrFold<arith::AddIOp>(
        start, b.extend(b.shiftRight(place.column, 1)));
    b.store(
        b.pack(words),
        b.at(mapping.lookup(plan.quantize.getElements()), index, b.getI8Type()),
        16);
  });
}

/// One or two codes; zero in the padding.
void ActivationKernel::storeScales(const Place &place,
                                   ArrayRef<QuantizedBlock> blocks) {
  int64_t block = plan.quantize.getFormat().getBlockCols();
  Value codes = b.select(place.isFirstInside, blocks[0].scaleCode, b.i32(0));
  if (blocks.size() == 2) {
    Value second =
        b.select(place.isSecondInside, blocks[1].scaleCode, b.i32(0));
    codes = b.bitOr(codes, b.shiftLeft(second, 8));
  }
  Value offset =
      getScaleOffset(b, place.row, b.div(place.column, b.i32(block)),
                     plan.quantize.getScales().getType().getDimSize(1));
  unsigned bytes = blocks.size();
  b.store(
      b.truncate(codes, 8 * bytes),
      b.at(mapping.lookup(plan.quantize.getScales()), offset, b.getI8Type()),
      bytes);
}

void ActivationKernel::emitQuantize(const Place &place, ArrayRef<Value> values,
                                    float norm) {
  numerics::BlockFormat format = plan.quantize.getFormat().getBlockFormat();
  BlockQuantizer quantizer(
      b, format.scale,
      static_cast<numerics::ScaleRule>(plan.quantize.getRule()), norm,
      plan.arch->family != GPUFamily::SM90);
  if (Value scale = plan.quantize.getTensorScale())
    quantizer.setTensorScale(mapping.lookup(scale));
  SmallVector<QuantizedBlock> blocks;
  for (size_t i = 0; i < values.size(); i += format.blockCols)
    blocks.push_back(quantizer.quantize(values.slice(i, format.blockCols)));
  storeElements(place, blocks);
  storeScales(place, blocks);
}

/// The rotated values of a thread, and the factor that they still need.
Values ActivationKernel::prepareValues(const Place &place, float &norm) {
  Values values = loadValues(place);
  rotate(values);
  norm = normalize(values);
  if (plan.saturatesInf())
    saturate(values);
  return values;
}

Values ActivationKernel::forTasks(
    Value blocks, ValueRange init,
    function_ref<Values(const Place &, ValueRange)> body) {
  int64_t tiles = llvm::divideCeil(plan.getColumns(), plan.getTileColumns());
  Value count =
      b.mul(b.ceilDiv(rows(), kScaleTileRows), tiles * plan.getParts());
  return b.forLoop(b.blockId(), count, blocks, init,
                   [&](Value task, ValueRange carried) {
                     return body(findPlace(task), carried);
                   });
}

void ActivationKernel::emit() {
  beginActivationFunction(b, plan, device, mapping);
  emitScalars();
  if (plan.amax)
    emitAmax();
  else
    forTasks(b.gridSize(), ValueRange(),
             [&](const Place &place, ValueRange) -> Values {
               float norm;
               Values values = prepareValues(place, norm);
               emitQuantize(place, values, norm);
               return {};
             });
  LLVM::ReturnOp::create(b, ValueRange());
}

void lowerActivation(ActivationPlan &plan, Operation *device) {
  OpBuilder builder(device->getContext());
  RealBuilder realBuilder(plan.kernel.getLoc(), builder);
  ActivationKernel(plan, realBuilder, device).emit();
}

} // namespace fp4::gpu

//===- ActivationKernel.cpp - Rotation and quantization in one pass -------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A thread loads 32 consecutive elements with 16-byte accesses, rotates them by
// butterflies in registers (and by shuffles with its neighbours where the
// rotation is longer), quantizes its one or two blocks, and stores 16, 24 or 32
// bytes of codes and one or two scales. How rows are dealt to threads:
// ActivationPlan.h.
//
//===----------------------------------------------------------------------===//

#include "ActivationKernel.h"
#include "../KernelFunction.h"
#include "ActivationABI.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include <cmath>

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

ActivationKernel::Place ActivationKernel::findPlace(Value m, Value n,
                                                    Value part) {
  int64_t lanes = plan.getLanesPerRow(), parts = plan.getParts();
  Value thread = b.threadId();
  Value slot = b.div(thread, b.i32(lanes));
  Value lane = b.rem(thread, b.i32(lanes));
  Value inTile = b.add(b.mul(b.bitAnd(slot, 3), 32),
                       b.add(b.mul(part, 32 / parts), b.shiftRight(slot, 2)));
  Place place;
  place.row = b.add(b.mul(m, kScaleTileRows), inTile);
  place.column = b.add(b.mul(n, plan.getTileColumns()),
                       b.mul(lane, ActivationPlan::kElementsPerThread));
  Value isRow = b.less(place.row, emitSize(b, plan.forTiles, 0, mapping));
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
Values ActivationKernel::loadHalf(const Source &source, Value index) {
  Type element = source.getElementType();
  int64_t perVector = source.getVectorSize();
  Value pointer = b.at(mapping.lookup(source.array), index, element);
  Values vectors;
  for (int64_t i = 0; i < kHalf; i += perVector)
    vectors.push_back(b.load(VectorType::get(perVector, element),
                             b.at(pointer, 16 * (i / perVector)), 16));
  return vectors;
}

/// The vectors of all sources for each half, zeros outside.
Values ActivationKernel::loadVectors(const Place &place,
                                     ArrayRef<Source> sources) {
  // 64-bit: an input can have more than 2^31 elements.
  Value start = b.createOrFold<arith::MulIOp>(b.extend(place.row),
                                              b.i64(plan.getColumns()));
  Value column = b.extend(place.column);
  auto loadIf = [&](Value isInside, ArrayRef<int64_t> offsets) {
    SmallVector<Type> types;
    for (size_t i = 0; i < offsets.size(); ++i)
      for (const Source &source : sources)
        types.append(
            kHalf / source.getVectorSize(),
            VectorType::get(source.getVectorSize(), source.getElementType()));
    return b.choose(
        isInside, types,
        [&] {
          Values vectors;
          for (int64_t offset : offsets)
            for (const Source &source : sources) {
              Value index =
                  b.createOrFold<arith::AddIOp>(column, b.i64(offset));
              if (!source.isVector)
                index = b.createOrFold<arith::AddIOp>(start, index);
              llvm::append_range(vectors, loadHalf(source, index));
            }
          return vectors;
        },
        [&] {
          Values zeros;
          for (Type type : types)
            zeros.push_back(LLVM::ZeroOp::create(b, type));
          return zeros;
        });
  };
  if (place.isFirstInside == place.isSecondInside)
    return loadIf(place.isFirstInside, {0, kHalf});
  Values vectors = loadIf(place.isFirstInside, {0});
  vectors.append(loadIf(place.isSecondInside, {kHalf}));
  return vectors;
}

/// The 32 elements of a thread from each source.
SmallVector<Values> ActivationKernel::loadSources(const Place &place,
                                                  ArrayRef<Source> sources) {
  Values vectors = loadVectors(place, sources);
  SmallVector<Values> elements(sources.size());
  size_t next = 0;
  for (int64_t half = 1; half <= 2; ++half)
    for (Values &list : elements)
      while (list.size() < size_t(half * kHalf))
        llvm::append_range(list, b.unpack(vectors[next++]));
  return elements;
}

/// What the operations of a region make of `arguments`.
Value ActivationKernel::emitRegion(Block &body, ValueRange arguments) {
  IRMapping local = mapping;
  local.map(body.getArguments(), arguments);
  for (Operation &op : body.without_terminator())
    b.clone(op, local);
  return local.lookupOrDefault(cast<YieldOp>(body.back()).getValues()[0]);
}

/// The 32 values of a thread as the body computes them from elements, or from
/// zeros outside.
Values ActivationKernel::loadValues(const Place &place) {
  SmallVector<Source> sources;
  for (Value input : plan.getInputs())
    sources.push_back({input, /*isVector=*/false});
  for (Value vector : plan.getVectors())
    sources.push_back({vector, /*isVector=*/true});
  SmallVector<Values> elements = loadSources(place, sources);
  Values values;
  for (int64_t i = 0; i < ActivationPlan::kElementsPerThread; ++i) {
    Values arguments;
    for (const Values &list : elements)
      arguments.push_back(list[i]);
    if (place.factor)
      arguments.push_back(place.factor);
    values.push_back(emitRegion(plan.getBody(), arguments));
  }
  return values;
}

/// What the region `row` makes of the sum of squares of this thread's row. A
/// lane adds its elements in order, with fused multiply-adds; the sums of lanes
/// meet in pairs.
Value ActivationKernel::emitRowFactor(Value m, Value part) {
  Source input = {plan.getInputs().front(), /*isVector=*/false};
  Values zero = {b.f32(0.0f)};
  Value sum =
      b.forLoop(b.i32(0), b.i32(plan.getColumnTiles()), b.i32(1), zero,
                [&](Value n, ValueRange carried) -> Values {
                  Value sum = carried[0];
                  Values elements =
                      loadSources(findPlace(m, n, part), input).front();
                  for (Value value : elements) {
                    if (!value.getType().isF32())
                      value = arith::ExtFOp::create(b, b.getF32Type(), value);
                    sum = b.fma(value, value, sum);
                  }
                  return {sum};
                })[0];
  for (int64_t mask = 1; mask < plan.getLanesPerRow(); mask *= 2)
    sum = b.plus(sum, b.shuffleXor(sum, mask));
  return emitRegion(*plan.getRow(), sum);
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
  Value array = plan.quantize.getElements();
  auto type = cast<MemRefType>(array.getType());
  int64_t bits = type.getElementTypeBitWidth();
  int64_t rowBytes = type.getDimSize(1) * bits / 8;
  // 32 elements of 6 bits are 24 bytes.
  int64_t perStore = bits == 6 ? 2 : 4;
  b.ifThen(place.isFirstInside, [&] {
    Value start =
        b.createOrFold<arith::MulIOp>(b.extend(place.row), b.i64(rowBytes));
    Value inRow = b.mul(b.shiftRight(place.column, 3), bits);
    Value index = b.createOrFold<arith::AddIOp>(start, b.extend(inRow));
    Value pointer = b.at(mapping.lookup(array), index, b.getI8Type());
    for (size_t i = 0; i < words.size(); i += perStore)
      b.store(b.pack(ArrayRef(words).slice(i, perStore)),
              b.at(pointer, static_cast<int64_t>(4 * i)), 4 * perStore);
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
  auto store = [&] {
    unsigned bytes = blocks.size();
    b.store(
        b.truncate(codes, 8 * bytes),
        b.at(mapping.lookup(plan.quantize.getScales()), offset, b.getI8Type()),
        bytes);
  };
  // A tile wider than four blocks may end behind the padding.
  int64_t padded =
      plan.quantize.getScales().getType().getDimSize(1) * 4 * block;
  if (padded % plan.getTileColumns() == 0)
    store();
  else
    b.ifThen(b.less(place.column, b.i32(padded)), store);
}

void ActivationKernel::emitQuantize(const Place &place, ArrayRef<Value> values,
                                    float norm) {
  numerics::BlockFormat format = plan.quantize.getFormat().getBlockFormat();
  BlockQuantizer quantizer(
      b, format, static_cast<numerics::ScaleRule>(plan.quantize.getRule()),
      norm, plan.arch->family != GPUFamily::SM90);
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
  if (plan.getMatrix())
    transform(place, values);
  if (plan.saturatesInf())
    saturate(values);
  return values;
}

/// Parts count fastest and then columns, so that blocks that run together share
/// rows; or, with sums over rows, the columns of a part follow one another.
Values ActivationKernel::forTasks(
    Value blocks, ValueRange init,
    function_ref<Values(const Place &, ValueRange)> body) {
  int64_t tiles = plan.getColumnTiles(), parts = plan.getParts();
  Value rows = emitSize(b, plan.forTiles, 0, mapping);
  Value count = b.mul(b.ceilDiv(rows, kScaleTileRows),
                      plan.getRow() ? parts : tiles * parts);
  return b.forLoop(
      b.blockId(), count, blocks, init, [&](Value task, ValueRange carried) {
        Value part = b.rem(task, b.i32(parts));
        Value tile = b.div(task, b.i32(parts));
        if (!plan.getRow()) {
          Value n = b.rem(tile, b.i32(tiles)), m = b.div(tile, b.i32(tiles));
          return body(findPlace(m, n, part), carried);
        }
        Value factor = emitRowFactor(tile, part);
        return b.forLoop(b.i32(0), b.i32(tiles), b.i32(1), carried,
                         [&](Value n, ValueRange inner) {
                           Place place = findPlace(tile, n, part);
                           place.factor = factor;
                           return body(place, inner);
                         });
      });
}

void ActivationKernel::emit() {
  beginActivationFunction(b, plan, device, mapping);
  emitScalars(b, plan.kernel, mapping, [&](Operation &op) {
    auto scale = dyn_cast<TensorScaleOp>(op);
    return scale ? emitTensorScale(scale) : Value();
  });
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

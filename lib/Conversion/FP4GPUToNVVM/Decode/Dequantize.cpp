//===- Dequantize.cpp - Activations as bf16 -------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers fp4gpu.dequantize. A thread takes 32 consecutive elements of a row. A
// code's bits, moved to where a float32 has its exponent, are the value times a
// power of two; a multiplication puts that right, for small values too, as
// float32 products of numbers and powers of two are exact. Then the upper half
// of the float32 is the bf16.
//
//===----------------------------------------------------------------------===//

#include "../Activation/BlockQuantizer.h"
#include "../Families.h"
#include "../KernelFunction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

static DequantizeOp findDequantize(KernelOp kernel) {
  DequantizeOp op;
  kernel->walk([&](DequantizeOp found) { op = found; });
  return op;
}

bool isDequantizeKernel(KernelOp kernel) {
  return findDequantize(kernel) != DequantizeOp();
}

namespace {
class Dequantize {
public:
  Dequantize(KernelOp kernel, RealBuilder &builder)
      : kernel(kernel), b(builder), op(findDequantize(kernel)),
        forTiles(op->getParentOfType<ForTilesOp>()),
        columns(op.getOut().getType().getDimSize(1)),
        tileColumns(kernel.getSchedule().getTileN()) {}

  LogicalResult check();
  void emit(Operation *device);

private:
  static constexpr int64_t kThreads = 256, kChunk = 32, kNaN = 0x7FC00000;

  int64_t getTileRows() const { return kThreads * kChunk / tileColumns; }
  bool isMX() {
    return op.getFormat()->getBlockFormat().scale ==
           numerics::ScaleFormat::E8M0;
  }
  DictionaryAttr describeLaunch();
  void emitTile(Value tile);
  void emitChunk(Value row, Value column);
  void emitBlock(Value row, Value column, ArrayRef<Value> words);
  void storeBlock(Value row, Value column, ArrayRef<Value> values);
  Values loadWords(Value row, Value column, int64_t bits);
  Value loadScale(Value row, Value column);
  Value elementOf(Value word, int64_t index);
  Value byteElementOf(Value word, int64_t index);

  KernelOp kernel;
  RealBuilder &b;
  DequantizeOp op;
  ForTilesOp forTiles;
  int64_t columns, tileColumns;
  IRMapping mapping;
};
} // namespace

LogicalResult Dequantize::check() {
  ScheduleAttr schedule = kernel.getSchedule();
  if (!llvm::isPowerOf2_64(tileColumns) || tileColumns < kChunk ||
      tileColumns > 32 * kChunk || schedule.getTileM() != getTileRows() ||
      schedule.getTileK() != 1)
    return kernel.emitOpError()
           << "expected a schedule with a tile of 8192 elements in a power of "
              "two of 32 to 1024 columns and the depth 1, got "
           << schedule;
  bool isAlone = llvm::hasSingleElement(kernel.getBody().getOps<ForTilesOp>());
  for (Operation &other : kernel.getBody().front())
    isAlone &= isa<ForTilesOp, ReturnOp>(other);
  for (Operation &other : forTiles.getBody().front())
    isAlone &= &other == op;
  if (!isAlone)
    return op.emitOpError(
        "expected no other operation than the loop over tiles around it");
  if (forTiles.getStaticSizes()[1] != columns)
    return forTiles.emitOpError()
           << "expected the columns of 'out', " << columns
           << ", as second size, got " << forTiles.getStaticSizes()[1];
  Block &tile = forTiles.getBody().front();
  if (op.getRow() != tile.getArgument(0) ||
      op.getColumn() != tile.getArgument(1))
    return op.emitOpError("expected the indices of the loop over tiles");
  return success();
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

/// Four words of a row of `elements`, of elements of `bits`, from `column` on.
Values Dequantize::loadWords(Value row, Value column, int64_t bits) {
  int64_t rowBytes = op.getElements().getType().getDimSize(1) * bits / 8;
  Value start = b.createOrFold<arith::MulIOp>(b.extend(row), b.i64(rowBytes));
  Value inRow = bits == 8 ? column : b.shiftRight(column, 1);
  Value pointer = b.at(mapping.lookup(op.getElements()),
                       b.createOrFold<arith::AddIOp>(start, b.extend(inRow)),
                       b.getI8Type());
  return b.unpack(b.load(VectorType::get(4, b.getI32Type()), pointer, 16));
}

/// The scale of the block at `column`, as a float32.
Value Dequantize::loadScale(Value row, Value column) {
  MemRefType type = op.getScales().getType();
  Value block = b.div(
      column, b.i32(static_cast<int64_t>(op.getFormat()->getBlockCols())));
  Value offset = getScaleOffset(b, row, block, type.getDimSize(1));
  Value code = arith::ExtUIOp::create(
      b, b.getI32Type(),
      b.load(b.getI8Type(),
             b.at(mapping.lookup(op.getScales()), offset, b.getI8Type()), 1));
  if (isMX()) {
    // 2^-127, the scale of code 0, is below the normal numbers.
    Value bits =
        b.select(b.equal(code, 0), b.i32(0x00400000), b.shiftLeft(code, 23));
    return b.real(b.select(b.equal(code, 255), b.i32(kNaN), bits));
  }
  code = b.bitAnd(code, 127);
  Value scale = b.times(b.real(b.shiftLeft(code, 20)), 0x1p120f);
  return b.select(b.equal(code, 127), b.real(b.i32(kNaN)), scale);
}

/// Element `index` of eight, divided by 4 for MX scales.
Value Dequantize::elementOf(Value word, int64_t index) {
  Value x = b.shiftLeft(word, 28 - 4 * index);
  Value bits = b.bitOr(b.bitAnd(x, int64_t(0x80000000)),
                       b.bitAnd(b.shiftRight(x, 6), 0x01C00000));
  return b.times(b.real(bits), isMX() ? 0x1p124f : 0x1p126f);
}

/// Byte `index` of four as f8E4M3FN.
Value Dequantize::byteElementOf(Value word, int64_t index) {
  Value x = b.shiftLeft(word, 24 - 8 * index);
  Value magnitude = b.bitAnd(b.shiftRight(x, 4), 0x07F00000);
  Value bits = b.bitOr(b.bitAnd(x, int64_t(0x80000000)), magnitude);
  Value value = b.times(b.real(bits), 0x1p120f);
  return b.select(b.equal(magnitude, 0x07F00000), b.real(b.i32(kNaN)), value);
}

/// Stores the elements of a block of a row, `values` being the codes.
void Dequantize::storeBlock(Value row, Value column, ArrayRef<Value> values) {
  Value scale = op.getScales() ? loadScale(row, column) : Value();
  Values pairs;
  for (size_t i = 0; i < values.size(); i += 2) {
    Value halves[2];
    for (size_t j = 0; j < 2; ++j)
      halves[j] = b.bits(scale ? b.times(values[i + j], scale) : values[i + j]);
    pairs.push_back(b.bitOr(b.bitAnd(halves[1], int64_t(0xFFFF0000)),
                            b.shiftRight(halves[0], 16)));
  }
  Value start = b.createOrFold<arith::MulIOp>(b.extend(row), b.i64(columns));
  Value out = b.at(mapping.lookup(op.getOut()),
                   b.createOrFold<arith::AddIOp>(start, b.extend(column)),
                   b.getBF16Type());
  for (size_t i = 0; i < pairs.size(); i += 4)
    b.store(b.pack(ArrayRef(pairs).slice(i, 4)),
            b.at(out, static_cast<int64_t>(4 * i)), 16);
}

/// 16 or 32 elements that have one scale, or none.
void Dequantize::emitBlock(Value row, Value column, ArrayRef<Value> words) {
  Values values;
  for (Value word : words)
    for (int64_t i = 0; i < (op.getScales() ? 8 : 4); ++i)
      values.push_back(op.getScales() ? elementOf(word, i)
                                      : byteElementOf(word, i));
  storeBlock(row, column, values);
}

/// The elements from `column` to the end of the chunk that exist. Rows of
/// packed codes are padded to whole chunks, others are not.
void Dequantize::emitChunk(Value row, Value column) {
  bool isByte = !op.getScales();
  int64_t block =
      isByte ? 16 : static_cast<int64_t>(op.getFormat()->getBlockCols());
  Values codes = isByte ? Values() : loadWords(row, column, 4);
  for (int64_t first = 0; first < kChunk; first += block) {
    Value start = b.add(column, first);
    auto emit = [&] {
      if (isByte)
        emitBlock(row, start, loadWords(row, start, 8));
      else
        emitBlock(row, start, ArrayRef(codes).slice(first / 8, block / 8));
    };
    if (first == 0 || columns % kChunk == 0)
      emit();
    else
      b.ifThen(b.less(start, b.i32(columns)), emit);
  }
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

void Dequantize::emitTile(Value tile) {
  Value tiles = b.i32(llvm::divideCeil(columns, tileColumns));
  Value lanes = b.i32(tileColumns / kChunk), thread = b.threadId();
  Value row =
      b.add(b.mul(b.div(tile, tiles), getTileRows()), b.div(thread, lanes));
  Value column = b.add(b.mul(b.rem(tile, tiles), tileColumns),
                       b.mul(b.rem(thread, lanes), kChunk));
  Value isInside = b.createOrFold<arith::AndIOp>(
      b.less(row, emitSize(b, forTiles, 0, mapping)),
      b.less(column, b.i32(columns)));
  b.ifThen(isInside, [&] { emitChunk(row, column); });
}

DictionaryAttr Dequantize::describeLaunch() {
  SmallVector<Attribute> arguments;
  for (BlockArgument argument : kernel.getBody().getArguments()) {
    unsigned index = argument.getArgNumber();
    ArrayAttr shape;
    if (isa<MemRefType>(argument.getType()))
      shape =
          describeShape(forTiles, index, /*dim=*/0, argument == op.getScales());
    arguments.push_back(describeArgument(kernel, index, "pointer", shape)
                            .getDictionary(b.getContext()));
  }
  // Any smaller grid works too: blocks loop over tiles.
  Attribute factors[] = {
      describeTiles(describeSize(forTiles, 0), getTileRows()),
      describeTiles(describeSize(forTiles, 1), tileColumns)};
  SmallVector<NamedAttribute> fields = {
      b.getNamedAttr("arguments", b.getArrayAttr(arguments)),
      b.getNamedAttr("block", b.getI64ArrayAttr({kThreads, 1, 1})),
      b.getNamedAttr("blocks_per_multiprocessor", b.getI64IntegerAttr(4)),
      b.getNamedAttr("dynamic_shared_memory", b.getI64IntegerAttr(0)),
      b.getNamedAttr("grid", b.getDictionaryAttr(b.getNamedAttr(
                                 "x", b.getArrayAttr(factors))))};
  if (Attribute meaning = kernel->getAttr(kMeaningAttrName))
    fields.push_back(b.getNamedAttr("meaning", meaning));
  return b.getDictionaryAttr(fields);
}

void Dequantize::emit(Operation *device) {
  FunctionOptions options{kThreads, /*blocksPerMultiprocessor=*/4};
  LLVM::LLVMFuncOp function =
      createKernelFunction(b, kernel, device, options, mapping);
  function->setAttr("fp4gpu.launch", describeLaunch());
  Value rows = emitSize(b, forTiles, 0, mapping);
  Value count = b.mul(b.ceilDiv(rows, getTileRows()),
                      llvm::divideCeil(columns, tileColumns));
  b.forLoop(b.blockId(), count, b.gridSize(), ValueRange(),
            [&](Value tile, ValueRange) -> Values {
              emitTile(tile);
              return {};
            });
  LLVM::ReturnOp::create(b, ValueRange());
}

LogicalResult lowerDequantizeKernel(KernelOp kernel, Operation *device) {
  OpBuilder builder(device->getContext());
  RealBuilder realBuilder(kernel.getLoc(), builder);
  Dequantize lowering(kernel, realBuilder);
  if (failed(lowering.check()))
    return failure();
  lowering.emit(device);
  return success();
}

} // namespace fp4::gpu

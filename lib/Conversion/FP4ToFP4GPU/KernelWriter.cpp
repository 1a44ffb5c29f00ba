//===- KernelWriter.cpp - What all matmul kernels share -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes the fp4gpu.kernel of a problem around operands and pipeline.
//
//===----------------------------------------------------------------------===//

#include "KernelWriter.h"
#include "Activations.h"
#include "TailText.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace fp4::gpu {

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

unsigned KernelWriter::declare(const Twine &name, Type type) {
  names.push_back(name.str());
  types.push_back(type);
  return types.size() - 1;
}

SmallVector<Value> KernelWriter::arguments(ArrayRef<unsigned> indices) {
  return llvm::map_to_vector(indices,
                             [&](unsigned index) { return argument(index); });
}

/// Biases, operands of the tail ("column0", ..., "matrix0", ...), the number of
/// rows, the result.
void KernelWriter::declareResult() {
  for (unsigned i = 0; i < getProducts(); ++i)
    if (Type type = getBiasType(i))
      biases[i] = declare(i == 0 ? "bias" : "second_bias",
                          MemRefType::get({problem.columns}, type));
  auto declareAll = [&](ArrayRef<Value> operands, const Twine &name,
                        SmallVector<unsigned> &indices) {
    for (auto [i, operand] : llvm::enumerate(operands)) {
      auto type = cast<RankedTensorType>(operand.getType());
      indices.push_back(
          declare(name + Twine(i),
                  MemRefType::get(type.getShape(), type.getElementType())));
    }
  };
  declareAll(fused.columns.getArrayRef(), "column", columns);
  declareAll(fused.matrices.getArrayRef(), "matrix", matrices);
  if (fused.quantize && fused.quantize.getTensorScale())
    tensorScale =
        declare("out_tensor_scale", MemRefType::get({}, b.getF32Type()));
  if (problem.hasDynamicRows())
    rows = declare("rows", b.getIndexType());
  declareOutputs();
}

/// A matrix, or its blocks: elements and scales.
void KernelWriter::declareOutputs() {
  if (!fused.quantize) {
    out = declare("out", MemRefType::get({problem.rows, problem.columns},
                                         fused.getType().getElementType()));
    return;
  }
  MicroscaledTensorType type = fused.quantize.getType();
  FormatAttr format = type.getFormat();
  out = declare("elements", MemRefType::get({problem.rows, problem.columns},
                                            format.getElementStorageType()));
  scales =
      declare("scales", MemRefType::get(getPrepackedScalesType(type).getShape(),
                                        format.getScaleStorageType()));
}

//===----------------------------------------------------------------------===//
// The body
//===----------------------------------------------------------------------===//

Value KernelWriter::emitSteps(
    AccType acc, function_ref<SmallVector<Value>(Value step)> produce,
    function_ref<Value(Value sum, ValueRange tiles)> multiply) {
  Value zero = ZeroOp::create(b, acc);
  int64_t steps = llvm::divideCeil(problem.depth, schedule.getTileK());
  auto pipeline = PipelineOp::create(b, acc, steps, zero);
  OpBuilder::InsertionGuard guard(b);
  Block *producer = b.createBlock(&pipeline.getProduce());
  SmallVector<Value> tiles =
      produce(producer->addArgument(b.getIndexType(), b.getLoc()));
  YieldOp::create(b, tiles);
  Block *consumer = b.createBlock(&pipeline.getConsume());
  Value sum = consumer->addArgument(acc, b.getLoc());
  for (Value tile : tiles)
    consumer->addArgument(tile.getType(), b.getLoc());
  YieldOp::create(
      b, multiply(sum, ValueRange(consumer->getArguments()).drop_front()));
  return pipeline.getResult();
}

/// One product in the result type of its matmul.
Value KernelWriter::emitProduct(unsigned product, Value x, Value bias) {
  if (Value factor = factors[product])
    x = arith::MulFOp::create(b, x, factor);
  if (bias) {
    if (!bias.getType().isF32())
      bias = arith::ExtFOp::create(b, b.getF32Type(), bias);
    x = arith::AddFOp::create(b, x, bias);
  }
  x = emitActivation(b, x, getActivation(product));
  if (!problem.resultType.isF32())
    x = arith::TruncFOp::create(b, problem.resultType, x);
  return x;
}

void KernelWriter::emitEpilogue(Value sum, Value m, Value n) {
  SmallVector<Value> vectors;
  for (std::optional<unsigned> factor : columnFactors)
    if (factor)
      vectors.push_back(argument(*factor));
  for (unsigned i = 0; i < getProducts(); ++i)
    if (getBiasType(i))
      vectors.push_back(argument(biases[i]));
  size_t ownCount = vectors.size();
  llvm::append_range(vectors, arguments(columns));
  SmallVector<Value> addends = arguments(matrices);
  FormatAttr format;
  ScaleRuleAttr rule;
  if (fused.quantize) {
    format = fused.quantize.getType().getFormat();
    rule = ScaleRuleAttr::get(
        b.getContext(),
        static_cast<ScaleRule>(fused.quantize.getEffectiveScaleRule()));
  }
  auto epilogue = EpilogueOp::create(
      b, sum, argument(out), ValueRange{m, n}, vectors, addends,
      fused.quantize ? argument(scales) : Value(), outFactor,
      schedule.getSwapped(), problem.isGated, format, rule);
  OpBuilder::InsertionGuard guard(b);
  Block *body = b.createBlock(&epilogue.getBody());
  for (unsigned i = 0; i < getProducts(); ++i)
    body->addArgument(b.getF32Type(), b.getLoc());
  for (Value operand : llvm::concat<Value>(vectors, addends))
    body->addArgument(cast<MemRefType>(operand.getType()).getElementType(),
                      b.getLoc());
  auto operands = llvm::to_vector_of<Value>(body->getArguments());
  SmallVector<Value> results;
  size_t next = getProducts();
  for (unsigned i = 0; i < getProducts(); ++i)
    if (columnFactors[i])
      factors[i] = operands[next++];
  for (unsigned i = 0; i < getProducts(); ++i) {
    Value bias = getBiasType(i) ? operands[next++] : Value();
    results.push_back(emitProduct(i, operands[i], bias));
  }
  ArrayRef<Value> others =
      ArrayRef(operands).drop_front(getProducts() + ownCount);
  Operation *last = body->empty() ? nullptr : &body->back();
  Value result = fused.emitTail(b, results, others.take_front(columns.size()),
                                others.drop_front(columns.size()));
  auto yield = YieldOp::create(b, result);
  describeTailOf(*body, last ? std::next(last->getIterator()) : body->begin(),
                 results, others);
  if (!fused.quantize || result.getType().isF32())
    return;
  b.setInsertionPoint(yield);
  yield->setOperand(0, arith::ExtFOp::create(b, b.getF32Type(), result));
}

/// The loop over tiles.
void KernelWriter::emitTiles() {
  SmallVector<Value> dynamicSizes;
  if (problem.hasDynamicRows())
    dynamicSizes.push_back(argument(rows));
  int64_t sizes[] = {problem.rows, problem.getProductColumns()};
  auto forTiles = ForTilesOp::create(b, dynamicSizes, sizes);
  ReturnOp::create(b);
  Block *tile = b.createBlock(&forTiles.getBody());
  Value m = tile->addArgument(b.getIndexType(), b.getLoc());
  Value n = tile->addArgument(b.getIndexType(), b.getLoc());
  emitEpilogue(emitPipeline(m, n), m, n);
}

//===----------------------------------------------------------------------===//
// The meaning
//===----------------------------------------------------------------------===//

/// Puts the operations of the epilogue from `first` on into words.
void KernelWriter::describeTailOf(Block &body, Block::iterator first,
                                  ValueRange results, ValueRange others) {
  llvm::DenseMap<Value, std::string> names;
  for (auto [i, value] : llvm::enumerate(results))
    names[value] = "p" + std::to_string(i);
  for (auto [i, value] : llvm::enumerate(others))
    names[value] = i < columns.size()
                       ? "column" + std::to_string(i)
                       : "matrix" + std::to_string(i - columns.size());
  tailText = describeTail(body, first, names);
}

/// What the manifest says of the kernel (docs/Manifest.md, "Meaning"); null if
/// there are no words for it.
DictionaryAttr KernelWriter::describeMeaning() {
  if (!tailText)
    return {};
  NamedAttrList meaning;
  auto add = [&](StringRef name, StringRef value) {
    meaning.set(name, b.getStringAttr(value));
  };
  add("kind", "matmul");
  describeOperands(meaning);
  add("activation", stringifyActivation(problem.activation));
  if (problem.isGated) {
    add("gated", "true");
    add("second_activation", stringifyActivation(problem.secondActivation));
  }
  auto print = [](Type type) {
    std::string text;
    llvm::raw_string_ostream(text) << type;
    return text;
  };
  if (!tailText->empty()) {
    add("product_type", print(problem.resultType));
    add("tail", *tailText);
  }
  if (fused.quantize) {
    fp4::QuantizeOp quantize = fused.quantize;
    add("result_type", print(fused.getType().getElementType()));
    add("result_format", quantize.getType().getFormat().getName());
    add("scale_rule", stringifyScaleRule(static_cast<ScaleRule>(
                          quantize.getEffectiveScaleRule())));
  }
  return meaning.getDictionary(b.getContext());
}

KernelOp KernelWriter::create() {
  declareOperands();
  declareResult();
  SmallVector<StringRef> texts(names.begin(), names.end());
  kernel = KernelOp::create(b, problem.getName() + fused.getSuffix(), schedule,
                            b.getStrArrayAttr(texts));
  OpBuilder::InsertionGuard guard(b);
  Block *body = b.createBlock(&kernel.getBody());
  body->addArguments(types, SmallVector<Location>(types.size(), b.getLoc()));
  emitFactors();
  if (tensorScale)
    outFactor = memref::LoadOp::create(b, argument(tensorScale), ValueRange());
  emitTiles();
  if (DictionaryAttr meaning = describeMeaning())
    kernel->setAttr(kMeaningAttrName, meaning);
  return kernel;
}

} // namespace fp4::gpu

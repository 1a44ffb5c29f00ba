//===- MatmulKernel.cpp - The kernel of a matmul --------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes the fp4gpu.kernel of a problem: arguments, pipeline, epilogue.
//
//===----------------------------------------------------------------------===//

#include "MatmulKernel.h"
#include "Activations.h"
#include "TailText.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace fp4::gpu {

//===----------------------------------------------------------------------===//
// Problems
//===----------------------------------------------------------------------===//

static StringRef getFormatName(FormatAttr format) {
  numerics::BlockFormat block = format.getBlockFormat();
  if (block.element == numerics::ElementFormat::E4M3)
    return "mxfp8e4m3";
  if (block.element == numerics::ElementFormat::E5M2)
    return "mxfp8e5m2";
  return block.scale == numerics::ScaleFormat::UE4M3 ? "nvfp4" : "mxfp4";
}

std::string MatmulProblem::getName() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "matmul_" << getFormatName(format) << "_";
  if (weightFormat != format)
    os << getFormatName(weightFormat) << "_";
  os << (hasDynamicRows() ? "m" : std::to_string(rows)) << "x" << columns << "x"
     << depth << "_" << resultType;
  if (biasType)
    os << "_bias_" << biasType;
  if (activation != Activation::None)
    os << "_" << stringifyActivation(activation);
  if (isGated) {
    os << "_with";
    if (secondBiasType)
      os << "_bias_" << secondBiasType;
    if (secondActivation != Activation::None)
      os << "_" << stringifyActivation(secondActivation);
  }
  if (schedule)
    os << "_tile" << schedule.getTileM() << "x" << schedule.getTileN() << "x"
       << schedule.getTileK() << "_stages" << schedule.getStages() << "_warps"
       << schedule.getWarpsM() << "x" << schedule.getWarpsN()
       << (schedule.getSwapped() ? "_swapped" : "")
       << (schedule.getSplit() > 1
               ? "_split" + std::to_string(schedule.getSplit())
               : "");
  return text;
}

static std::string printSize(int64_t size) {
  return ShapedType::isDynamic(size) ? "?" : std::to_string(size);
}

static bool isServed(FormatAttr format) {
  numerics::BlockFormat block = format.getBlockFormat();
  unsigned expected = block.scale == numerics::ScaleFormat::UE4M3 ? 16 : 32;
  return isPrepackedFormat(format) && block.blockCols == expected;
}

static bool is8Bit(FormatAttr format) {
  return format.getElementStorageType().getIntOrFloatBitWidth() == 8;
}

FailureOr<MatmulProblem> getMatmulProblem(MatmulOp matmul,
                                          std::string &reason) {
  auto fail = [&](const Twine &text) {
    reason = text.str();
    return failure();
  };
  auto lhs = dyn_cast<MicroscaledTensorType>(matmul.getLhs().getType());
  auto rhs = dyn_cast<MicroscaledTensorType>(matmul.getRhs().getType());
  if (!lhs || !rhs || !isServed(lhs.getFormat()) ||
      !isServed(rhs.getFormat()) ||
      (lhs.getFormat() != rhs.getFormat() &&
       (!is8Bit(lhs.getFormat()) || !is8Bit(rhs.getFormat()))))
    return fail("expected two operands of #fp4.nvfp4, two of #fp4.mxfp4 or two "
                "of #fp4.mxfp8e4m3 and #fp4.mxfp8e5m2");
  MatmulProblem problem;
  problem.format = lhs.getFormat();
  problem.weightFormat = rhs.getFormat();
  problem.rows = lhs.getShape()[0];
  problem.columns = rhs.getShape()[0];
  problem.depth = lhs.getNumCols();
  problem.resultType = matmul.getType().getElementType();
  problem.biasType =
      matmul.getBias()
          ? cast<RankedTensorType>(matmul.getBias().getType()).getElementType()
          : Type();
  problem.activation = matmul.getActivation().value_or(Activation::None);
  problem.schedule = matmul->getAttrOfType<ScheduleAttr>(kScheduleAttrName);
  if (problem.schedule &&
      problem.schedule.getTileK() % (4 * problem.format.getBlockCols()) != 0)
    return fail("expected a schedule with a depth that is a multiple of " +
                Twine(4 * problem.format.getBlockCols()) + ", got " +
                Twine(problem.schedule.getTileK()));
  if (ShapedType::isDynamic(problem.columns) || problem.columns % 8 != 0)
    return fail("expected N to be a static multiple of 8, got " +
                printSize(problem.columns));
  return problem;
}

MatmulProblem getGatedProblem(const MatmulProblem &first,
                              const MatmulProblem &second) {
  MatmulProblem problem = first;
  problem.isGated = true;
  problem.secondBiasType = second.biasType;
  problem.secondActivation = second.activation;
  return problem;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

namespace {
/// Collects the arguments of a kernel with their names.
struct Signature {
  SmallVector<Type> types;
  SmallVector<std::string> names;

  unsigned add(StringRef name, Type type) {
    names.push_back(name.str());
    types.push_back(type);
    return types.size() - 1;
  }
};

/// The arguments that scale and shift one product.
struct ProductArguments {
  unsigned rhsTensorScale, bias;
  Value alpha;
};

class MatmulKernelBuilder {
public:
  MatmulKernelBuilder(ImplicitLocOpBuilder &builder, FusedMatmul &fused,
                      const MatmulProblem &problem, ScheduleAttr schedule)
      : b(builder), fused(fused), problem(problem), schedule(schedule) {}

  KernelOp create();

private:
  MemRefType elementsType(FormatAttr format, int64_t rows);
  MemRefType scalesType(FormatAttr format, int64_t rows);
  void declareArguments();
  void declareTail();
  DictionaryAttr describeMeaning();
  void describeTailOf(Block &body, Block::iterator first, ValueRange results,
                      ValueRange others);
  Value argument(unsigned index) { return kernel.getBody().getArgument(index); }
  SmallVector<Value> arguments(ArrayRef<unsigned> indices);
  unsigned getProducts() const { return problem.isGated ? 2 : 1; }
  Type getBiasType(unsigned product) const {
    return product == 0 ? problem.biasType : problem.secondBiasType;
  }
  Activation getActivation(unsigned product) const {
    return product == 0 ? problem.activation : problem.secondActivation;
  }
  void emitAlphas();
  Value emitPipeline(Value m, Value n);
  void emitEpilogue(Value sum, Value m, Value n);
  Value emitProduct(unsigned product, Value x, Value bias);
  Value copyTile(unsigned source, Value row, Value step, int64_t rows);

  ImplicitLocOpBuilder &b;
  FusedMatmul &fused;
  const MatmulProblem &problem;
  ScheduleAttr schedule;
  KernelOp kernel;
  Signature signature;
  unsigned lhs, lhsScales, rhs, rhsScales, lhsTensorScale, rows, out;
  ProductArguments products[2];
  SmallVector<unsigned> columns, matrices;
  /// Nothing if the runtime has no word for one of its operations.
  std::optional<std::string> tailText;
};
} // namespace

MemRefType MatmulKernelBuilder::elementsType(FormatAttr format, int64_t rows) {
  auto matrix =
      MicroscaledTensorType::get(b.getContext(), {rows, problem.depth}, format);
  int64_t bytes = getPrepackedElementsType(matrix).getDimSize(1);
  return MemRefType::get({rows, bytes * 8 / problem.getBits()},
                         format.getElementStorageType());
}

MemRefType MatmulKernelBuilder::scalesType(FormatAttr format, int64_t rows) {
  auto matrix =
      MicroscaledTensorType::get(b.getContext(), {rows, problem.depth}, format);
  return MemRefType::get(getPrepackedScalesType(matrix).getShape(),
                         format.getScaleStorageType());
}

void MatmulKernelBuilder::declareArguments() {
  auto scalar = MemRefType::get({}, b.getF32Type());
  lhs = signature.add("lhs", elementsType(problem.format, problem.rows));
  lhsScales =
      signature.add("lhs_scales", scalesType(problem.format, problem.rows));
  rhs = signature.add(
      "rhs", elementsType(problem.weightFormat, problem.getProductColumns()));
  rhsScales =
      signature.add("rhs_scales", scalesType(problem.weightFormat,
                                             problem.getProductColumns()));
  if (problem.format.hasTensorScale()) {
    lhsTensorScale = signature.add("lhs_tensor_scale", scalar);
    products[0].rhsTensorScale = signature.add("rhs_tensor_scale", scalar);
    if (problem.isGated)
      products[1].rhsTensorScale = signature.add("second_tensor_scale", scalar);
  }
  for (unsigned i = 0; i < getProducts(); ++i)
    if (Type type = getBiasType(i))
      products[i].bias =
          signature.add(i == 0 ? "bias" : "second_bias",
                        MemRefType::get({problem.columns}, type));
  declareTail();
  if (problem.hasDynamicRows())
    rows = signature.add("rows", b.getIndexType());
  out = signature.add("out", MemRefType::get({problem.rows, problem.columns},
                                             fused.getType().getElementType()));
}

/// Operands of the tail: "column0", ..., "matrix0", ...
void MatmulKernelBuilder::declareTail() {
  auto declare = [&](ArrayRef<Value> operands, const Twine &name,
                     SmallVector<unsigned> &indices) {
    for (auto [i, operand] : llvm::enumerate(operands)) {
      auto type = cast<RankedTensorType>(operand.getType());
      indices.push_back(signature.add(
          (name + Twine(i)).str(),
          MemRefType::get(type.getShape(), type.getElementType())));
    }
  };
  declare(fused.columns.getArrayRef(), "column", columns);
  declare(fused.matrices.getArrayRef(), "matrix", matrices);
}

SmallVector<Value> MatmulKernelBuilder::arguments(ArrayRef<unsigned> indices) {
  return llvm::map_to_vector(indices,
                             [&](unsigned index) { return argument(index); });
}

/// The products of the tensor scales, null if the format has none.
void MatmulKernelBuilder::emitAlphas() {
  if (!problem.format.hasTensorScale())
    return;
  Value left =
      memref::LoadOp::create(b, argument(lhsTensorScale), ValueRange());
  for (ProductArguments &product :
       MutableArrayRef(products).take_front(getProducts())) {
    Value right = memref::LoadOp::create(b, argument(product.rhsTensorScale),
                                         ValueRange());
    product.alpha = arith::MulFOp::create(b, left, right);
  }
}

Value MatmulKernelBuilder::copyTile(unsigned source, Value row, Value step,
                                    int64_t rows) {
  auto type = cast<MemRefType>(argument(source).getType());
  SmallVector<int64_t> shape(type.getShape());
  if (shape.size() == 2) {
    shape = {rows, schedule.getTileK()};
  } else {
    shape[0] = llvm::divideCeil(rows, kScaleTileRows);
    shape[1] =
        schedule.getTileK() / (4 * int64_t(problem.format.getBlockCols()));
  }
  auto tile = TileType::get(b.getContext(), shape, type.getElementType());
  bool isPart = shape.size() != 2 && rows < kScaleTileRows;
  return CopyOp::create(b, tile, argument(source), ValueRange{row, step},
                        isPart ? kScaleTileRows / rows : 1);
}

Value MatmulKernelBuilder::emitPipeline(Value m, Value n) {
  int64_t extents[] = {schedule.getTileM(), schedule.getTileN()};
  Value indices[] = {m, n};
  unsigned elements[] = {lhs, rhs}, scales[] = {lhsScales, rhsScales};
  // The side of the product that is operand A.
  unsigned first = schedule.getSwapped() ? 1 : 0;
  auto acc = AccType::get(b.getContext(), extents[first], extents[1 - first]);
  Value zero = ZeroOp::create(b, acc);
  int64_t steps = llvm::divideCeil(problem.depth, schedule.getTileK());
  auto pipeline = PipelineOp::create(b, acc, steps, zero);
  OpBuilder::InsertionGuard guard(b);
  Block *produce = b.createBlock(&pipeline.getProduce());
  Value step = produce->addArgument(b.getIndexType(), b.getLoc());
  SmallVector<Value> tiles;
  for (unsigned side : {first, 1 - first}) {
    tiles.push_back(
        copyTile(elements[side], indices[side], step, extents[side]));
    tiles.push_back(copyTile(scales[side], indices[side], step, extents[side]));
  }
  YieldOp::create(b, tiles);
  Block *consume = b.createBlock(&pipeline.getConsume());
  Value sum = consume->addArgument(acc, b.getLoc());
  for (Value tile : tiles)
    consume->addArgument(tile.getType(), b.getLoc());
  auto part = [&](unsigned side) {
    return extents[side] < kScaleTileRows ? indices[side] : Value();
  };
  Value next = MmaOp::create(b, acc, sum, consume->getArgument(1),
                             consume->getArgument(2), part(first),
                             consume->getArgument(3), consume->getArgument(4),
                             part(1 - first));
  YieldOp::create(b, next);
  return pipeline.getResult();
}

/// One product in the result type of its matmul.
Value MatmulKernelBuilder::emitProduct(unsigned product, Value x, Value bias) {
  if (Value alpha = products[product].alpha)
    x = arith::MulFOp::create(b, x, alpha);
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

void MatmulKernelBuilder::emitEpilogue(Value sum, Value m, Value n) {
  SmallVector<Value> vectors;
  for (unsigned i = 0; i < getProducts(); ++i)
    if (getBiasType(i))
      vectors.push_back(argument(products[i].bias));
  size_t biases = vectors.size();
  llvm::append_range(vectors, arguments(columns));
  SmallVector<Value> addends = arguments(matrices);
  auto epilogue =
      EpilogueOp::create(b, sum, argument(out), ValueRange{m, n}, vectors,
                         addends, schedule.getSwapped(), problem.isGated);
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
  for (unsigned i = 0; i < getProducts(); ++i) {
    Value bias = getBiasType(i) ? operands[next++] : Value();
    results.push_back(emitProduct(i, operands[i], bias));
  }
  ArrayRef<Value> others =
      ArrayRef(operands).drop_front(getProducts() + biases);
  Operation *last = body->empty() ? nullptr : &body->back();
  YieldOp::create(b,
                  fused.emitTail(b, results, others.take_front(columns.size()),
                                 others.drop_front(columns.size())));
  describeTailOf(*body, last ? std::next(last->getIterator()) : body->begin(),
                 results, others);
}

/// Puts the operations of the epilogue from `first` on into words.
void MatmulKernelBuilder::describeTailOf(Block &body, Block::iterator first,
                                         ValueRange results,
                                         ValueRange others) {
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
DictionaryAttr MatmulKernelBuilder::describeMeaning() {
  if (!tailText)
    return {};
  std::optional<std::string_view> format =
      numerics::blockFormatName(problem.format.getBlockFormat());
  auto text = [&](StringRef name, StringRef value) {
    return b.getNamedAttr(name, b.getStringAttr(value));
  };
  StringRef name = format ? StringRef(*format) : StringRef();
  SmallVector<NamedAttribute> fields = {
      text("kind", "matmul"), text("lhs_format", name),
      text("rhs_format", name),
      text("activation", stringifyActivation(problem.activation))};
  if (problem.isGated) {
    fields.push_back(text("gated", "true"));
    fields.push_back(text("second_activation",
                          stringifyActivation(problem.secondActivation)));
  }
  if (!tailText->empty()) {
    std::string type;
    llvm::raw_string_ostream(type) << problem.resultType;
    fields.push_back(text("product_type", type));
    fields.push_back(text("tail", *tailText));
  }
  return b.getDictionaryAttr(fields);
}

KernelOp MatmulKernelBuilder::create() {
  declareArguments();
  SmallVector<StringRef> names(signature.names.begin(), signature.names.end());
  kernel = KernelOp::create(b, problem.getName() + fused.getSuffix(), schedule,
                            b.getStrArrayAttr(names));
  OpBuilder::InsertionGuard guard(b);
  Block *body = b.createBlock(&kernel.getBody());
  body->addArguments(signature.types,
                     SmallVector<Location>(signature.types.size(), b.getLoc()));
  emitAlphas();
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
  if (DictionaryAttr meaning = describeMeaning())
    kernel->setAttr(kMeaningAttrName, meaning);
  return kernel;
}

KernelOp createMatmulKernel(OpBuilder &builder, FusedMatmul &fused,
                            const MatmulProblem &problem,
                            ScheduleAttr schedule) {
  ImplicitLocOpBuilder located(fused.matmul.getLoc(), builder);
  return MatmulKernelBuilder(located, fused, problem, schedule).create();
}

} // namespace fp4::gpu

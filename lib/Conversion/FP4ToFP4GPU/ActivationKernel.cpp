//===- ActivationKernel.cpp - The kernel of a quantization ----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes the fp4gpu.kernel that rotates and quantizes: arguments, loop over
// tiles, fp4gpu.quantize with what is fused in front.
//
//===----------------------------------------------------------------------===//

#include "ActivationKernel.h"
#include "Activations.h"
#include "BlockTransform.h"
#include "TailText.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace fp4::gpu {

//===----------------------------------------------------------------------===//
// Problems
//===----------------------------------------------------------------------===//

/// What distinguishes the values that are quantized.
static void printValues(llvm::raw_ostream &os, const QuantizeProblem &problem) {
  ArrayRef<int64_t> shape = problem.type.getShape();
  os << (problem.hasDynamicRows() ? "m" : std::to_string(shape[0])) << "x"
     << shape[1] << "_" << problem.getInputType().getElementType();
  if (problem.rotation)
    os << "_h" << problem.rotation.getInt();
  // The signs themselves: 4 a digit.
  if (DenseI8ArrayAttr signs = problem.signs)
    for (int64_t i = 0; i < signs.size(); i += 4) {
      unsigned digit = 0;
      for (int64_t j = i; j < std::min<int64_t>(i + 4, signs.size()); ++j)
        digit |= unsigned(signs[j] < 0) << (j - i);
      os << (i == 0 ? "_s" : "") << llvm::hexdigit(digit, /*LowerCase=*/true);
    }
  if (problem.matrix)
    os << "_t" << problem.getMatrixBlock();
  if (problem.saturatesInf)
    os << "_sat";
  if (problem.source.factor)
    os << "_norm";
  else if (!problem.source.body.empty())
    os << "_fused";
}

std::string QuantizeProblem::getName() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "quantize_" << type.getFormat().getName() << "_"
     << stringifyScaleRule(rule) << "_";
  printValues(os, *this);
  if (computesTensorScale())
    os << "_dynamic";
  return text;
}

std::string QuantizeProblem::getAmaxName() const {
  std::string text = "amax_";
  llvm::raw_string_ostream os(text);
  printValues(os, *this);
  return text;
}

/// Fills in what both operations have.
template <typename OpTy> static QuantizeProblem makeProblem(OpTy op) {
  QuantizeProblem problem;
  std::optional<BlockTransform> transform;
  if (!isa<RotateQuantizeOp>(op))
    transform = matchBlockTransform(op.getInput(), op);
  if (transform)
    problem.matrix = transform->matrix;
  problem.source = transform ? fuseInput(transform->input, transform->user)
                             : fuseInput(op.getInput(), op);
  problem.tensorScale = op.getTensorScale();
  problem.type = op.getType();
  problem.rule = static_cast<ScaleRule>(op.getEffectiveScaleRule());
  problem.saturatesInf =
      op.getEffectiveNaNPolicy() == numerics::NaNPolicy::SaturateInf;
  return problem;
}

FailureOr<QuantizeProblem> getQuantizeProblem(Operation *op,
                                              std::string &reason) {
  auto fail = [&](const Twine &text) {
    reason = text.str();
    return failure();
  };
  QuantizeProblem problem;
  if (auto quantize = dyn_cast<fp4::QuantizeOp>(op)) {
    if (quantize.getRandom())
      return fail("expected rounding to nearest, got random numbers for "
                  "stochastic rounding");
    problem = makeProblem(quantize);
  } else if (auto quantize = dyn_cast<RotateQuantizeOp>(op)) {
    problem = makeProblem(quantize);
    problem.rotation = quantize.getBlockAttr();
    problem.signs = quantize.getSignsAttr();
  } else {
    return fail("expected fp4.quantize or fp4.rotate_quantize");
  }
  FormatAttr format = problem.type.getFormat();
  if (format.getName().empty()) {
    llvm::raw_string_ostream(reason)
        << "expected a format with a name, got " << format;
    return failure();
  }
  if (numerics::elementBits(format.getBlockFormat().element) == 6 &&
      problem.type.getNumCols() % 64 != 0)
    return fail("expected a multiple of 64 columns of 6-bit elements, got " +
                Twine(problem.type.getNumCols()));
  if (llvm::any_of(problem.type.getShape(), [](int64_t size) {
        return size == 0 || size >= int64_t(1) << 31;
      }))
    return fail("expected a matrix that is not empty, of sizes below 2^31");
  if (problem.rule == ScaleRule::Search && !isKernelFormat(format))
    return fail("expected another scale rule than search for elements of more "
                "than 4 bits");
  return problem;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// 128 rows, and at least so many columns, those of two threads, and those of a
/// rotation. With sums over rows up to those of a warp, so that the rows of the
/// blocks under way are few enough to stay in L2 until they are read again.
static ScheduleAttr makeSchedule(const QuantizeProblem &problem,
                                 int64_t columns) {
  columns = std::max<int64_t>(64, columns);
  if (problem.rotation)
    columns = std::max(columns, problem.rotation.getInt());
  if (problem.matrix)
    columns = std::max(columns, problem.getMatrixBlock());
  constexpr int64_t warpColumns = 1024;
  if (problem.source.factor)
    columns = std::max(
        columns,
        std::min<int64_t>(warpColumns,
                          llvm::PowerOf2Ceil(problem.type.getNumCols())));
  return ScheduleAttr::get(problem.type.getContext(), kScaleTileRows, columns,
                           /*tileK=*/1, /*stages=*/1, /*warpsM=*/8,
                           /*warpsN=*/1, /*swapped=*/false, /*split=*/1);
}

namespace {
/// The parts that both kernels have.
class ActivationKernelBuilder {
public:
  ActivationKernelBuilder(ImplicitLocOpBuilder &builder,
                          const QuantizeProblem &problem)
      : b(builder), problem(problem) {
    for (auto [i, input] : llvm::enumerate(problem.source.inputs))
      inputs.push_back(
          declareArray(i == 0 ? "input" : "input" + std::to_string(i), input));
    for (auto [i, column] : llvm::enumerate(problem.source.columns))
      columns.push_back(declareArray("column" + std::to_string(i), column));
    if (problem.matrix)
      matrix = declareArray("matrix", problem.matrix);
  }

  KernelOp createQuantize();
  KernelOp createAmax();

private:
  unsigned declare(std::string name, Type type) {
    names.push_back(std::move(name));
    types.push_back(type);
    return types.size() - 1;
  }
  unsigned declareArray(std::string name, Value array) {
    auto type = cast<RankedTensorType>(array.getType());
    return declare(std::move(name),
                   MemRefType::get(type.getShape(), type.getElementType()));
  }
  void declareRows() {
    if (problem.hasDynamicRows())
      rows = declare("rows", b.getIndexType());
  }
  void begin(StringRef name, ScheduleAttr schedule);
  Value argument(unsigned index) { return kernel.getBody().getArgument(index); }
  Value getMatrix() { return matrix ? argument(matrix) : Value(); }
  SmallVector<Value> arguments(ArrayRef<unsigned> indices) {
    return llvm::map_to_vector(indices,
                               [&](unsigned index) { return argument(index); });
  }
  SmallVector<Value> beginTiles();
  void emitRegions(Region &body, Region &row);
  void describeRegions(Region &body, Region &row);
  float getDivisor();
  DictionaryAttr describeMeaning(StringRef kind);

  ImplicitLocOpBuilder &b;
  const QuantizeProblem &problem;
  SmallVector<Type> types;
  SmallVector<std::string> names;
  KernelOp kernel;
  SmallVector<unsigned> inputs, columns;
  unsigned rows = 0, matrix = 0;
};
} // namespace

/// Creates the kernel with the declared arguments and enters its body.
void ActivationKernelBuilder::begin(StringRef name, ScheduleAttr schedule) {
  SmallVector<StringRef> views(names.begin(), names.end());
  kernel = KernelOp::create(b, name, schedule, b.getStrArrayAttr(views));
  Block *body = b.createBlock(&kernel.getBody());
  body->addArguments(types, SmallVector<Location>(types.size(), b.getLoc()));
}

/// Ends the kernel's scalars, enters the loop over tiles and returns its
/// indices.
SmallVector<Value> ActivationKernelBuilder::beginTiles() {
  SmallVector<Value> dynamicSizes;
  if (rows)
    dynamicSizes.push_back(argument(rows));
  auto forTiles =
      ForTilesOp::create(b, dynamicSizes, problem.getInputType().getShape());
  ReturnOp::create(b);
  Block *tile = b.createBlock(&forTiles.getBody());
  return {tile->addArgument(b.getIndexType(), b.getLoc()),
          tile->addArgument(b.getIndexType(), b.getLoc())};
}

/// The factor of a row, if there is one, and the value of an element.
void ActivationKernelBuilder::emitRegions(Region &bodyRegion,
                                          Region &rowRegion) {
  const FusedInput &source = problem.source;
  Location loc = b.getLoc();
  if (source.factor) {
    Block *row = b.createBlock(&rowRegion);
    Value sum = row->addArgument(b.getF32Type(), loc);
    YieldOp::create(b, source.emitRow(b, sum));
  }
  Block *body = b.createBlock(&bodyRegion);
  for (unsigned index : llvm::concat<unsigned>(inputs, columns))
    body->addArgument(cast<MemRefType>(types[index]).getElementType(), loc);
  SmallVector<Value> elements(body->getArguments());
  Value factor =
      source.factor ? body->addArgument(b.getF32Type(), loc) : Value();
  YieldOp::create(b, source.emitBody(b, elements, factor));
  approximateExponentials(*body);
  describeRegions(bodyRegion, rowRegion);
}

/// Adds the regions' arithmetic to the meaning; without words for all of it
/// there is none.
void ActivationKernelBuilder::describeRegions(Region &bodyRegion,
                                              Region &rowRegion) {
  if (problem.source.body.empty())
    return;
  NamedAttrList meaning(
      kernel->getAttrOfType<DictionaryAttr>(kMeaningAttrName));
  auto describe = [&](StringRef name, Region &region,
                      ArrayRef<std::string> arguments) {
    llvm::DenseMap<Value, std::string> words;
    for (auto [argument, word] :
         llvm::zip_equal(region.getArguments(), arguments))
      words[argument] = word;
    std::optional<std::string> text =
        describeTail(region.front(), region.front().begin(), words);
    if (text)
      meaning.set(name, b.getStringAttr(*text));
    return text.has_value();
  };
  SmallVector<std::string> arguments;
  for (unsigned index : llvm::concat<unsigned>(inputs, columns))
    arguments.push_back(names[index]);
  bool hasWords = true;
  if (problem.source.factor) {
    hasWords = describe("row", rowRegion, {"sum"});
    arguments.push_back("row");
  }
  hasWords = describe("body", bodyRegion, arguments) && hasWords;
  if (hasWords)
    kernel->setAttr(kMeaningAttrName, meaning.getDictionary(b.getContext()));
  else
    kernel->removeAttr(kMeaningAttrName);
}

/// The largest element times the largest scale in use; numerics::tensorScaleFor
/// says why that is 256 for rules that compare scales.
float ActivationKernelBuilder::getDivisor() {
  numerics::BlockFormat format = problem.type.getFormat().getBlockFormat();
  bool hasHeadroom = problem.rule == ScaleRule::FourOverSix ||
                     problem.rule == ScaleRule::Search;
  float largest = hasHeadroom ? 256.0f : numerics::scaleMaxFinite(format.scale);
  return numerics::elementMaxFinite(format.element) * largest;
}

/// What the kernel computes, for the manifest.
DictionaryAttr ActivationKernelBuilder::describeMeaning(StringRef kind) {
  NamedAttrList fields;
  auto add = [&](StringRef name, const Twine &value) {
    fields.set(name, b.getStringAttr(value));
  };
  add("kind", kind);
  if (problem.rotation)
    add("rotation", Twine(problem.rotation.getInt()));
  if (DenseI8ArrayAttr signs = problem.signs) {
    std::string text;
    for (int8_t sign : signs.asArrayRef())
      text += sign < 0 ? '-' : '+';
    add("signs", text);
  }
  if (problem.saturatesInf)
    add("nan_policy", "saturate_inf");
  if (kind == "quantize") {
    add("format", problem.type.getFormat().getName());
    add("scale_rule", stringifyScaleRule(problem.rule));
    if (problem.computesTensorScale())
      add("tensor_scale_divisor", Twine(static_cast<int64_t>(getDivisor())));
  }
  return fields.getDictionary(b.getContext());
}

KernelOp ActivationKernelBuilder::createQuantize() {
  FormatAttr format = problem.type.getFormat();
  auto scalar = MemRefType::get({}, b.getF32Type());
  unsigned given = 0, maxima = 0, computed = 0;
  if (problem.computesTensorScale())
    maxima = declare("maxima", MemRefType::get(kMaxima, b.getF32Type()));
  else if (format.hasTensorScale())
    given = declare("tensor_scale", scalar);
  declareRows();
  SmallVector<int64_t> packed(
      getPrepackedElementsType(problem.type).getShape());
  Type element = format.getElementStorageType();
  packed.back() = packed.back() * 8 / element.getIntOrFloatBitWidth();
  unsigned elements = declare("elements", MemRefType::get(packed, element));
  unsigned scales = declare(
      "scales", MemRefType::get(getPrepackedScalesType(problem.type).getShape(),
                                format.getScaleStorageType()));
  if (maxima)
    computed = declare("tensor_scale", scalar);
  begin(problem.getName(), makeSchedule(problem, 4 * format.getBlockCols()));
  kernel->setAttr(kMeaningAttrName, describeMeaning("quantize"));
  Value scale;
  if (given)
    scale = memref::LoadOp::create(b, argument(given), ValueRange());
  if (maxima)
    scale = TensorScaleOp::create(b, b.getF32Type(), argument(maxima),
                                  b.getF32FloatAttr(getDivisor()),
                                  argument(computed));
  SmallVector<Value> indices = beginTiles();
  auto quantize = QuantizeOp::create(
      b, arguments(inputs), indices, arguments(columns), getMatrix(),
      argument(elements), argument(scales), scale, problem.rotation,
      problem.signs, format, ScaleRuleAttr::get(b.getContext(), problem.rule),
      problem.saturatesInf ? b.getUnitAttr() : UnitAttr());
  emitRegions(quantize.getBody(), quantize.getRow());
  return kernel;
}

KernelOp ActivationKernelBuilder::createAmax() {
  declareRows();
  unsigned maxima = declare("maxima", MemRefType::get(kMaxima, b.getF32Type()));
  begin(problem.getAmaxName(), makeSchedule(problem, /*columns=*/0));
  kernel->setAttr(kMeaningAttrName, describeMeaning("amax"));
  SmallVector<Value> indices = beginTiles();
  auto amax = AmaxOp::create(
      b, arguments(inputs), indices, arguments(columns), getMatrix(),
      argument(maxima), problem.rotation, problem.signs,
      problem.saturatesInf ? b.getUnitAttr() : UnitAttr());
  emitRegions(amax.getBody(), amax.getRow());
  return kernel;
}

KernelOp createQuantizeKernel(OpBuilder &builder, Location loc,
                              const QuantizeProblem &problem) {
  OpBuilder::InsertionGuard guard(builder);
  ImplicitLocOpBuilder located(loc, builder);
  return ActivationKernelBuilder(located, problem).createQuantize();
}

KernelOp createAmaxKernel(OpBuilder &builder, Location loc,
                          const QuantizeProblem &problem) {
  OpBuilder::InsertionGuard guard(builder);
  ImplicitLocOpBuilder located(loc, builder);
  return ActivationKernelBuilder(located, problem).createAmax();
}

} // namespace fp4::gpu

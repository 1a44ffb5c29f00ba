//===- ActivationKernel.cpp - The kernel of a quantization ----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes the fp4gpu.kernel that rotates and quantizes: arguments, loop over
// tiles, fp4gpu.quantize.
//
//===----------------------------------------------------------------------===//

#include "ActivationKernel.h"
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
  if (problem.saturatesInf)
    os << "_sat";
}

std::string QuantizeProblem::getName() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  numerics::BlockFormat format = type.getFormat().getBlockFormat();
  os << "quantize_" << *numerics::blockFormatName(format) << "_"
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
  problem.input = op.getInput();
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
  numerics::BlockFormat format = problem.type.getFormat().getBlockFormat();
  if (!(format == numerics::kNVFP4) && !(format == numerics::kMXFP4))
    return fail("expected #fp4.nvfp4 or #fp4.mxfp4");
  if (problem.type.getRank() != 2)
    return fail("expected a matrix, got rank " + Twine(problem.type.getRank()));
  if (llvm::any_of(problem.type.getShape(), [](int64_t size) {
        return size == 0 || size >= int64_t(1) << 31;
      }))
    return fail("expected a matrix that is not empty, of sizes below 2^31");
  if (getPrepackedElementsType(problem.type).getShape()[1] % 16 != 0)
    return fail("expected packed rows of a multiple of 16 bytes, got K = " +
                Twine(problem.type.getNumCols()));
  if (problem.rule == ScaleRule::Search)
    return fail("expected a scale rule among floor, rceil, even, absmax, "
                "four_over_six, got search");
  return problem;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// 128 rows, and at least so many columns, those of two threads, and those of a
/// rotation.
static ScheduleAttr makeSchedule(const QuantizeProblem &problem,
                                 int64_t columns) {
  columns = std::max<int64_t>(64, columns);
  if (problem.rotation)
    columns = std::max(columns, problem.rotation.getInt());
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
    RankedTensorType type = problem.getInputType();
    input = declare("input",
                    MemRefType::get(type.getShape(), type.getElementType()));
  }

  KernelOp createQuantize();
  KernelOp createAmax();

private:
  unsigned declare(StringRef name, Type type) {
    names.push_back(name);
    types.push_back(type);
    return types.size() - 1;
  }
  void declareRows() {
    if (problem.hasDynamicRows())
      rows = declare("rows", b.getIndexType());
  }
  void begin(StringRef name, ScheduleAttr schedule);
  Value argument(unsigned index) { return kernel.getBody().getArgument(index); }
  SmallVector<Value> beginTiles();
  void emitWidening(Region &region);
  float getDivisor();
  DictionaryAttr describeMeaning();

  ImplicitLocOpBuilder &b;
  const QuantizeProblem &problem;
  SmallVector<Type> types;
  SmallVector<StringRef> names;
  KernelOp kernel;
  unsigned input, rows = 0;
};
} // namespace

/// Creates the kernel with the declared arguments and enters its body.
void ActivationKernelBuilder::begin(StringRef name, ScheduleAttr schedule) {
  kernel = KernelOp::create(b, name, schedule, b.getStrArrayAttr(names));
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

/// The body that widens one element.
void ActivationKernelBuilder::emitWidening(Region &region) {
  Type type = problem.getInputType().getElementType();
  Block *body = b.createBlock(&region);
  Value value = body->addArgument(type, b.getLoc());
  if (!type.isF32())
    value = arith::ExtFOp::create(b, b.getF32Type(), value);
  YieldOp::create(b, value);
}

/// The largest element times the largest scale in use; numerics::tensorScaleFor
/// says why that is 256 for rules that compare scales.
float ActivationKernelBuilder::getDivisor() {
  numerics::BlockFormat format = problem.type.getFormat().getBlockFormat();
  float largest = problem.rule == ScaleRule::FourOverSix
                      ? 256.0f
                      : numerics::scaleMaxFinite(format.scale);
  return numerics::elementMaxFinite(format.element) * largest;
}

/// What the kernel computes, for the manifest.
DictionaryAttr ActivationKernelBuilder::describeMeaning() {
  NamedAttrList fields;
  auto add = [&](StringRef name, const Twine &value) {
    fields.set(name, b.getStringAttr(value));
  };
  numerics::BlockFormat format = problem.type.getFormat().getBlockFormat();
  add("kind", "quantize");
  add("format", StringRef(*numerics::blockFormatName(format)));
  add("scale_rule", stringifyScaleRule(problem.rule));
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
  packed.back() *= 2;
  unsigned elements = declare(
      "elements", MemRefType::get(packed, format.getElementStorageType()));
  unsigned scales = declare(
      "scales", MemRefType::get(getPrepackedScalesType(problem.type).getShape(),
                                format.getScaleStorageType()));
  if (maxima)
    computed = declare("tensor_scale", scalar);
  begin(problem.getName(), makeSchedule(problem, 4 * format.getBlockCols()));
  kernel->setAttr(kMeaningAttrName, describeMeaning());
  Value scale;
  if (given)
    scale = memref::LoadOp::create(b, argument(given), ValueRange());
  if (maxima)
    scale = TensorScaleOp::create(b, b.getF32Type(), argument(maxima),
                                  b.getF32FloatAttr(getDivisor()),
                                  argument(computed));
  SmallVector<Value> indices = beginTiles();
  auto quantize = QuantizeOp::create(
      b, argument(input), indices, argument(elements), argument(scales), scale,
      problem.rotation, problem.signs, format,
      ScaleRuleAttr::get(b.getContext(), problem.rule),
      problem.saturatesInf ? b.getUnitAttr() : UnitAttr());
  emitWidening(quantize.getBody());
  return kernel;
}

KernelOp ActivationKernelBuilder::createAmax() {
  declareRows();
  unsigned maxima = declare("maxima", MemRefType::get(kMaxima, b.getF32Type()));
  begin(problem.getAmaxName(), makeSchedule(problem, /*columns=*/0));
  SmallVector<Value> indices = beginTiles();
  auto amax = AmaxOp::create(
      b, argument(input), indices, argument(maxima), problem.rotation,
      problem.signs, problem.saturatesInf ? b.getUnitAttr() : UnitAttr());
  emitWidening(amax.getBody());
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

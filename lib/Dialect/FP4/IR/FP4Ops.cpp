//===- FP4Ops.cpp - Builders and verifiers --------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Verifiers check the numbered constraints of the op documentation; the number
// stands beside each check. Folds are in FP4Folds.cpp.
//
//===----------------------------------------------------------------------===//

#include "fp4/Dialect/FP4/IR/FP4Ops.h"
#include "fp4/Numerics/Hadamard.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace fp4;

#define GET_OP_CLASSES
#include "fp4/Dialect/FP4/IR/FP4Ops.cpp.inc"

//===----------------------------------------------------------------------===//
// Checks that several operations share
//===----------------------------------------------------------------------===//

static std::string printShape(ArrayRef<int64_t> shape) {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::interleave(
      shape, os,
      [&](int64_t d) { ShapedType::isDynamic(d) ? os << "?" : os << d; }, "x");
  return text;
}

/// `what` names the value as the assembly does; `why` says where `expected`
/// comes from.
static LogicalResult checkShape(Operation *op, StringRef what,
                                ArrayRef<int64_t> expected,
                                ArrayRef<int64_t> got, StringRef why) {
  if (succeeded(verifyCompatibleShape(expected, got)))
    return success();
  return op->emitOpError() << "expected '" << what << "' of shape "
                           << printShape(expected) << " (" << why << "), got "
                           << printShape(got);
}

static LogicalResult checkElementType(Operation *op, StringRef what,
                                      Type expected, Type got) {
  if (expected == got)
    return success();
  return op->emitOpError() << "expected '" << what << "' with element type "
                           << expected << ", got " << got;
}

/// `isGiven` says whether the tensor scale is there.
static LogicalResult checkTensorScale(Operation *op, FormatAttr format,
                                      bool isGiven) {
  if (format.hasTensorScale() == isGiven)
    return success();
  if (isGiven)
    return op->emitOpError()
           << "expected no 'tensor_scale' for " << format << ", got one";
  return op->emitOpError() << "expected a 'tensor_scale' for " << format
                           << ", got none";
}

static LogicalResult checkHadamard(Operation *op, RankedTensorType type,
                                   int64_t block,
                                   std::optional<ArrayRef<int8_t>> signs) {
  if (block < 0 || !numerics::isHadamardBlockLegal(block)) // C1
    return op->emitOpError()
           << "expected 'block' to be a power of two in 2..1024, got " << block;
  if (type.getRank() == 0 || type.isDynamicDim(type.getRank() - 1)) // C2
    return op->emitOpError()
           << "expected a static last dimension, got " << type;
  if (type.getShape().back() % block != 0) // C2
    return op->emitOpError()
           << "expected a last dimension that is a multiple of block " << block
           << ", got " << type.getShape().back();
  if (!signs)
    return success();
  if (static_cast<int64_t>(signs->size()) != block) // C3
    return op->emitOpError()
           << "expected " << block << " 'signs', got " << signs->size();
  for (int8_t sign : *signs)
    if (sign != 1 && sign != -1) // C3
      return op->emitOpError()
             << "expected 'signs' to be 1 or -1, got " << int(sign);
  return success();
}

/// The constraints of a quantization to `type` (C1..C3 of fp4.quantize).
static LogicalResult checkQuantize(Operation *op, RankedTensorType input,
                                   MicroscaledTensorType type,
                                   numerics::ScaleRule rule,
                                   bool hasTensorScale) {
  if (failed(checkShape(op, "input", type.getShape(), input.getShape(),
                        "the shape of the result"))) // C1
    return failure();
  if (!numerics::isScaleRuleLegal(rule, type.getFormat().getBlockFormat())) {
    std::string_view name = numerics::scaleRuleName(rule);
    return op->emitOpError()
           << "expected a 'scale_rule' that " << type.getFormat()
           << " can use, got " << StringRef(name.data(), name.size()); // C2
  }
  if (hasTensorScale && !type.getFormat().hasTensorScale()) // C3
    return checkTensorScale(op, type.getFormat(), hasTensorScale);
  return success();
}

static numerics::ScaleRule effectiveRule(std::optional<ScaleRule> rule,
                                         Type type) {
  if (rule)
    return static_cast<numerics::ScaleRule>(*rule);
  return numerics::defaultScaleRule(
      cast<MicroscaledTensorType>(type).getFormat().getBlockFormat());
}

//===----------------------------------------------------------------------===//
// Quantization
//===----------------------------------------------------------------------===//

numerics::ScaleRule QuantizeOp::getEffectiveScaleRule() {
  return effectiveRule(getScaleRule(), getType());
}

numerics::NaNPolicy QuantizeOp::getEffectiveNaNPolicy() {
  return static_cast<numerics::NaNPolicy>(
      getNanPolicy().value_or(NaNPolicy::Propagate));
}

LogicalResult QuantizeOp::verify() {
  if (failed(checkQuantize(*this, getInput().getType(), getType(),
                           getEffectiveScaleRule(), bool(getTensorScale()))))
    return failure();
  if (!getRandom())
    return success();
  auto random = cast<RankedTensorType>(getRandom().getType());
  return checkShape(*this, "random", getInput().getType().getShape(),
                    random.getShape(), "the shape of 'input'"); // C4
}

LogicalResult DequantizeOp::verify() {
  return checkShape(*this, "result", getInput().getType().getShape(),
                    getType().getShape(), "the shape of 'input'"); // C1
}

/// What fp4.pack and fp4.unpack have in common (C1..C3 of both).
static LogicalResult verifyParts(Operation *op, MicroscaledTensorType type,
                                 Type elements, Type scales,
                                 bool hasTensorScale) {
  auto elementsType = cast<RankedTensorType>(elements);
  auto scalesType = cast<RankedTensorType>(scales);
  RankedTensorType wantElements = type.getElementsType();
  RankedTensorType wantScales = type.getScalesType();
  if (failed(checkShape(op, "elements", wantElements.getShape(),
                        elementsType.getShape(),
                        "that of the microscaled tensor")) ||
      failed(checkElementType(op, "elements", wantElements.getElementType(),
                              elementsType.getElementType()))) // C1
    return failure();
  if (failed(checkShape(op, "scales", wantScales.getShape(),
                        scalesType.getShape(), "one per block")) ||
      failed(checkElementType(op, "scales", wantScales.getElementType(),
                              scalesType.getElementType()))) // C2
    return failure();
  return checkTensorScale(op, type.getFormat(), hasTensorScale); // C3
}

LogicalResult PackOp::verify() {
  return verifyParts(*this, getType(), getElements().getType(),
                     getScales().getType(), bool(getTensorScale()));
}

void UnpackOp::build(OpBuilder &builder, OperationState &state, Value input) {
  auto type = cast<MicroscaledTensorType>(input.getType());
  SmallVector<Type> types = {type.getElementsType(), type.getScalesType()};
  if (type.getFormat().hasTensorScale())
    types.push_back(builder.getF32Type());
  build(builder, state, types, input);
}

LogicalResult UnpackOp::verify() {
  return verifyParts(*this, getInput().getType(), getElements().getType(),
                     getScales().getType(), bool(getTensorScale()));
}

numerics::ScaleRule RotateQuantizeOp::getEffectiveScaleRule() {
  return effectiveRule(getScaleRule(), getType());
}

numerics::NaNPolicy RotateQuantizeOp::getEffectiveNaNPolicy() {
  return static_cast<numerics::NaNPolicy>(
      getNanPolicy().value_or(NaNPolicy::Propagate));
}

LogicalResult RotateQuantizeOp::verify() {
  if (failed(checkHadamard(*this, getInput().getType(), getBlock(),
                           getSigns()))) // C1
    return failure();
  return checkQuantize(*this, getInput().getType(), getType(),
                       getEffectiveScaleRule(), bool(getTensorScale())); // C2
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

/// One of the two byte arrays of a packed value.
static LogicalResult checkBytes(Operation *op, StringRef what,
                                ElementsAttr bytes, ArrayRef<int64_t> shape,
                                StringRef why) {
  Type i8 = IntegerType::get(op->getContext(), 8);
  if (failed(checkElementType(op, what, i8, bytes.getElementType())))
    return failure();
  if (bytes.getShapedType().getShape() == shape)
    return success();
  return op->emitOpError() << "expected '" << what << "' of shape "
                           << printShape(shape) << " (" << why << "), got "
                           << printShape(bytes.getShapedType().getShape());
}

LogicalResult ConstantOp::verify() {
  MicroscaledTensorType type = getType();
  if (ShapedType::isDynamicShape(type.getShape())) // C1
    return emitOpError() << "expected a static type, got " << type;
  PackedAttr value = getValue();
  if (failed(checkBytes(*this, "elements", value.getElements(),
                        type.getPackedBytesType().getShape(),
                        "bit-packed rows"))) // C2
    return failure();
  if (failed(checkBytes(*this, "scales", value.getScales(),
                        type.getScalesType().getShape(),
                        "one per block"))) // C3
    return failure();
  FloatAttr tensorScale = value.getTensorScale();
  if (failed(checkTensorScale(*this, type.getFormat(), bool(tensorScale))))
    return failure(); // C4
  if (tensorScale && !tensorScale.getType().isF32())
    return emitOpError() << "expected 'tensor_scale' of type f32, got "
                         << tensorScale.getType(); // C4
  return success();
}

LogicalResult ParameterOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  if (!type.hasStaticShape()) // C1
    return emitOpError() << "expected a static type, got " << type;
  return success();
}

//===----------------------------------------------------------------------===//
// Linear algebra
//===----------------------------------------------------------------------===//

bool HadamardOp::isSameTransform(HadamardOp other) {
  if (getBlock() != other.getBlock() || getSignsAttr() != other.getSignsAttr())
    return false;
  // Without signs H is symmetric, and `inverse` changes nothing.
  return !getSignsAttr() || getInverse() == other.getInverse();
}

bool HadamardOp::isInverseOf(HadamardOp other) {
  if (getBlock() != other.getBlock() || getSignsAttr() != other.getSignsAttr())
    return false;
  return !getSignsAttr() || getInverse() != other.getInverse();
}

LogicalResult HadamardOp::verify() {
  return checkHadamard(*this, getInput().getType(), getBlock(), getSigns());
}

static ArrayRef<int64_t> getOperandShape(Type type) {
  if (auto microscaled = dyn_cast<MicroscaledTensorType>(type))
    return microscaled.getShape();
  return cast<RankedTensorType>(type).getShape();
}

int64_t MatmulOp::getReductionSize() {
  int64_t k = getOperandShape(getLhs().getType())[1];
  return ShapedType::isDynamic(k) ? getOperandShape(getRhs().getType())[1] : k;
}

LogicalResult MatmulOp::verify() {
  ArrayRef<int64_t> lhs = getOperandShape(getLhs().getType());
  ArrayRef<int64_t> rhs = getOperandShape(getRhs().getType());
  for (auto [name, shape] : {std::pair("lhs", lhs), std::pair("rhs", rhs)})
    if (shape.size() != 2) // C1
      return emitOpError() << "expected '" << name << "' of rank 2, got rank "
                           << shape.size();
  if (failed(checkShape(*this, "rhs", {rhs[0], lhs[1]}, rhs,
                        "columns of 'lhs'")) ||
      failed(checkShape(*this, "result", {lhs[0], rhs[0]}, getType().getShape(),
                        "rows of 'lhs' x rows of 'rhs'"))) // C1
    return failure();
  if (!getBias())
    return success();
  auto bias = cast<RankedTensorType>(getBias().getType());
  return checkShape(*this, "bias", {rhs[0]}, bias.getShape(),
                    "rows of 'rhs'"); // C2
}

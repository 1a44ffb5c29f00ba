//===- FP4GPUActivationOps.cpp - Quantizing kernels: verification ---------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The verifiers of fp4gpu.quantize and fp4gpu.amax. The number of the
// documented constraint stands beside each check.
//
//===----------------------------------------------------------------------===//

#include "fp4/Dialect/FP4GPU/IR/FP4GPUDialect.h"
#include "fp4/Numerics/BlockFormat.h"
#include "mlir/IR/Builders.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace fp4::gpu;

/// The shape that all of `inputs` have (C1).
static FailureOr<MemRefType> verifyInputs(Operation *op, ValueRange inputs,
                                          size_t indices) {
  if (inputs.empty() || indices != 2)
    return op->emitOpError() << "expected at least one input and two indices, "
                                "got "
                             << inputs.size() << " and " << indices;
  auto type = cast<MemRefType>(inputs.front().getType());
  for (Value input : inputs) {
    auto other = cast<MemRefType>(input.getType());
    if (other.getRank() != 2 || other.getShape() != type.getShape() ||
        other.isDynamicDim(1))
      return op->emitOpError() << "expected inputs to be matrices of one shape "
                                  "with static columns, got "
                               << type << " and " << other;
  }
  return type;
}

/// A region that takes `expected` and yields one f32 (C7).
static LogicalResult verifyScalarRegion(Operation *op, StringRef name,
                                        ArrayRef<Type> expected,
                                        Region &region) {
  Block &body = region.front();
  if (body.getArgumentTypes() != TypeRange(expected))
    return op->emitOpError() << "expected a " << name << " that takes "
                             << expected << ", got " << body.getArgumentTypes();
  auto yield = body.empty() ? YieldOp() : dyn_cast<YieldOp>(body.back());
  Type f32 = Float32Type::get(op->getContext());
  if (!yield || yield.getValues().getTypes() != TypeRange(f32))
    return op->emitOpError() << "expected the " << name << " to yield one f32";
  for (Operation &inner : body.without_terminator())
    if (!isMemoryEffectFree(&inner) || inner.getNumRegions() != 0)
      return op->emitOpError() << "expected only operations without side "
                                  "effects or regions in the "
                               << name << ", got " << inner.getName();
  return success();
}

/// Whether C columns can be multiplied with matrices of that type (C9).
static bool isMatrixType(MemRefType type, int64_t columns) {
  if (type.getRank() < 2 || type.getRank() > 3 || !type.hasStaticShape() ||
      !type.getElementType().isF32())
    return false;
  ArrayRef<int64_t> shape = type.getShape();
  int64_t block = shape.back();
  return shape[shape.size() - 2] == block && block >= 16 && block <= 1024 &&
         llvm::isPowerOf2_64(block) && columns % block == 0 &&
         (type.getRank() == 2 || shape[0] == columns / block);
}

template <typename OpTy> static LogicalResult verifyMatrix(OpTy op) {
  if (!op.getMatrix())
    return success();
  auto type = cast<MemRefType>(op.getMatrix().getType());
  int64_t columns =
      cast<MemRefType>(op.getInputs().front().getType()).getDimSize(1);
  if (!isMatrixType(type, columns))
    return op.emitOpError()
           << "expected a matrix of f32 with one or " << columns
           << " / B blocks of B x B, B being a power of two in 16..1024, got "
           << type;
  if (op.getRotation())
    return op.emitOpError("expected a rotation or a matrix, got both");
  return success();
}

/// Columns, row, body and matrix of either operation (C7, C8, C9).
template <typename OpTy> static LogicalResult verifyBody(OpTy op) {
  if (failed(verifyMatrix(op)))
    return failure();
  SmallVector<Type> expected;
  for (Value input : op.getInputs())
    expected.push_back(cast<MemRefType>(input.getType()).getElementType());
  int64_t columns =
      cast<MemRefType>(op.getInputs().front().getType()).getDimSize(1);
  for (Value vector : op.getColumns()) {
    auto type = cast<MemRefType>(vector.getType());
    if (type.getShape() != ArrayRef(columns)) // C8
      return op.emitOpError() << "expected columns to be vectors of " << columns
                              << " entries, got " << type;
    expected.push_back(type.getElementType());
  }
  Type f32 = Float32Type::get(op->getContext());
  if (!op.getRow().empty()) {
    if (failed(verifyScalarRegion(op, "row", f32, op.getRow())))
      return failure();
    expected.push_back(f32);
  }
  return verifyScalarRegion(op, "body", expected, op.getBody());
}

static LogicalResult verifyRotation(Operation *op,
                                    std::optional<int64_t> rotation,
                                    std::optional<ArrayRef<int8_t>> signs,
                                    int64_t columns) {
  if (rotation && (*rotation < 2 || *rotation > 1024 ||
                   !llvm::isPowerOf2_64(*rotation) || columns % *rotation != 0))
    return op->emitOpError()
           << "expected a rotation by a power of two in 2..1024 that divides "
           << columns << " columns, got " << *rotation;
  int64_t size = rotation.value_or(0);
  if (signs && static_cast<int64_t>(signs->size()) != size)
    return op->emitOpError()
           << "expected " << size << " signs, got " << signs->size();
  return success();
}

static std::optional<int64_t> toSigned(std::optional<uint64_t> value) {
  if (!value)
    return std::nullopt;
  return static_cast<int64_t>(*value);
}

LogicalResult fp4::gpu::verifyQuantized(Operation *op, FormatAttr format,
                                        ScaleRule rule, ArrayRef<int64_t> shape,
                                        MemRefType elements, MemRefType scales,
                                        bool hasTensorScale, bool mayBeWide) {
  int64_t block = format.getBlockCols();
  bool isBlock = block == 16 || block == 32;
  if (mayBeWide && (!isPrepackedFormat(format) || !isBlock))
    return op->emitOpError()
           << "expected a format in blocks of 16 or 32 of f4E2M1FN elements "
              "with f8E4M3FN or f8E8M0FNU scales, or of f6E2M3FN, f6E3M2FN, "
              "f8E4M3FN or f8E5M2 elements with f8E8M0FNU scales, got "
           << format;
  if (!mayBeWide && (!isKernelFormat(format) || !isBlock))
    return op->emitOpError() << "expected a format of f4E2M1FN elements in "
                                "blocks of 16 or 32 with f8E4M3FN or "
                                "f8E8M0FNU scales, got "
                             << format;
  int64_t columns = shape[1];
  // Rows of 6-bit elements are whole 16 bytes.
  bool isSix = numerics::elementBits(format.getBlockFormat().element) == 6;
  int64_t unit = isSix ? 64 : block;
  if (ShapedType::isDynamic(columns) || columns % unit != 0)
    return op->emitOpError() << "expected columns to be a multiple of " << unit
                             << ", got " << columns;
  auto matrix = MicroscaledTensorType::get(op->getContext(), shape, format);
  SmallVector<int64_t> packed(getPrepackedElementsType(matrix).getShape());
  Type element = format.getElementStorageType();
  packed.back() = packed.back() * 8 / element.getIntOrFloatBitWidth();
  auto expected = MemRefType::get(packed, element);
  if (elements != expected)
    return op->emitOpError() << "expected 'elements' of type " << expected
                             << ", got " << elements;
  expected = MemRefType::get(getPrepackedScalesType(matrix).getShape(),
                             format.getScaleStorageType());
  if (scales != expected)
    return op->emitOpError()
           << "expected 'scales' of type " << expected << ", got " << scales;
  if (format.hasTensorScale() != hasTensorScale)
    return op->emitOpError()
           << "expected "
           << (hasTensorScale ? "no 'tensor_scale' for "
                              : "a 'tensor_scale' for ")
           << format << ", got " << (hasTensorScale ? "one" : "none");
  if (!numerics::isScaleRuleLegal(static_cast<numerics::ScaleRule>(rule),
                                  format.getBlockFormat()))
    return op->emitOpError()
           << "expected a rule that " << format << " can use, got '"
           << stringifyScaleRule(rule) << "'";
  return success();
}

LogicalResult QuantizeOp::verify() {
  FailureOr<MemRefType> input =
      verifyInputs(*this, getInputs(), getIndices().size()); // C1
  if (failed(input) ||
      failed(verifyQuantized(*this, getFormat(), getRule(), input->getShape(),
                             getElements().getType(), getScales().getType(),
                             static_cast<bool>(getTensorScale()),
                             /*mayBeWide=*/true))) // C2-C5
    return failure();
  int64_t columns = input->getDimSize(1);
  if (failed(verifyRotation(*this, toSigned(getRotation()), getSigns(),
                            columns))) // C6
    return failure();
  return verifyBody(*this); // C7, C8, C9
}

static LogicalResult verifyMaxima(Operation *op, MemRefType type) {
  auto expected = MemRefType::get(kMaxima, Float32Type::get(op->getContext()));
  if (type == expected)
    return success();
  return op->emitOpError() << "expected 'maxima' of type " << expected
                           << ", got " << type;
}

LogicalResult TensorScaleOp::verify() {
  if (failed(verifyMaxima(*this, getMaxima().getType()))) // C1
    return failure();
  MemRefType out = getOut().getType();
  if (out.getRank() != 0 || !out.getElementType().isF32()) // C1
    return emitOpError() << "expected 'out' of type 'memref<f32>', got " << out;
  if (!(getDivisor().convertToFloat() > 0)) // C2
    return emitOpError() << "expected 'divisor' to be positive, got "
                         << getDivisor().convertToFloat();
  return success();
}

LogicalResult AmaxOp::verify() {
  FailureOr<MemRefType> input =
      verifyInputs(*this, getInputs(), getIndices().size()); // C1
  if (failed(input))
    return failure();
  if (failed(verifyMaxima(*this, getMaxima().getType()))) // C2
    return failure();
  if (failed(verifyRotation(*this, toSigned(getRotation()), getSigns(),
                            input->getDimSize(1)))) // C3
    return failure();
  return verifyBody(*this); // C3
}

//===- WidenedInput.cpp - Activations that become bf16 --------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The kernel of a left side's type, and its launch.
//
//===----------------------------------------------------------------------===//

#include "WidenedInput.h"
#include "KernelReuse.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

namespace fp4::gpu {

/// Of E8M0 scales fp4gpu.dequantize leaves this to its user.
static constexpr float kMXFactor = 4.0f;

static ArrayRef<int64_t> getShape(Type lhs) {
  if (auto matrix = dyn_cast<MicroscaledTensorType>(lhs))
    return matrix.getShape();
  return cast<RankedTensorType>(lhs).getShape();
}

static std::string getName(Type lhs) {
  std::string text = "dequantize_";
  llvm::raw_string_ostream os(text);
  if (auto matrix = dyn_cast<MicroscaledTensorType>(lhs))
    os << matrix.getFormat().getName();
  else
    os << cast<RankedTensorType>(lhs).getElementType();
  ArrayRef<int64_t> shape = getShape(lhs);
  os << "_"
     << (ShapedType::isDynamic(shape[0]) ? "m" : std::to_string(shape[0]))
     << "x" << shape[1];
  return text;
}

/// 8192 elements in rows as long as a warp's.
static ScheduleAttr chooseSchedule(MLIRContext *context, int64_t columns) {
  constexpr int64_t kElements = 8192, kChunk = 32, kLargest = 1024;
  int64_t tileColumns =
      std::clamp<int64_t>(llvm::PowerOf2Ceil(columns), kChunk, kLargest);
  return ScheduleAttr::get(context, kElements / tileColumns, tileColumns, 1, 1,
                           8, 1, /*swapped=*/false, /*split=*/1);
}

namespace {
/// The arguments of a kernel in the making.
struct KernelArguments {
  SmallVector<Type> types;
  SmallVector<StringRef> names;

  void add(StringRef name, Type type) {
    names.push_back(name);
    types.push_back(type);
  }
};
} // namespace

static KernelOp createKernel(ImplicitLocOpBuilder &b, Type lhs) {
  auto matrix = dyn_cast<MicroscaledTensorType>(lhs);
  ArrayRef<int64_t> shape = getShape(lhs);
  bool isDynamic = ShapedType::isDynamic(shape[0]);
  KernelArguments list;
  NamedAttrList meaning;
  meaning.set("kind", b.getStringAttr("dequantize"));
  if (matrix) {
    FormatAttr format = matrix.getFormat();
    SmallVector<int64_t> packed(getPrepackedElementsType(matrix).getShape());
    packed.back() *= 2;
    list.add("elements",
             MemRefType::get(packed, format.getElementStorageType()));
    list.add("scales",
             MemRefType::get(getPrepackedScalesType(matrix).getShape(),
                             format.getScaleStorageType()));
    meaning.set("format", b.getStringAttr(format.getName()));
  } else {
    list.add(
        "elements",
        MemRefType::get(shape, cast<RankedTensorType>(lhs).getElementType()));
  }
  if (isDynamic)
    list.add("rows", b.getIndexType());
  list.add("out", MemRefType::get(shape, b.getBF16Type()));
  auto kernel = KernelOp::create(b, getName(lhs),
                                 chooseSchedule(b.getContext(), shape[1]),
                                 b.getStrArrayAttr(list.names));
  kernel->setAttr(kMeaningAttrName, meaning.getDictionary(b.getContext()));
  Block *body = b.createBlock(&kernel.getBody());
  body->addArguments(list.types,
                     SmallVector<Location>(list.types.size(), b.getLoc()));
  SmallVector<Value> rows;
  if (isDynamic)
    rows.push_back(body->getArgument(matrix ? 2 : 1));
  auto forTiles = ForTilesOp::create(b, rows, shape);
  ReturnOp::create(b);
  Block *tile = b.createBlock(&forTiles.getBody());
  Value m = tile->addArgument(b.getIndexType(), b.getLoc());
  Value n = tile->addArgument(b.getIndexType(), b.getLoc());
  DequantizeOp::create(
      b, body->getArgument(0), matrix ? body->getArgument(1) : Value(), m, n,
      body->getArguments().back(), matrix ? matrix.getFormat() : FormatAttr());
  return kernel;
}

/// What the products of a prepacked left side have to be multiplied by.
static Value getFactor(OpBuilder &builder, Location loc,
                       ArrayRef<Value> parts) {
  if (parts.size() > 2)
    return parts[2];
  auto type = getPrepackedTensorScaleType(builder.getContext());
  return arith::ConstantOp::create(builder, loc,
                                   DenseElementsAttr::get(type, kMXFactor));
}

/// The launch of `kernel` that reads `elements`, or null.
static LaunchOp findLaunch(Value elements, KernelOp kernel) {
  for (Operation *user : elements.getUsers()) {
    auto launch = dyn_cast<LaunchOp>(user);
    if (launch && launch.getInputs()[0] == elements &&
        launch.getKernelAttr().getLeafReference() == kernel.getSymNameAttr())
      return launch;
  }
  return {};
}

/// The parts of `lhs` that `kernel` reads for another product, or new ones.
static SmallVector<Value> getParts(OpBuilder &builder, Value lhs,
                                   KernelOp kernel) {
  for (Operation *user : lhs.getUsers())
    if (isa<PrepackOp>(user) && findLaunch(user->getResult(0), kernel))
      return SmallVector<Value>(user->getResults());
  SmallVector<Value> parts;
  builder.createOrFold<PrepackOp>(parts, lhs.getLoc(), lhs);
  return parts;
}

WidenedInput InputWidener::widen(Value lhs) {
  Location loc = lhs.getLoc();
  OpBuilder builder(lhs.getContext());
  ImplicitLocOpBuilder atEnd(loc, OpBuilder::atBlockEnd(module.getBody()));
  auto [kernel, isNew] =
      reuseKernel(module, createKernel(atEnd, lhs.getType()));
  numKernels += isNew;
  builder.setInsertionPointAfterValue(lhs);
  SmallVector<Value> operands;
  WidenedInput result;
  if (isa<MicroscaledTensorType>(lhs.getType())) {
    SmallVector<Value> parts = getParts(builder, lhs, kernel);
    operands = {parts[0], parts[1]};
    result.factor = getFactor(builder, loc, parts);
  } else {
    operands = {lhs};
  }
  if (LaunchOp launch = findLaunch(operands[0], kernel)) {
    result.matrix = launch.getOutputs()[0];
    return result;
  }
  ArrayRef<int64_t> shape = getShape(lhs.getType());
  if (ShapedType::isDynamic(shape[0]))
    operands.push_back(tensor::DimOp::create(builder, loc, operands[0], 0));
  auto type = RankedTensorType::get(shape, builder.getBF16Type());
  result.matrix = LaunchOp::create(
                      builder, loc, TypeRange(type),
                      FlatSymbolRefAttr::get(kernel.getSymNameAttr()), operands)
                      .getOutputs()[0];
  return result;
}

} // namespace fp4::gpu

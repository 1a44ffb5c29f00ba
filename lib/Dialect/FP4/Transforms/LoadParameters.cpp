//===- LoadParameters.cpp - Parameters from a weight file -----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The pass --fp4-load-parameters. The file is opened, checked and mapped by
// TensorIO; this file compares types and wraps views of the mapping as resource
// blobs that keep it alive.
//
//===----------------------------------------------------------------------===//

#include "PassOptions.h"
#include "fp4/Dialect/FP4/IR/ConstantData.h"
#include "fp4/Dialect/FP4/IR/DeadOps.h"
#include "fp4/Dialect/FP4/IR/FP4Ops.h"
#include "fp4/Dialect/FP4/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/DialectResourceBlobManager.h"

namespace fp4 {
#define GEN_PASS_DEF_LOADPARAMETERS
#include "fp4/Dialect/FP4/Transforms/Passes.h.inc"
} // namespace fp4

using namespace mlir;
using namespace fp4;

/// The builtin type that a constant of `dtype` has; null for booleans and
/// packed elements, which MLIR stores otherwise. Signs of integers do not
/// matter.
static Type getElementType(MLIRContext *context, DType dtype) {
  switch (dtype) {
  case DType::U8:
  case DType::I8:
    return IntegerType::get(context, 8);
  case DType::U16:
  case DType::I16:
    return IntegerType::get(context, 16);
  case DType::U32:
  case DType::I32:
    return IntegerType::get(context, 32);
  case DType::U64:
  case DType::I64:
    return IntegerType::get(context, 64);
  case DType::F16:
    return Float16Type::get(context);
  case DType::BF16:
    return BFloat16Type::get(context);
  case DType::F32:
    return Float32Type::get(context);
  case DType::F64:
    return Float64Type::get(context);
  case DType::F8_E4M3:
    return Float8E4M3FNType::get(context);
  case DType::F8_E5M2:
    return Float8E5M2Type::get(context);
  case DType::F8_E8M0:
    return Float8E8M0FNUType::get(context);
  case DType::Bool:
  case DType::F6_E2M3:
  case DType::F6_E3M2:
  case DType::F4:
    return {};
  }
  llvm_unreachable("unknown dtype");
}

static LogicalResult checkType(ParameterOp op, const NDArray &array) {
  auto type = cast<RankedTensorType>(op.getType());
  if (getElementType(op.getContext(), array.dtype()) != type.getElementType())
    return op.emitOpError()
           << "expected \"" << op.getName() << "\" with element type "
           << type.getElementType() << ", got "
           << StringRef(dtypeName(array.dtype())) << " in the weight file";
  if (type.getShape() != ArrayRef(array.shape()))
    return op.emitOpError()
           << "expected \"" << op.getName() << "\" of shape "
           << shapeString(type.getShape().vec()) << ", got "
           << shapeString(array.shape()) << " in the weight file";
  return success();
}

/// A constant over the bytes of `array`, which its blob keeps alive.
static ElementsAttr wrap(RankedTensorType type, StringRef name,
                         const NDArray &array) {
  ArrayRef<char> bytes(reinterpret_cast<const char *>(array.bytes()),
                       array.byteSize());
  size_t align = std::max<size_t>(1, dtypeBits(array.dtype()) / 8);
  if (reinterpret_cast<uintptr_t>(bytes.data()) % align != 0)
    return DenseResourceElementsAttr::get(
        type, name, HeapAsmResourceBlob::allocateAndCopyWithAlign(bytes, 64));
  return DenseResourceElementsAttr::get(type, name,
                                        AsmResourceBlob(
                                            bytes, align,
                                            [array](void *, size_t, size_t) {},
                                            /*dataIsMutable=*/false));
}

namespace {
struct LoadParameters : fp4::impl::LoadParametersBase<LoadParameters> {
  using LoadParametersBase::LoadParametersBase;

  void runOnOperation() override {
    constants.clear();
    SmallVector<ParameterOp> parameters;
    getOperation().walk([&](ParameterOp op) { parameters.push_back(op); });
    if (parameters.empty())
      return;
    if (failed(load(parameters)))
      signalPassFailure();
  }

private:
  LogicalResult load(MutableArrayRef<ParameterOp> parameters) {
    if (path.empty())
      return parameters.front().emitOpError()
             << "needs a weight file; give path=FILE";
    Expected<CheckpointReader> file = CheckpointReader::open(path);
    if (!file.ok())
      return emitError(getOperation().getLoc()) << file.message();
    SmallVector<NDArray> arrays;
    for (ParameterOp op : parameters) {
      std::string name = op.getName().str();
      if (!file->contains(name))
        return op.emitOpError()
               << "expected a tensor \"" << name << "\" in " << path.getValue()
               << ", got none; the nearest name is \""
               << findNearestTensor(*file, name) << "\"";
      Expected<NDArray> array = file->tensor(name);
      if (!array.ok())
        return op.emitOpError() << array.message();
      if (failed(checkType(op, *array)))
        return failure();
      arrays.push_back(*array);
    }
    for (size_t i = 0; i < arrays.size(); ++i)
      replace(parameters[i], arrays[i]);
    return success();
  }

  void replace(ParameterOp op, const NDArray &array) {
    ElementsAttr &attr = constants[op.getNameAttr()];
    if (!attr)
      attr = wrap(cast<RankedTensorType>(op.getType()), op.getName(), array);
    OpBuilder builder(op);
    Value constant = arith::ConstantOp::create(builder, op.getLoc(), attr);
    op.getResult().replaceAllUsesWith(constant);
    op.erase();
    ++numLoaded;
    for (Operation *user : llvm::make_early_inc_range(constant.getUsers()))
      if (auto transpose = dyn_cast<linalg::TransposeOp>(user))
        foldTranspose(transpose, attr);
  }

  /// The transposition that --convert-linalg-to-fp4 leaves for a parameter.
  void foldTranspose(linalg::TransposeOp op, ElementsAttr attr) {
    if (op.getPermutation() != ArrayRef<int64_t>{1, 0})
      return;
    ElementsAttr transposed = transposeConstant(attr);
    if (!transposed)
      return;
    OpBuilder builder(op);
    Value constant =
        arith::ConstantOp::create(builder, op.getLoc(), transposed);
    op->getResult(0).replaceAllUsesWith(constant);
    eraseDeadOps(op.getOperation());
    ++numTransposed;
  }

  DenseMap<StringAttr, ElementsAttr> constants;
};
} // namespace

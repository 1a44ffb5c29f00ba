//===- KernelBuilder.cpp - Arithmetic, memory, control flow ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The part of KernelBuilder that is not specific to a GPU: arith, scf and LLVM
// pointers. NVVM instructions are in NVVM*.cpp.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Value KernelBuilder::i32(int64_t value) {
  return arith::ConstantOp::create(
      *this, getI32IntegerAttr(static_cast<int32_t>(value)));
}

Value KernelBuilder::i64(int64_t value) {
  return arith::ConstantOp::create(*this, getI64IntegerAttr(value));
}

Value KernelBuilder::boolean(bool value) {
  return arith::ConstantOp::create(*this, getBoolAttr(value));
}

Value KernelBuilder::f32(float value) {
  return arith::ConstantOp::create(*this, getF32FloatAttr(value));
}

Value KernelBuilder::add(Value a, Value b) {
  return createOrFold<arith::AddIOp>(a, b);
}

Value KernelBuilder::mul(Value a, int64_t b) {
  return createOrFold<arith::MulIOp>(a, i32(b));
}

Value KernelBuilder::bitAnd(Value a, int64_t b) {
  return createOrFold<arith::AndIOp>(a, i32(b));
}

Value KernelBuilder::bitXor(Value a, Value b) {
  return createOrFold<arith::XOrIOp>(a, b);
}

Value KernelBuilder::shiftRight(Value a, int64_t bits) {
  return bits ? createOrFold<arith::ShRUIOp>(a, i32(bits)) : a;
}

Value KernelBuilder::shiftLeft(Value a, int64_t bits) {
  return createOrFold<arith::ShLIOp>(a, i32(bits));
}

Value KernelBuilder::ceilDiv(Value a, int64_t b) {
  return createOrFold<arith::DivUIOp>(add(a, b - 1), i32(b));
}

Value KernelBuilder::div(Value a, Value b) {
  return createOrFold<arith::DivUIOp>(a, b);
}

Value KernelBuilder::rem(Value a, Value b) {
  return createOrFold<arith::RemUIOp>(a, b);
}

Value KernelBuilder::equal(Value a, Value b) {
  return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::eq, a, b);
}

Value KernelBuilder::notEqual(Value a, int64_t b) {
  return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ne, a, i32(b));
}

Value KernelBuilder::less(Value a, Value b) {
  return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::slt, a, b);
}

Value KernelBuilder::select(Value condition, Value a, Value b) {
  return createOrFold<arith::SelectOp>(condition, a, b);
}

Value KernelBuilder::extend(Value a) {
  return createOrFold<arith::ExtSIOp>(getI64Type(), a);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Type KernelBuilder::pointer(unsigned space) {
  return LLVM::LLVMPointerType::get(getContext(), space);
}

Value KernelBuilder::at(Value base, int64_t bytes) {
  if (bytes == 0)
    return base;
  return LLVM::GEPOp::create(*this, base.getType(), getI8Type(), base,
                             LLVM::GEPArg(static_cast<int32_t>(bytes)));
}

Value KernelBuilder::at(Value base, Value bytes) {
  return at(base, bytes, getI8Type());
}

Value KernelBuilder::at(Value base, Value index, Type element) {
  return LLVM::GEPOp::create(*this, base.getType(), element, base,
                             LLVM::GEPArg(index));
}

Value KernelBuilder::load(Type type, Value pointer, unsigned alignment) {
  return LLVM::LoadOp::create(*this, type, pointer, alignment);
}

void KernelBuilder::store(Value value, Value pointer, unsigned alignment) {
  LLVM::StoreOp::create(*this, value, pointer, alignment);
}

Value KernelBuilder::addressOf(Value sharedPointer) {
  return LLVM::PtrToIntOp::create(*this, getI32Type(), sharedPointer);
}

Values KernelBuilder::unpack(Value vector) {
  auto type = cast<VectorType>(vector.getType());
  Values entries;
  for (int64_t i = 0; i < type.getNumElements(); ++i)
    entries.push_back(LLVM::ExtractElementOp::create(*this, vector, i32(i)));
  return entries;
}

Value KernelBuilder::pack(ValueRange scalars) {
  auto type = VectorType::get(static_cast<int64_t>(scalars.size()),
                              scalars.front().getType());
  Value vector = LLVM::UndefOp::create(*this, type);
  for (auto [i, scalar] : llvm::enumerate(scalars))
    vector = LLVM::InsertElementOp::create(*this, vector, scalar, i32(i));
  return vector;
}

//===----------------------------------------------------------------------===//
// Control flow
//===----------------------------------------------------------------------===//

void KernelBuilder::ifThen(Value condition, function_ref<void()> body) {
  auto op = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  InsertionGuard guard(*this);
  setInsertionPointToStart(op.thenBlock());
  body();
}

void KernelBuilder::ifThenElse(Value condition, function_ref<void()> then,
                               function_ref<void()> otherwise) {
  auto op = scf::IfOp::create(*this, condition, /*withElseRegion=*/true);
  InsertionGuard guard(*this);
  setInsertionPointToStart(op.thenBlock());
  then();
  setInsertionPointToStart(op.elseBlock());
  otherwise();
}

Values KernelBuilder::forLoop(Value lower, Value upper, Value step,
                              ValueRange init,
                              function_ref<Values(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(*this, lower, upper, step, init);
  InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  Values carried = body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!init.empty())
    scf::YieldOp::create(*this, carried);
  return Values(loop.getResults());
}

} // namespace fp4::gpu

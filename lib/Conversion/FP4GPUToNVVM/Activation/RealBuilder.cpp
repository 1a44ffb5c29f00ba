//===- RealBuilder.cpp - Float arithmetic of activation kernels -----------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One operation per function. The instructions are those of the PTX ISA,
// "cvt", "prmt", "shfl.sync", "rcp.approx.ftz".
//
//===----------------------------------------------------------------------===//

#include "RealBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

//===----------------------------------------------------------------------===//
// Reals
//===----------------------------------------------------------------------===//

Value RealBuilder::plus(Value a, Value b) {
  return arith::AddFOp::create(*this, a, b);
}

Value RealBuilder::minus(Value a, Value b) {
  return arith::SubFOp::create(*this, a, b);
}

Value RealBuilder::times(Value a, Value b) {
  return arith::MulFOp::create(*this, a, b);
}

Value RealBuilder::over(Value a, Value b) {
  return arith::DivFOp::create(*this, a, b);
}

Value RealBuilder::fma(Value a, Value b, Value c) {
  return math::FmaOp::create(*this, a, b, c);
}

Value RealBuilder::negate(Value a) { return arith::NegFOp::create(*this, a); }

Value RealBuilder::absolute(Value a) { return math::AbsFOp::create(*this, a); }

Value RealBuilder::smaller(Value a, Value b) {
  return arith::MinNumFOp::create(*this, a, b);
}

Value RealBuilder::larger(Value a, Value b) {
  return arith::MaxNumFOp::create(*this, a, b);
}

Value RealBuilder::isGreater(Value a, Value b) {
  return arith::CmpFOp::create(*this, arith::CmpFPredicate::OGT, a, b);
}

Value RealBuilder::approximateReciprocal(Value a) {
  return NVVM::RcpApproxFtzF32Op::create(*this, getF32Type(), a);
}

//===----------------------------------------------------------------------===//
// Bits
//===----------------------------------------------------------------------===//

Value RealBuilder::bits(Value real) {
  return createOrFold<arith::BitcastOp>(getI32Type(), real);
}

Value RealBuilder::real(Value bits) {
  return createOrFold<arith::BitcastOp>(getF32Type(), bits);
}

Value RealBuilder::bitOr(Value a, Value b) {
  return createOrFold<arith::OrIOp>(a, b);
}

Value RealBuilder::sub(Value a, Value b) {
  return createOrFold<arith::SubIOp>(a, b);
}

Value RealBuilder::maxInt(Value a, Value b) {
  return createOrFold<arith::MaxSIOp>(a, b);
}

Value RealBuilder::minInt(Value a, Value b) {
  return createOrFold<arith::MinSIOp>(a, b);
}

Value RealBuilder::below(Value a, int64_t b) {
  return createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult, a, i32(b));
}

Value RealBuilder::permuteBytes(Value low, Value high, int64_t selector) {
  return NVVM::PermuteOp::create(*this, getI32Type(), low, high, i32(selector),
                                 NVVM::PermuteMode::DEFAULT);
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

Value RealBuilder::encodeF8Pair(Value low, Value high,
                                numerics::ElementFormat format) {
  Type type = Float8E4M3FNType::get(getContext());
  if (format == numerics::ElementFormat::E5M2)
    type = Float8E5M2Type::get(getContext());
  Value pair = NVVM::ConvertF32x2ToF8x2Op::create(
      *this, getI16Type(), high, low,
      NVVM::FPRoundingModeAttr::get(getContext(), NVVM::FPRoundingMode::RN),
      NVVM::SaturationModeAttr::get(getContext(),
                                    NVVM::SaturationMode::SATFINITE),
      /*relu=*/getBoolAttr(false), TypeAttr::get(type));
  return arith::ExtUIOp::create(*this, getI32Type(), pair);
}

Value RealBuilder::encodeF6Pair(Value low, Value high,
                                numerics::ElementFormat format) {
  Type type = Float6E2M3FNType::get(getContext());
  if (format == numerics::ElementFormat::E3M2)
    type = Float6E3M2FNType::get(getContext());
  Value pair = NVVM::ConvertF32x2ToF6x2Op::create(
      *this, getI16Type(), high, low, /*relu=*/getBoolAttr(false),
      TypeAttr::get(type));
  return arith::ExtUIOp::create(*this, getI32Type(), pair);
}

Value RealBuilder::encodeE4M3(Value real) {
  return encodeF8Pair(real, f32(0.0f), numerics::ElementFormat::E4M3);
}

Value RealBuilder::encodeE2M1Pair(Value low, Value high) {
  Value pair = NVVM::ConvertF32x2ToF4x2Op::create(
      *this, getI8Type(), high, low, /*relu=*/getBoolAttr(false),
      TypeAttr::get(Float4E2M1FNType::get(getContext())));
  return arith::ExtUIOp::create(*this, getI32Type(), pair);
}

Value RealBuilder::truncate(Value a, unsigned width) {
  return arith::TruncIOp::create(*this, getIntegerType(width), a);
}

//===----------------------------------------------------------------------===//
// Lanes and control
//===----------------------------------------------------------------------===//

Value RealBuilder::shuffleXor(Value value, int64_t mask) {
  return NVVM::ShflOp::create(*this, value.getType(), i32(-1), value, i32(mask),
                              i32(31), NVVM::ShflKind::bfly, UnitAttr());
}

Value RealBuilder::shuffleFrom(Value value, Value lane) {
  return NVVM::ShflOp::create(*this, value.getType(), i32(-1), value, lane,
                              i32(31), NVVM::ShflKind::idx, UnitAttr());
}

Values RealBuilder::choose(Value condition, TypeRange types,
                           function_ref<Values()> then,
                           function_ref<Values()> otherwise) {
  auto op = scf::IfOp::create(*this, types, condition, /*addThenBlock=*/true,
                              /*addElseBlock=*/true);
  InsertionGuard guard(*this);
  setInsertionPointToStart(op.thenBlock());
  scf::YieldOp::create(*this, then());
  setInsertionPointToStart(op.elseBlock());
  scf::YieldOp::create(*this, otherwise());
  return Values(op.getResults());
}

} // namespace fp4::gpu

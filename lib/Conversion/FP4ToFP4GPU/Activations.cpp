//===- Activations.cpp - Activation functions of kernels ------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Exponentials are to the base 2, which the GPU has as an instruction; `afn`
// permits it and its division. The error function stays an operation that
// --convert-fp4gpu-to-nvvm replaces by a polynomial.
//
//===----------------------------------------------------------------------===//

#include "Activations.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace fp4::gpu {

static Value constant(ImplicitLocOpBuilder &b, float value) {
  return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
}

/// x / (1 + 2^power).
static Value emitLogistic(ImplicitLocOpBuilder &b, Value x, Value power) {
  auto approximate = arith::FastMathFlags::afn;
  Value exp = math::Exp2Op::create(b, power, approximate);
  Value denominator = arith::AddFOp::create(b, exp, constant(b, 1.0f));
  return arith::DivFOp::create(b, x, denominator, approximate);
}

/// x / 2 * (1 + tanh(u)) = x / (1 + exp(-2u)), u = sqrt(2/pi) (x + d x^3).
static Value emitGELUTanh(ImplicitLocOpBuilder &b, Value x) {
  // -2 * sqrt(2 / pi) * log2(e)
  constexpr float kLinear = -2.30220819813f, kCubic = 0.044715f;
  Value square = arith::MulFOp::create(b, x, x);
  Value cubic = arith::MulFOp::create(b, square, constant(b, kCubic));
  Value factor = arith::AddFOp::create(b, cubic, constant(b, 1.0f));
  Value linear = arith::MulFOp::create(b, x, constant(b, kLinear));
  return emitLogistic(b, x, arith::MulFOp::create(b, linear, factor));
}

static Value emitGELU(ImplicitLocOpBuilder &b, Value x) {
  constexpr float kInverseSqrt2 = 0.70710678118654752440f;
  Value scaled = arith::MulFOp::create(b, x, constant(b, kInverseSqrt2));
  Value erf = math::ErfOp::create(b, scaled);
  Value sum = arith::AddFOp::create(b, erf, constant(b, 1.0f));
  Value half = arith::MulFOp::create(b, x, constant(b, 0.5f));
  return arith::MulFOp::create(b, half, sum);
}

void approximateExponentials(Block &block) {
  constexpr float kLog2E = 1.44269504088896340736f;
  bool hasAny = false;
  for (auto exp : llvm::make_early_inc_range(block.getOps<math::ExpOp>())) {
    if (!exp.getType().isF32())
      continue;
    ImplicitLocOpBuilder b(exp.getLoc(), exp);
    Value power =
        arith::MulFOp::create(b, exp.getOperand(), constant(b, kLog2E));
    exp.replaceAllUsesWith(
        math::Exp2Op::create(b, power, arith::FastMathFlags::afn).getResult());
    exp.erase();
    hasAny = true;
  }
  if (!hasAny)
    return;
  for (auto division : block.getOps<arith::DivFOp>())
    if (division.getType().isF32())
      division.setFastmath(division.getFastmath() | arith::FastMathFlags::afn);
}

Value emitActivation(ImplicitLocOpBuilder &b, Value x, Activation activation) {
  constexpr float kMinusLog2E = -1.44269504088896340736f;
  switch (activation) {
  case Activation::None:
    return x;
  case Activation::ReLU:
    return arith::MaximumFOp::create(b, x, constant(b, 0.0f));
  case Activation::GELU:
    return emitGELU(b, x);
  case Activation::SiLU:
    return emitLogistic(b, x,
                        arith::MulFOp::create(b, x, constant(b, kMinusLog2E)));
  case Activation::GELUTanh:
    return emitGELUTanh(b, x);
  }
  llvm_unreachable("unknown activation");
}

} // namespace fp4::gpu

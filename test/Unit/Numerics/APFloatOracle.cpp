//===- APFloatOracle.cpp - The conversions of llvm::APFloat ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// CMake defines FP4_HAVE_APFLOAT and links LLVM in builds with MLIR. APFloat
// does not saturate (448.1 may become NaN in Float8E4M3FN), so inputs are
// clamped first; its NaN rules are its own, so NaN is left out.
//
//===----------------------------------------------------------------------===//

#include "Oracles.h"

using namespace fp4::numerics;
using namespace fp4::numerics::test;

#ifdef FP4_HAVE_APFLOAT

#include <algorithm>
#include <llvm/ADT/APFloat.h>

static const llvm::fltSemantics *semanticsOf(ElementFormat format) {
  switch (format) {
  case ElementFormat::E2M1:
    return &llvm::APFloat::Float4E2M1FN();
  case ElementFormat::E2M3:
    return &llvm::APFloat::Float6E2M3FN();
  case ElementFormat::E3M2:
    return &llvm::APFloat::Float6E3M2FN();
  case ElementFormat::E4M3:
    return &llvm::APFloat::Float8E4M3FN();
  case ElementFormat::E5M2:
    return &llvm::APFloat::Float8E5M2();
  case ElementFormat::MXINT8:
    break;
  }
  return nullptr;
}

static std::optional<uint8_t> encodeByAPFloat(ElementFormat format,
                                              float value) {
  const llvm::fltSemantics *semantics = semanticsOf(format);
  if (!semantics || value != value)
    return std::nullopt;
  float largest = llvm::APFloat::getLargest(*semantics).convertToFloat();
  llvm::APFloat number(std::clamp(value, -largest, largest));
  bool lossy;
  number.convert(*semantics, llvm::APFloat::rmNearestTiesToEven, &lossy);
  return static_cast<uint8_t>(number.bitcastToAPInt().getZExtValue());
}

ElementOracle test::apfloatElementOracle() { return encodeByAPFloat; }

#else

ElementOracle test::apfloatElementOracle() { return nullptr; }

#endif

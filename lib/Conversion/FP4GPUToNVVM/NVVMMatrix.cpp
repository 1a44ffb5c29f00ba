//===- NVVMMatrix.cpp - ldmatrix and mma.sync -----------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Warp level matrix instructions (PTX ISA, "Warp Level Matrix Instructions"):
// of all families, and with block scales those of sm_120 and its siblings.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace fp4::gpu {

using Values = KernelBuilder::Values;

/// The fields of a struct that an instruction returns.
static Values extractAll(KernelBuilder &b, Value result) {
  auto type = cast<LLVM::LLVMStructType>(result.getType());
  Values fields;
  for (int64_t i = 0, e = type.getBody().size(); i < e; ++i)
    fields.push_back(LLVM::ExtractValueOp::create(b, result, i));
  return fields;
}

static Type repeatedStruct(Type type, unsigned count) {
  return LLVM::LLVMStructType::getLiteral(type.getContext(),
                                          SmallVector<Type>(count, type));
}

Values KernelBuilder::loadMatrixX4(Value shared) {
  auto shape = NVVM::LdStMatrixShapeAttr::get(getContext(), 8, 8);
  Value result = NVVM::LdMatrixOp::create(
      *this, repeatedStruct(getI32Type(), 4), shared, 4, NVVM::MMALayout::row,
      shape, NVVM::LdStMatrixEltType::B16);
  return extractAll(*this, result);
}

Values KernelBuilder::loadSpreadMatrixX4(Value shared, unsigned bits) {
  auto shape = NVVM::LdStMatrixShapeAttr::get(getContext(), 8, 16);
  auto type = bits == 4 ? NVVM::LdStMatrixEltType::B8X16_B4X16_P64
                        : NVVM::LdStMatrixEltType::B8X16_B6X16_P32;
  Values registers = extractAll(
      *this,
      NVVM::LdMatrixOp::create(*this, repeatedStruct(getI32Type(), 4), shared,
                               4, NVVM::MMALayout::row, shape, type));
  // e2m1 comes in the low bits and is read from bits 2 to 5 (PTX ISA, "Packing
  // formats of alternate floating point data").
  if (bits == 4)
    for (Value &value : registers)
      value = shiftLeft(value, 2);
  return registers;
}

Values KernelBuilder::mmaPairs(Type element, ValueRange a, ValueRange b,
                               ValueRange c) {
  bool isBF16 = element.isBF16();
  NVVM::MMATypes type = isBF16 ? NVVM::MMATypes::bf16 : NVVM::MMATypes::f16;
  std::array<NVVM::MMATypes, 2> types = {type, type};
  std::array<NVVM::MMALayout, 2> layouts = {NVVM::MMALayout::row,
                                            NVVM::MMALayout::col};
  // NVVM has registers of bf16 as i32, those of f16 as vectors.
  auto toRegisters = [&](ValueRange words) -> Values {
    if (isBF16)
      return Values(words);
    Type pair = VectorType::get(2, element);
    return llvm::map_to_vector(words, [&](Value word) -> Value {
      return LLVM::BitcastOp::create(*this, pair, word);
    });
  };
  Value result = NVVM::MmaOp::create(
      *this, repeatedStruct(getF32Type(), 4), toRegisters(a), toRegisters(b), c,
      ArrayRef<int64_t>{16, 8, 16}, std::nullopt, std::nullopt, types, layouts);
  return extractAll(*this, result);
}

Value KernelBuilder::byteOf(Value word, int64_t index) {
  // Selector nibbles: byte `index`, then zeros, which are bytes 4 and up.
  return NVVM::PermuteOp::create(*this, getI32Type(), word, i32(0),
                                 i32(0x4440 + index),
                                 NVVM::PermuteMode::DEFAULT);
}

Value KernelBuilder::mulPairs(Type element, Value a, Value b) {
  Type pair = VectorType::get(2, element);
  Value product = arith::MulFOp::create(
      *this, LLVM::BitcastOp::create(*this, pair, a).getResult(),
      LLVM::BitcastOp::create(*this, pair, b).getResult());
  return LLVM::BitcastOp::create(*this, getI32Type(), product);
}

static NVVM::MMATypes getMMAType(Type element) {
  return llvm::TypeSwitch<Type, NVVM::MMATypes>(element)
      .Case<Float8E4M3FNType>([](Type) { return NVVM::MMATypes::e4m3; })
      .Case<Float8E5M2Type>([](Type) { return NVVM::MMATypes::e5m2; })
      .Case<Float6E2M3FNType>([](Type) { return NVVM::MMATypes::e2m3; })
      .Case<Float6E3M2FNType>([](Type) { return NVVM::MMATypes::e3m2; })
      .Default([](Type) { return NVVM::MMATypes::e2m1; });
}

Values KernelBuilder::mmaBlockScaled(ScaleKind kind, Type elementA,
                                     Type elementB, ValueRange a, ValueRange b,
                                     ValueRange c, LaneScale scaleA,
                                     LaneScale scaleB) {
  auto i16 = [&](int64_t value) -> Value {
    return LLVM::ConstantOp::create(*this, getI16IntegerAttr(value));
  };
  bool isUE4M3 = kind == ScaleKind::UE4M3;
  bool usesBytes = elementA.getIntOrFloatBitWidth() > 4 ||
                   elementB.getIntOrFloatBitWidth() > 4;
  std::array<NVVM::MMATypes, 2> types = {getMMAType(elementA),
                                         getMMAType(elementB)};
  auto vector = usesBytes ? NVVM::ScaleVecSize::X1
                : isUE4M3 ? NVVM::ScaleVecSize::X4
                          : NVVM::ScaleVecSize::X2;
  auto instruction = usesBytes ? NVVM::MMABlockScaleKind::MXF8F6F4
                     : isUE4M3 ? NVVM::MMABlockScaleKind::MXF4NVF4
                               : NVVM::MMABlockScaleKind::MXF4;
  Value result = NVVM::MmaBlockScaleOp::create(
      *this, repeatedStruct(getF32Type(), 4), a, b, c, scaleA.word,
      i16(scaleA.byteId), i16(scaleA.threadId), scaleB.word, i16(scaleB.byteId),
      i16(scaleB.threadId), ArrayRef<int64_t>{16, 8, usesBytes ? 32 : 64},
      types, vector,
      isUE4M3 ? NVVM::BlockScaleFormat::UE4M3 : NVVM::BlockScaleFormat::UE8M0,
      instruction);
  return extractAll(*this, result);
}

} // namespace fp4::gpu

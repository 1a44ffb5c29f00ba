//===- FragmentDecoder.cpp - 4-bit weights to bf16, f16, e4m3 -------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See the header. On sm_90 the pipe of LOP3, SHF and PRMT is the scarce one and
// IMAD runs beside it, so shifts are multiplications. ptxas would turn them
// back into shifts if it knew the factors; it has to read them from a .const
// variable, which the host could change.
//
//===----------------------------------------------------------------------===//

#include "FragmentDecoder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;

namespace fp4::gpu {

static constexpr StringLiteral kConstantsName = "decode_factors";
/// Bits of a bf16 pair that decoded codes have.
static constexpr int64_t kMask = 0x81C081C0;

void FragmentDecoder::declare(Operation *device) {
  // For UE4M3: 16 times a byte in both halves, and 2^97, the bf16 0x7000, in
  // both. Then three for folded scales, and one for E8M0 to f16.
  int32_t values[] = {8,          64, 69,         0x00100010, 0x70007000,
                      0x00800080, 16, 0x08080800, 0x08080808, 0x04000400};
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&device->getRegion(0).front());
  constants = SymbolTable::lookupSymbolIn(device, kConstantsName);
  if (constants)
    return;
  auto type = LLVM::LLVMArrayType::get(b.getI32Type(), std::size(values));
  auto global = LLVM::GlobalOp::create(
      b, type, /*isConstant=*/false, LLVM::Linkage::External, kConstantsName,
      b.getI32TensorAttr(values), /*alignment=*/4, /*addrSpace=*/4);
  global.setExternallyInitialized(true);
  constants = global;
}

void FragmentDecoder::begin(Value lane, Value unitOffset, Value rowTile) {
  Value base = LLVM::AddressOfOp::create(b, cast<LLVM::GlobalOp>(constants));
  auto factor = [&](int64_t index) {
    return b.load(b.getI32Type(), b.at(base, 4 * index), 4);
  };
  by16 = factor(6);
  lowFactor = factor(7);
  highFactor = factor(8);
  by8 = factor(0);
  by64 = factor(1);
  by69 = factor(2);
  bool isUE4M3 = plan.scaleKind == ScaleKind::UE4M3;
  if (isHalf())
    scaleFactor = factor(isUE4M3 ? 5 : 9);
  else
    scaleFactor = factor(isUE4M3 ? 3 : 5);
  if (isUE4M3 && !isHalf())
    scaleBase = factor(4);
  codesOffset = b.mul(lane, 16);
  scalesOffset = b.mul(b.shiftRight(lane, 2), getScaleBytes());
  if (!unitOffset)
    return;
  int64_t codeBytes = plan.isFolded ? 1024 : 512;
  codesOffset =
      b.add(codesOffset, b.add(unitOffset, b.mul(rowTile, codeBytes)));
  scalesOffset = b.add(scalesOffset,
                       b.add(unitOffset, b.mul(rowTile, 8 * getScaleBytes())));
}

/// Scales of rows g and g + 8.
int64_t FragmentDecoder::getScaleBytes() const {
  return plan.isFolded || plan.scaleKind == ScaleKind::UE4M3 ? 8 : 4;
}

FragmentDecoder::Raw FragmentDecoder::loadFolded(Value unit, int64_t rowTile) {
  auto i32 = b.getI32Type();
  Raw raw;
  for (int64_t half = 0; half < 2; ++half)
    llvm::append_range(
        raw.codes,
        b.unpack(b.load(
            VectorType::get(4, i32),
            b.at(b.at(unit, codesOffset), rowTile * 1024 + half * 512), 16)));
  Value scales = b.at(b.at(unit, scalesOffset), 4096 + rowTile * 64);
  raw.scales = b.unpack(b.load(VectorType::get(2, i32), scales, 8));
  return raw;
}

/// A byte permute picks each magnitude from the eight that there are: bytes of
/// 0, 0.5, 1, ... 6 times 2^-5, whose exponents are raised by j.
FragmentDecoder::Values FragmentDecoder::decodeFolded(const Raw &raw,
                                                      int64_t step) {
  auto times = [&](Value a, Value factor) {
    return b.createOrFold<arith::MulIOp>(a, factor);
  };
  auto permute = [&](Value low, Value high, Value selector) -> Value {
    return NVVM::PermuteOp::create(b, b.getI32Type(), low, high, selector,
                                   NVVM::PermuteMode::DEFAULT);
  };
  auto withSigns = [&](Value magnitudes, Value signs) -> Value {
    return b.createOrFold<arith::OrIOp>(magnitudes,
                                        b.bitAnd(signs, 0x80808080));
  };
  Values fragment(4);
  for (int64_t half = 0; half < 2; ++half) {
    Value x = raw.codes[2 * step + half];
    Value j = b.byteOf(raw.scales[half], step);
    Value low = b.add(times(j, lowFactor), 0x14100800);
    Value high = b.add(times(j, highFactor), 0x24201C18);
    Value selector = b.bitAnd(x, 0x77777777);
    fragment[half] = withSigns(permute(low, high, selector), x);
    fragment[2 + half] = withSigns(
        permute(low, high, b.shiftRight(selector, 16)), times(x, by16));
  }
  return fragment;
}

FragmentDecoder::Raw FragmentDecoder::load(Value unit, int64_t rowTile) {
  if (plan.isFolded)
    return loadFolded(unit, rowTile);
  constexpr int64_t kUnitScales = 2048;
  bool isUE4M3 = plan.scaleKind == ScaleKind::UE4M3;
  auto i32 = b.getI32Type();
  Raw raw;
  Value codes = b.at(b.at(unit, codesOffset), rowTile * 512);
  raw.codes = b.unpack(b.load(VectorType::get(4, i32), codes, 16));
  Value scales = b.at(b.at(unit, scalesOffset),
                      kUnitScales + rowTile * 8 * getScaleBytes());
  if (isUE4M3)
    raw.scales = b.unpack(b.load(VectorType::get(2, i32), scales, 8));
  else
    raw.scales = {b.load(i32, scales, 4)};
  return raw;
}

/// The scale of byte `byte`, as bf16 or f16 in both halves.
Value FragmentDecoder::scalePair(Value word, int64_t byte) {
  Value code = b.byteOf(word, byte);
  if (isHalf() && plan.scaleKind == ScaleKind::UE8M0)
    code = b.bitAnd(code, 31);
  Value product = b.createOrFold<arith::MulIOp>(code, scaleFactor);
  return scaleBase ? b.add(product, scaleBase) : product;
}

/// A pair of codes at their places in a bf16; those of an f16 are three bits
/// further left, but for the sign.
Value FragmentDecoder::codePair(Value bits) {
  if (!isHalf())
    return b.bitAnd(bits, kMask);
  Value magnitudes =
      b.createOrFold<arith::MulIOp>(b.bitAnd(bits, kMask & 0x7FFF7FFF), by8);
  return b.createOrFold<arith::OrIOp>(b.bitAnd(bits, 0x80008000), magnitudes);
}

FragmentDecoder::Values FragmentDecoder::decode(const Raw &raw, int64_t step) {
  if (plan.isFolded)
    return decodeFolded(raw, step);
  auto times = [&](Value a, Value factor) {
    return b.createOrFold<arith::MulIOp>(a, factor);
  };
  Value q = raw.codes[step];
  Value last = b.shiftRight(b.bitAnd(q, 0x6C006C00), 5);
  Value registers[] = {q, times(q, by8), times(q, by64), times(last, by69)};
  // Scales of rows g and g + 8.
  bool isUE4M3 = plan.scaleKind == ScaleKind::UE4M3;
  Value word = raw.scales[isUE4M3 ? step / 2 : 0];
  int64_t byte = 2 * (isUE4M3 ? step % 2 : step / 2);
  Value scales[] = {scalePair(word, byte), scalePair(word, byte + 1)};
  Values fragment;
  for (auto [i, value] : llvm::enumerate(registers))
    fragment.push_back(
        b.mulPairs(plan.getElementType(), codePair(value), scales[i % 2]));
  return fragment;
}

} // namespace fp4::gpu

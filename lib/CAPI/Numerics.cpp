//===- Numerics.cpp - Numerics through C ----------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Implements fp4-c/Numerics.h: checks what the C++ functions assert, and calls
// them.
//
//===----------------------------------------------------------------------===//

#include "fp4-c/Numerics.h"
#include "Formats.h"
#include "Text.h"
#include "fp4/Numerics/Hadamard.h"
#include "fp4/Numerics/Half.h"
#include "fp4/Numerics/Packing.h"
#include <cmath>
#include <string>

using namespace fp4;
using namespace fp4::numerics;
using capi::fail;
using capi::succeed;

// The C enumerations are casts of the C++ ones.
static_assert(FP4ElementMXINT8 == int(ElementFormat::MXINT8) &&
              FP4ElementE2M1 == int(ElementFormat::E2M1));
static_assert(FP4ScaleUE5M3GC == int(ScaleFormat::UE5M3GC) &&
              FP4ScaleE8M0 == int(ScaleFormat::E8M0));
static_assert(FP4ScaleRuleSearch == int(ScaleRule::Search) &&
              FP4ScaleRuleFloor == int(ScaleRule::Floor));
static_assert(FP4NaNSaturateInf == int(NaNPolicy::SaturateInf));
static_assert(FP4ScaleRoundingTowardPositive ==
              int(ScaleRounding::TowardPositive));

BlockFormat capi::unwrapFormat(const FP4BlockFormat &format) {
  return {ElementFormat(format.element), ScaleFormat(format.scale),
          format.blockRows, format.blockCols, format.hasTensorScale};
}

FP4BlockFormat capi::wrapFormat(const BlockFormat &format) {
  return {FP4ElementFormat(format.element), FP4ScaleFormat(format.scale),
          format.blockRows, format.blockCols, format.hasTensorScale};
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

static std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

static bool isPowerOfTwoIn(uint32_t value, uint32_t low, uint32_t high) {
  return value >= low && value <= high && (value & (value - 1)) == 0;
}

bool fp4BlockFormatVerify(const FP4BlockFormat *format, char **error) {
  if (unsigned(format->element) > FP4ElementMXINT8)
    return fail(error, "expected an element format in 0..5, got " +
                           std::to_string(format->element));
  if (unsigned(format->scale) > FP4ScaleUE5M3GC)
    return fail(error, "expected a scale format in 0..3, got " +
                           std::to_string(format->scale));
  if (!isPowerOfTwoIn(format->blockCols, 4, 1024))
    return fail(error,
                "expected block columns to be a power of two in 4..1024, got " +
                    std::to_string(format->blockCols));
  if (!isPowerOfTwoIn(format->blockRows, 1, 1024))
    return fail(error,
                "expected block rows to be a power of two in 1..1024, got " +
                    std::to_string(format->blockRows));
  return succeed(error);
}

bool capi::verifyMatrix(const FP4BlockFormat *format, size_t rows, size_t cols,
                        char **error) {
  if (!fp4BlockFormatVerify(format, error))
    return false;
  if (cols % format->blockCols != 0)
    return fail(error, "expected columns to be a multiple of the block size " +
                           std::to_string(format->blockCols) + ", got " +
                           std::to_string(cols));
  if (rows % format->blockRows != 0)
    return fail(error, "expected rows to be a multiple of the block size " +
                           std::to_string(format->blockRows) + ", got " +
                           std::to_string(rows));
  return succeed(error);
}

static bool verifyOptions(const FP4BlockFormat *format,
                          const FP4QuantizeOptions *options, float tensorScale,
                          char **error) {
  if (unsigned(options->rule) > FP4ScaleRuleSearch)
    return fail(error, "expected a scale rule in 0..5, got " +
                           std::to_string(options->rule));
  if (unsigned(options->nanPolicy) > FP4NaNSaturateInf)
    return fail(error, "expected a NaN policy in 0..1, got " +
                           std::to_string(options->nanPolicy));
  BlockFormat unwrapped = capi::unwrapFormat(*format);
  ScaleRule rule = ScaleRule(options->rule);
  if (!isScaleRuleLegal(rule, unwrapped))
    return fail(error, "scale rule " + quoted(scaleRuleName(rule)) +
                           " does not suit elements " +
                           quoted(elementFormatName(unwrapped.element)) +
                           " with scales " +
                           quoted(scaleFormatName(unwrapped.scale)));
  if (format->hasTensorScale &&
      !(tensorScale > 0 && std::isfinite(tensorScale)))
    return fail(error, "expected a positive and finite tensor scale, got " +
                           std::to_string(tensorScale));
  return succeed(error);
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

/// Stores `parsed` in `result`, or fails with the list of `known` names.
template <typename CType, typename T, size_t N>
static bool finishParse(const char *kind, const char *name,
                        std::optional<T> parsed, const char *const (&known)[N],
                        CType *result, char **error) {
  if (parsed) {
    *result = CType(*parsed);
    return succeed(error);
  }
  std::string message =
      "unknown " + std::string(kind) + " " + quoted(name) + ", expected one of";
  for (size_t i = 0; i < N; ++i)
    message += (i == 0 ? " " : ", ") + std::string(known[i]);
  return fail(error, message);
}

bool fp4BlockFormatParse(const char *name, FP4BlockFormat *format,
                         char **error) {
  if (std::optional<BlockFormat> parsed = parseBlockFormat(name)) {
    *format = capi::wrapFormat(*parsed);
    return succeed(error);
  }
  return fail(error, "unknown format " + quoted(name) +
                         ", expected one of nvfp4, mxfp4, mxfp6e2m3, "
                         "mxfp6e3m2, mxfp8e4m3, mxfp8e5m2, mxint8");
}

bool fp4ElementFormatParse(const char *name, FP4ElementFormat *format,
                           char **error) {
  static const char *const known[] = {"E2M1", "E2M3", "E3M2",
                                      "E4M3", "E5M2", "MXINT8"};
  return finishParse("element format", name, parseElementFormat(name), known,
                     format, error);
}

bool fp4ScaleFormatParse(const char *name, FP4ScaleFormat *format,
                         char **error) {
  static const char *const known[] = {"E8M0", "UE4M3", "UE5M3FNU", "UE5M3GC"};
  return finishParse("scale format", name, parseScaleFormat(name), known,
                     format, error);
}

bool fp4ScaleRuleParse(const char *name, FP4ScaleRule *rule, char **error) {
  static const char *const known[] = {"floor",  "rceil",         "even",
                                      "absmax", "four_over_six", "search"};
  return finishParse("scale rule", name, parseScaleRule(name), known, rule,
                     error);
}

// The names are string literals, so their views end in a null character.

const char *fp4BlockFormatGetName(const FP4BlockFormat *format) {
  std::optional<std::string_view> name =
      blockFormatName(capi::unwrapFormat(*format));
  return name ? name->data() : nullptr;
}

const char *fp4ElementFormatGetName(FP4ElementFormat format) {
  return elementFormatName(ElementFormat(format)).data();
}

const char *fp4ScaleFormatGetName(FP4ScaleFormat format) {
  return scaleFormatName(ScaleFormat(format)).data();
}

const char *fp4ScaleRuleGetName(FP4ScaleRule rule) {
  return scaleRuleName(ScaleRule(rule)).data();
}

//===----------------------------------------------------------------------===//
// Properties
//===----------------------------------------------------------------------===//

double fp4BlockFormatGetBitsPerElement(const FP4BlockFormat *format) {
  return bitsPerElement(capi::unwrapFormat(*format));
}

FP4ScaleRule fp4BlockFormatGetDefaultScaleRule(const FP4BlockFormat *format) {
  return FP4ScaleRule(defaultScaleRule(capi::unwrapFormat(*format)));
}

unsigned fp4ElementFormatGetBits(FP4ElementFormat format) {
  return elementBits(ElementFormat(format));
}

float fp4ElementFormatGetMaxFinite(FP4ElementFormat format) {
  return elementMaxFinite(ElementFormat(format));
}

float fp4ScaleFormatGetMaxFinite(FP4ScaleFormat format) {
  return scaleMaxFinite(ScaleFormat(format));
}

//===----------------------------------------------------------------------===//
// Single codes
//===----------------------------------------------------------------------===//

void fp4DecodeElements(FP4ElementFormat format, const uint8_t *codes,
                       size_t count, float *values) {
  for (size_t i = 0; i < count; ++i)
    values[i] = decodeElement(ElementFormat(format), codes[i]);
}

void fp4EncodeElements(FP4ElementFormat format, const float *values,
                       size_t count, const uint32_t *random, uint8_t *codes) {
  ElementFormat element = ElementFormat(format);
  for (size_t i = 0; i < count; ++i)
    codes[i] = random ? encodeElementStochastic(element, values[i], random[i])
                      : encodeElement(element, values[i]);
}

void fp4DecodeScales(FP4ScaleFormat format, const uint8_t *codes, size_t count,
                     float *values) {
  for (size_t i = 0; i < count; ++i)
    values[i] = decodeScale(ScaleFormat(format), codes[i]);
}

void fp4EncodeScales(FP4ScaleFormat format, const float *values, size_t count,
                     FP4ScaleRounding rounding, uint8_t *codes) {
  for (size_t i = 0; i < count; ++i)
    codes[i] =
        encodeScale(ScaleFormat(format), values[i], ScaleRounding(rounding));
}

void fp4DecodeBF16(const uint16_t *bits, size_t count, float *values) {
  for (size_t i = 0; i < count; ++i)
    values[i] = decodeBF16(bits[i]);
}

void fp4EncodeBF16(const float *values, size_t count, uint16_t *bits) {
  for (size_t i = 0; i < count; ++i)
    bits[i] = encodeBF16(values[i]);
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

FP4QuantizeOptions fp4QuantizeOptionsGetDefault(const FP4BlockFormat *format) {
  return {fp4BlockFormatGetDefaultScaleRule(format), FP4NaNPropagate, nullptr};
}

float fp4AbsMax(const float *values, size_t count) {
  return absMax(values, count);
}

float fp4TensorScale(const FP4BlockFormat *format, float amax,
                     FP4ScaleRule rule) {
  return tensorScaleFor(capi::unwrapFormat(*format), amax, ScaleRule(rule));
}

bool fp4Quantize(const FP4BlockFormat *format,
                 const FP4QuantizeOptions *options, const float *values,
                 size_t rows, size_t cols, float tensorScale, uint8_t *codes,
                 uint8_t *scales, char **error) {
  if (!capi::verifyMatrix(format, rows, cols, error) ||
      !verifyOptions(format, options, tensorScale, error))
    return false;
  quantizeBlocks(capi::unwrapFormat(*format),
                 {ScaleRule(options->rule), NaNPolicy(options->nanPolicy),
                  options->random},
                 values, rows, cols, tensorScale, codes, scales);
  return true;
}

bool fp4Dequantize(const FP4BlockFormat *format, const uint8_t *codes,
                   const uint8_t *scales, size_t rows, size_t cols,
                   float tensorScale, float *values, char **error) {
  if (!capi::verifyMatrix(format, rows, cols, error))
    return false;
  dequantizeBlocks(capi::unwrapFormat(*format), codes, scales, rows, cols,
                   tensorScale, values);
  return true;
}

//===----------------------------------------------------------------------===//
// Rotations
//===----------------------------------------------------------------------===//

bool fp4Hadamard(float *values, size_t count, size_t block, const int8_t *signs,
                 bool inverse, char **error) {
  if (!isHadamardBlockLegal(block))
    return fail(error, "expected a block that is a power of two in 2..1024, "
                       "got " +
                           std::to_string(block));
  if (count % block != 0)
    return fail(error, "expected the last dimension to be a multiple of the "
                       "block " +
                           std::to_string(block) + ", got " +
                           std::to_string(count) + " values");
  for (size_t i = 0; signs && i < block; ++i)
    if (signs[i] != 1 && signs[i] != -1)
      return fail(error, "expected signs of 1 and -1, got " +
                             std::to_string(signs[i]) + " at " +
                             std::to_string(i));
  (inverse ? inverseHadamard : hadamard)(values, count, block, signs);
  return succeed(error);
}

//===----------------------------------------------------------------------===//
// Layouts
//===----------------------------------------------------------------------===//

bool fp4PackedRowBytes(FP4ElementFormat format, size_t cols, size_t *bytes,
                       char **error) {
  unsigned bits = fp4ElementFormatGetBits(format);
  if (cols * bits % 8 != 0)
    return fail(error, "expected rows of a whole number of bytes, got " +
                           std::to_string(cols) + " codes of " +
                           std::to_string(bits) + " bits");
  *bytes = packedRowBytes(ElementFormat(format), cols);
  return succeed(error);
}

bool fp4PackCodes(FP4ElementFormat format, const uint8_t *codes, size_t rows,
                  size_t cols, uint8_t *packed, char **error) {
  size_t rowBytes;
  if (!fp4PackedRowBytes(format, cols, &rowBytes, error))
    return false;
  packCodes(ElementFormat(format), codes, rows, cols, packed);
  return true;
}

bool fp4UnpackCodes(FP4ElementFormat format, const uint8_t *packed, size_t rows,
                    size_t cols, uint8_t *codes, char **error) {
  size_t rowBytes;
  if (!fp4PackedRowBytes(format, cols, &rowBytes, error))
    return false;
  unpackCodes(ElementFormat(format), packed, rows, cols, codes);
  return true;
}

size_t fp4ScaleBytes128x4(size_t rows, size_t columns) {
  return scaleBytes128x4(rows, columns);
}

void fp4SwizzleScales128x4(const uint8_t *scales, size_t rows, size_t columns,
                           uint8_t *swizzled) {
  swizzleScales128x4(scales, rows, columns, swizzled);
}

void fp4UnswizzleScales128x4(const uint8_t *swizzled, size_t rows,
                             size_t columns, uint8_t *scales) {
  unswizzleScales128x4(swizzled, rows, columns, scales);
}

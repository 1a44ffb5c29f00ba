//===- BlockFormat.cpp - Microscaled block quantizer ----------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Choosing block scales and encoding blocks, in the order of operations that
// BlockFormat.h fixes. The loops over elements are instantiated per element
// format and vectorize; everything per block is ordinary code.
//
//===----------------------------------------------------------------------===//

#include "fp4/Numerics/BlockFormat.h"
#include "FormatDescriptor.h"
#include "fp4/Numerics/ElementRounder.h"
#include <algorithm>
#include <cassert>
#include <cmath>
#include <vector>

using namespace fp4::numerics;

//===----------------------------------------------------------------------===//
// Names and properties
//===----------------------------------------------------------------------===//

struct NamedFormat {
  std::string_view name;
  BlockFormat format;
};

static constexpr NamedFormat kNamedFormats[] = {
    {"nvfp4", kNVFP4},         {"mxfp4", kMXFP4},
    {"mxfp6e2m3", kMXFP6E2M3}, {"mxfp6e3m2", kMXFP6E3M2},
    {"mxfp8e4m3", kMXFP8E4M3}, {"mxfp8e5m2", kMXFP8E5M2},
    {"mxint8", kMXINT8}};

std::optional<std::string_view>
fp4::numerics::blockFormatName(const BlockFormat &format) {
  for (const NamedFormat &named : kNamedFormats)
    if (named.format == format)
      return named.name;
  return std::nullopt;
}

std::optional<BlockFormat>
fp4::numerics::parseBlockFormat(std::string_view name) {
  for (const NamedFormat &named : kNamedFormats)
    if (named.name == name)
      return named.format;
  return std::nullopt;
}

double fp4::numerics::bitsPerElement(const BlockFormat &format) {
  return elementBits(format.element) +
         8.0 / (format.blockRows * format.blockCols);
}

// In the order of ScaleRule.
static constexpr std::string_view kRuleNames[] = {
    "floor", "rceil", "even", "absmax", "four_over_six", "search"};

std::string_view fp4::numerics::scaleRuleName(ScaleRule rule) {
  return kRuleNames[static_cast<size_t>(rule)];
}

std::optional<ScaleRule> fp4::numerics::parseScaleRule(std::string_view name) {
  for (size_t i = 0; i < std::size(kRuleNames); ++i)
    if (kRuleNames[i] == name)
      return static_cast<ScaleRule>(i);
  return std::nullopt;
}

bool fp4::numerics::isScaleRuleLegal(ScaleRule rule,
                                     const BlockFormat &format) {
  bool powersOfTwo = format.scale == ScaleFormat::E8M0;
  switch (rule) {
  case ScaleRule::Floor:
  case ScaleRule::RCeil:
  case ScaleRule::Even:
    return powersOfTwo;
  case ScaleRule::AbsMax:
    return !powersOfTwo;
  case ScaleRule::FourOverSix:
    return !powersOfTwo && format.element == ElementFormat::E2M1;
  case ScaleRule::Search:
    return true;
  }
  return false;
}

ScaleRule fp4::numerics::defaultScaleRule(const BlockFormat &format) {
  return format.scale == ScaleFormat::E8M0 ? ScaleRule::Floor
                                           : ScaleRule::AbsMax;
}

//===----------------------------------------------------------------------===//
// Magnitudes and tensor scales
//===----------------------------------------------------------------------===//

float fp4::numerics::absMax(const float *data, size_t count) {
  // The bits of non-negative floats are ordered as the floats are, and those
  // of NaN are above infinity's; integers also vectorize.
  int32_t largest = 0;
  for (size_t i = 0; i < count; ++i) {
    auto magnitude = static_cast<int32_t>(floatBits(data[i]) & ~kSignBit);
    largest = magnitude > largest ? magnitude : largest;
  }
  return bitsToFloat(static_cast<uint32_t>(largest));
}

float fp4::numerics::tensorScaleFor(const BlockFormat &format, float amax,
                                    ScaleRule rule) {
  if (!format.hasTensorScale)
    return 1.0f;
  bool headroom = rule == ScaleRule::FourOverSix || rule == ScaleRule::Search;
  float maxScale = headroom && format.scale == ScaleFormat::UE4M3
                       ? 256.0f
                       : scaleMaxFinite(format.scale);
  float scale = amax / (elementMaxFinite(format.element) * maxScale);
  return scale == 0.0f ? 1.0f : scale;
}

//===----------------------------------------------------------------------===//
// Loops over the elements of one row of a block
//===----------------------------------------------------------------------===//

template <ElementFormat F> static uint8_t encodeOne(float value) {
  if constexpr (F == ElementFormat::MXINT8) {
    return encodeMXINT8(value);
  } else {
    constexpr FormatDescriptor d = kElementDescriptors[static_cast<size_t>(F)];
    return encodeFloatElement(d, value);
  }
}

template <ElementFormat F>
static void encodeRow(const float *data, size_t count, float scale,
                      uint8_t *codes) {
  for (size_t i = 0; i < count; ++i)
    codes[i] = encodeOne<F>(data[i] / scale);
}

/// Adds to `sum` the squared errors of the row, from left to right.
template <ElementFormat F>
static double addSquaredErrors(const float *data, size_t count, float scale,
                               double sum) {
  for (size_t i = 0; i < count; ++i) {
    float decoded = elementTable(F)[encodeOne<F>(data[i] / scale)] * scale;
    double error = static_cast<double>(data[i]) - decoded;
    sum += error * error;
  }
  return sum;
}

struct ElementLoops {
  void (*encode)(const float *, size_t, float, uint8_t *);
  double (*addSquaredErrors)(const float *, size_t, float, double);
};

template <ElementFormat F>
static constexpr ElementLoops kLoops = {encodeRow<F>, addSquaredErrors<F>};

// In the order of ElementFormat.
static constexpr ElementLoops kElementLoops[] = {
    kLoops<ElementFormat::E2M1>, kLoops<ElementFormat::E2M3>,
    kLoops<ElementFormat::E3M2>, kLoops<ElementFormat::E4M3>,
    kLoops<ElementFormat::E5M2>, kLoops<ElementFormat::MXINT8>};

static const ElementLoops &loopsOf(ElementFormat format) {
  return kElementLoops[static_cast<size_t>(format)];
}

//===----------------------------------------------------------------------===//
// Several scales at once
//===----------------------------------------------------------------------===//

/// Search tries up to nine scales.
static constexpr size_t kTrials = 16;

// The clones differ in the width of their vectors only: each lane does the same
// IEEE operations in the same order (no contraction).
#if defined(__x86_64__) && defined(__linux__) && defined(__clang__)
#define FP4_VECTOR_CLONES                                                      \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FP4_VECTOR_CLONES
#endif

/// addSquaredErrors for kTrials scales.
FP4_VECTOR_CLONES static void addTrialErrors(ElementRounder round,
                                             const float *data, size_t count,
                                             const float *scales,
                                             double *sums) {
  double local[kTrials];
  std::copy_n(sums, kTrials, local);
  for (size_t i = 0; i < count; ++i)
    for (size_t trial = 0; trial < kTrials; ++trial) {
      float decoded = round(data[i] / scales[trial]) * scales[trial];
      double error = static_cast<double>(data[i]) - decoded;
      local[trial] += error * error;
    }
  std::copy_n(local, kTrials, sums);
}

//===----------------------------------------------------------------------===//
// Scales of one block
//===----------------------------------------------------------------------===//

/// A blockRows x blockCols window of a row-major matrix.
struct Block {
  const float *data;
  size_t stride;
  size_t rows;
  size_t cols;
};

static float absMaxOf(const Block &block) {
  float largest = 0;
  for (size_t row = 0; row < block.rows; ++row) {
    float rowMax = absMax(block.data + row * block.stride, block.cols);
    if (!(rowMax <= largest)) // also when the row has a NaN
      largest = rowMax;
    if (largest != largest)
      break;
  }
  return largest;
}

static double squaredError(const BlockFormat &format, const Block &block,
                           float scale) {
  double sum = 0;
  for (size_t row = 0; row < block.rows; ++row)
    sum = loopsOf(format.element)
              .addSquaredErrors(block.data + row * block.stride, block.cols,
                                scale, sum);
  return sum;
}

static uint8_t clampE8M0(int code) {
  return static_cast<uint8_t>(std::clamp(code, 0, 254));
}

/// The E8M0 code of floor(log2 amax) - emax. A subnormal amax has exponent
/// field 0 and gets code 0 as its logarithm asks.
static uint8_t floorCode(const BlockFormat &format, uint32_t amaxBits) {
  return clampE8M0(static_cast<int>(amaxBits >> 23) -
                   elementMaxExponent(format.element));
}

static uint8_t evenCode(const BlockFormat &format, float amax) {
  uint32_t half = 1u << (22 - elementMantissaBits(format.element));
  return floorCode(format, floatBits(amax) + half);
}

/// Floor never clips more than twofold, so the code that does not clip is that
/// or the next. The comparison is exact: a float times a power of two.
static uint8_t ceilCode(const BlockFormat &format, float amax) {
  uint8_t code = floorCode(format, floatBits(amax));
  double limit = static_cast<double>(elementMaxFinite(format.element)) *
                 decodeScale(format.scale, code);
  return clampE8M0(code + (amax > limit));
}

/// The code that maps `amax` to `target`; at least the smallest scale, since a
/// zero scale would lose a block that is not zero.
static uint8_t mantissaCode(const BlockFormat &format, float amax, float target,
                            float tensorScale) {
  uint8_t code = encodeScale(format.scale, amax / target / tensorScale);
  return code == 0 ? uint8_t(1) : code;
}

/// What the functions below need to know about a block.
struct ScaleQuery {
  const BlockFormat &format;
  const Block &block;
  float amax;
  float tensorScale;

  float scaleOf(uint8_t code) const {
    return decodeScale(format.scale, code) * tensorScale;
  }
  double errorOf(uint8_t code) const {
    return squaredError(format, block, scaleOf(code));
  }
  /// Of consecutive codes, at most kTrials.
  void errorsOf(int first, int last, double *errors) const {
    float scales[kTrials];
    for (size_t i = 0; i < kTrials; ++i)
      scales[i] = scaleOf(static_cast<uint8_t>(std::min<int>(first + i, last)));
    // A quotient must not be NaN for the rounder: zero over zero.
    if (scales[0] == 0) {
      for (int code = first; code <= last; ++code)
        errors[code - first] = errorOf(static_cast<uint8_t>(code));
      return;
    }
    std::fill_n(errors, kTrials, 0.0);
    ElementRounder round(format.element);
    for (size_t row = 0; row < block.rows; ++row)
      addTrialErrors(round, block.data + row * block.stride, block.cols, scales,
                     errors);
  }
};

static uint8_t fourOverSixCode(const ScaleQuery &query) {
  uint8_t six = mantissaCode(query.format, query.amax, 6.0f, query.tensorScale);
  uint8_t four =
      mantissaCode(query.format, query.amax, 4.0f, query.tensorScale);
  return query.errorOf(four) < query.errorOf(six) ? four : six;
}

static uint8_t searchCode(const ScaleQuery &query) {
  const BlockFormat &format = query.format;
  int first, last;
  if (format.scale == ScaleFormat::E8M0) {
    int floor = floorCode(format, floatBits(query.amax));
    first = std::max(floor - 1, 0);
    last = std::min(floor + 1, 254);
  } else {
    int absMaxCode =
        mantissaCode(format, query.amax, elementMaxFinite(format.element),
                     query.tensorScale);
    first = std::max(absMaxCode - 2, 1);
    last = std::min<int>(absMaxCode + 6, descriptor(format.scale).maxCode);
  }
  double errors[kTrials];
  query.errorsOf(first, last, errors);
  const double *least = std::min_element(errors, errors + (last - first + 1));
  return static_cast<uint8_t>(first + (least - errors));
}

/// The scale code of a block with a finite amax.
static uint8_t chooseScale(const ScaleQuery &query, ScaleRule rule) {
  const BlockFormat &format = query.format;
  bool powersOfTwo = format.scale == ScaleFormat::E8M0;
  if (query.amax == 0.0f)
    return powersOfTwo ? uint8_t(0) : encodeScale(format.scale, 1.0f);
  switch (rule) {
  case ScaleRule::Floor:
    return floorCode(format, floatBits(query.amax));
  case ScaleRule::RCeil:
    return ceilCode(format, query.amax);
  case ScaleRule::Even:
    return evenCode(format, query.amax);
  case ScaleRule::AbsMax:
    return mantissaCode(format, query.amax, elementMaxFinite(format.element),
                        query.tensorScale);
  case ScaleRule::FourOverSix:
    return fourOverSixCode(query);
  case ScaleRule::Search:
    return searchCode(query);
  }
  return scaleNaN(format.scale);
}

//===----------------------------------------------------------------------===//
// Quantization and its inverse
//===----------------------------------------------------------------------===//

/// The block with infinities replaced by the largest float, in `storage`.
static Block saturateInfinities(const Block &block,
                                std::vector<float> &storage) {
  constexpr float largest = std::numeric_limits<float>::max();
  storage.clear();
  for (size_t row = 0; row < block.rows; ++row)
    for (size_t col = 0; col < block.cols; ++col) {
      float value = block.data[row * block.stride + col];
      if (std::isinf(value))
        value = std::copysign(largest, value);
      storage.push_back(value);
    }
  return {storage.data(), block.cols, block.rows, block.cols};
}

/// Encodes `block` to `codes`, whose rows (and those of `random`, unless it is
/// null) are `stride` apart.
static void encodeBlock(ElementFormat element, const Block &block, float scale,
                        const uint32_t *random, size_t stride, uint8_t *codes) {
  for (size_t row = 0; row < block.rows; ++row) {
    const float *data = block.data + row * block.stride;
    if (!random) {
      loopsOf(element).encode(data, block.cols, scale, codes + row * stride);
      continue;
    }
    for (size_t col = 0; col < block.cols; ++col) {
      size_t index = row * stride + col;
      codes[index] =
          encodeElementStochastic(element, data[col] / scale, random[index]);
    }
  }
}

void fp4::numerics::quantizeBlocks(const BlockFormat &format,
                                   const QuantizeOptions &options,
                                   const float *data, size_t rows, size_t cols,
                                   float tensorScale, uint8_t *codes,
                                   uint8_t *scales) {
  assert(rows % format.blockRows == 0 && cols % format.blockCols == 0);
  assert(isScaleRuleLegal(options.rule, format));
  if (!format.hasTensorScale)
    tensorScale = 1.0f;

  std::vector<float> storage;
  for (size_t row = 0; row < rows; row += format.blockRows) {
    for (size_t col = 0; col < cols; col += format.blockCols) {
      size_t offset = row * cols + col;
      Block block = {data + offset, cols, format.blockRows, format.blockCols};
      float amax = absMaxOf(block);
      if (std::isinf(amax) && options.nanPolicy == NaNPolicy::SaturateInf) {
        block = saturateInfinities(block, storage);
        amax = std::numeric_limits<float>::max();
      }
      ScaleQuery query = {format, block, amax, tensorScale};
      uint8_t code = std::isfinite(amax) ? chooseScale(query, options.rule)
                                         : scaleNaN(format.scale);
      *scales++ = code;
      float scale = isScaleNaN(format.scale, code) ? 1.0f : query.scaleOf(code);
      encodeBlock(format.element, block, scale,
                  options.random ? options.random + offset : nullptr, cols,
                  codes + offset);
    }
  }
}

void fp4::numerics::dequantizeBlocks(const BlockFormat &format,
                                     const uint8_t *codes,
                                     const uint8_t *scales, size_t rows,
                                     size_t cols, float tensorScale,
                                     float *data) {
  assert(rows % format.blockRows == 0 && cols % format.blockCols == 0);
  if (!format.hasTensorScale)
    tensorScale = 1.0f;
  const DecodeTable &table = elementTable(format.element);
  size_t scalesPerRow = cols / format.blockCols;
  for (size_t row = 0; row < rows; ++row) {
    const uint8_t *rowScales = scales + row / format.blockRows * scalesPerRow;
    for (size_t block = 0; block < scalesPerRow; ++block) {
      float scale = decodeScale(format.scale, rowScales[block]) * tensorScale;
      size_t offset = row * cols + block * format.blockCols;
      for (size_t i = offset; i < offset + format.blockCols; ++i)
        data[i] = table[codes[i]] * scale;
    }
  }
}

//===- TestFloats.cpp - Inputs shared by the Numerics tests ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestFloats.h"
#include <algorithm>
#include <cmath>

using namespace fp4::numerics;
using namespace fp4::numerics::test;

uint64_t SplitMix64::next() {
  state += 0x9E3779B97F4A7C15;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

double SplitMix64::uniform() {
  return std::ldexp(static_cast<double>(next() >> 11) + 1, -53);
}

double SplitMix64::normal() {
  double radius = std::sqrt(-2 * std::log(uniform()));
  return radius * std::cos(2 * M_PI * uniform());
}

Layout test::layoutOf(ElementFormat format) {
  switch (format) {
  case ElementFormat::E2M1:
    return {1, 1, 8};
  case ElementFormat::E2M3:
    return {3, 1, 32};
  case ElementFormat::E3M2:
    return {2, 3, 32};
  case ElementFormat::E4M3:
    return {3, 7, 0x7F};
  case ElementFormat::E5M2:
    return {2, 15, 0x7C};
  case ElementFormat::MXINT8:
    break;
  }
  return {};
}

Layout test::layoutOf(ScaleFormat format) {
  switch (format) {
  case ScaleFormat::E8M0:
    return {0, 127, 0xFF};
  case ScaleFormat::UE4M3:
    return {3, 7, 0x7F};
  case ScaleFormat::UE5M3FNU:
    return {3, 15, 0xFF};
  case ScaleFormat::UE5M3GC:
    return {3, 15, 0xF8};
  }
  return {};
}

double test::magnitudeOf(const Layout &layout, int code) {
  int field = code >> layout.mantissaBits;
  int mantissa = code - (field << layout.mantissaBits);
  double fraction = std::ldexp(mantissa, -layout.mantissaBits);
  return field == 0 ? std::ldexp(fraction, 1 - layout.bias)
                    : std::ldexp(1 + fraction, field - layout.bias);
}

std::vector<double> test::magnitudesOf(ElementFormat format) {
  std::vector<double> values;
  if (format == ElementFormat::MXINT8) {
    for (int i = 0; i < 128; ++i)
      values.push_back(i / 64.0);
    return values;
  }
  Layout layout = layoutOf(format);
  for (int code = 0; code < layout.finiteCodes; ++code)
    values.push_back(magnitudeOf(layout, code));
  return values;
}

std::vector<double> test::magnitudesOf(ScaleFormat format) {
  std::vector<double> values;
  Layout layout = layoutOf(format);
  for (int code = 0; code < layout.finiteCodes; ++code)
    values.push_back(format == ScaleFormat::E8M0 ? std::ldexp(1, code - 127)
                                                 : magnitudeOf(layout, code));
  return values;
}

int test::roundToIndex(const std::vector<double> &magnitudes, double value,
                       Direction direction) {
  auto above = std::upper_bound(magnitudes.begin(), magnitudes.end(), value);
  if (above == magnitudes.begin())
    return 0;
  int low = static_cast<int>(above - magnitudes.begin()) - 1;
  if (above == magnitudes.end() || magnitudes[low] == value ||
      direction == Direction::Down)
    return low;
  if (direction == Direction::Up)
    return low + 1;
  double toLow = value - magnitudes[low], toHigh = *above - value;
  bool up = toHigh < toLow || (toHigh == toLow && low % 2 == 1);
  return low + (up ? 1 : 0);
}

std::vector<float> test::midpointInputs(const std::vector<double> &magnitudes) {
  std::vector<float> inputs;
  for (size_t i = 0; i + 1 < magnitudes.size(); ++i) {
    auto middle = static_cast<float>((magnitudes[i] + magnitudes[i + 1]) / 2);
    for (float value : {middle, std::nextafter(middle, 0.0f),
                        std::nextafter(middle, INFINITY)}) {
      inputs.push_back(value);
      inputs.push_back(-value);
    }
  }
  return inputs;
}

static std::vector<float> makeOracleInputs() {
  std::vector<float> inputs;
  for (uint32_t bits = 0; bits < 0x10000; ++bits)
    inputs.push_back(bitsToFloat(bits << 16));
  SplitMix64 random(1);
  for (int i = 0; i < 4'000'000; ++i)
    inputs.push_back(bitsToFloat(random.next32()));
  // 2^-20 .. 2^19 covers the codes of all formats and some of both outsides.
  for (int i = 0; i < 4'000'000; ++i) {
    uint32_t bits = random.next32();
    uint32_t field = 107 + (bits >> 23 & 0xFF) % 40;
    inputs.push_back(bitsToFloat((bits & 0x807FFFFF) | field << 23));
  }
  for (ElementFormat format : kElementFormats) {
    std::vector<float> midpoints = midpointInputs(magnitudesOf(format));
    inputs.insert(inputs.end(), midpoints.begin(), midpoints.end());
  }
  return inputs;
}

const std::vector<float> &test::oracleInputs() {
  static const std::vector<float> inputs = makeOracleInputs();
  return inputs;
}

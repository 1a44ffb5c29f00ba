//===- QuantizeKernelsTest.cpp - Generated quantizations by bit -----------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles fp4.quantize and fp4.rotate_quantize for a target, runs the PTX on
// the emulator, and compares every byte with the library Numerics, which the
// CPU path agrees with. Elements of blocks with a NaN scale are left open.
//
// Rows differ in what they hold: random numbers of several magnitudes,
// multiples of a quarter (whose quotients hit ties), zeros of both signs,
// numbers near the ends of the range, a NaN, an infinity.
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"
#include "fp4/Numerics/BlockFormat.h"
#include "fp4/Numerics/Hadamard.h"
#include "fp4/Numerics/Half.h"
#include "fp4/Numerics/Packing.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace fp4;
using namespace fp4::testing;

namespace {

struct Case {
  std::string format, rule;
  int64_t rows, columns;
  std::string type = "bf16";
  int64_t rotation = 0;
  bool hasDynamicRows = false;
  /// 0: computed.
  float tensorScale = 0x1.23456p-11f;
  bool saturatesInf = false;
  /// Whether every third value of a rotation is negated first.
  bool hasSigns = false;
  uint32_t blocks = 0;
};

std::vector<int8_t> makeSigns(const Case &c) {
  std::vector<int8_t> signs;
  for (int64_t i = 0; c.hasSigns && i < c.rotation; ++i)
    signs.push_back(i % 3 == 1 ? -1 : 1);
  return signs;
}

std::string join(const std::vector<int64_t> &sizes,
                 const std::string &element) {
  std::string text = "tensor<";
  for (int64_t size : sizes)
    text += (size < 0 ? "?" : std::to_string(size)) + "x";
  return text + element + ">";
}

unsigned bitsOf(const Case &c) {
  return numerics::elementBits(numerics::parseBlockFormat(c.format)->element);
}

/// Rows of elements are padded to 16 bytes.
int64_t rowBytesOf(const Case &c) {
  return (c.columns * bitsOf(c) + 127) / 128 * 16;
}

std::string toModule(const Case &c) {
  bool isNV = c.format == "nvfp4";
  int64_t rows = c.hasDynamicRows ? -1 : c.rows;
  int64_t blocks = c.columns / (isNV ? 16 : 32);
  std::string input = join({rows, c.columns}, c.type);
  std::string type = "!fp4.tensor<" + (rows < 0 ? "?" : std::to_string(rows)) +
                     "x" + std::to_string(c.columns) + ", #fp4." + c.format +
                     ">";
  std::string elements = join({rows, rowBytesOf(c)}, "i8");
  std::string scales = join(
      {rows < 0 ? -1 : (rows + 127) / 128, (blocks + 3) / 4, 32, 4, 4}, "i8");
  std::string signs;
  for (int8_t sign : makeSigns(c))
    signs += (signs.empty() ? " signs [" : ", ") + std::to_string(sign);
  std::string op = c.rotation ? "fp4.rotate_quantize %x block " +
                                    std::to_string(c.rotation) +
                                    (signs.empty() ? "" : signs + "]")
                              : "fp4.quantize %x";
  std::string results = elements + ", " + scales;
  std::string names = "%e, %s";
  std::string produced = results + (isNV ? ", tensor<f32>" : "");
  return "func.func @f(%x: " + input + ", %t: f32) -> (" + results + ") {\n" +
         "  %q = " + op + (isNV && c.tensorScale ? " tensor_scale(%t)" : "") +
         " {scale_rule = #fp4.scale_rule<" + c.rule + ">" +
         (c.saturatesInf ? ", nan_policy = #fp4.nan_policy<saturate_inf>"
                         : "") +
         "} : " + input + " -> " + type + "\n  " + names +
         (isNV ? ", %ts" : "") + " = fp4gpu.prepack %q : " + type + " -> " +
         produced + "\n  return %e, %s : " + results + "\n}\n";
}

/// Input as the kernel gets it and as floats.
struct Input {
  std::vector<uint8_t> bytes;
  std::vector<float> values;

  void append(float value, const std::string &type) {
    uint32_t bits;
    if (type == "bf16") {
      bits = numerics::encodeBF16(value);
      value = numerics::decodeBF16(bits);
    } else if (type == "f16") {
      bits = numerics::encodeF16(value);
      value = numerics::decodeF16(bits);
    } else {
      std::memcpy(&bits, &value, 4);
    }
    values.push_back(value);
    for (size_t i = 0; i < (type == "f32" ? 4u : 2u); ++i)
      bytes.push_back(bits >> (8 * i));
  }
};

Input makeInput(const Case &c) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  Input input;
  constexpr float inf = std::numeric_limits<float>::infinity();
  for (int64_t row = 0; row < c.rows; ++row)
    for (int64_t column = 0; column < c.columns; ++column) {
      float value = normal(random);
      int small = static_cast<int>(random() % 49) - 24;
      // Nothing is left of a tensor whose scale a NaN or an infinity made.
      bool isTame = c.tensorScale == 0 &&
                    (row % 9 == 6 || (row % 9 > 6 && !c.saturatesInf));
      switch (isTame ? 0 : row % 9) {
      case 1:
        value *= 1e-3f;
        break;
      case 2:
        value = column % 3 ? 0.0f : -0.0f;
        break;
      case 3:
        value = 0.25f * small;
        break;
      case 4:
        value *= c.type == "f16" ? 1e3f : 1e36f;
        break;
      case 5:
        value *= c.type == "f16" ? 1e-7f : 1e-38f;
        break;
      case 6:
        value = column % 97 == 5 ? std::nanf("") : value;
        break;
      case 7:
        value = column % 97 == 7 ? -inf : value;
        break;
      case 8:
        value = column % 40 == 39 ? 100 * value : value;
        break;
      }
      input.append(value, c.type);
    }
  return input;
}

struct Reference {
  std::vector<uint8_t> elements, scales;
  /// Which bytes of `elements` are open.
  std::vector<bool> isOpen;
  float tensorScale;
};

Reference quantize(const Case &c, const Input &input) {
  numerics::BlockFormat format = *numerics::parseBlockFormat(c.format);
  std::vector<float> values = input.values;
  std::vector<int8_t> signs = makeSigns(c);
  if (c.rotation)
    numerics::hadamard(values.data(), values.size(), c.rotation,
                       signs.empty() ? nullptr : signs.data());
  numerics::QuantizeOptions options;
  options.rule = *numerics::parseScaleRule(c.rule);
  if (c.saturatesInf)
    options.nanPolicy = numerics::NaNPolicy::SaturateInf;
  float tensorScale = c.tensorScale;
  if (tensorScale == 0) {
    float amax = numerics::absMax(values.data(), values.size());
    if (c.saturatesInf)
      amax = std::min(amax, std::numeric_limits<float>::max());
    tensorScale = numerics::tensorScaleFor(format, amax, options.rule);
  }
  size_t blocks = c.columns / format.blockCols;
  std::vector<uint8_t> codes(values.size()), scales(c.rows * blocks);
  numerics::quantizeBlocks(format, options, values.data(), c.rows, c.columns,
                           tensorScale, codes.data(), scales.data());
  Reference expected;
  expected.tensorScale = tensorScale;
  size_t rowBytes = rowBytesOf(c);
  expected.elements.resize(c.rows * rowBytes);
  expected.isOpen.resize(c.rows * rowBytes);
  for (int64_t row = 0; row < c.rows; ++row)
    for (int64_t column = 0; column < c.columns; ++column) {
      size_t index = row * c.columns + column;
      bool isNaN =
          numerics::isScaleNaN(format.scale, scales[index / format.blockCols]);
      for (size_t i = 0; i < bitsOf(c); ++i) {
        size_t bit = 8 * row * rowBytes + column * bitsOf(c) + i;
        expected.elements[bit / 8] |= (codes[index] >> i & 1) << bit % 8;
        expected.isOpen[bit / 8] = expected.isOpen[bit / 8] || isNaN;
      }
    }
  expected.scales.resize(numerics::scaleBytes128x4(c.rows, blocks));
  numerics::swizzleScales128x4(scales.data(), c.rows, blocks,
                               expected.scales.data());
  return expected;
}

void check(const std::string &target, const Case &c) {
  SCOPED_TRACE(target + "\n" + toModule(c));
  Expected<CompiledKernel> kernel = compileKernel(toModule(c), target);
  ASSERT_TRUE(kernel.ok()) << kernel.message();
  Input input = makeInput(c);
  Reference expected = quantize(c, input);
  KernelArguments arguments;
  arguments.arrays["input"] = input.bytes;
  std::vector<uint8_t> scale(4);
  std::memcpy(scale.data(), &c.tensorScale, 4);
  if (c.format == "nvfp4")
    arguments.arrays["tensor_scale"] = scale;
  // A pattern that is wrong everywhere, to see what was not stored.
  arguments.arrays["elements"].assign(expected.elements.size(), 0xff);
  arguments.arrays["scales"].assign(expected.scales.size(), 0xff);
  arguments.values["rows"] = c.rows;
  size_t quantize = 0;
  if (c.format == "nvfp4" && c.tensorScale == 0) {
    arguments.arrays["maxima"].assign(4096, 0xff);
    Expected<ptx::Statistics> statistics =
        launchKernel(*kernel, arguments, c.blocks);
    ASSERT_TRUE(statistics.ok()) << statistics.message();
    quantize = 1;
  }
  Expected<ptx::Statistics> statistics =
      launchKernel(*kernel, arguments, c.blocks, {}, quantize);
  ASSERT_TRUE(statistics.ok()) << statistics.message();
  if (quantize == 1) {
    float scale;
    std::memcpy(&scale, arguments.arrays["tensor_scale"].data(), 4);
    EXPECT_EQ(scale, expected.tensorScale);
  }
  EXPECT_EQ(arguments.arrays["scales"], expected.scales);
  const std::vector<uint8_t> &elements = arguments.arrays["elements"];
  size_t rowBytes = elements.size() / c.rows, wrong = 0;
  for (size_t i = 0; i < elements.size() && wrong < 5; ++i) {
    if (expected.isOpen[i] || elements[i] == expected.elements[i])
      continue;
    ++wrong;
    ADD_FAILURE() << "elements at row " << i / rowBytes << ", byte "
                  << i % rowBytes << ": expected " << int(expected.elements[i])
                  << ", got " << int(elements[i]);
  }
}

const char *const kTargets[] = {"sm_90a", "sm_100a", "sm_120a"};

TEST(QuantizeKernels, NVFP4) {
  for (const char *target : kTargets)
    for (const char *type : {"bf16", "f16", "f32"})
      for (int64_t rotation : {0, 16, 32})
        check(target, {"nvfp4", "absmax", 18, 128, type, rotation});
}

TEST(QuantizeKernels, MXFP4) {
  for (const char *target : kTargets)
    for (const char *rule : {"floor", "rceil", "even"})
      for (int64_t rotation : {0, 16, 32}) {
        check(target, {"mxfp4", rule, 18, 128, "bf16", rotation});
        check(target, {"mxfp4", rule, 9, 128, "f32", rotation});
      }
}

TEST(QuantizeKernels, OtherTargetsOfAFamily) {
  for (const char *target : {"sm_103a", "sm_121a"})
    check(target, {"nvfp4", "absmax", 9, 64, "bf16", 16});
}

TEST(QuantizeKernels, Edges) {
  // Columns that end within a tile and a scale tile, rows that end within a
  // warp and beyond one scale tile.
  for (const char *target : kTargets) {
    check(target, {"nvfp4", "absmax", 1, 32, "f32"});
    Case c{"mxfp4", "even", 133, 160, "f16", 32};
    c.hasDynamicRows = true;
    check(target, c);
    c.format = "nvfp4", c.rule = "absmax", c.rotation = 16, c.columns = 96;
    check(target, c);
  }
}

TEST(QuantizeKernels, LongRotations) {
  for (const char *target : kTargets)
    for (int64_t rotation : {64, 128, 256, 1024}) {
      check(target, {"nvfp4", "absmax", 9, rotation, "bf16", rotation});
      check(target, {"mxfp4", "even", 9, 3 * rotation, "f32", rotation});
    }
}

TEST(QuantizeKernels, ShortRotations) {
  for (int64_t rotation : {2, 4, 8})
    check("sm_90a", {"mxfp4", "floor", 9, 64, "bf16", rotation});
}

TEST(QuantizeKernels, Signs) {
  for (int64_t rotation : {16, 32, 128}) {
    Case c{"nvfp4", "absmax", 9, 256, "bf16", rotation};
    c.hasSigns = true;
    check("sm_90a", c);
  }
}

TEST(QuantizeKernels, TensorScales) {
  // A mantissa of ones, powers of two, and scales at both ends of the range,
  // where block scales saturate or vanish.
  for (float scale : {0x1.fffffep-12f, 1.0f, 0x1p-70f, 0x1p+100f, 0x1p-126f,
                      0x1.8p-140f, 1e-6f, 0x1.fffffep+40f}) {
    Case c{"nvfp4", "absmax", 18, 64, "f32", 16};
    c.tensorScale = scale;
    check("sm_90a", c);
    check("sm_120a", c);
  }
}

TEST(QuantizeKernels, SaturatesInfinity) {
  for (const char *format : {"nvfp4", "mxfp4"}) {
    Case c{format, format[0] == 'n' ? "absmax" : "even", 9, 128, "bf16"};
    c.saturatesInf = true;
    check("sm_90a", c);
    c.rotation = 16;
    check("sm_120a", c);
  }
}

TEST(QuantizeKernels, FourOverSix) {
  for (const char *target : kTargets)
    for (const char *type : {"bf16", "f32"})
      for (int64_t rotation : {0, 16, 128})
        check(target, {"nvfp4", "four_over_six", 27, 128, type, rotation});
  for (float scale : {0x1.fffffep-12f, 0x1p-70f, 0x1p+100f, 0x1p-140f}) {
    Case c{"nvfp4", "four_over_six", 18, 64, "f32", 16};
    c.tensorScale = scale;
    check("sm_90a", c);
  }
}

TEST(QuantizeKernels, ComputedTensorScale) {
  for (const char *target : kTargets)
    for (const char *rule : {"absmax", "four_over_six"}) {
      Case c{"nvfp4", rule, 40, 128, "bf16", 16};
      c.tensorScale = 0;
      check(target, c);
      c.rotation = 128;
      c.hasDynamicRows = true;
      c.type = "f32";
      c.blocks = 2;
      check(target, c);
    }
  // Zeros only, and infinities that count as the largest float.
  Case c{"nvfp4", "absmax", 1, 64, "f16"};
  c.tensorScale = 0;
  check("sm_90a", c);
  c.rows = 9;
  c.saturatesInf = true;
  check("sm_90a", c);
}

TEST(QuantizeKernels, OddNumbersOfBlocks) {
  // Half of the last thread's elements do not exist; a row is padded.
  for (const char *target : kTargets)
    for (int64_t columns : {16, 48, 112}) {
      check(target, {"nvfp4", "absmax", 9, columns, "bf16", 16});
      check(target, {"nvfp4", "four_over_six", 9, columns, "f32"});
    }
}

TEST(QuantizeKernels, MXFP8) {
  for (const char *target : kTargets)
    for (const char *format : {"mxfp8e4m3", "mxfp8e5m2"})
      for (const char *rule : {"floor", "rceil", "even"})
        for (int64_t rotation : {0, 32, 128})
          check(target, {format, rule, 18, 128, "bf16", rotation});
  check("sm_90a", {"mxfp8e4m3", "even", 133, 160, "f32", 16});
}

/// Software and the instruction for the codes; columns that end within a tile.
TEST(QuantizeKernels, MXFP6) {
  for (const char *target : kTargets)
    for (const char *format : {"mxfp6e2m3", "mxfp6e3m2"}) {
      for (const char *rule : {"floor", "rceil", "even"})
        for (int64_t rotation : {0, 32, 128})
          check(target, {format, rule, 18, 128, "bf16", rotation});
      check(target, {format, "even", 133, 192, "f32", 16});
    }
}

TEST(QuantizeKernels, Search) {
  for (const char *target : kTargets)
    for (const char *format : {"nvfp4", "mxfp4"})
      for (int64_t rotation : {0, 16, 64})
        check(target, {format, "search", 18, 128, "bf16", rotation});
  check("sm_90a", {"nvfp4", "search", 9, 48, "f32"});
  check("sm_90a", {"mxfp4", "search", 9, 64, "f32", 32});
  for (float scale : {0x1.fffffep-12f, 0x1p-70f, 0x1p+100f, 0x1p-140f}) {
    Case c{"nvfp4", "search", 18, 64, "f32", 16};
    c.tensorScale = scale;
    check("sm_90a", c);
  }
  Case c{"nvfp4", "search", 9, 64, "bf16"};
  c.tensorScale = 0;
  check("sm_120a", c);
}

TEST(QuantizeKernels, BlocksLoopOverTiles) {
  Case c{"mxfp4", "even", 200, 256, "bf16", 32};
  c.blocks = 3;
  check("sm_90a", c);
}

} // namespace

//===- DecodeKernelsTest.cpp - bf16 by FP4 matmuls by value ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles fp4.matmul of bf16 or f8E4M3FN activations and a constant FP4
// weight, runs the PTX on the emulator, and compares with a float64 sum over
// decoded codes that shares no code with compiler or emulator.
//
// Exact data: activations are multiples of 1/4 of at most 2, elements multiples
// of 1/2 of at most 6, scales multiples of 1/2 of at most 2. A sum of K <= 2048
// products is then a multiple of 2^-4 below 2^16, exact in float32 in any
// order, and every bit of the result must agree. Random data: activations and
// scales over many binades; the float32 sums of two orders differ by rounding
// alone.
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace fp4;
using namespace fp4::testing;

namespace {

struct Case {
  std::string format;
  int64_t rows, columns, depth;
  std::string resultType = "f32";
  bool hasBias = false;
  /// Adds a matrix of the result's type to the result.
  bool hasResidual = false;
  std::string activation = "none";
  bool hasDynamicRows = false;
  std::string schedule = {};
  uint32_t blocks = 0;
  bool isExact = true;
  /// Activations in f8E4M3FN rather than bf16.
  bool isE4M3 = false;
};

double toDouble(uint16_t bf16) {
  uint32_t bits = static_cast<uint32_t>(bf16) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

/// float32 to bfloat16, nearest even, for finite values.
uint16_t roundToBF16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

/// A multiple of 1/4 of at most 2 as f8E4M3FN: bias 7, three bits of mantissa.
uint8_t toE4M3(double value) {
  int exponent;
  double fraction = std::frexp(std::fabs(value), &exponent); // in [1/2, 1)
  if (value == 0)
    return 0;
  auto mantissa = static_cast<int>((2 * fraction - 1) * 8);
  return (value < 0 ? 0x80 : 0) | (exponent - 1 + 7) << 3 | mantissa;
}

std::string toHex(const std::vector<uint8_t> &bytes) {
  static const char digits[] = "0123456789ABCDEF";
  std::string text = "dense<\"0x";
  for (uint8_t byte : bytes)
    text += {digits[byte >> 4], digits[byte & 15]};
  return text + "\">";
}

/// Operands of a case, and the product in float64.
class Operands {
public:
  Operands(const Case &c, unsigned seed) : c(c), random(seed) {
    for (int64_t i = 0; i < c.rows * c.depth; ++i)
      lhs.push_back(makeActivation());
    for (int64_t i = 0; i < c.columns * c.depth / 2; ++i)
      elements.push_back(random() % 256);
    for (int64_t i = 0; i < c.columns * c.depth / getBlock(); ++i)
      scales.push_back(makeScale());
    for (int64_t i = 0; i < c.columns; ++i)
      bias.push_back(static_cast<int>(random() % 65) - 32);
    for (int64_t i = 0; i < c.rows * c.columns; ++i)
      residual.push_back(static_cast<int>(random() % 65) - 32);
  }

  std::string toModule() const {
    std::string rows = c.hasDynamicRows ? "?" : std::to_string(c.rows);
    std::string n = std::to_string(c.columns), k = std::to_string(c.depth);
    std::string x =
        "tensor<" + rows + "x" + k + (c.isE4M3 ? "xf8E4M3FN>" : "xbf16>");
    std::string w = "!fp4.tensor<" + n + "x" + k + ", #fp4." + c.format + ">";
    std::string y = "tensor<" + rows + "x" + n + "x" + c.resultType + ">";
    std::string b = "tensor<" + n + "xf32>";
    return "func.func @f(%x: " + x + ", %b: " + b + ", %r: " + y + ") -> " + y +
           " {\n  %w = fp4.constant <elements = " + toHex(elements) +
           " : tensor<" + n + "x" + std::to_string(c.depth / 2) +
           "xi8>, scales = " + toHex(scales) + " : tensor<" + n + "x" +
           std::to_string(c.depth / getBlock()) + "xi8>" +
           (isNVFP4() ? ", tensor_scale = 0.5 : f32" : "") + "> : " + w +
           "\n  %y = fp4.matmul %x, %w " +
           (c.hasBias ? "bias(%b : " + b + ") " : "") +
           "{activation = #fp4.activation<" + c.activation + ">" +
           (c.schedule.empty()
                ? ""
                : ", fp4gpu.schedule = #fp4gpu.schedule<" + c.schedule + ">") +
           "} : " + x + ", " + w + " -> " + y +
           (c.hasResidual
                ? "\n  %z = arith.addf %y, %r : " + y + "\n  return %z : " + y
                : "\n  return %y : " + y) +
           "\n}\n";
  }

  KernelArguments toArguments() const {
    KernelArguments arguments;
    std::vector<uint8_t> x(lhs.size() * 2), b(bias.size() * 4);
    std::memcpy(x.data(), lhs.data(), x.size());
    if (c.isE4M3) {
      x.clear();
      for (uint16_t value : lhs)
        x.push_back(toE4M3(toDouble(value)));
    }
    std::memcpy(b.data(), bias.data(), b.size());
    arguments.arrays = {{"lhs", x}, {"bias", b}};
    std::vector<uint8_t> &matrix = arguments.arrays["matrix0"];
    matrix.resize(residual.size() * getResultBytes());
    for (size_t i = 0; i < residual.size(); ++i) {
      uint16_t narrow = roundToBF16(residual[i]);
      std::memcpy(&matrix[i * getResultBytes()],
                  getResultBytes() == 2 ? static_cast<void *>(&narrow)
                                        : const_cast<float *>(&residual[i]),
                  getResultBytes());
    }
    // A pattern that no result has, to see what was not stored.
    arguments.arrays["out"].assign(c.rows * c.columns * getResultBytes(), 0xff);
    arguments.values["rows"] = c.rows;
    return arguments;
  }

  /// The sum ahead of bias and activation, and the sum of magnitudes.
  std::pair<double, double> dot(int64_t row, int64_t column) const {
    double sum = 0, magnitude = 0;
    for (int64_t k = 0; k < c.depth; ++k) {
      double term = toDouble(lhs[row * c.depth + k]) * weight(column, k);
      sum += term;
      magnitude += std::fabs(term);
    }
    double tensorScale = isNVFP4() ? 0.5 : 1;
    return {tensorScale * sum, tensorScale * magnitude};
  }

  double getBias(int64_t column) const { return bias[column]; }
  double getResidual(int64_t row, int64_t column) const {
    return c.hasResidual ? residual[row * c.columns + column] : 0;
  }

  double finish(double sum, int64_t column) const {
    double x = sum + (c.hasBias ? bias[column] : 0);
    if (c.activation == "relu")
      return std::max(x, 0.0);
    return c.activation == "silu" ? x / (1 + std::exp(-x)) : x;
  }

private:
  bool isNVFP4() const { return c.format == "nvfp4"; }
  size_t getResultBytes() const { return c.resultType == "f32" ? 4 : 2; }
  int64_t getBlock() const { return isNVFP4() ? 16 : 32; }

  uint16_t makeActivation() {
    int quarters = static_cast<int>(random() % 17) - 8;
    if (c.isExact || c.isE4M3)
      return roundToBF16(quarters * 0.25f);
    std::normal_distribution<float> normal;
    return roundToBF16(normal(random) *
                       std::exp2(static_cast<int>(random() % 16) - 8));
  }

  uint8_t makeScale() {
    // 0.5, 1, 1.5, 2 in e4m3 and 0.5, 1, 2, 1 in e8m0.
    static const uint8_t e4m3[] = {0x30, 0x38, 0x3c, 0x40};
    static const uint8_t e8m0[] = {126, 127, 128, 127};
    if (c.isExact)
      return (isNVFP4() ? e4m3 : e8m0)[random() % 4];
    // Zero, subnormal and normal e4m3, no NaN; e8m0 within 40 binades, or the
    // 12 that fold.
    return isNVFP4() ? random() % 0x7f : 107 + random() % (c.isE4M3 ? 12 : 40);
  }

  double weight(int64_t column, int64_t k) const {
    static const double magnitudes[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
    int64_t index = column * c.depth + k;
    unsigned code = elements[index / 2] >> (index % 2 * 4) & 15;
    uint8_t s = scales[index / getBlock()];
    double scale = !isNVFP4() ? std::exp2(s - 127.0)
                   : s >> 3   ? std::exp2((s >> 3) - 7.0) * (1 + (s & 7) / 8.0)
                              : std::exp2(-6.0) * (s & 7) / 8.0;
    return (code & 8 ? -1 : 1) * magnitudes[code & 7] * scale;
  }

  const Case &c;
  std::mt19937 random;
  std::vector<uint16_t> lhs;
  std::vector<uint8_t> elements, scales;
  std::vector<float> bias, residual;
};

/// What an element may differ by from the exact one.
double getTolerance(const Case &c, double linear, double magnitude,
                    double expected) {
  // Every order of K float32 additions of exact products.
  double tolerance = c.isExact ? 0 : magnitude * c.depth * 0x1p-24;
  if (c.resultType == "bf16" && !c.isExact)
    tolerance += std::fabs(expected) * 0x1p-8;
  // As in MatmulKernelsTest.cpp.
  if (c.activation == "silu")
    tolerance += (std::fabs(linear) * 0x1p-23 + 0x1p-21) * std::fabs(expected) +
                 0x1p-118;
  return tolerance;
}

void compare(const Case &c, const Operands &operands,
             const std::vector<uint8_t> &out) {
  int64_t wrong = 0;
  for (int64_t i = 0; i < c.rows * c.columns && wrong < 5; ++i) {
    int64_t row = i / c.columns, column = i % c.columns;
    auto [sum, magnitude] = operands.dot(row, column);
    double expected = operands.finish(sum, column), got;
    double residual = operands.getResidual(row, column);
    if (c.resultType == "bf16") {
      uint16_t bits;
      std::memcpy(&bits, &out[2 * i], 2);
      got = toDouble(bits);
      if (c.isExact)
        expected = toDouble(roundToBF16(expected));
      if (c.isExact && c.hasResidual)
        expected = toDouble(roundToBF16(expected + residual));
    } else {
      float value;
      std::memcpy(&value, &out[4 * i], 4);
      got = value;
      expected += residual;
    }
    double linear = sum + (c.hasBias ? operands.getBias(column) : 0);
    double tolerance = getTolerance(c, linear, magnitude, expected);
    wrong += !(std::fabs(got - expected) <= tolerance);
    EXPECT_NEAR(got, expected, tolerance)
        << "at [" << row << ", " << column << "]";
  }
}

void check(const std::string &target, const Case &c,
           const ptx::LaunchOptions &options = {}) {
  Operands operands(c, /*seed=*/1);
  SCOPED_TRACE(target + " " + c.format + " " + std::to_string(c.rows) + "x" +
               std::to_string(c.columns) + "x" + std::to_string(c.depth) + " " +
               c.schedule);
  Expected<CompiledKernel> kernel = compileKernel(operands.toModule(), target);
  ASSERT_TRUE(kernel.ok()) << kernel.message();
  KernelArguments arguments = operands.toArguments();
  Expected<ptx::Statistics> statistics = launchKernel(
      *kernel, arguments, c.blocks, options, chooseKernel(*kernel, arguments));
  ASSERT_TRUE(statistics.ok()) << statistics.message();
  compare(c, operands, arguments.arrays["out"]);
}

class DecodeMatmul : public ::testing::TestWithParam<const char *> {
protected:
  std::string target = GetParam();
};

TEST_P(DecodeMatmul, FewRows) {
  for (const char *format : {"nvfp4", "mxfp4"})
    for (int64_t rows : {1, 7, 16})
      check(target, {format, rows, 64, 1024});
}

TEST_P(DecodeMatmul, RandomData) {
  Case c{"nvfp4", 5, 128, 1024};
  c.isExact = false;
  check(target, c);
  c.format = "mxfp4";
  c.resultType = "bf16";
  check(target, c);
}

TEST_P(DecodeMatmul, RaggedEdges) {
  // Columns end within a unit of 64; the depth ends within a unit of 64, within
  // a stage, and differs between the blocks that share a tile.
  for (int64_t depth : {16, 48, 208, 1040, 2000})
    check(target, {"nvfp4", 3, 72, depth});
  for (int64_t depth : {32, 96, 1056})
    check(target, {"mxfp4", 11, 200, depth});
}

TEST_P(DecodeMatmul, MoreRowsThanATile) {
  Case c{"nvfp4", 37, 128, 256};
  check(target, c);
  c.hasDynamicRows = true;
  check(target, c);
}

TEST_P(DecodeMatmul, Epilogues) {
  Case c{"nvfp4", 4, 64, 256, "bf16"};
  c.hasBias = true;
  check(target, c);
  c.activation = "relu";
  check(target, c);
  c.hasResidual = true;
  check(target, c);
  c.hasResidual = false;
  c.activation = "silu";
  c.resultType = "f32";
  check(target, c);
}

TEST_P(DecodeMatmul, BlocksLoopOverTiles) {
  // Parities, sums and inboxes carry over from tile to tile.
  Case c{"nvfp4", 20, 320, 1984};
  // The chosen schedule for sm_90a splits a tile among 4 blocks, which wait for
  // one another; 3 tiles are 12 shares.
  c.blocks = 5;
  check(target, c);
  c.blocks = 2;
  c.schedule = "tile = 8x64x128, stages = 2, warps = 1x1";
  check(target, c);
  c.schedule = "tile = 32x64x256, stages = 2, warps = 1x1";
  check(target, c);
}

TEST_P(DecodeMatmul, EarlyAndRandomCompletion) {
  Case c{"mxfp4", 9, 128, 2048};
  c.blocks = 2;
  for (ptx::AsyncMode mode : {ptx::AsyncMode::Early, ptx::AsyncMode::Random}) {
    ptx::LaunchOptions options;
    options.async = mode;
    check(target, c, options);
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, DecodeMatmul,
                         ::testing::Values("sm_90a", "sm_120a"),
                         [](const auto &info) {
                           return std::string(info.param);
                         });

TEST(SM90DecodeMatmul, SplitOverAClusterOfTwo) {
  Case c{"nvfp4", 8, 192, 2048};
  for (const char *schedule :
       {"tile = 8x64x512, stages = 3, warps = 1x1, split = 2",
        "tile = 16x64x64, stages = 4, warps = 1x1, split = 2",
        "tile = 8x64x1024, stages = 2, warps = 1x1, split = 2"}) {
    c.schedule = schedule;
    c.blocks = 0;
    check("sm_90a", c);
    c.blocks = 2;
    check("sm_90a", c);
  }
}

//===----------------------------------------------------------------------===//
// wgmma
//===----------------------------------------------------------------------===//

TEST(SM90WarpgroupMatmul, Tiles) {
  for (const char *schedule : {"tile = 32x64x128, stages = 3, warps = 1x4",
                               "tile = 64x128x128, stages = 3, warps = 1x8",
                               "tile = 64x256x128, stages = 3, warps = 1x16",
                               "tile = 256x128x128, stages = 3, warps = 1x8"}) {
    Case c{"nvfp4", 64, 256, 640};
    c.schedule = schedule;
    check("sm_90a", c);
    c.format = "mxfp4";
    c.resultType = "bf16";
    c.hasBias = true;
    check("sm_90a", c);
  }
}

TEST(SM90WarpgroupMatmul, RandomData) {
  Case c{"nvfp4", 64, 128, 1024};
  c.isExact = false;
  c.schedule = "tile = 64x128x128, stages = 4, warps = 1x8";
  check("sm_90a", c);
}

TEST(SM90WarpgroupMatmul, RaggedEdges) {
  for (int64_t depth : {16, 144, 720}) {
    Case c{"nvfp4", 37, 200, depth, "bf16"};
    c.schedule = "tile = 32x128x128, stages = 3, warps = 1x8";
    check("sm_90a", c);
    c.hasResidual = true;
    check("sm_90a", c);
    c.resultType = "f32";
    c.hasDynamicRows = true;
    check("sm_90a", c);
  }
}

TEST(SM90WarpgroupMatmul, BlocksLoopOverTiles) {
  Case c{"nvfp4", 70, 320, 640};
  c.blocks = 3;
  c.schedule = "tile = 32x64x128, stages = 3, warps = 1x4";
  check("sm_90a", c);
}

TEST(SM90WarpgroupMatmul, SplitThroughDeviceMemory) {
  // Shares of different lengths, the last one short; several tiles for a block.
  Case c{"nvfp4", 40, 128, 912};
  for (uint32_t blocks : {0, 4}) {
    c.blocks = blocks;
    for (const char *schedule :
         {"tile = 32x64x128, stages = 3, warps = 1x4, split = 3",
          "tile = 64x128x128, stages = 3, warps = 1x8, split = 4"}) {
      c.schedule = schedule;
      check("sm_90a", c);
    }
  }
}

TEST(SM90WarpgroupMatmul, BalancedOverBlocks) {
  // 13 rounds of 3 stages for each of 6 tiles of 2 x 3: blocks that begin and
  // end within tiles, that have a part of one tile, that have several.
  Case c{"nvfp4", 40, 192, 4992};
  c.schedule = "tile = 32x64x128, stages = 3, warps = 1x4, balanced";
  for (uint32_t blocks : {1, 4, 7, 50}) {
    c.blocks = blocks;
    check("sm_90a", c);
  }
  // The last round has two stages behind the depth.
  c.depth = 496;
  check("sm_90a", c);
  c = {"mxfp4", 130, 256, 640, "bf16"};
  c.isE4M3 = c.hasDynamicRows = true;
  c.schedule =
      "tile = 64x128x128, stages = 4, warps = 1x8, promotion = 2, balanced";
  for (uint32_t blocks : {3, 0}) {
    c.blocks = blocks;
    check("sm_90a", c);
  }
}

TEST(SM90WarpgroupMatmul, FoldedToE4M3) {
  for (const char *schedule :
       {"tile = 32x64x128, stages = 3, warps = 1x4",
        "tile = 64x256x128, stages = 4, warps = 1x16, split = 2",
        "tile = 256x128x128, stages = 4, warps = 1x8"}) {
    Case c{"mxfp4", 40, 200, 1184, "bf16"};
    c.isE4M3 = true;
    c.schedule = schedule;
    check("sm_90a", c);
    c.hasBias = c.hasDynamicRows = true;
    c.resultType = "f32";
    check("sm_90a", c);
    c.isExact = false;
    check("sm_90a", c);
  }
}

TEST(SM90WarpgroupMatmul, PromotesSumsOf8BitProducts) {
  // 1184 is nine stages and a part of one: the last interval is short.
  for (const char *promotion : {"1", "2", "4"})
    for (bool isExact : {true, false}) {
      Case c{"mxfp4", 40, 128, 1184};
      c.isE4M3 = true;
      c.isExact = isExact;
      c.schedule = "tile = 64x64x128, stages = 4, warps = 1x4, promotion = " +
                   std::string(promotion);
      check("sm_90a", c);
    }
}

//===----------------------------------------------------------------------===//
// Hardware
//===----------------------------------------------------------------------===//

/// FNV-1a, 64 bits.
uint64_t hash(const std::vector<uint8_t> &bytes) {
  uint64_t value = 0xcbf29ce484222325;
  for (uint8_t byte : bytes)
    value = (value ^ byte) * 0x100000001b3;
  return value;
}

Case makeCase(const char *format, int64_t rows, int64_t columns, int64_t depth,
              const char *schedule, bool isE4M3 = false) {
  Case c{format, rows, columns, depth, "bf16"};
  c.hasBias = true;
  c.activation = "relu";
  c.schedule = schedule;
  c.isE4M3 = isE4M3;
  return c;
}

/// The hashes are of what one NVIDIA H200 wrote, given the same modules and
/// inputs (2026-11-23, driver 580.159.04, by benchmarks/h200/launcher.py). The
/// sums are exact, so that neither the order of additions nor the bits that an
/// addition keeps matter: the emulator's mode `exact` has to write the same.
TEST(SM90Hardware, SameBitsAsAnH200) {
  const std::pair<Case, uint64_t> cases[] = {
      {makeCase("nvfp4", 5, 128, 1040, ""), 0xedb5ddc554d93560},
      {makeCase("mxfp4", 11, 200, 1056, ""), 0xc318a34f4b3a3d71},
      {makeCase("nvfp4", 16, 192, 2048,
                "tile = 16x64x256, stages = 4, warps = 1x1, split = 2"),
       0xe64960b0653e6d50},
      {makeCase("nvfp4", 64, 256, 640,
                "tile = 64x128x128, stages = 4, warps = 1x8"),
       0x337e2d6c825db36f},
      {makeCase("mxfp4", 37, 200, 736,
                "tile = 32x128x128, stages = 3, warps = 1x8"),
       0xb21f4ea0d6c004c3},
      {makeCase("nvfp4", 40, 128, 912,
                "tile = 64x128x128, stages = 3, warps = 1x8, split = 4"),
       0x4d7e27f85b8d6e6c},
      {makeCase("nvfp4", 100, 256, 1536,
                "tile = 64x128x128, stages = 4, warps = 1x8, balanced"),
       0x3037b26f88af9ea7},
      {makeCase("mxfp4", 40, 200, 1184,
                "tile = 64x64x128, stages = 4, warps = 1x4", true),
       0x450f991119b19612},
      {makeCase("mxfp4", 130, 256, 640,
                "tile = 128x128x128, stages = 4, warps = 1x8, promotion = 2",
                true),
       0x345842475cbc322e},
  };
  int number = 0;
  for (const auto &[c, expected] : cases) {
    Operands operands(c, /*seed=*/1);
    Expected<CompiledKernel> kernel =
        compileKernel(operands.toModule(), "sm_90a");
    ASSERT_TRUE(kernel.ok()) << kernel.message();
    KernelArguments arguments = operands.toArguments();
    Expected<ptx::Statistics> statistics =
        launchKernel(*kernel, arguments, /*blocks=*/0, {});
    ASSERT_TRUE(statistics.ok()) << statistics.message();
    compare(c, operands, arguments.arrays["out"]);
    EXPECT_EQ(hash(arguments.arrays["out"]), expected) << number;
    ++number;
  }
}

TEST(SM90WarpgroupMatmul, EarlyAndRandomCompletion) {
  Case c{"mxfp4", 64, 128, 1024};
  c.schedule = "tile = 64x128x128, stages = 3, warps = 1x8";
  c.blocks = 1;
  for (ptx::AsyncMode mode : {ptx::AsyncMode::Early, ptx::AsyncMode::Random}) {
    ptx::LaunchOptions options;
    options.async = mode;
    check("sm_90a", c, options);
  }
}

} // namespace

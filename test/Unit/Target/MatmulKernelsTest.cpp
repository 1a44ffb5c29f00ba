//===- MatmulKernelsTest.cpp - Generated matmuls by value -----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles fp4.matmul for a target, runs the PTX on the emulator, and compares
// with a float64 sum over decoded codes that shares no code with compiler or
// emulator.
//
// Codes are random. Scales are chosen among 0.5, 1, 1.5 and 2 (NVFP4) or 0.5, 1
// and 2 (MXFP4): a product of two elements is a multiple of 1/4 of at most 36,
// one of two scales a multiple of 1/4 of at most 4, so a sum of K = 512
// products is a multiple of 2^-4 below 2^17 and exact in float32 in any order.
// What is stored must then agree in every bit.
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
  std::string activation = "none";
  bool hasDynamicRows = false;
  std::string schedule = {};
  uint32_t blocks = 0;
};

std::string toModule(const Case &c) {
  std::string rows = c.hasDynamicRows ? "?" : std::to_string(c.rows);
  std::string columns = std::to_string(c.columns);
  std::string depth = std::to_string(c.depth);
  std::string lhs =
      "!fp4.tensor<" + rows + "x" + depth + ", #fp4." + c.format + ">";
  std::string rhs =
      "!fp4.tensor<" + columns + "x" + depth + ", #fp4." + c.format + ">";
  std::string bias = "tensor<" + columns + "xf32>";
  std::string result =
      "tensor<" + rows + "x" + columns + "x" + c.resultType + ">";
  return "func.func @f(%x: " + lhs + ", %w: " + rhs + ", %b: " + bias +
         ") -> " + result + " {\n  %y = fp4.matmul %x, %w " +
         (c.hasBias ? "bias(%b : " + bias + ") " : "") +
         "{activation = #fp4.activation<" + c.activation + ">" +
         (c.schedule.empty()
              ? ""
              : ", fp4gpu.schedule = #fp4gpu.schedule<" + c.schedule + ">") +
         "} : " + lhs + ", " + rhs + " -> " + result +
         "\n  return %y : " + result + "\n}\n";
}

/// The eight magnitudes of e2m1, by code.
double decodeE2M1(unsigned code) {
  static const double magnitudes[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  return (code & 8 ? -1 : 1) * magnitudes[code & 7];
}

/// A random matrix: codes, and scale codes with their values.
struct Matrix {
  int64_t rows, depth, block;
  std::vector<uint8_t> codes;
  std::vector<uint8_t> scaleCodes;
  std::vector<double> scales;

  Matrix(const std::string &format, int64_t rows, int64_t depth,
         std::mt19937 &random)
      : rows(rows), depth(depth), block(format == "nvfp4" ? 16 : 32) {
    // e4m3: 0.5, 1, 1.5, 2 are 0x30, 0x38, 0x3c, 0x40; e8m0: 2^(code - 127).
    static const std::pair<uint8_t, double> e4m3[] = {
        {0x30, 0.5}, {0x38, 1}, {0x3c, 1.5}, {0x40, 2}};
    static const std::pair<uint8_t, double> e8m0[] = {
        {126, 0.5}, {127, 1}, {128, 2}, {127, 1}};
    for (int64_t i = 0; i < rows * depth; ++i)
      codes.push_back(random() % 16);
    for (int64_t i = 0; i < rows * depth / block; ++i) {
      auto [code, value] = (block == 16 ? e4m3 : e8m0)[random() % 4];
      scaleCodes.push_back(code);
      scales.push_back(value);
    }
  }

  double at(int64_t row, int64_t k) const {
    return decodeE2M1(codes[row * depth + k]) *
           scales[(row * depth + k) / block];
  }

  /// Two codes a byte, the even one low; rows of whole 16 bytes.
  std::vector<uint8_t> packElements() const {
    int64_t rowBytes = (depth + 31) / 32 * 16;
    std::vector<uint8_t> bytes(rows * rowBytes);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t k = 0; k < depth; k += 2)
        bytes[r * rowBytes + k / 2] =
            codes[r * depth + k] | codes[r * depth + k + 1] << 4;
    return bytes;
  }

  /// cuBLASLt, "Scaling factors layout": tiles of 128 rows x 4 scales.
  std::vector<uint8_t> layOutScales() const {
    int64_t columns = depth / block, tiles = (columns + 3) / 4;
    std::vector<uint8_t> bytes((rows + 127) / 128 * tiles * 512);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t j = 0; j < columns; ++j)
        bytes[(r / 128 * tiles + j / 4) * 512 + r % 32 * 16 + r % 128 / 32 * 4 +
              j % 4] = scaleCodes[r * columns + j];
    return bytes;
  }
};

template <typename T>
std::vector<uint8_t> toBytes(const std::vector<T> &values) {
  std::vector<uint8_t> bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// float32 to bfloat16, nearest even, for finite values.
uint16_t roundToBF16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

/// Runs a case on `target`; the error text, or an empty string.
class MatmulRun {
public:
  MatmulRun(const Case &c, unsigned seed)
      : c(c), random(seed), lhs(c.format, c.rows, c.depth, random),
        rhs(c.format, c.columns, c.depth, random) {
    for (int64_t i = 0; i < c.columns; ++i)
      bias.push_back(static_cast<int>(random() % 65) - 32);
  }

  void check(const std::string &target, const ptx::LaunchOptions &options) {
    Expected<CompiledKernel> kernel = compileKernel(toModule(c), target);
    ASSERT_TRUE(kernel.ok()) << kernel.message();
    KernelArguments arguments = makeArguments();
    Expected<ptx::Statistics> statistics =
        launchKernel(*kernel, arguments, c.blocks, options);
    ASSERT_TRUE(statistics.ok()) << statistics.message();
    compare(arguments.arrays["out"]);
  }

private:
  KernelArguments makeArguments() {
    KernelArguments arguments;
    arguments.arrays = {{"lhs", lhs.packElements()},
                        {"lhs_scales", lhs.layOutScales()},
                        {"rhs", rhs.packElements()},
                        {"rhs_scales", rhs.layOutScales()},
                        {"lhs_tensor_scale", toBytes<float>({0.5f})},
                        {"rhs_tensor_scale", toBytes<float>({4.0f})},
                        {"bias", toBytes(bias)}};
    size_t width = c.resultType == "f32" ? 4 : 2;
    // A pattern that no result has, to see what was not stored.
    arguments.arrays["out"].assign(c.rows * c.columns * width, 0xff);
    arguments.values["rows"] = c.rows;
    return arguments;
  }

  /// The exact value before the activation.
  double linear(int64_t row, int64_t column) {
    double sum = 0;
    for (int64_t k = 0; k < c.depth; ++k)
      sum += lhs.at(row, k) * rhs.at(column, k);
    double value = c.format == "nvfp4" ? 2 * sum : sum;
    return value + (c.hasBias ? bias[column] : 0);
  }

  double activate(double x) {
    if (c.activation == "relu")
      return std::max(x, 0.0);
    return c.activation == "silu" ? x / (1 + std::exp(-x)) : x;
  }

  void compare(const std::vector<uint8_t> &out) {
    int64_t wrong = 0;
    for (int64_t i = 0; i < c.rows * c.columns && wrong < 5; ++i) {
      double x = linear(i / c.columns, i % c.columns);
      float expected = activate(x);
      if (c.resultType == "bf16") {
        uint16_t got;
        std::memcpy(&got, &out[2 * i], 2);
        wrong += got != roundToBF16(expected);
        EXPECT_EQ(got, roundToBF16(expected)) << position(i);
        continue;
      }
      float got;
      std::memcpy(&got, &out[4 * i], 4);
      // silu: log2(e) and the argument of ex2.approx are rounded to 24 bits,
      // a relative error of |x| * 2^-23 in the power; ex2.approx and div.approx
      // are good to 2^-22 each. div.approx gives 0 for divisors from 2^126 on,
      // that is for x < -87, where silu is above -2^-118.
      double relative =
          c.activation == "silu" ? std::fabs(x) * 0x1p-23 + 0x1p-21 : 0;
      double tolerance =
          relative ? relative * std::fabs(expected) + 0x1p-118 : 0;
      wrong += !(std::fabs(got - expected) <= tolerance);
      EXPECT_NEAR(got, expected, tolerance) << position(i);
    }
  }

  std::string position(int64_t i) {
    return "at [" + std::to_string(i / c.columns) + ", " +
           std::to_string(i % c.columns) + "]";
  }

  const Case &c;
  std::mt19937 random;
  Matrix lhs, rhs;
  std::vector<float> bias;
};

void check(const std::string &target, const Case &c,
           const ptx::LaunchOptions &options = {}) {
  SCOPED_TRACE(target + "\n" + toModule(c));
  MatmulRun(c, /*seed=*/1).check(target, options);
}

//===----------------------------------------------------------------------===//
// sm_120a
//===----------------------------------------------------------------------===//

TEST(SM120Matmul, OneTile) {
  check("sm_120a", {"nvfp4", 128, 128, 128});
  check("sm_120a", {"mxfp4", 128, 128, 128});
}

TEST(SM120Matmul, RingWrapsAround) {
  // Eleven steps through five stages.
  check("sm_120a", {"nvfp4", 128, 128, 1408});
  check("sm_120a", {"mxfp4", 128, 128, 1408});
}

TEST(SM120Matmul, BlocksLoopOverTiles) {
  // Six tiles for two blocks: ring and parities carry over from tile to tile.
  Case c{"nvfp4", 256, 384, 384};
  c.blocks = 2;
  check("sm_120a", c);
}

TEST(SM120Matmul, RaggedEdges) {
  Case c{"nvfp4", 200, 136, 256};
  check("sm_120a", c);
  c.hasDynamicRows = true;
  c.rows = 37;
  check("sm_120a", c);
  c.format = "mxfp4";
  check("sm_120a", c);
}

TEST(SM120Matmul, SmallTiles) {
  // 150 rows and 200 columns end within tiles and within tiles of scales.
  Case c{"nvfp4", 150, 200, 272};
  for (const char *schedule : {"tile = 16x64x128, stages = 3, warps = 1x2",
                               "tile = 16x128x256, stages = 2, warps = 1x4",
                               "tile = 16x256x128, stages = 2, warps = 1x4",
                               "tile = 32x64x256, stages = 2, warps = 2x1",
                               "tile = 32x128x128, stages = 4, warps = 1x4",
                               "tile = 64x64x64, stages = 4, warps = 2x2",
                               "tile = 64x256x128, stages = 2, warps = 1x4",
                               "tile = 32x32x128, stages = 2, warps = 2x4",
                               "tile = 128x16x128, stages = 2, warps = 4x1"}) {
    c.schedule = schedule;
    c.format = "nvfp4";
    check("sm_120a", c);
    if (c.schedule.find("x64,") != std::string::npos)
      continue; // a word of MXFP4 scales spans 128 elements
    c.format = "mxfp4";
    c.depth = 288;
    check("sm_120a", c);
    c.depth = 272;
  }
}

TEST(SM120Matmul, Decode) {
  for (int64_t rows : {1, 7, 8, 9, 16})
    check("sm_120a", {"nvfp4", rows, 136, 528});
  for (int64_t rows : {1, 8, 13})
    check("sm_120a", {"mxfp4", rows, 264, 288});
  Case c{"nvfp4", 5, 256, 1024, "bf16"};
  c.hasBias = true;
  c.activation = "relu";
  check("sm_120a", c);
}

TEST(SM120Matmul, SwappedTiles) {
  // More than one tile of rows, so that their parts of a scale tile differ.
  Case c{"mxfp4", 150, 200, 288};
  for (const char *schedule :
       {"tile = 8x128x256, stages = 2, warps = 1x4, swapped",
        "tile = 16x64x128, stages = 2, warps = 1x2, swapped",
        "tile = 32x128x128, stages = 3, warps = 1x4, swapped",
        "tile = 64x32x128, stages = 3, warps = 2x2, swapped",
        "tile = 128x256x128, stages = 2, warps = 2x4, swapped"}) {
    c.schedule = schedule;
    check("sm_120a", c);
  }
}

TEST(SM120Matmul, TableOfSchedules) {
  // One problem for each row of the table that others do not cover.
  check("sm_120a", {"nvfp4", 31, 136, 272});
  check("sm_120a", {"mxfp4", 63, 136, 288});
}

TEST(SM120Matmul, RaggedDepth) {
  // One block; an odd number of blocks, whose rows are padded to 16 bytes; a
  // last step with one of two scale tiles; more steps than stages.
  for (int64_t depth : {16, 48, 144, 192, 720, 1456})
    check("sm_120a", {"nvfp4", 40, 136, depth});
  for (int64_t depth : {32, 96, 160, 1440})
    check("sm_120a", {"mxfp4", 40, 136, depth});
}

TEST(SM120Matmul, RaggedDepthOfTwoScaleRows) {
  Case c{"nvfp4", 300, 136, 208};
  c.schedule = "tile = 256x128x128, stages = 3, warps = 4x2";
  check("sm_120a", c);
}

TEST(SM120Matmul, Epilogues) {
  Case c{"nvfp4", 128, 128, 256, "bf16"};
  c.hasBias = true;
  check("sm_120a", c);
  c.activation = "relu";
  check("sm_120a", c);
  c.resultType = "f32";
  c.activation = "silu";
  check("sm_120a", c);
}

TEST(SM120Matmul, OtherSchedules) {
  Case c{"nvfp4", 256, 256, 256};
  for (const char *schedule : {"tile = 128x128x128, stages = 2, warps = 4x1",
                               "tile = 128x128x64, stages = 4, warps = 2x2",
                               "tile = 128x128x256, stages = 2, warps = 2x2",
                               "tile = 256x128x128, stages = 3, warps = 4x2",
                               "tile = 128x256x128, stages = 3, warps = 2x4",
                               "tile = 128x128x128, stages = 3, warps = 1x4",
                               "tile = 128x128x128, stages = 4, warps = 4x2"}) {
    c.schedule = schedule;
    check("sm_120a", c);
  }
}

TEST(SM120Matmul, RaggedTileOfTwoScaleRows) {
  // 300 rows are one tile of 256 and 44 rows of the next, whose second half has
  // no scales at all.
  Case c{"nvfp4", 300, 384, 256};
  c.schedule = "tile = 256x128x128, stages = 3, warps = 4x2";
  check("sm_120a", c);
  c.schedule = "tile = 128x256x128, stages = 3, warps = 2x4";
  c.hasDynamicRows = true;
  check("sm_120a", c);
}

TEST(SM120Matmul, EarlyAndRandomCompletion) {
  Case c{"nvfp4", 128, 256, 768};
  c.blocks = 1;
  for (ptx::AsyncMode mode : {ptx::AsyncMode::Early, ptx::AsyncMode::Random}) {
    ptx::LaunchOptions options;
    options.async = mode;
    check("sm_120a", c, options);
  }
}

//===----------------------------------------------------------------------===//
// sm_100a
//===----------------------------------------------------------------------===//

TEST(SM100Matmul, OneTile) {
  check("sm_100a", {"nvfp4", 128, 128, 256});
  check("sm_100a", {"mxfp4", 128, 128, 256});
}

TEST(SM100Matmul, HalfDepthTiles) {
  check("sm_100a", {"nvfp4", 128, 128, 128});
  check("sm_100a", {"mxfp4", 128, 128, 384});
}

TEST(SM100Matmul, BlocksLoopOverTiles) {
  Case c{"nvfp4", 256, 384, 1408};
  c.blocks = 2;
  check("sm_100a", c);
}

TEST(SM100Matmul, RaggedEdges) {
  Case c{"nvfp4", 200, 136, 256};
  check("sm_100a", c);
  c.hasDynamicRows = true;
  c.rows = 37;
  c.format = "mxfp4";
  check("sm_100a", c);
}

TEST(SM100Matmul, RaggedDepth) {
  for (int64_t depth : {16, 48, 144, 720})
    check("sm_100a", {"nvfp4", 40, 136, depth});
  for (int64_t depth : {32, 160, 416})
    check("sm_100a", {"mxfp4", 40, 136, depth});
}

TEST(SM100Matmul, Epilogues) {
  Case c{"nvfp4", 128, 128, 256, "bf16"};
  c.hasBias = true;
  c.activation = "relu";
  check("sm_100a", c);
}

TEST(SM100Matmul, WideTiles) {
  Case c{"nvfp4", 128, 512, 512};
  c.schedule = "tile = 128x256x256, stages = 4, warps = 4x1";
  check("sm_100a", c);
  c.format = "mxfp4";
  check("sm_100a", c);
}

TEST(SM100Matmul, EarlyAndRandomCompletion) {
  Case c{"nvfp4", 128, 256, 768};
  c.blocks = 1;
  for (ptx::AsyncMode mode : {ptx::AsyncMode::Early, ptx::AsyncMode::Random}) {
    ptx::LaunchOptions options;
    options.async = mode;
    check("sm_100a", c, options);
  }
}

} // namespace

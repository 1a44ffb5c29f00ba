//===- FusedQuantizeTest.cpp - Normalized and gated quantizations ---------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels that do more than quantize, on the emulator, for data on which that
// is exact: the squares of a row add up to a power of four, gates are products.
// Every byte has to be what Numerics gives for the exact values.
//
//===----------------------------------------------------------------------===//

#include "CompiledKernel.h"
#include "fp4/Numerics/BlockFormat.h"
#include "fp4/Numerics/Hadamard.h"
#include "fp4/Numerics/Packing.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <random>

using namespace fp4;
using namespace fp4::testing;

namespace {

std::vector<uint8_t> toBytes(const std::vector<float> &values) {
  std::vector<uint8_t> bytes(4 * values.size());
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

struct Shape {
  int64_t rows, columns;
  int64_t rotation = 0; // 0: none
  /// Rows of given matrices: 0: none.
  int64_t block = 0;
};

/// The module that quantizes %v, which `front` computes from %x, %y (matrices),
/// %g (a vector) and %t (matrices of blocks).
std::string toModule(const Shape &shape, const std::string &front) {
  auto text = [](int64_t number) { return std::to_string(number); };
  std::string size = text(shape.rows) + "x" + text(shape.columns);
  std::string tiles =
      text((shape.rows + 127) / 128) + "x" + text((shape.columns / 32 + 3) / 4);
  std::string module = R"(
    #ij = affine_map<(i, j) -> (i, j)>
    #i = affine_map<(i, j) -> (i)>
    #j = affine_map<(i, j) -> (j)>
    func.func @f(%x: !matrix, %y: !matrix, %g: !columns, %t: !blocks) -> (!elements, !scales) {
)" + front + R"(
      %q = )" +
                       (shape.rotation ? "fp4.rotate_quantize %v block " +
                                             text(shape.rotation)
                                       : "fp4.quantize %v") +
                       R"( : !matrix -> !quantized
      %e, %s = fp4gpu.prepack %q : !quantized -> !elements, !scales
      return %e, %s : !elements, !scales
    }
)";
  int64_t block = std::max<int64_t>(shape.block, 1);
  std::string blocks = text(shape.columns / block) + "x" + text(block);
  module = "!blocks = tensor<" + blocks + "x" + text(block) +
           "xf32>\n!split = tensor<" + text(shape.rows) + "x" + blocks +
           "xf32>\n" + module;
  return "!matrix = tensor<" + size + "xf32>\n!rows = tensor<" +
         text(shape.rows) + "xf32>\n!columns = tensor<" + text(shape.columns) +
         "xf32>\n!quantized = !fp4.tensor<" + size +
         ", #fp4.mxfp4>\n!elements = tensor<" + text(shape.rows) + "x" +
         text(shape.columns / 2) + "xi8>\n!scales = tensor<" + tiles +
         "x32x4x4xi8>\n" + module;
}

/// RMSNorm with a gain, without an epsilon.
std::string rmsNorm(const Shape &shape) {
  return R"(
      %zero = arith.constant dense<0.0> : !rows
      %width = arith.constant dense<)" +
         std::to_string(shape.columns) + R"(.0> : !rows
      %empty = tensor.empty() : !matrix
      %sum = linalg.generic {indexing_maps = [#ij, #i], iterator_types = ["parallel", "reduction"]}
          ins(%x : !matrix) outs(%zero : !rows) {
      ^bb0(%a: f32, %s: f32):
        %0 = arith.mulf %a, %a : f32
        %1 = arith.addf %s, %0 : f32
        linalg.yield %1 : f32
      } -> !rows
      %mean = arith.divf %sum, %width : !rows
      %factor = math.rsqrt %mean : !rows
      %v = linalg.generic {indexing_maps = [#ij, #i, #j, #ij], iterator_types = ["parallel", "parallel"]}
          ins(%x, %factor, %g : !matrix, !rows, !columns) outs(%empty : !matrix) {
      ^bb0(%a: f32, %f: f32, %gain: f32, %o: f32):
        %0 = arith.mulf %a, %f : f32
        %1 = arith.mulf %0, %gain : f32
        linalg.yield %1 : f32
      } -> !matrix
)";
}

/// Runs the module on the emulator and compares with the quantized `values`.
void check(const std::string &target, const Shape &shape,
           const std::string &front, const KernelArguments &inputs,
           std::vector<float> values) {
  SCOPED_TRACE(target + " " + std::to_string(shape.rows) + "x" +
               std::to_string(shape.columns));
  Expected<CompiledKernel> kernel =
      compileKernel(toModule(shape, front), target);
  ASSERT_TRUE(kernel.ok()) << kernel.message();
  numerics::BlockFormat format = numerics::kMXFP4;
  size_t blocks = shape.columns / 32;
  if (shape.rotation)
    numerics::hadamard(values.data(), values.size(), shape.rotation, nullptr);
  std::vector<uint8_t> codes(values.size()), scales(shape.rows * blocks);
  numerics::quantizeBlocks(format, {}, values.data(), shape.rows, shape.columns,
                           1.0f, codes.data(), scales.data());
  std::vector<uint8_t> elements(values.size() / 2);
  numerics::packCodes(format.element, codes.data(), shape.rows, shape.columns,
                      elements.data());
  std::vector<uint8_t> swizzled(numerics::scaleBytes128x4(shape.rows, blocks));
  numerics::swizzleScales128x4(scales.data(), shape.rows, blocks,
                               swizzled.data());
  KernelArguments arguments = inputs;
  arguments.arrays["elements"].assign(elements.size(), 0xff);
  arguments.arrays["scales"].assign(swizzled.size(), 0xff);
  Expected<ptx::Statistics> statistics = launchKernel(*kernel, arguments, 0);
  ASSERT_TRUE(statistics.ok()) << statistics.message();
  EXPECT_EQ(arguments.arrays["scales"], swizzled);
  EXPECT_EQ(arguments.arrays["elements"], elements);
}

constexpr const char *kTargets[] = {"sm_90a", "sm_100a", "sm_120a"};

TEST(FusedQuantize, RMSNorm) {
  // More columns than a tile has, fewer, and columns that end within one.
  for (const char *target : kTargets)
    for (Shape shape :
         {Shape{5, 64, 32}, Shape{133, 96, 32}, Shape{3, 2080, 16}}) {
      std::mt19937 random(7);
      std::vector<float> x, gain, values;
      for (int64_t j = 0; j < shape.columns; ++j)
        gain.push_back(std::ldexp(1.0f, int(random() % 5) - 2) *
                       (random() % 2 ? 1.5f : 1.0f));
      for (int64_t i = 0; i < shape.rows; ++i)
        for (int64_t j = 0; j < shape.columns; ++j) {
          // All magnitudes of a row are one power of two, and the factor is its
          // reciprocal.
          float sign = random() % 2 ? 1.0f : -1.0f;
          x.push_back(sign * std::ldexp(1.0f, int(i % 7) - 3));
          values.push_back(sign * gain[j]);
        }
      KernelArguments arguments;
      arguments.arrays["input"] = toBytes(x);
      arguments.arrays["column0"] = toBytes(gain);
      check(target, shape, rmsNorm(shape), arguments, values);
    }
}

/// Each block of the columns times the matrix of that block.
std::string multiplyBlocks(const Shape &shape) {
  return R"(
      %zero = arith.constant dense<0.0> : !split
      %x3 = tensor.expand_shape %x [[0], [1, 2]] output_shape [)" +
         std::to_string(shape.rows) + ", " +
         std::to_string(shape.columns / shape.block) + ", " +
         std::to_string(shape.block) + R"(] : !matrix into !split
      %y3 = linalg.generic {indexing_maps = [
          affine_map<(m, b, i, j) -> (m, b, j)>, affine_map<(m, b, i, j) -> (b, i, j)>,
          affine_map<(m, b, i, j) -> (m, b, i)>],
          iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
          ins(%x3, %t : !split, !blocks) outs(%zero : !split) {
      ^bb0(%a: f32, %w: f32, %s: f32):
        %0 = arith.mulf %a, %w : f32
        %1 = arith.addf %s, %0 : f32
        linalg.yield %1 : f32
      } -> !split
      %v = tensor.collapse_shape %y3 [[0], [1, 2]] : !split into !matrix
)";
}

TEST(FusedQuantize, GivenMatrices) {
  // Random numbers: the order of the sums is part of the kernel's definition.
  for (const char *target : kTargets)
    for (int64_t block : {16, 32, 64, 128, 512, 1024}) {
      Shape shape{block > 128 ? 5 : 21,
                  block == 32 ? 160 : 3 * std::max<int64_t>(block, 32), 0,
                  block};
      std::mt19937 random(9);
      std::normal_distribution<float> normal;
      std::vector<float> x(shape.rows * shape.columns), values(x.size());
      std::vector<float> matrix(shape.columns * block);
      for (std::vector<float> *numbers : {&x, &matrix})
        for (float &number : *numbers)
          number = normal(random);
      for (size_t i = 0; i < x.size(); ++i) {
        size_t column = i % shape.columns, first = i - column % block;
        for (int64_t j = 0; j < block; ++j)
          values[i] =
              std::fma(matrix[column * block + j], x[first + j], values[i]);
      }
      KernelArguments arguments;
      arguments.arrays["input"] = toBytes(x);
      arguments.arrays["matrix"] = toBytes(matrix);
      check(target, shape, multiplyBlocks(shape), arguments, values);
    }
}

TEST(FusedQuantize, Gate) {
  // relu(x) * y of numbers whose products are exact.
  for (const char *target : kTargets) {
    Shape shape{37, 160, 32};
    std::mt19937 random(8);
    std::vector<float> x, y, values;
    for (int64_t i = 0; i < shape.rows * shape.columns; ++i) {
      x.push_back(float(int(random() % 257) - 128) / 16);
      y.push_back(float(int(random() % 257) - 128) / 32);
      values.push_back(std::max(x.back(), 0.0f) * y.back());
    }
    KernelArguments arguments;
    arguments.arrays["input"] = toBytes(x);
    arguments.arrays["input1"] = toBytes(y);
    check(target, shape, R"(
      %zero = arith.constant dense<0.0> : !matrix
      %relu = arith.maximumf %x, %zero : !matrix
      %v = arith.mulf %relu, %y : !matrix
)",
          arguments, values);
  }
}

} // namespace

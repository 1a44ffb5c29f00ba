//===- MeaningTest.cpp - What kernels compute -----------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Products small enough to be done by hand.
//
//===----------------------------------------------------------------------===//

#include "fp4/Runtime/Artifact/Meaning.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

namespace fp4::runtime::testing {

static NDArray bytes(std::vector<int64_t> shape, uint8_t value) {
  NDArray array(DType::U8, std::move(shape));
  std::memset(array.mutableBytes(), value, array.byteSize());
  return array;
}

static NDArray scalar(float value) { return NDArray::fromFloats({}, {value}); }

static KernelArgument pointer(const char *name, const char *type) {
  KernelArgument argument;
  argument.name = name;
  argument.type = type;
  return argument;
}

/// One row by one column of depth 16: the elements 1.0 and 2.0, block scales 1
/// and 2, tensor scales 0.5 and 1, bias 1: 16 * (1 * 1) * (2 * 2) * 0.5 + 1 =
/// 33.
static KernelDescription nvfp4Kernel() {
  KernelDescription kernel;
  kernel.name = "k";
  for (const char *name : {"lhs", "rhs"}) {
    kernel.arguments.push_back(pointer(name, "f4E2M1FN"));
    std::string scales = std::string(name) + "_scales";
    kernel.arguments.push_back(pointer(scales.c_str(), "f8E4M3FN"));
    std::string scale = std::string(name) + "_tensor_scale";
    kernel.arguments.push_back(pointer(scale.c_str(), "f32"));
  }
  kernel.arguments.push_back(pointer("bias", "f32"));
  kernel.arguments.push_back(pointer("out", "f32"));
  kernel.meaning = {"matmul",
                    {{"lhs_format", "nvfp4"},
                     {"rhs_format", "nvfp4"},
                     {"activation", "none"}}};
  return kernel;
}

static KernelOperands nvfp4Operands() {
  KernelOperands operands;
  operands.arrays.emplace("lhs", bytes({1, 8}, 0x22)); // code 2: 1.0
  operands.arrays.emplace("rhs", bytes({1, 8}, 0x44)); // code 4: 2.0
  operands.arrays.emplace("lhs_scales", bytes({1, 1, 32, 4, 4}, 0x38)); // 1
  operands.arrays.emplace("rhs_scales", bytes({1, 1, 32, 4, 4}, 0x40)); // 2
  operands.arrays.emplace("lhs_tensor_scale", scalar(0.5f));
  operands.arrays.emplace("rhs_tensor_scale", scalar(1));
  operands.arrays.emplace("bias", NDArray::fromFloats({1}, {1}));
  return operands;
}

TEST(Matmul, Multiplies_blocks_scales_and_tensor_scales) {
  auto outputs = evaluateMeaning(nvfp4Kernel(), nvfp4Operands());
  ASSERT_TRUE(outputs.ok()) << outputs.message();
  ASSERT_EQ(outputs->size(), 1u);
  const ExpectedOutput &out = outputs->front();
  EXPECT_EQ(out.argument, "out");
  EXPECT_EQ(out.values, std::vector<double>{33});
  EXPECT_EQ(out.array.toFloat32()->front(), 33);
  // (K + 3) 2^-23 of the magnitudes, and half a unit of the result, which the
  // first bound widens by itself.
  double bound = 19 * std::ldexp(33.0, -23);
  bound += std::ldexp(33 + bound, -24);
  EXPECT_NEAR(out.bounds[0], bound, 1e-12);
}

TEST(Matmul, Reads_scales_in_tiles_and_elements_low_nibble_first) {
  KernelOperands operands = nvfp4Operands();
  // Two rows: row 1 has scale 4 (code 0x48) at byte 16 of its tile, and one
  // element of 6 (code 7) with sign in the low nibble of byte 0.
  NDArray lhs = bytes({2, 8}, 0);
  lhs.mutableBytes()[8] = 0x0F; // row 1, element 0: -6
  NDArray scales = bytes({1, 1, 32, 4, 4}, 0x38);
  scales.mutableBytes()[16] = 0x48;
  operands.arrays.insert_or_assign("lhs", lhs);
  operands.arrays.insert_or_assign("lhs_scales", scales);
  auto outputs = evaluateMeaning(nvfp4Kernel(), operands);
  ASSERT_TRUE(outputs.ok()) << outputs.message();
  // Row 1: (-6 * 4) * (2 * 2) * 0.5 + 1.
  EXPECT_EQ(outputs->front().values, (std::vector<double>{1, -47}));
}

TEST(Matmul, Applies_activations) {
  KernelDescription kernel = nvfp4Kernel();
  KernelOperands operands = nvfp4Operands();
  operands.arrays.insert_or_assign("lhs_tensor_scale", scalar(-0.5f));
  kernel.meaning.fields["activation"] = "relu";
  EXPECT_EQ(evaluateMeaning(kernel, operands)->front().values[0], 0);
  kernel.meaning.fields["activation"] = "silu";
  // x = -31: x / (1 + e^31).
  EXPECT_NEAR(evaluateMeaning(kernel, operands)->front().values[0],
              -31 / (1 + std::exp(31.0)), 1e-25);
  kernel.meaning.fields["activation"] = "tanh";
  EXPECT_EQ(evaluateMeaning(kernel, operands).message(),
            "kernel 'k': no activation 'tanh'; known: none, relu, gelu, silu, "
            "gelu_tanh");
}

TEST(Matmul, Knows_both_forms_of_gelu) {
  KernelDescription kernel = nvfp4Kernel();
  KernelOperands operands = nvfp4Operands();
  // 16 * 4 * (1/32) - 1 = 1.
  operands.arrays.insert_or_assign("lhs_tensor_scale", scalar(0.03125f));
  operands.arrays.insert_or_assign("bias", NDArray::fromFloats({1}, {-1}));
  kernel.meaning.fields["activation"] = "gelu";
  // The normal distribution function at 1.
  EXPECT_NEAR(evaluateMeaning(kernel, operands)->front().values[0],
              0.841344746068543, 1e-14);
  kernel.meaning.fields["activation"] = "gelu_tanh";
  // 0.5 * (1 + tanh(sqrt(2 / pi) * 1.044715)).
  double u = std::sqrt(2 / 3.14159265358979323846) * 1.044715;
  EXPECT_NEAR(evaluateMeaning(kernel, operands)->front().values[0],
              0.5 * (1 + std::tanh(u)), 1e-14);
}

/// Two products of depth 2 over 16 rows of weights, 8 columns each: row r of
/// the weights is (r, 1), the left side (1, 100), so the product is r + 100.
static KernelDescription gatedKernel(const std::string &tail) {
  KernelDescription kernel;
  kernel.name = "k";
  for (const char *name : {"lhs", "rhs", "column0", "matrix0", "out"})
    kernel.arguments.push_back(pointer(name, "f32"));
  kernel.meaning = {
      "matmul", {{"activation", "none"}, {"gated", "true"}, {"tail", tail}}};
  return kernel;
}

static KernelOperands gatedOperands() {
  KernelOperands operands;
  std::vector<float> weights, columns, matrix;
  for (int r = 0; r < 16; ++r) {
    weights.push_back(float(r));
    weights.push_back(1);
  }
  for (int n = 0; n < 8; ++n) {
    columns.push_back(float(n));
    matrix.push_back(1000);
  }
  operands.arrays.emplace("lhs", NDArray::fromFloats({1, 2}, {1, 100}));
  operands.arrays.emplace("rhs", NDArray::fromFloats({16, 2}, weights));
  operands.arrays.emplace("column0", NDArray::fromFloats({8}, columns));
  operands.arrays.emplace("matrix0", NDArray::fromFloats({1, 8}, matrix));
  return operands;
}

TEST(Matmul, Evaluates_gates_and_tails) {
  auto outputs = evaluateMeaning(
      gatedKernel("t0 = mulf:f32 p0 p1; t1 = fma:f32 column0 -2.0E+0 t0; "
                  "t2 = addf:f32 t1 matrix0"),
      gatedOperands());
  ASSERT_TRUE(outputs.ok()) << outputs.message();
  // Column n: first product 100 + n, second 108 + n.
  for (int n = 0; n < 8; ++n)
    EXPECT_EQ(outputs->front().values[size_t(n)],
              (100 + n) * (108 + n) - 2 * n + 1000);
}

TEST(Matmul, Rounds_in_the_bounds_of_tails) {
  auto boundOf = [](const std::string &tail) {
    return evaluateMeaning(gatedKernel(tail), gatedOperands())
        ->front()
        .bounds[0];
  };
  double single = boundOf("t0 = negf:f32 p0"),
         half = boundOf("t0 = truncf:bf16 p0; t1 = extf:f32 t0");
  // 100 and one rounding to bfloat16, 2^-8 of it.
  EXPECT_GT(half, single + 100.0 / 256);
  EXPECT_LT(half, single + 101.0 / 128);
  // exp(100) leaves float32, and 1 over it may become 0.
  EXPECT_GE(boundOf("t0 = exp:f32 p0; t1 = divf:f32 1 t0"), std::exp(-100.0));
  EXPECT_LT(boundOf("t0 = divf:f32 1 p0"), 1e-5);
  // A product of two values near 100 has the bounds of both, times 100.
  EXPECT_GT(boundOf("t0 = mulf:f32 p0 p1"), 200 * (single / 2));
}

/// W4A16 with the weight in fragments: 16 rows by 64, all zero but two codes.
static KernelOperands fragmentOperands() {
  KernelOperands operands;
  NDArray units = bytes({1, 2, 2304}, 0);
  uint8_t *unit = units.mutableBytes();
  // Row 0, k 0: lane 0, word 0, low half: -1.5 (code 0b1011) has its sign at
  // bit 15 and its magnitude at 8 7 6.
  uint16_t half = 1 << 15 | 3 << 6;
  std::memcpy(unit, &half, sizeof half);
  // Row 9, k 27: lane 4 * 1 + 1, step 1 (k 16 to 31), high half, rows and k
  // both of the upper kind: 6 (0b0111): m0 at 11, m1 at 10, m2 xor m0 at 13.
  half = 1 << 11 | 1 << 10;
  std::memcpy(unit + 4 * (5 * 4 + 1) + 2, &half, sizeof half);
  // Scales: 2^-2 for row 0, block 0 is (-2 + 21) * 8; 1.125 for row 9, block 1
  // is 21 * 8 + 1. Rows 0 and 8 share g = 0, rows 1 and 9 g = 1.
  unit[2048] = 19 * 8;
  unit[2048 + 2 * (1 * 4 + 1) + 1] = 21 * 8 + 1;
  operands.arrays.emplace("rhs", units);
  std::vector<float> ones(64, 1.0f);
  operands.arrays.emplace("lhs", NDArray::fromFloats({1, 64}, ones));
  operands.arrays.emplace("rhs_factor", scalar(256)); // 2^8 of the encoding
  operands.arrays.emplace("out", NDArray(DType::F32, {1, 16}));
  return operands;
}

TEST(Matmul, Reads_weights_in_fragments) {
  KernelDescription kernel;
  kernel.name = "k";
  for (const char *name : {"lhs", "rhs", "rhs_factor", "out"})
    kernel.arguments.push_back(pointer(name, "f32"));
  kernel.meaning = {"matmul",
                    {{"rhs_format", "nvfp4"}, {"rhs_layout", "fragments"}}};
  KernelOperands operands = fragmentOperands();
  auto outputs = evaluateMeaning(kernel, operands);
  ASSERT_TRUE(outputs.ok()) << outputs.message();
  std::vector<double> expected(16);
  expected[0] = -1.5 * 0.25;
  expected[9] = 6 * 1.125;
  EXPECT_EQ(outputs->front().values, expected);

  operands.arrays.insert_or_assign("rhs", bytes({1, 2, 2176}, 0));
  EXPECT_EQ(evaluateMeaning(kernel, operands).message(),
            "kernel 'k': expected fragments of 16 rows and 64 columns in units "
            "of 2304 bytes, got [1, 2, 2176]");
  kernel.meaning.fields["rhs_format"] = "mxint8";
  EXPECT_EQ(evaluateMeaning(kernel, operands).message(),
            "kernel 'k': expected meaning.rhs_format to be nvfp4 or mxfp4, got "
            "'mxint8'");
}

TEST(Matmul, Says_what_is_wrong_with_a_tail) {
  auto message = [](const std::string &tail) {
    return evaluateMeaning(gatedKernel(tail), gatedOperands()).message();
  };
  for (const char *tail :
       {"t0 = select:f32 p0 p1 p0", "t0 = addf:f32 p0", "t0 = addf:f32 p0 p2",
        "t0 = addf p0 p1", "t0 = addf:i32 p0 p1", "t0 addf:f32 p0 p1"})
    EXPECT_EQ(message(tail), "kernel 'k': expected operations like 't0 = "
                             "addf:f32 p0 1.5' in meaning.tail, got '" +
                                 std::string(tail) + "'");
  KernelOperands operands = gatedOperands();
  operands.arrays.insert_or_assign("rhs", NDArray(DType::F32, {12, 2}));
  EXPECT_EQ(evaluateMeaning(gatedKernel(""), operands).message(),
            "kernel 'k': expected a gated kernel to have a multiple of 16 rows "
            "of weights, got 12");
}

TEST(Matmul, Takes_float_operands_and_rounds_the_result_to_its_type) {
  KernelDescription kernel = nvfp4Kernel();
  kernel.arguments = {pointer("lhs", "f32"), pointer("rhs", "f32"),
                      pointer("out", "bf16")};
  KernelOperands operands;
  operands.arrays.emplace("lhs", NDArray::fromFloats({1, 2}, {1, 1}));
  operands.arrays.emplace("rhs", NDArray::fromFloats({1, 2}, {256, 1}));
  auto outputs = evaluateMeaning(kernel, operands);
  ASSERT_TRUE(outputs.ok()) << outputs.message();
  // 257 lies between the bfloat16 values 256 and 258; the tie goes to 256.
  EXPECT_EQ(outputs->front().values[0], 257);
  EXPECT_EQ(outputs->front().array.toFloat32()->front(), 256);
  EXPECT_GE(outputs->front().bounds[0], 1);
}

TEST(Matmul, Says_what_is_wrong) {
  KernelDescription kernel = nvfp4Kernel();
  KernelOperands operands = nvfp4Operands();
  auto message = [&] { return evaluateMeaning(kernel, operands).message(); };
  operands.arrays.insert_or_assign("bias", NDArray::fromFloats({2}, {1, 2}));
  EXPECT_EQ(message(), "kernel 'k': expected a bias of 1 values, got 2");
  operands.arrays.insert_or_assign("rhs", bytes({1, 16}, 0));
  EXPECT_EQ(message(), "kernel 'k': expected operands of one depth, got 16 and "
                       "32");
  operands.arrays.insert_or_assign("rhs", bytes({200, 8}, 0));
  EXPECT_EQ(message(), "kernel 'k': expected scales of 200 rows and 16 "
                       "columns, got [1, 1, 32, 4, 4]");
  operands.arrays.erase("rhs");
  EXPECT_EQ(message(), "kernel 'k': expected an argument 'rhs'");
  kernel.meaning.fields["lhs_format"] = "nvfp5";
  EXPECT_EQ(message(), "kernel 'k': expected meaning.lhs_format to be a block "
                       "format, got 'nvfp5'");
  kernel.meaning.kind = "sort";
  EXPECT_EQ(message(), "kernel 'k': no meaning of kind 'sort'; known: amax, "
                       "dequantize, matmul, quantize");
  kernel.meaning.kind = "";
  EXPECT_EQ(message(), "kernel 'k': the manifest does not say what it means; "
                       "known: amax, dequantize, matmul, quantize");
}

/// Two rows of one MXFP4 block; with 32 columns, elements are padded to 32
/// bytes a row.
static KernelDescription quantizeKernel() {
  KernelDescription kernel;
  kernel.name = "q";
  kernel.meaning = {"quantize", {{"format", "mxfp4"}, {"scale_rule", "floor"}}};
  return kernel;
}

static KernelOperands quantizeOperands() {
  KernelOperands operands;
  // Row 0 is 3 everywhere, row 1 is 0 but for a 12 in column 1.
  std::vector<float> values(64);
  std::fill_n(values.begin(), 32, 3.0f);
  values[33] = 12;
  operands.arrays.emplace("input", NDArray::fromFloats({2, 32}, values));
  operands.arrays.emplace("elements", bytes({2, 32}, 0));
  operands.arrays.emplace("scales", bytes({1, 1, 32, 4, 4}, 0));
  return operands;
}

TEST(Quantize, Packs_elements_and_scales) {
  auto outputs = evaluateMeaning(quantizeKernel(), quantizeOperands());
  ASSERT_TRUE(outputs.ok()) << outputs.message();
  ASSERT_EQ(outputs->size(), 2u);
  // floor: exponent 1 - 2 = -1, scale 0.5 (126), 3 / 0.5 = 6: code 7.
  const NDArray &elements = outputs->at(0).array;
  EXPECT_EQ(elements.bytes()[0], 0x77);
  EXPECT_EQ(elements.bytes()[15], 0x77);
  EXPECT_EQ(elements.bytes()[16], 0) << "padding";
  // 12: exponent 3 - 2 = 1, scale 2 (128), 12 / 2 = 6: high nibble of byte 0.
  EXPECT_EQ(elements.bytes()[32], 0x70);
  const NDArray &scales = outputs->at(1).array;
  EXPECT_EQ(scales.bytes()[0], 126);
  EXPECT_EQ(scales.bytes()[16], 128);
  EXPECT_EQ(scales.bytes()[32], 0) << "padding";
}

TEST(Quantize, Rotates_with_signs) {
  KernelDescription kernel = quantizeKernel();
  kernel.meaning.fields["rotation"] = "2";
  kernel.meaning.fields["signs"] = "+-";
  auto outputs = evaluateMeaning(kernel, quantizeOperands());
  ASSERT_TRUE(outputs.ok()) << outputs.message();
  // (3, -3) H = (0, 6 / sqrt(2)): 4.24 with scale 1 is 4, code 6.
  EXPECT_EQ(outputs->at(0).array.bytes()[0], 0x60);
  EXPECT_EQ(outputs->at(1).array.bytes()[0], 127);
}

TEST(Quantize, Says_what_is_wrong) {
  KernelDescription kernel = quantizeKernel();
  KernelOperands operands = quantizeOperands();
  auto message = [&] { return evaluateMeaning(kernel, operands).message(); };
  operands.arrays.insert_or_assign("scales", bytes({2, 1, 32, 4, 4}, 0));
  EXPECT_EQ(message(),
            "kernel 'q': expected elements and scales of [2, 32] values, got "
            "[2, 32] and [2, 1, 32, 4, 4]");
  operands.arrays.insert_or_assign("input", NDArray(DType::F32, {2, 31}));
  EXPECT_EQ(message(), "kernel 'q': expected an input matrix with a multiple "
                       "of 32 columns, got [2, 31]");
  operands.arrays.emplace("tensor_scale", scalar(-1));
  kernel.meaning.fields = {{"format", "nvfp4"}, {"scale_rule", "absmax"}};
  EXPECT_EQ(message(), "kernel 'q': expected a tensor scale that is positive "
                       "and finite, got -1.000000");
  operands.arrays.insert_or_assign("tensor_scale", scalar(1));
  kernel.meaning.fields["rotation"] = "3";
  EXPECT_EQ(message(), "kernel 'q': expected meaning.rotation to be a power of "
                       "two in 2..1024, got '3'");
  kernel.meaning.fields["rotation"] = "4";
  kernel.meaning.fields["signs"] = "+-+";
  EXPECT_EQ(message(), "kernel 'q': expected 4 signs, as many as "
                       "meaning.rotation, got 3");
  kernel.meaning.fields["signs"] = "1010";
  EXPECT_EQ(message(),
            "kernel 'q': expected meaning.signs to be '+' and '-', got '1010'");
  kernel.meaning.fields["scale_rule"] = "floor";
  EXPECT_EQ(message(), "kernel 'q': expected meaning.scale_rule to be a rule "
                       "for nvfp4, got 'floor'");
  kernel.meaning.fields["format"] = "mxint8";
  EXPECT_EQ(message(), "kernel 'q': expected meaning.format to be nvfp4 or "
                       "a format mxfp4, mxfp6 or mxfp8, got 'mxint8'");
}

TEST(Quantize, Has_elements_of_eight_bits) {
  KernelDescription kernel = quantizeKernel();
  kernel.meaning.fields["format"] = "mxfp8e4m3";
  KernelOperands operands = quantizeOperands();
  auto outputs = evaluateMeaning(kernel, operands);
  ASSERT_TRUE(outputs.ok()) << outputs.message();
  // floor: exponent 1 - 8 = -7, scale 2^-7 (120), 3 * 128 = 384: 0x7C.
  EXPECT_EQ(outputs->at(0).array.bytes()[0], 0x7C);
  EXPECT_EQ(outputs->at(1).array.bytes()[0], 120);
}

/// Adds to `kernel` a gain for each column.
static void addColumn(KernelDescription &kernel, KernelOperands &operands,
                      float gain) {
  kernel.arguments = {pointer("input", "f32"), pointer("column0", "f32")};
  operands.arrays.emplace(
      "column0", NDArray::fromFloats({32}, std::vector<float>(32, gain)));
}

TEST(Quantize, Computes_what_is_fused_in_front) {
  KernelDescription kernel = quantizeKernel();
  KernelOperands operands = quantizeOperands();
  addColumn(kernel, operands, 3);
  // Row 0: sum 32 * 9, mean 9, factor 1/3; 3 / 3 * 3 = 3 as without. Row 1: sum
  // 144, mean 4.5, 12 / sqrt(4.5) * 3 = 16.97: exponent 4 - 2 = 2, scale 4
  // (129), 4.24 rounds to 4 (code 6).
  kernel.meaning.fields["row"] = "t0 = divf:f32 sum 32; t1 = rsqrt:f32 t0";
  kernel.meaning.fields["body"] =
      "t0 = mulf:f32 input row; t1 = mulf:f32 t0 column0";
  auto outputs = evaluateMeaning(kernel, operands);
  ASSERT_TRUE(outputs.ok()) << outputs.message();
  const ExpectedOutput &elements = outputs->at(0), &scales = outputs->at(1);
  EXPECT_EQ(elements.array.bytes()[0], 0x77);
  EXPECT_EQ(elements.array.bytes()[32], 0x60);
  EXPECT_EQ(scales.array.bytes()[0], 126);
  EXPECT_EQ(scales.array.bytes()[16], 129);
  // Far from where a code changes, either end of the bounds gives the same.
  ASSERT_EQ(elements.alternatives.size(), 2u);
  EXPECT_EQ(compareOutput(elements.alternatives[0], elements)->numWrong, 0);
  EXPECT_EQ(elements.alternatives[0].bytes()[32], 0x60);
  EXPECT_EQ(scales.alternatives[1].bytes()[16], 129);
}

TEST(Quantize, Multiplies_with_matrices) {
  KernelDescription kernel = quantizeKernel();
  KernelOperands operands = quantizeOperands();
  // Two times the exchange of neighbours: row 0 is 6 everywhere, scale 1 (127);
  // row 1 has 24 in column 0, exponent 4 - 2, scale 4 (129).
  std::vector<float> matrix(16 * 16);
  for (size_t i = 0; i < 16; ++i)
    matrix[16 * i + (i ^ 1)] = 2;
  operands.arrays.emplace("matrix", NDArray::fromFloats({16, 16}, matrix));
  auto outputs = evaluateMeaning(kernel, operands);
  ASSERT_TRUE(outputs.ok()) << outputs.message();
  EXPECT_EQ(outputs->at(0).array.bytes()[0], 0x77);
  EXPECT_EQ(outputs->at(0).array.bytes()[32], 0x07);
  EXPECT_EQ(outputs->at(1).array.bytes()[0], 127);
  EXPECT_EQ(outputs->at(1).array.bytes()[16], 129);
  EXPECT_TRUE(outputs->at(0).alternatives.empty());
  operands.arrays.insert_or_assign("matrix", NDArray(DType::F32, {3, 16, 16}));
  EXPECT_EQ(evaluateMeaning(kernel, operands).message(),
            "kernel 'q': expected matrices for 32 columns, got [3, 16, 16]");
}

TEST(Quantize, Permits_both_sides_of_a_tie) {
  KernelDescription kernel = quantizeKernel();
  KernelOperands operands = quantizeOperands();
  addColumn(kernel, operands, 5);
  // 3 * 5 = 15: scale 2, 7.5 saturates; 12 * 5 / 3 = 20, scale 4: 5 is halfway
  // between 4 (code 6) and 6 (code 7).
  kernel.meaning.fields["body"] =
      "t0 = mulf:f32 input column0; t1 = divf:f32 t0 3";
  auto outputs = evaluateMeaning(kernel, operands);
  ASSERT_TRUE(outputs.ok()) << outputs.message();
  NDArray got = outputs->at(0).array;
  for (uint8_t code : {0x60, 0x70}) {
    NDArray copy(got.dtype(), got.shape());
    std::memcpy(copy.mutableBytes(), got.bytes(), got.byteSize());
    copy.mutableBytes()[32] = code;
    EXPECT_EQ(compareOutput(copy, outputs->at(0))->numWrong, 0) << int(code);
    copy.mutableBytes()[32] = 0x50;
    EXPECT_EQ(compareOutput(copy, outputs->at(0))->numWrong, 1);
  }
}

TEST(Quantize, Says_what_is_wrong_in_front) {
  KernelDescription kernel = quantizeKernel();
  KernelOperands operands = quantizeOperands();
  addColumn(kernel, operands, 1);
  auto message = [&] { return evaluateMeaning(kernel, operands).message(); };
  kernel.meaning.fields["body"] = "t0 = sort:f32 input";
  EXPECT_EQ(message(), "kernel 'q': expected operations like 't0 = addf:f32 p0 "
                       "1.5' in meaning.tail, got 't0 = sort:f32 input'");
  operands.arrays.insert_or_assign("column0", NDArray(DType::F32, {31}));
  EXPECT_EQ(message(), "kernel 'q': expected column0 to have 32 entries, got "
                       "[31]");
  // The factor is of the rows of the input, which here is not the first array.
  std::swap(kernel.arguments[0], kernel.arguments[1]);
  operands.arrays.insert_or_assign("column0", NDArray(DType::F32, {32}));
  kernel.meaning.fields["row"] = "t0 = rsqrt:f32 sum";
  EXPECT_EQ(message(), "kernel 'q': expected a kernel with meaning.row to have "
                       "the argument input before other arrays");
}

/// The largest magnitude of a row of 3 and one of 12.
static KernelDescription amaxKernel() {
  KernelDescription kernel;
  kernel.name = "a";
  kernel.arguments = {pointer("input", "f32"), pointer("maxima", "f32")};
  kernel.meaning = {"amax", {}};
  return kernel;
}

TEST(Amax, Is_the_largest_entry_wherever_it_is) {
  KernelOperands operands = quantizeOperands();
  operands.arrays.emplace("maxima", NDArray(DType::F32, {1024}));
  auto outputs = evaluateMeaning(amaxKernel(), operands);
  ASSERT_TRUE(outputs.ok()) << outputs.message();
  ASSERT_EQ(outputs->size(), 1u);
  std::vector<float> got(1024);
  got[700] = 12;
  auto wrong = [&] {
    return compareOutput(NDArray::fromFloats({1024}, got), outputs->front())
        ->numWrong;
  };
  EXPECT_EQ(wrong(), 0);
  got[1] = 12.5f;
  EXPECT_EQ(wrong(), 1);
  got[1] = got[700] = 3;
  EXPECT_EQ(wrong(), 1);
  operands.arrays.insert_or_assign("maxima", NDArray(DType::F16, {4}));
  EXPECT_EQ(evaluateMeaning(amaxKernel(), operands).message(),
            "kernel 'a': expected maxima of F32, got F16 [4]");
}

TEST(Amax, May_differ_by_what_is_fused_in_front) {
  KernelDescription kernel = amaxKernel();
  kernel.meaning.fields["body"] = "t0 = mulf:f32 input 0.5";
  KernelOperands operands = quantizeOperands();
  operands.arrays.emplace("maxima", NDArray(DType::F32, {1024}));
  auto outputs = evaluateMeaning(kernel, operands);
  ASSERT_TRUE(outputs.ok()) << outputs.message();
  for (float difference : {0.0f, 0x1p-22f, 0x1p-18f}) {
    NDArray got = NDArray::fromFloats({1}, {6 + difference});
    NDArray all(DType::F32, {1024});
    std::memcpy(all.mutableBytes(), got.bytes(), 4);
    // Two roundings of 6 are at most 2^-24 * 6 each.
    EXPECT_EQ(compareOutput(all, outputs->front())->numWrong,
              difference > 0x1p-20f);
  }
}

TEST(Quantize, Computes_the_tensor_scale_from_maxima) {
  KernelDescription kernel = quantizeKernel();
  kernel.meaning.fields = {{"format", "nvfp4"},
                           {"scale_rule", "absmax"},
                           {"tensor_scale_divisor", "2688"}};
  KernelOperands operands = quantizeOperands();
  operands.arrays.insert_or_assign("elements", bytes({2, 16}, 0));
  operands.arrays.emplace("maxima", NDArray::fromFloats({2}, {12, 3}));
  auto outputs = evaluateMeaning(kernel, operands);
  ASSERT_TRUE(outputs.ok()) << outputs.message();
  ASSERT_EQ(outputs->size(), 3u);
  EXPECT_EQ(outputs->at(2).argument, "tensor_scale");
  EXPECT_EQ(outputs->at(2).array.toFloat32()->front(), 12.0f / 2688);
  operands.arrays.insert_or_assign("maxima", NDArray(DType::F16, {2}));
  EXPECT_EQ(evaluateMeaning(kernel, operands).message(),
            "kernel 'q': expected maxima of F32, got F16");
  kernel.meaning.fields["tensor_scale_divisor"] = "-1";
  EXPECT_EQ(evaluateMeaning(kernel, operands).message(),
            "kernel 'q': expected meaning.tensor_scale_divisor to be a "
            "positive number, got '-1'");
}

TEST(CompareOutput, Counts_what_is_out_of_bounds) {
  ExpectedOutput expected{
      "out", NDArray(DType::F32, {4}), {1, 2, 3, NAN}, {0.5, 0.5, 0.5, 0.5}};
  NDArray got = NDArray::fromFloats({4}, {1.25f, 3, 3, NAN});
  Expected<OutputError> error = compareOutput(got, expected);
  ASSERT_TRUE(error.ok()) << error.message();
  EXPECT_EQ(error->numWrong, 1);
  EXPECT_EQ(error->largestError, 1);
  EXPECT_EQ(error->relativeError, 1.0 / 3);
  EXPECT_EQ(error->largestShareOfBound, 2);
  got = NDArray::fromFloats({4}, {1, 2, INFINITY, 0});
  EXPECT_EQ(compareOutput(got, expected)->numWrong, 2);
  EXPECT_EQ(compareOutput(NDArray(DType::F32, {3}), expected).message(),
            "out: expected F32 [4], got F32 [3]");
}

TEST(CompareOutput, Compares_bytes_where_there_are_no_values) {
  ExpectedOutput expected{"codes", bytes({4}, 5), {}, {}};
  NDArray got = bytes({4}, 5);
  EXPECT_EQ(compareOutput(got, expected)->numWrong, 0);
  got.mutableBytes()[2] = 6;
  EXPECT_EQ(compareOutput(got, expected)->numWrong, 1);
}

} // namespace fp4::runtime::testing

//===- FunctionWriter.cpp - Text of one function of a model ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The pieces that several functions have.
//
//===----------------------------------------------------------------------===//

#include "FunctionWriter.h"
#include <cstdio>
#include <cstring>

namespace fp4::model {

std::string fill(const char *text, const Names &names) {
  std::string result;
  for (const char *at = text; *at;) {
    const char *end = *at == '{' ? std::strchr(at, '}') : nullptr;
    auto name = end ? names.find(std::string(at + 1, end)) : names.end();
    if (name == names.end()) {
      result += *at++;
      continue;
    }
    result += name->second;
    at = end + 1;
  }
  return result;
}

std::string floatText(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.9e", static_cast<float>(value));
  return text;
}

static std::string typeText(DType dtype) {
  switch (dtype) {
  case DType::BF16:
    return "bf16";
  case DType::F16:
    return "f16";
  default:
    return "f32";
  }
}

std::string FunctionWriter::rowsType(int64_t width) {
  return "tensor<?x" + std::to_string(width) + "xf32>";
}

std::string FunctionWriter::statesType() const {
  return "tensor<?x?x" + std::to_string(config.hiddenSize) + "xf32>";
}

/// Layers that the checkpoint holds quantized are spelled in float32; their
/// weights come decoded.
std::string FunctionWriter::tensorType(const std::string &name) const {
  Expected<NDArray> tensor = model.tensor(name);
  return tensor.ok() ? typeText(tensor->dtype()) : "f32";
}

void FunctionWriter::add(const char *part, Names names) {
  int64_t group = config.numHeads / config.numKeyValueHeads;
  names.emplace("D", std::to_string(config.hiddenSize));
  names.emplace("F", std::to_string(config.intermediateSize));
  names.emplace("V", std::to_string(config.vocabularySize));
  names.emplace("H", std::to_string(config.numKeyValueHeads));
  names.emplace("G", std::to_string(group));
  names.emplace("S", std::to_string(config.headSize));
  names.emplace("HALF", std::to_string(config.headSize / 2));
  names.emplace("QW", std::to_string(config.queryWidth()));
  text += fill(part, names);
}

/// result = input / rms(input) * weight, row by row.
void FunctionWriter::norm(const std::string &result, const std::string &input,
                          const std::string &rows, int64_t width,
                          const std::string &weight) {
  add(R"(
  // RMSNorm
  %{P}_weight = fp4.parameter "{NAME}" : tensor<{W}x{T}>
  %{P}_row = tensor.empty({R}) : tensor<?xf32>
  %{P}_zero = linalg.fill ins(%zero : f32) outs(%{P}_row : tensor<?xf32>) -> tensor<?xf32>
  %{P}_squares = linalg.generic {indexing_maps = [#ij, #i], iterator_types = ["parallel", "reduction"]}
      ins({X} : tensor<?x{W}xf32>) outs(%{P}_zero : tensor<?xf32>) {
  ^bb0(%value: f32, %sum: f32):
    %square = arith.mulf %value, %value : f32
    %next = arith.addf %sum, %square fastmath<reassoc> : f32
    linalg.yield %next : f32
  } -> tensor<?xf32>
  %{P}_width = arith.constant {WIDTH} : f32
  %{P}_epsilon = arith.constant {EPSILON} : f32
  %{P}_factors = linalg.generic {indexing_maps = [#vector, #vector], iterator_types = ["parallel"]}
      ins(%{P}_squares : tensor<?xf32>) outs(%{P}_row : tensor<?xf32>) {
  ^bb0(%sum: f32, %unused: f32):
    %mean = arith.divf %sum, %{P}_width : f32
    %biased = arith.addf %mean, %{P}_epsilon : f32
    %factor = math.rsqrt %biased : f32
    linalg.yield %factor : f32
  } -> tensor<?xf32>
  %{P}_empty = tensor.empty({R}) : tensor<?x{W}xf32>
  %{P}_unit = linalg.generic {indexing_maps = [#ij, #i, #ij], iterator_types = ["parallel", "parallel"]}
      ins({X}, %{P}_factors : tensor<?x{W}xf32>, tensor<?xf32>) outs(%{P}_empty : tensor<?x{W}xf32>) {
  ^bb0(%value: f32, %factor: f32, %unused: f32):
    %scaled = arith.mulf %value, %factor : f32
    linalg.yield %scaled : f32
  } -> tensor<?x{W}xf32>
  %{P} = linalg.generic {indexing_maps = [#ij, #j, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%{P}_unit, %{P}_weight : tensor<?x{W}xf32>, tensor<{W}x{T}>) outs(%{P}_empty : tensor<?x{W}xf32>) {
  ^bb0(%value: f32, %gain: {T}, %unused: f32):
)",
      {{"P", result},
       {"X", input},
       {"R", rows},
       {"W", std::to_string(width)},
       {"WIDTH", floatText(double(width))},
       {"EPSILON", floatText(config.normEpsilon)},
       {"NAME", weight},
       {"T", tensorType(weight)}});
  bool isWide = tensorType(weight) == "f32";
  if (!isWide)
    add("    %wide = arith.extf %gain : {T} to f32\n",
        {{"T", tensorType(weight)}});
  add(R"(    %scaled = arith.mulf %value, {GAIN} : f32
    linalg.yield %scaled : f32
  } -> tensor<?x{W}xf32>
)",
      {{"W", std::to_string(width)}, {"GAIN", isWide ? "%gain" : "%wide"}});
}

/// result = input * weight^T.
void FunctionWriter::linear(const std::string &result, const std::string &input,
                            const std::string &weight, LinearShape shape) {
  add(R"(
  %{P}_weight = fp4.parameter "{NAME}" : tensor<{N}x{K}x{T}>
  %{P}_empty = tensor.empty(%rows) : tensor<?x{N}xf32>
  %{P}_zero = linalg.fill ins(%zero : f32) outs(%{P}_empty : tensor<?x{N}xf32>) -> tensor<?x{N}xf32>
  %{P} = linalg.matmul indexing_maps = [#lhs, #rhs, #product]
      ins({X}, %{P}_weight : tensor<?x{K}xf32>, tensor<{N}x{K}x{T}>)
      outs(%{P}_zero : tensor<?x{N}xf32>) -> tensor<?x{N}xf32>
)",
      {{"P", result},
       {"X", input},
       {"NAME", weight},
       {"N", std::to_string(shape.rows)},
       {"K", std::to_string(shape.cols)},
       {"T", wideLayers ? "f32" : tensorType(weight)}});
}

void FunctionWriter::addResidual(const std::string &result,
                                 const std::string &input,
                                 const std::string &branch) {
  add(R"(
  %{P}_empty = tensor.empty(%rows) : tensor<?x{D}xf32>
  %{P} = linalg.add ins({X}, {Y} : tensor<?x{D}xf32>, tensor<?x{D}xf32>)
      outs(%{P}_empty : tensor<?x{D}xf32>) -> tensor<?x{D}xf32>
)",
      {{"P", result}, {"X", input}, {"Y", branch}});
}

/// The beginning of a function of hidden states, which become rows.
void FunctionWriter::openRows(const std::string &name,
                              const std::string &resultType,
                              const std::string &otherArguments) {
  add(R"(
func.func @{NAME}(%input: tensor<?x?x{D}xf32>{OTHERS}) -> {RESULT} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %batch = tensor.dim %input, %c0 : tensor<?x?x{D}xf32>
  %tokens = tensor.dim %input, %c1 : tensor<?x?x{D}xf32>
  %rows = arith.muli %batch, %tokens : index
  %x = tensor.collapse_shape %input [[0, 1], [2]] : tensor<?x?x{D}xf32> into tensor<?x{D}xf32>
)",
      {{"NAME", name}, {"RESULT", resultType}, {"OTHERS", otherArguments}});
}

} // namespace fp4::model

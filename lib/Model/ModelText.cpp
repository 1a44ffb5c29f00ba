//===- ModelText.cpp - A model as MLIR text -------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The functions around the blocks, and modules of them.
//
//===----------------------------------------------------------------------===//

#include "FunctionWriter.h"

namespace fp4::model {

static constexpr char kMaps[] = R"(#ij = affine_map<(i, j) -> (i, j)>
#i = affine_map<(i, j) -> (i)>
#j = affine_map<(i, j) -> (j)>
#vector = affine_map<(i) -> (i)>
#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (n, k)>
#product = affine_map<(m, n, k) -> (m, n)>
#token = affine_map<(b, t, d) -> (b, t)>
#embedding = affine_map<(b, t, d) -> (b, t, d)>
#heads = affine_map<(b, t, h, g, d) -> (b, t, h, g, d)>
#angles = affine_map<(b, t, h, g, d) -> (t, d)>
#score_q = affine_map<(b, h, g, i, j, d) -> (b, i, h, g, d)>
#score_k = affine_map<(b, h, g, i, j, d) -> (b, j, h, d)>
#score = affine_map<(b, h, g, i, j, d) -> (b, h, g, i, j)>
#weights = affine_map<(b, h, g, i, j) -> (b, h, g, i, j)>
#queries = affine_map<(b, h, g, i, j) -> (b, h, g, i)>
#context_p = affine_map<(b, h, g, i, d, j) -> (b, h, g, i, j)>
#context_v = affine_map<(b, h, g, i, d, j) -> (b, j, h, d)>
#context = affine_map<(b, h, g, i, d, j) -> (b, i, h, g, d)>
)";
std::string FunctionWriter::embed() {
  std::string name = "model.embed_tokens.weight";
  bool isWide = tensorType(name) == "f32";
  add(R"(
func.func @embed(%ids: tensor<?x?xi32>) -> tensor<?x?x{D}xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %batch = tensor.dim %ids, %c0 : tensor<?x?xi32>
  %tokens = tensor.dim %ids, %c1 : tensor<?x?xi32>
  %table = fp4.parameter "{NAME}" : tensor<{V}x{D}x{T}>
  %empty = tensor.empty(%batch, %tokens) : tensor<?x?x{D}xf32>
  %output = linalg.generic {indexing_maps = [#token, #embedding], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%ids : tensor<?x?xi32>) outs(%empty : tensor<?x?x{D}xf32>) {
  ^bb0(%id: i32, %unused: f32):
    %row = arith.index_cast %id : i32 to index
    %d = linalg.index 2 : index
    %value = tensor.extract %table[%row, %d] : tensor<{V}x{D}x{T}>
)",
      {{"NAME", name}, {"T", tensorType(name)}});
  if (!isWide)
    add("    %wide = arith.extf %value : {T} to f32\n",
        {{"T", tensorType(name)}});
  add(R"(    linalg.yield {VALUE} : f32
  } -> tensor<?x?x{D}xf32>
  return %output : tensor<?x?x{D}xf32>
}
)",
      {{"VALUE", isWide ? "%value" : "%wide"}});
  return std::move(text);
}

std::string FunctionWriter::head() {
  openRows(kHeadFunction, fill("tensor<?x?x{V}xf32>",
                               {{"V", std::to_string(config.vocabularySize)}}));
  norm("final", "%x", "%rows", config.hiddenSize, "model.norm.weight");
  linear("logits", "%final", headTensorName(config),
         {config.vocabularySize, config.hiddenSize});
  add(R"(
  %output = tensor.expand_shape %logits [[0, 1], [2]] output_shape [%batch, %tokens, {V}] : tensor<?x{V}xf32> into tensor<?x?x{V}xf32>
  return %output : tensor<?x?x{V}xf32>
}
)");
  return std::move(text);
}

static std::string mainFunction(const ModelConfig &config) {
  Names names = {{"D", std::to_string(config.hiddenSize)},
                 {"V", std::to_string(config.vocabularySize)}};
  std::string text = fill(R"(
func.func @main(%ids: tensor<?x?xi32>) -> tensor<?x?x{V}xf32> {
  %x0 = call @embed(%ids) : (tensor<?x?xi32>) -> tensor<?x?x{D}xf32>
)",
                          names);
  for (int64_t layer = 0; layer <= config.numLayers; ++layer) {
    names["I"] = std::to_string(layer);
    names["NEXT"] = std::to_string(layer + 1);
    text += fill(layer < config.numLayers
                     ? "  %x{NEXT} = call @block_{I}(%x{I}) : "
                       "(tensor<?x?x{D}xf32>) -> tensor<?x?x{D}xf32>\n"
                     : "  %logits = call @head(%x{I}) : "
                       "(tensor<?x?x{D}xf32>) -> tensor<?x?x{V}xf32>\n",
                 names);
  }
  return text + fill("  return %logits : tensor<?x?x{V}xf32>\n}\n", names);
}

std::string blockFunction(int64_t layer) {
  return "block_" + std::to_string(layer);
}

std::string embedModule(const ModelDirectory &model) {
  return kMaps + FunctionWriter(model).embed();
}

std::string blockModule(const ModelDirectory &model, int64_t layer) {
  return kMaps + FunctionWriter(model).block(layer);
}

std::string blockPartModule(const ModelDirectory &model, int64_t layer,
                            BlockPart part) {
  return kMaps + FunctionWriter(model).part(layer, part);
}

std::string headModule(const ModelDirectory &model) {
  return kMaps + FunctionWriter(model).head();
}

std::string wholeModule(const ModelDirectory &model) {
  std::string text = kMaps + FunctionWriter(model).embed();
  for (int64_t layer = 0; layer < model.config().numLayers; ++layer)
    text += FunctionWriter(model).block(layer);
  return text + FunctionWriter(model).head() + mainFunction(model.config());
}

} // namespace fp4::model

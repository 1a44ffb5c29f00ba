//===- BlockText.cpp - A transformer block as MLIR text -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention and feed-forward, in the order of execution.
//
//===----------------------------------------------------------------------===//

#include "FunctionWriter.h"
#include <cmath>

namespace fp4::model {

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// A projection of %attn_in cut into heads, [sequence, position, key head,
/// query of it, channel], normalized per head if there are such norms.
void FunctionWriter::project(const std::string &result, int64_t layer,
                             Linear which, const std::string &norm,
                             int64_t group) {
  LinearShape shape = linearShape(config, which);
  std::string name = linearName(layer, which);
  linear(result, "%attn_in", name + ".weight", shape);
  std::string matrix = "%" + result;
  Names names = {{"P", result},
                 {"X", matrix},
                 {"N", std::to_string(shape.rows)},
                 {"C", std::to_string(shape.rows / config.headSize)},
                 {"g", std::to_string(group)}};
  if (config.headNorms && !norm.empty()) {
    add(R"(
  %{P}_count = arith.constant {C} : index
  %{P}_heads = arith.muli %rows, %{P}_count : index
  %{P}_cut = tensor.expand_shape {X} [[0], [1, 2]] output_shape [%rows, {C}, {S}] : tensor<?x{N}xf32> into tensor<?x{C}x{S}xf32>
  %{P}_each = tensor.collapse_shape %{P}_cut [[0, 1], [2]] : tensor<?x{C}x{S}xf32> into tensor<?x{S}xf32>
)",
        names);
    this->norm(result + "_norm", "%" + result + "_each",
               "%" + result + "_heads", config.headSize,
               name.substr(0, name.rfind('.') + 1) + norm + ".weight");
    add(R"(
  %{P}_back = tensor.expand_shape %{P}_norm [[0, 1], [2]] output_shape [%rows, {C}, {S}] : tensor<?x{S}xf32> into tensor<?x{C}x{S}xf32>
  %{P}_flat = tensor.collapse_shape %{P}_back [[0], [1, 2]] : tensor<?x{C}x{S}xf32> into tensor<?x{N}xf32>
)",
        names);
    names["X"] = "%" + result + "_flat";
  }
  add(R"(  %{P}_split = tensor.expand_shape {X} [[0, 1], [2, 3, 4]] output_shape [%batch, %tokens, {H}, {g}, {S}]
      : tensor<?x{N}xf32> into tensor<?x?x{H}x{g}x{S}xf32>
)",
      names);
}

/// Rotary embedding: each pair (d, d + S/2) of a head turns by its angle.
void FunctionWriter::rotate(const std::string &result, const std::string &input,
                            int64_t group) {
  add(R"(
  %{P}_empty = tensor.empty(%batch, %tokens) : tensor<?x?x{H}x{g}x{S}xf32>
  %{P} = linalg.generic {indexing_maps = [#heads, #angles, #angles, #heads],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins({X}, %cosines, %sines : tensor<?x?x{H}x{g}x{S}xf32>, tensor<?x{S}xf32>, tensor<?x{S}xf32>)
      outs(%{P}_empty : tensor<?x?x{H}x{g}x{S}xf32>) {
  ^bb0(%value: f32, %cosine: f32, %sine: f32, %unused: f32):
    %b = linalg.index 0 : index
    %t = linalg.index 1 : index
    %h = linalg.index 2 : index
    %g = linalg.index 3 : index
    %d = linalg.index 4 : index
    %shifted = arith.addi %d, %half : index
    %other = arith.remui %shifted, %size : index
    %partner = tensor.extract {X}[%b, %t, %h, %g, %other] : tensor<?x?x{H}x{g}x{S}xf32>
    %along = arith.mulf %value, %cosine : f32
    %across = arith.mulf %partner, %sine : f32
    %turned = arith.addf %along, %across : f32
    linalg.yield %turned : f32
  } -> tensor<?x?x{H}x{g}x{S}xf32>
)",
      {{"P", result}, {"X", input}, {"g", std::to_string(group)}});
}

static constexpr char kAngles[] = R"(
  // cos and (-/+) sin of position * frequency; the sign is that of the first
  // and the second half of a head
  %half = arith.constant {HALF} : index
  %size = arith.constant {S} : index
  %frequencies = arith.constant dense<[{FREQUENCIES}]> : tensor<{HALF}xf32>
  %angles_empty = tensor.empty(%tokens) : tensor<?x{S}xf32>
  %cosines, %sines = linalg.generic {indexing_maps = [#ij, #ij], iterator_types = ["parallel", "parallel"]}
      outs(%angles_empty, %angles_empty : tensor<?x{S}xf32>, tensor<?x{S}xf32>) {
  ^bb0(%unused0: f32, %unused1: f32):
    %t = linalg.index 0 : index
    %d = linalg.index 1 : index
    %pair = arith.remui %d, %half : index
    %frequency = tensor.extract %frequencies[%pair] : tensor<{HALF}xf32>
    %position = arith.index_cast %t : index to i32
    %position_f32 = arith.sitofp %position : i32 to f32
    %angle = arith.mulf %position_f32, %frequency : f32
    %cosine = math.cos %angle : f32
    %sine = math.sin %angle : f32
    %negative = arith.negf %sine : f32
    %is_first = arith.cmpi ult, %d, %half : index
    %signed = arith.select %is_first, %negative, %sine : f32
    linalg.yield %cosine, %signed : f32, f32
  } -> (tensor<?x{S}xf32>, tensor<?x{S}xf32>)
)";

static constexpr char kAttention[] = R"(
  %keys = tensor.collapse_shape %k_turned [[0], [1], [2, 3], [4]] : tensor<?x?x{H}x1x{S}xf32> into tensor<?x?x{H}x{S}xf32>
  %values = tensor.collapse_shape %v_split [[0], [1], [2, 3], [4]] : tensor<?x?x{H}x1x{S}xf32> into tensor<?x?x{H}x{S}xf32>

  // softmax(q k^T / sqrt(size)), each position seeing itself and those before
  %score_empty = tensor.empty(%batch, %tokens, %tokens) : tensor<?x{H}x{G}x?x?xf32>
  %score_zero = linalg.fill ins(%zero : f32) outs(%score_empty : tensor<?x{H}x{G}x?x?xf32>) -> tensor<?x{H}x{G}x?x?xf32>
  %scores = linalg.generic {indexing_maps = [#score_q, #score_k, #score],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%q_turned, %keys : tensor<?x?x{H}x{G}x{S}xf32>, tensor<?x?x{H}x{S}xf32>)
      outs(%score_zero : tensor<?x{H}x{G}x?x?xf32>) {
  ^bb0(%query: f32, %key: f32, %sum: f32):
    %term = arith.mulf %query, %key : f32
    %next = arith.addf %sum, %term : f32
    linalg.yield %next : f32
  } -> tensor<?x{H}x{G}x?x?xf32>
  %scale = arith.constant {SCALE} : f32
  %minus_infinity = arith.constant 0xFF800000 : f32
  %masked = linalg.generic {indexing_maps = [#weights, #weights],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%scores : tensor<?x{H}x{G}x?x?xf32>) outs(%score_empty : tensor<?x{H}x{G}x?x?xf32>) {
  ^bb0(%score: f32, %unused: f32):
    %i = linalg.index 3 : index
    %j = linalg.index 4 : index
    %is_past = arith.cmpi ule, %j, %i : index
    %scaled = arith.mulf %score, %scale : f32
    %kept = arith.select %is_past, %scaled, %minus_infinity : f32
    linalg.yield %kept : f32
  } -> tensor<?x{H}x{G}x?x?xf32>
  %query_empty = tensor.empty(%batch, %tokens) : tensor<?x{H}x{G}x?xf32>
  %query_least = linalg.fill ins(%minus_infinity : f32) outs(%query_empty : tensor<?x{H}x{G}x?xf32>) -> tensor<?x{H}x{G}x?xf32>
  %largest = linalg.generic {indexing_maps = [#weights, #queries],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%masked : tensor<?x{H}x{G}x?x?xf32>) outs(%query_least : tensor<?x{H}x{G}x?xf32>) {
  ^bb0(%score: f32, %maximum: f32):
    %next = arith.maxnumf %maximum, %score fastmath<nnan, nsz> : f32
    linalg.yield %next : f32
  } -> tensor<?x{H}x{G}x?xf32>
  %exponentials = linalg.generic {indexing_maps = [#weights, #queries, #weights],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%masked, %largest : tensor<?x{H}x{G}x?x?xf32>, tensor<?x{H}x{G}x?xf32>)
      outs(%score_empty : tensor<?x{H}x{G}x?x?xf32>) {
  ^bb0(%score: f32, %maximum: f32, %unused: f32):
    %below = arith.subf %score, %maximum : f32
    %exponential = math.exp %below : f32
    linalg.yield %exponential : f32
  } -> tensor<?x{H}x{G}x?x?xf32>
  %query_zero = linalg.fill ins(%zero : f32) outs(%query_empty : tensor<?x{H}x{G}x?xf32>) -> tensor<?x{H}x{G}x?xf32>
  %totals = linalg.generic {indexing_maps = [#weights, #queries],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%exponentials : tensor<?x{H}x{G}x?x?xf32>) outs(%query_zero : tensor<?x{H}x{G}x?xf32>) {
  ^bb0(%exponential: f32, %sum: f32):
    %next = arith.addf %sum, %exponential fastmath<reassoc> : f32
    linalg.yield %next : f32
  } -> tensor<?x{H}x{G}x?xf32>
  %attention = linalg.generic {indexing_maps = [#weights, #queries, #weights],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%exponentials, %totals : tensor<?x{H}x{G}x?x?xf32>, tensor<?x{H}x{G}x?xf32>)
      outs(%score_empty : tensor<?x{H}x{G}x?x?xf32>) {
  ^bb0(%exponential: f32, %total: f32, %unused: f32):
    %share = arith.divf %exponential, %total : f32
    linalg.yield %share : f32
  } -> tensor<?x{H}x{G}x?x?xf32>

  %context_empty = tensor.empty(%batch, %tokens) : tensor<?x?x{H}x{G}x{S}xf32>
  %context_zero = linalg.fill ins(%zero : f32) outs(%context_empty : tensor<?x?x{H}x{G}x{S}xf32>) -> tensor<?x?x{H}x{G}x{S}xf32>
  %context = linalg.generic {indexing_maps = [#context_p, #context_v, #context],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%attention, %values : tensor<?x{H}x{G}x?x?xf32>, tensor<?x?x{H}x{S}xf32>)
      outs(%context_zero : tensor<?x?x{H}x{G}x{S}xf32>) {
  ^bb0(%share: f32, %value: f32, %sum: f32):
    %term = arith.mulf %share, %value : f32
    %next = arith.addf %sum, %term : f32
    linalg.yield %next : f32
  } -> tensor<?x?x{H}x{G}x{S}xf32>
  %attended = tensor.collapse_shape %context [[0, 1], [2, 3, 4]] : tensor<?x?x{H}x{G}x{S}xf32> into tensor<?x{QW}xf32>
)";

void FunctionWriter::attend() {
  std::string frequencies;
  for (double frequency : config.rotaryFrequencies)
    frequencies += (frequencies.empty() ? "" : ", ") + floatText(frequency);
  add(kAngles, {{"FREQUENCIES", frequencies}});
  rotate("q_turned", "%q_split", config.numHeads / config.numKeyValueHeads);
  rotate("k_turned", "%k_split", 1);
  add(kAttention,
      {{"SCALE", floatText(1.0 / std::sqrt(double(config.headSize)))}});
}

void FunctionWriter::attentionInput(int64_t layer) {
  norm("attn_in", "%x", "%rows", config.hiddenSize,
       "model.layers." + std::to_string(layer) + ".input_layernorm.weight");
}

/// attended: what o_proj reads.
void FunctionWriter::attention(int64_t layer) {
  project("q", layer, Linear::Q, "q_norm",
          config.numHeads / config.numKeyValueHeads);
  project("k", layer, Linear::K, "k_norm", 1);
  project("v", layer, Linear::V, "", 1);
  attend();
}

/// middle: the residual stream behind the attention.
void FunctionWriter::attentionOutput(int64_t layer) {
  linear("o", "%attended", linearName(layer, Linear::O) + ".weight",
         linearShape(config, Linear::O));
  addResidual("middle", "%x", "%o");
}

//===----------------------------------------------------------------------===//
// Feed-forward
//===----------------------------------------------------------------------===//

/// `middle`: the value that holds the residual stream.
void FunctionWriter::feedForwardInput(int64_t layer,
                                      const std::string &middle) {
  norm("mlp_in", middle, "%rows", config.hiddenSize,
       "model.layers." + std::to_string(layer) +
           ".post_attention_layernorm.weight");
}

/// hidden: what down_proj reads.
void FunctionWriter::feedForward(int64_t layer) {
  linear("gate", "%mlp_in", linearName(layer, Linear::Gate) + ".weight",
         linearShape(config, Linear::Gate));
  linear("up", "%mlp_in", linearName(layer, Linear::Up) + ".weight",
         linearShape(config, Linear::Up));
  add(R"(
  // silu(gate) * up
  %one = arith.constant 1.0 : f32
  %hidden = linalg.generic {indexing_maps = [#ij, #ij, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%gate, %up : tensor<?x{F}xf32>, tensor<?x{F}xf32>) outs(%up_empty : tensor<?x{F}xf32>) {
  ^bb0(%g: f32, %u: f32, %unused: f32):
    %negative = arith.negf %g : f32
    %exp = math.exp %negative : f32
    %denominator = arith.addf %exp, %one : f32
    %silu = arith.divf %g, %denominator : f32
    %gated = arith.mulf %silu, %u : f32
    linalg.yield %gated : f32
  } -> tensor<?x{F}xf32>
)");
}

/// y: the residual stream behind the block.
void FunctionWriter::feedForwardOutput(int64_t layer,
                                       const std::string &middle) {
  linear("down", "%hidden", linearName(layer, Linear::Down) + ".weight",
         linearShape(config, Linear::Down));
  addResidual("y", middle, "%down");
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// Ends a function with the rows of `value`, as hidden states.
void FunctionWriter::returnStates(const std::string &value) {
  add(R"(
  %output = tensor.expand_shape {X} [[0, 1], [2]] output_shape [%batch, %tokens, {D}] : tensor<?x{D}xf32> into tensor<?x?x{D}xf32>
  return %output : tensor<?x?x{D}xf32>
}
)",
      {{"X", value}});
}

void FunctionWriter::returnRows(const std::string &value,
                                const std::string &type) {
  add("\n  return {X} : {T}\n}\n", {{"X", value}, {"T", type}});
}

std::string FunctionWriter::block(int64_t layer) {
  openRows(blockFunction(layer), statesType());
  attentionInput(layer);
  attention(layer);
  attentionOutput(layer);
  feedForwardInput(layer, "%middle");
  feedForward(layer);
  feedForwardOutput(layer, "%middle");
  returnStates("%y");
  return std::move(text);
}

std::string FunctionWriter::part(int64_t layer, BlockPart part) {
  std::string name = "part_" + std::to_string(int(part));
  std::string inputs = rowsType(config.hiddenSize);
  std::string attended = rowsType(config.queryWidth());
  std::string hidden = rowsType(config.intermediateSize);
  wideLayers = true;
  switch (part) {
  case BlockPart::AttentionInput:
    openRows(name, inputs);
    attentionInput(layer);
    returnRows("%attn_in", inputs);
    break;
  case BlockPart::Attention:
    openRows(name, attended, ", %attn_in: " + inputs);
    attention(layer);
    returnRows("%attended", attended);
    break;
  case BlockPart::AttentionOutput:
    openRows(name, statesType(), ", %attended: " + attended);
    attentionOutput(layer);
    returnStates("%middle");
    break;
  case BlockPart::FeedForwardInput:
    openRows(name, inputs);
    feedForwardInput(layer, "%x");
    returnRows("%mlp_in", inputs);
    break;
  case BlockPart::FeedForward:
    openRows(name, hidden, ", %mlp_in: " + inputs);
    feedForward(layer);
    returnRows("%hidden", hidden);
    break;
  case BlockPart::FeedForwardOutput:
    openRows(name, statesType(), ", %hidden: " + hidden);
    feedForwardOutput(layer, "%x");
    returnStates("%y");
    break;
  }
  return std::move(text);
}

} // namespace fp4::model

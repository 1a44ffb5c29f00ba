//===- ManifestTest.cpp - Reading manifests -------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A small manifest, and what the reader says when a part of it is wrong.
//
//===----------------------------------------------------------------------===//

#include "fp4/Runtime/Artifact/Manifest.h"
#include <gtest/gtest.h>

namespace fp4::runtime::testing {

static const std::string kManifest = R"({
  "format": "fp4-kernels",
  "format_version": 1,
  "target": "sm_120a",
  "ptx": {"file": "kernels.sm_120a.ptx"},
  "weights": "weights.safetensors",
  "kernels": [{
    "name": "k",
    "arguments": [
      {"name": "x", "kind": "tensor_map", "type": "f4E2M1FN", "shape": ["rows", 256],
       "tensor_map": {"data_type": "uint8", "shape": [128, "rows"], "strides": [128], "box": [64, 32],
                      "element_strides": [1, 1], "interleave": "none", "swizzle": "64B",
                      "l2_promotion": "128B", "fill": "nan"}},
      {"name": "rows", "kind": "value", "type": "i32"},
      {"name": "scratch", "kind": "workspace"},
      {"name": "out", "kind": "pointer", "type": "f32", "shape": [{"size": "rows", "tile": 128}, 8]}],
    "grid": {"x": [{"size": "rows", "tile": 128}, 2]},
    "block": [256, 1, 1],
    "dynamic_shared_memory": 1024,
    "workspace": [{"size": "rows", "tile": 32}, 4096],
    "meaning": {"kind": "matmul", "lhs_format": "nvfp4", "digits": 3}
  }],
  "launches": [{
    "kernel": "k", "layer": "gate",
    "arguments": {"x": {"weight": "gate.x"}, "rows": {"input": "rows"}, "out": {"output": "out"}}
  }]
})";

/// The manifest with `from` replaced, which must occur in it.
static std::string edited(const std::string &from, const std::string &to) {
  std::string text = kManifest;
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Manifest, Reads_all_that_a_launch_needs) {
  Expected<Manifest> manifest = parseManifest(kManifest);
  ASSERT_TRUE(manifest.ok()) << manifest.message();
  EXPECT_EQ(manifest->target, "sm_120a");
  EXPECT_EQ(manifest->ptxFile, "kernels.sm_120a.ptx");
  ASSERT_EQ(manifest->kernels.size(), 1u);
  const KernelDescription &kernel = manifest->kernels[0];
  EXPECT_EQ(kernel.block.x, 256u);
  EXPECT_EQ(kernel.dynamicSharedBytes, 1024u);
  EXPECT_FALSE(kernel.hasExactGrid);
  ASSERT_EQ(kernel.workspace.size(), 2u);
  EXPECT_EQ(kernel.workspace[0].tile, 32);
  EXPECT_EQ(kernel.arguments[2].kind, KernelArgument::Kind::Workspace);
  EXPECT_EQ(kernel.meaning.field("lhs_format"), "nvfp4");
  EXPECT_EQ(kernel.meaning.field("digits"), "3");
  EXPECT_EQ(kernel.meaning.field("none"), "");
  const ptx::TensorMapParams &map = kernel.arguments[0].map.params;
  EXPECT_EQ(map.type, ptx::TensorMapType::U8);
  EXPECT_EQ(map.rank, 2u);
  EXPECT_EQ(map.boxDim[1], 32u);
  EXPECT_EQ(map.globalStrides[0], 128u);
  EXPECT_EQ(map.swizzle, ptx::TensorMapSwizzle::B64);
  EXPECT_EQ(map.l2Promotion, 2); // CU_TENSOR_MAP_L2_PROMOTION_L2_128B
  EXPECT_TRUE(map.nanFill);
  ASSERT_EQ(manifest->launches.size(), 1u);
  EXPECT_EQ(manifest->launches[0].arguments.at("x").kind,
            ArgumentSource::Kind::Weight);
}

/// A launch of "k", or of `other` for up to 16 rows and "m" for up to 64.
static std::string withAlternatives(const std::string &other) {
  std::string text = kManifest;
  size_t begin = text.find("{\n    \"name\": \"k\""),
         end = text.find("}],\n  \"launches");
  std::string kernel = text.substr(begin, end + 1 - begin);
  auto named = [&](const char *name) {
    std::string copy = kernel;
    return copy.replace(copy.find("\"k\""), 3, name);
  };
  text.insert(end + 1, ", " + named("\"l\"") + ", " + named("\"m\""));
  std::string list =
      R"("alternatives": [{"kernel": ")" + other +
      R"(", "size": "rows", "at_most": 16}, {"kernel": "m", "size": "rows", "at_most": 64}], )";
  return text.insert(text.find("\"layer\": \"gate\""), list);
}

TEST(Manifest, Chooses_the_first_alternative_that_is_large_enough) {
  Expected<Manifest> manifest = parseManifest(withAlternatives("l"));
  ASSERT_TRUE(manifest.ok()) << manifest.message();
  const LaunchDescription &launch = manifest->launches[0];
  EXPECT_EQ(*chooseKernel(launch, {{"rows", 1}}), 1u);
  EXPECT_EQ(*chooseKernel(launch, {{"rows", 16}}), 1u);
  EXPECT_EQ(*chooseKernel(launch, {{"rows", 17}}), 2u);
  EXPECT_EQ(*chooseKernel(launch, {{"rows", 64}}), 2u);
  EXPECT_EQ(*chooseKernel(launch, {{"rows", 65}}), 0u);
  EXPECT_EQ(chooseKernel(launch, {}).message(), "the size 'rows' is not known");
}

TEST(Manifest, Says_which_alternative_is_wrong) {
  EXPECT_EQ(parseManifest(withAlternatives("j")).message(),
            "launches[0].alternatives[0].kernel: expected the name of a "
            "kernel, got \"j\"");
  std::string text = withAlternatives("l");
  size_t at = text.find("\"name\": \"out\"", text.find("\"name\": \"l\""));
  text.replace(at, 13, "\"name\": \"y\"");
  EXPECT_EQ(parseManifest(text).message(),
            "launches[0].alternatives[0].kernel: expected a kernel with the "
            "arguments of 'k', got \"l\"");
}

TEST(Manifest, Evaluates_sizes) {
  Size tiles{0, "rows", 128};
  EXPECT_EQ(*evaluateSize(tiles, {{"rows", 129}}), 2);
  EXPECT_EQ(*evaluateSize({7, "", 1}, {}), 7);
  EXPECT_EQ(evaluateSize(tiles, {}).message(), "the size 'rows' is not known");
}

TEST(Manifest, Says_where_it_is_wrong) {
  auto message = [](const std::string &text) {
    return parseManifest(text).message();
  };
  EXPECT_EQ(message("[1]"), "expected a JSON object");
  EXPECT_EQ(message(kManifest.substr(0, 100)), "expected a JSON object");
  EXPECT_EQ(message(edited("fp4-kernels", "other")),
            "format: expected \"fp4-kernels\", got \"other\"");
  EXPECT_EQ(message(edited("\"format_version\": 1", "\"format_version\": 2")),
            "format_version: expected a number from 1 to 1, got 2");
  EXPECT_EQ(message(edited("\"target\": \"sm_120a\",", "")),
            "expected a field 'target'");
  EXPECT_EQ(message(edited("\"block\": [256, 1, 1]", "\"block\": 256")),
            "kernels[0].block: expected an array, got 256");
  EXPECT_EQ(message(edited("[256, 1, 1]", "[256, 1, 1, 1]")),
            "kernels[0].block: expected one to three numbers");
  EXPECT_EQ(message(edited("\"kind\": \"pointer\"", "\"kind\": \"array\"")),
            "kernels[0].arguments[3].kind: expected one of pointer, "
            "tensor_map, value, workspace, got \"array\"");
  EXPECT_EQ(message(edited("\"box\": [64, 32]", "\"box\": [64]")),
            "kernels[0].arguments[0].tensor_map: expected a shape of 1 to 5 "
            "sizes, as many in box and element_strides, one less in strides");
  EXPECT_EQ(message(edited("\"tile\": 128", "\"tile\": 0")),
            "kernels[0].arguments[3].shape[0].tile: expected a number from 1 "
            "to 1099511627776, got 0");
  EXPECT_EQ(message(edited("\"name\": \"k\"", "\"name\": 3")),
            "kernels[0].name: expected a string, got 3");
  EXPECT_EQ(message(edited("\"kernel\": \"k\"", "\"kernel\": \"j\"")),
            "launches[0].kernel: expected the name of a kernel, got \"j\"");
  EXPECT_EQ(message(edited("{\"weight\": \"gate.x\"}", "{\"file\": \"x\"}")),
            "launches[0].arguments.x: expected an object with a field weight, "
            "input, output or buffer");
  EXPECT_EQ(message(edited("\"matmul\", ", "\"matmul\", \"kind\": 1, ")),
            "kernels[0].meaning.kind: expected a string, got 1");
}

TEST(Manifest, Every_prefix_is_an_error_and_no_crash) {
  for (size_t length = 0; length < kManifest.size(); ++length)
    EXPECT_FALSE(parseManifest(kManifest.substr(0, length)).ok());
}

} // namespace fp4::runtime::testing

//===- QuantizeBitsTest.cpp - fp4.quantize equals Numerics bit for bit ----===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every format, scale rule, NaN policy and rounding on thousands of blocks:
// compiled code against numerics::quantizeBlocks, and decoding against
// numerics::dequantizeBlocks. (Whether Numerics is right is tested against
// other oracles, in test/Unit/Numerics and test/Integration/Host.)
//
//===----------------------------------------------------------------------===//

#include "HostTesting.h"
#include "fp4/Numerics/BlockFormat.h"

using namespace fp4;
using namespace fp4::numerics;

namespace {
using Rule = numerics::ScaleRule;
using Policy = numerics::NaNPolicy;

constexpr size_t kRows = 96, kCols = 64;

struct Case {
  std::string format; // as the type prints it
  BlockFormat value;
};

std::vector<Case> allFormats() {
  std::vector<Case> cases;
  for (const BlockFormat &format : {kNVFP4, kMXFP4, kMXFP6E2M3, kMXFP6E3M2,
                                    kMXFP8E4M3, kMXFP8E5M2, kMXINT8})
    cases.push_back({"#fp4." + std::string(*blockFormatName(format)), format});
  auto add = [&](const char *text, ElementFormat element, ScaleFormat scale,
                 unsigned rows, unsigned cols, bool tensorScale) {
    cases.push_back({"#fp4.format<" + std::string(text) + ">",
                     {element, scale, rows, cols, tensorScale}});
  };
  add("element = f4E2M1FN, scale = f8E4M3FN, block = 16x16, tensor_scale",
      ElementFormat::E2M1, ScaleFormat::UE4M3, 16, 16, true);
  add("element = f4E2M1FN, scale = ue5m3fnu, block = 16", ElementFormat::E2M1,
      ScaleFormat::UE5M3FNU, 1, 16, false);
  add("element = f4E2M1FN, scale = ue5m3gc, block = 32, tensor_scale",
      ElementFormat::E2M1, ScaleFormat::UE5M3GC, 1, 32, true);
  add("element = f6E3M2FN, scale = f8E4M3FN, block = 4", ElementFormat::E3M2,
      ScaleFormat::UE4M3, 1, 4, false);
  add("element = f8E4M3FN, scale = f8E8M0FNU, block = 8x64",
      ElementFormat::E4M3, ScaleFormat::E8M0, 8, 64, false);
  add("element = i8, scale = ue5m3fnu, block = 64, tensor_scale",
      ElementFormat::MXINT8, ScaleFormat::UE5M3FNU, 1, 64, true);
  return cases;
}

std::vector<Rule> legalRules(const BlockFormat &format) {
  std::vector<Rule> rules;
  for (Rule rule : {Rule::Floor, Rule::RCeil, Rule::Even, Rule::AbsMax,
                    Rule::FourOverSix, Rule::Search})
    if (isScaleRuleLegal(rule, format))
      rules.push_back(rule);
  return rules;
}

/// One function per rule, policy and rounding, and one that decodes. The
/// tensor scale, where there is one, is computed ("auto") or given.
std::string programFor(const Case &c) {
  // Blocks of several rows need their number to be static.
  std::string shape = c.value.blockRows == 1 ? "?x64" : "96x64";
  std::string x = "tensor<" + shape + "xf32>", r = "tensor<" + shape + "xi32>";
  std::string q = "!fp4.tensor<" + shape + ", " + c.format + ">";
  std::string text;
  for (Rule rule : legalRules(c.value)) {
    std::string name(scaleRuleName(rule));
    std::string ruleAttr = "scale_rule = #fp4.scale_rule<" + name + ">";
    for (std::string policy : {"propagate", "saturate_inf"})
      for (bool random : {false, true})
        for (bool given : {false, true}) {
          if (given && !c.value.hasTensorScale)
            continue;
          text += "func.func @" + name + "_" + policy + (random ? "_sr" : "") +
                  (given ? "_given" : "") + "(%x: " + x + ", %r: " + r +
                  ", %t: f32) -> " + q + " {\n  %q = fp4.quantize %x" +
                  (given ? " tensor_scale(%t)" : "") +
                  (random ? " random(%r : " + r + ")" : "") + " {" + ruleAttr +
                  ", nan_policy = #fp4.nan_policy<" + policy + ">} : " + x +
                  " -> " + q + "\n  return %q : " + q + "\n}\n";
        }
  }
  text += "func.func @decode(%q: " + q + ") -> " + x +
          " {\n  %y = fp4.dequantize %q : " + q + " -> " + x +
          "\n  return %y : " + x + "\n}\n";
  return text;
}

/// What Numerics says about one call.
struct Reference {
  std::vector<uint8_t> codes, scales;
  float tensorScale;
};

Reference quantize(const BlockFormat &format, const QuantizeOptions &options,
                   const std::vector<float> &x, std::optional<float> given) {
  Reference result;
  result.codes.resize(x.size());
  result.scales.resize(x.size() / (format.blockRows * format.blockCols));
  result.tensorScale =
      given ? *given
            : tensorScaleFor(format, absMax(x.data(), x.size()), options.rule);
  quantizeBlocks(format, options, x.data(), x.size() / kCols, kCols,
                 result.tensorScale, result.codes.data(), result.scales.data());
  return result;
}

void expectBytes(const NDArray &got, const std::vector<uint8_t> &expected,
                 const std::string &what) {
  ASSERT_EQ(got.byteSize(), expected.size()) << what;
  for (size_t i = 0; i < expected.size(); ++i)
    ASSERT_EQ(int(got.bytes()[i]), int(expected[i])) << what << " at " << i;
}

class QuantizeBits : public testing::TestWithParam<Case> {
protected:
  void SetUp() override {
    finite = test::makeBlocks(kRows, kCols);
    special = test::withSpecials(finite, kCols);
    // The largest word decides about the tiniest values.
    std::mt19937 generator(2);
    for (size_t i = 0; i < kRows * kCols; ++i)
      random.push_back(i % 3 == 0 ? 0xFFFFFFFFu
                                  : static_cast<uint32_t>(generator()));
    snippet = std::make_unique<test::Snippet>(programFor(GetParam()));
  }

  std::vector<NDArray> call(const std::string &entry,
                            const std::vector<float> &x, float tensorScale) {
    std::vector<int64_t> shape = {kRows, kCols};
    NDArray words(DType::I32, shape);
    std::memcpy(words.mutableBytes(), random.data(), words.byteSize());
    return snippet->run(entry, {NDArray::fromFloats(shape, x), words,
                                NDArray::fromFloats({}, {tensorScale})});
  }

  void check(Rule rule, Policy policy, bool stochastic,
             std::optional<float> given);

  std::vector<float> finite, special;
  std::vector<uint32_t> random;
  std::unique_ptr<test::Snippet> snippet;
};

void QuantizeBits::check(Rule rule, Policy policy, bool stochastic,
                         std::optional<float> given) {
  const BlockFormat &format = GetParam().value;
  std::string entry =
      std::string(scaleRuleName(rule)) +
      (policy == Policy::Propagate ? "_propagate" : "_saturate_inf") +
      (stochastic ? "_sr" : "") + (given ? "_given" : "");
  // A NaN would make a computed tensor scale, and so every block, NaN.
  bool isComputed = format.hasTensorScale && !given;
  const std::vector<float> &x = isComputed ? finite : special;
  QuantizeOptions options{rule, policy, stochastic ? random.data() : nullptr};
  Reference expected = quantize(format, options, x, given);
  std::vector<NDArray> got = call(entry, x, given.value_or(1.0f));
  ASSERT_EQ(got.size(), format.hasTensorScale ? 3u : 2u) << entry;
  expectBytes(got[1], expected.scales, entry + " scales");
  expectBytes(got[0], expected.codes, entry + " codes");
  if (format.hasTensorScale) {
    float tensorScale;
    std::memcpy(&tensorScale, got[2].bytes(), sizeof(tensorScale));
    EXPECT_EQ(tensorScale, expected.tensorScale) << entry;
  }

  std::vector<float> decoded(x.size());
  dequantizeBlocks(format, expected.codes.data(), expected.scales.data(), kRows,
                   kCols, expected.tensorScale, decoded.data());
  std::vector<NDArray> values = snippet->run("decode", got);
  ASSERT_EQ(values.size(), 1u);
  std::vector<float> gotValues = *values[0].toFloat32();
  for (size_t i = 0; i < decoded.size(); ++i) {
    if (decoded[i] != decoded[i])
      ASSERT_NE(gotValues[i], gotValues[i]) << entry << " at " << i;
    else
      ASSERT_EQ(gotValues[i], decoded[i]) << entry << " at " << i;
  }
}

TEST_P(QuantizeBits, equalNumerics) {
  std::vector<std::optional<float>> tensorScales = {std::nullopt};
  if (GetParam().value.hasTensorScale)
    tensorScales = {std::nullopt, 0.01f, 3.0f, 1e-38f, 1e30f};
  for (Rule rule : legalRules(GetParam().value))
    for (Policy policy : {Policy::Propagate, Policy::SaturateInf})
      for (bool stochastic : {false, true})
        for (std::optional<float> given : tensorScales)
          check(rule, policy, stochastic, given);
}

std::string caseName(const testing::TestParamInfo<Case> &info) {
  std::string name;
  for (char c : info.param.format)
    if (std::isalnum(static_cast<unsigned char>(c)))
      name += c;
  return name;
}

INSTANTIATE_TEST_SUITE_P(Formats, QuantizeBits, testing::ValuesIn(allFormats()),
                         caseName);
} // namespace

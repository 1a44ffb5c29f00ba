//===- OptionsTest.cpp - Names, presets and rejected input ----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every message of this layer appears here or, where it is about the Hessian's
// definiteness or the activations, in GPTQTest and HessianTest.
//
//===----------------------------------------------------------------------===//

#include "fp4/Quantization/Presets.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>

using namespace fp4;
using namespace fp4::quantization;
using namespace fp4::numerics;

TEST(Names, RoundTrip) {
  for (auto algorithm : {Algorithm::RTN, Algorithm::GPTQ})
    EXPECT_EQ(parseAlgorithm(algorithmName(algorithm)), algorithm);
  for (auto order :
       {ColumnOrder::Natural, ColumnOrder::ActOrder, ColumnOrder::Group})
    EXPECT_EQ(parseColumnOrder(columnOrderName(order)), order);
  for (auto rule : {WeightScaleRule::AbsMax, WeightScaleRule::Floor,
                    WeightScaleRule::Even, WeightScaleRule::RCeil,
                    WeightScaleRule::FourOverSix, WeightScaleRule::Search,
                    WeightScaleRule::Mse, WeightScaleRule::FourThirds,
                    WeightScaleRule::AbsMax4, WeightScaleRule::WeightedMse,
                    WeightScaleRule::LocalHessian, WeightScaleRule::InLoop})
    EXPECT_EQ(parseWeightScaleRule(weightScaleRuleName(rule)), rule);
  for (auto rule : {TensorScaleRule::Full, TensorScaleRule::Headroom,
                    TensorScaleRule::None})
    EXPECT_EQ(parseTensorScaleRule(tensorScaleRuleName(rule)), rule);
  for (auto [alias, rule] :
       {std::pair("absmax", WeightScaleRule::AbsMax),
        std::pair("absmax6", WeightScaleRule::AbsMax),
        std::pair("absmax4", WeightScaleRule::AbsMax4),
        std::pair("four_over_six", WeightScaleRule::FourOverSix),
        std::pair("sweep", WeightScaleRule::Search),
        std::pair("fpq_mse", WeightScaleRule::Mse),
        std::pair("wmse", WeightScaleRule::WeightedMse),
        std::pair("local_hessian", WeightScaleRule::LocalHessian),
        std::pair("in_loop", WeightScaleRule::InLoop),
        std::pair("ceil", WeightScaleRule::RCeil),
        std::pair("fpquant", WeightScaleRule::FourThirds)})
    EXPECT_EQ(parseWeightScaleRule(alias), rule) << alias;
  EXPECT_EQ(parseAlgorithm("RTN"), std::nullopt);
  EXPECT_EQ(parseWeightScaleRule(""), std::nullopt);
}

TEST(Presets, AreLegalForEveryFormat) {
  for (std::string_view name : kPresetNames)
    for (BlockFormat format : {kNVFP4, kMXFP4, kMXFP6E2M3, kMXFP6E3M2,
                               kMXFP8E4M3, kMXFP8E5M2, kMXINT8}) {
      Expected<Preset> preset = findPreset(name, format);
      bool isTool =
          name == "fp-quant" || name == "llmcompressor" || name == "modelopt";
      if (isTool && format.element != ElementFormat::E2M1) {
        EXPECT_EQ(preset.message(),
                  "quantization preset '" + std::string(name) +
                      "' is for E2M1 elements, got " +
                      std::string(elementFormatName(format.element)));
        continue;
      }
      ASSERT_TRUE(preset.ok()) << preset.message();
      EXPECT_EQ(verifyOptions(preset->options).message(), "") << name;
      bool rotates = name == "fp-quant" || name.substr(0, 2) == "mr";
      EXPECT_EQ(preset->hadamardBlock, rotates ? format.blockCols : 0) << name;
      Preset dataFree = withoutCalibration(*preset);
      EXPECT_EQ(verifyOptions(dataFree.options).message(), "") << name;
      EXPECT_EQ(dataFree.options.algorithm, Algorithm::RTN);
      EXPECT_EQ(dataFree.hadamardBlock, preset->hadamardBlock);
    }
}

TEST(Presets, FollowTheTable) {
  struct Row {
    std::string_view name;
    WeightScaleRule mantissaRule, powerOfTwoRule;
    ColumnOrder order;
    unsigned sweeps;
  };
  const Row table[] = {{"rtn", WeightScaleRule::AbsMax, WeightScaleRule::Floor,
                        ColumnOrder::Natural, 0},
                       {"gptq", WeightScaleRule::AbsMax, WeightScaleRule::Floor,
                        ColumnOrder::ActOrder, 0},
                       {"mr-gptq", WeightScaleRule::Mse,
                        WeightScaleRule::Search, ColumnOrder::ActOrder, 0},
                       {"mr-gptq-plus", WeightScaleRule::InLoop,
                        WeightScaleRule::InLoop, ColumnOrder::Group, 2},
                       {"fp-quant", WeightScaleRule::Mse,
                        WeightScaleRule::FourThirds, ColumnOrder::ActOrder, 0},
                       {"llmcompressor", WeightScaleRule::AbsMax,
                        WeightScaleRule::Even, ColumnOrder::ActOrder, 0},
                       {"modelopt", WeightScaleRule::AbsMax,
                        WeightScaleRule::RCeil, ColumnOrder::Natural, 0}};
  ASSERT_EQ(std::size(table), std::size(kPresetNames));
  for (const Row &row : table)
    for (BlockFormat format : {kNVFP4, kMXFP4}) {
      WeightOptions options = findPreset(row.name, format)->options;
      EXPECT_EQ(options.scaleRule,
                format == kNVFP4 ? row.mantissaRule : row.powerOfTwoRule)
          << row.name;
      EXPECT_EQ(options.order, row.order) << row.name;
      EXPECT_EQ(options.polishSweeps, row.sweeps) << row.name;
      EXPECT_EQ(options.tensorScaleRule, row.name == "mr-gptq-plus"
                                             ? TensorScaleRule::Headroom
                                             : TensorScaleRule::Full)
          << row.name;
    }
}

TEST(Presets, UnknownNameListsTheKnownOnes) {
  EXPECT_EQ(findPreset("awq", kNVFP4).message(),
            "unknown quantization preset 'awq', expected one of rtn, gptq, "
            "mr-gptq, mr-gptq-plus, fp-quant, llmcompressor, modelopt");
}

static WeightOptions gptq() {
  WeightOptions options;
  options.algorithm = Algorithm::GPTQ;
  return options;
}

TEST(VerifyOptions, RejectsContradictions) {
  WeightOptions options;
  options.scaleRule = WeightScaleRule::InLoop;
  EXPECT_EQ(verifyOptions(options).message(),
            "scale rule in-loop needs algorithm gptq, got rtn");
  options.algorithm = Algorithm::GPTQ;
  EXPECT_TRUE(verifyOptions(options).ok());
  options.order = ColumnOrder::ActOrder;
  EXPECT_EQ(verifyOptions(options).message(),
            "scale rule in-loop needs the columns of a block together: "
            "expected order natural or group, got act-order");

  options = gptq();
  options.scaleRule = WeightScaleRule::Floor;
  EXPECT_EQ(verifyOptions(options).message(),
            "scale rule floor does not fit the block format: E2M1 with scale "
            "UE4M3 and a tensor scale");
  options.format = kMXFP4;
  options.scaleRule = WeightScaleRule::Mse;
  EXPECT_EQ(verifyOptions(options).message(),
            "scale rule mse does not fit the block format: E2M1 with scale "
            "E8M0");
  options.scaleRule = WeightScaleRule::FourThirds;
  EXPECT_EQ(verifyOptions(options).message(),
            "scale rule four-thirds does not fit the block format: E2M1 with "
            "scale E8M0");
}

TEST(VerifyOptions, RejectsValuesOutOfRange) {
  WeightOptions options = gptq();
  options.damping = -0.5;
  EXPECT_EQ(verifyOptions(options).message(),
            "damping is -0.5, expected a finite value of at least 0");
  options.damping = std::nan("");
  EXPECT_FALSE(verifyOptions(options).ok());

  options = gptq();
  options.blockColumns = 0;
  EXPECT_EQ(verifyOptions(options).message(),
            "block columns is 0, expected at least 1");

  options = gptq();
  options.format.blockRows = 3;
  EXPECT_EQ(verifyOptions(options).message(),
            "block of 3 rows, expected a divisor of 128");

  options = gptq();
  options.algorithm = Algorithm::RTN;
  options.polishSweeps = 1;
  EXPECT_EQ(verifyOptions(options).message(),
            "polish sweeps need algorithm gptq, got rtn");

  for (bool polishes : {false, true}) {
    options = gptq();
    options.arithmetic = Arithmetic::LLMCompressor;
    EXPECT_TRUE(verifyOptions(options).ok());
    options.polishSweeps = polishes;
    if (!polishes)
      options.scaleRule = WeightScaleRule::InLoop;
    EXPECT_EQ(verifyOptions(options).message(),
              "scale rule in-loop and polish sweeps need our own arithmetic, "
              "got that of another tool");
  }

  options = gptq();
  options.fixedTensorScale = 0.0f;
  EXPECT_EQ(verifyOptions(options).message(),
            "tensor scale is 0, expected a positive finite value");
  options.format = kMXFP4;
  options.scaleRule = WeightScaleRule::Floor;
  options.fixedTensorScale = 1.0f;
  EXPECT_EQ(verifyOptions(options).message(),
            "a fixed tensor scale is given, but the block format has no tensor "
            "scale");
}

static std::string failure(const WeightOptions &options,
                           std::vector<float> weights, size_t rows, size_t cols,
                           const float *hessian) {
  return quantizeWeight(options, std::move(weights), rows, cols, hessian)
      .message();
}

TEST(QuantizeWeight, RejectsShapesThatDoNotFit) {
  WeightOptions options;
  EXPECT_EQ(failure(options, std::vector<float>(16), 2, 16, nullptr),
            "expected 2 x 16 weights, got 16");
  EXPECT_EQ(failure(options, std::vector<float>(2 * 24), 2, 24, nullptr),
            "number of columns is 24, expected a multiple of the block size "
            "16");
  options.format.blockRows = 16;
  EXPECT_EQ(failure(options, std::vector<float>(8 * 16), 8, 16, nullptr),
            "number of rows is 8, expected a multiple of the block size 16");
  EXPECT_EQ(failure(gptq(), std::vector<float>(16), 1, 16, nullptr),
            "algorithm gptq needs a hessian, got none");
  options.blockColumns = 0;
  EXPECT_EQ(failure(options, std::vector<float>(16), 1, 16, nullptr),
            "block columns is 0, expected at least 1");
}

TEST(QuantizeWeight, NamesTheFirstWeightThatIsNotFinite) {
  std::vector<float> weights(3 * 16, 1.0f);
  weights[2 * 16 + 5] = std::numeric_limits<float>::infinity();
  weights[1 * 16 + 9] = std::nanf("");
  EXPECT_EQ(failure(WeightOptions(), weights, 3, 16, nullptr),
            "weight is nan at row 1, column 9, expected finite values");
}

TEST(QuantizeWeight, RejectsWhatIsNoHessian) {
  std::vector<float> hessian(16 * 16);
  for (size_t i = 0; i < 16; ++i)
    hessian[i * 17] = 1;
  std::vector<float> weights(16, 1.0f);
  hessian[3 * 16 + 4] = std::nanf("");
  EXPECT_EQ(failure(gptq(), weights, 1, 16, hessian.data()),
            "hessian is nan at row 3, column 4, expected finite values");
  hessian[3 * 16 + 4] = 0.5f;
  EXPECT_EQ(failure(gptq(), weights, 1, 16, hessian.data()),
            "hessian is not symmetric: 0 at row 4, column 3, but "
            "0.5 at row 3, column 4");
  hessian[3 * 16 + 4] = 0;
  hessian[7 * 17] = -1;
  EXPECT_EQ(failure(gptq(), weights, 1, 16, hessian.data()),
            "hessian is -1 at row 7, column 7, expected a non-negative "
            "diagonal");
}

TEST(QuantizeWeight, EmptyMatrices) {
  Expected<QuantizedWeight> result =
      quantizeWeight(WeightOptions(), {}, 0, 16, nullptr);
  ASSERT_TRUE(result.ok()) << result.message();
  EXPECT_TRUE(result->codes.empty());
  std::vector<float> hessian(16 * 16);
  result = quantizeWeight(gptq(), {}, 0, 16, hessian.data());
  ASSERT_TRUE(result.ok()) << result.message();
  EXPECT_EQ(result->report.objectiveAfter, 0);
}

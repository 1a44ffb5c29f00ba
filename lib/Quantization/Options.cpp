//===- Options.cpp - Names and checks of the options ----------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One table per enumeration serves both directions of the conversion.
//
//===----------------------------------------------------------------------===//

#include "Message.h"
#include "ScaleSearch.h"
#include "Tile.h"
#include <algorithm>
#include <utility>

namespace fp4::quantization {

template <typename Enum> struct Name {
  Enum value;
  std::string_view text;
};

static constexpr Name<Algorithm> kAlgorithms[] = {{Algorithm::RTN, "rtn"},
                                                  {Algorithm::GPTQ, "gptq"}};
static constexpr Name<ColumnOrder> kColumnOrders[] = {
    {ColumnOrder::Natural, "natural"},
    {ColumnOrder::ActOrder, "act-order"},
    {ColumnOrder::Group, "group"}};
static constexpr Name<WeightScaleRule> kWeightScaleRules[] = {
    {WeightScaleRule::AbsMax, "abs-max"},
    {WeightScaleRule::Floor, "floor"},
    {WeightScaleRule::Even, "even"},
    {WeightScaleRule::RCeil, "rceil"},
    {WeightScaleRule::FourOverSix, "four-over-six"},
    {WeightScaleRule::Search, "search"},
    {WeightScaleRule::Mse, "mse"},
    {WeightScaleRule::FourThirds, "four-thirds"},
    {WeightScaleRule::AbsMax4, "abs-max-4"},
    {WeightScaleRule::WeightedMse, "weighted-mse"},
    {WeightScaleRule::LocalHessian, "local-hessian"},
    {WeightScaleRule::InLoop, "in-loop"}};
/// Names that others have for the rules.
static constexpr Name<WeightScaleRule> kScaleRuleAliases[] = {
    {WeightScaleRule::AbsMax, "absmax"},
    {WeightScaleRule::AbsMax, "absmax6"},
    {WeightScaleRule::AbsMax4, "absmax4"},
    {WeightScaleRule::RCeil, "ceil"},
    {WeightScaleRule::Search, "sweep"},
    {WeightScaleRule::Mse, "fpq-mse"},
    {WeightScaleRule::FourThirds, "fpquant"},
    {WeightScaleRule::WeightedMse, "wmse"}};
static constexpr Name<TensorScaleRule> kTensorScaleRules[] = {
    {TensorScaleRule::Full, "full"},
    {TensorScaleRule::Headroom, "headroom"},
    {TensorScaleRule::None, "none"}};

template <typename Enum, size_t count>
static std::string_view nameOf(const Name<Enum> (&names)[count], Enum value) {
  for (const Name<Enum> &name : names)
    if (name.value == value)
      return name.text;
  return "unknown";
}

template <typename Enum, size_t count>
static std::optional<Enum> parse(const Name<Enum> (&names)[count],
                                 std::string_view text) {
  for (const Name<Enum> &name : names)
    if (name.text == text)
      return name.value;
  return std::nullopt;
}

std::string_view algorithmName(Algorithm algorithm) {
  return nameOf(kAlgorithms, algorithm);
}
std::string_view columnOrderName(ColumnOrder order) {
  return nameOf(kColumnOrders, order);
}
std::string_view weightScaleRuleName(WeightScaleRule rule) {
  return nameOf(kWeightScaleRules, rule);
}
std::string_view tensorScaleRuleName(TensorScaleRule rule) {
  return nameOf(kTensorScaleRules, rule);
}
std::optional<Algorithm> parseAlgorithm(std::string_view name) {
  return parse(kAlgorithms, name);
}
std::optional<ColumnOrder> parseColumnOrder(std::string_view name) {
  return parse(kColumnOrders, name);
}
std::optional<WeightScaleRule> parseWeightScaleRule(std::string_view name) {
  std::string spelling(name);
  std::replace(spelling.begin(), spelling.end(), '_', '-');
  std::optional<WeightScaleRule> rule = parse(kWeightScaleRules, spelling);
  return rule ? rule : parse(kScaleRuleAliases, spelling);
}
std::optional<TensorScaleRule> parseTensorScaleRule(std::string_view name) {
  return parse(kTensorScaleRules, name);
}

float tensorScaleFor(const WeightOptions &options, float amax) {
  amax = options.sharedAbsMax.value_or(amax);
  if (options.fixedTensorScale)
    return *options.fixedTensorScale;
  if (options.scaleRule == WeightScaleRule::FourThirds)
    return 1.0f / 3;
  switch (options.tensorScaleRule) {
  case TensorScaleRule::Full:
    return numerics::tensorScaleFor(options.format, amax,
                                    numerics::ScaleRule::AbsMax);
  case TensorScaleRule::Headroom:
    return numerics::tensorScaleFor(options.format, amax,
                                    numerics::ScaleRule::Search);
  case TensorScaleRule::None:
    return 1;
  }
  return 1;
}

static bool fitsFormat(WeightScaleRule rule,
                       const numerics::BlockFormat &format) {
  bool powerOfTwo = format.scale == numerics::ScaleFormat::E8M0;
  if (rule == WeightScaleRule::Mse)
    return !powerOfTwo;
  if (rule == WeightScaleRule::AbsMax4)
    return !powerOfTwo && format.element == numerics::ElementFormat::E2M1;
  if (rule == WeightScaleRule::FourThirds)
    return powerOfTwo && format.hasTensorScale &&
           format.element == numerics::ElementFormat::E2M1;
  std::optional<numerics::ScaleRule> same = numericsRule(rule);
  return !same || numerics::isScaleRuleLegal(*same, format);
}

static Status verifyScaleRule(const WeightOptions &options) {
  std::string name(weightScaleRuleName(options.scaleRule));
  if (options.scaleRule == WeightScaleRule::InLoop) {
    if (options.algorithm != Algorithm::GPTQ)
      return Status::error("scale rule in-loop needs algorithm gptq, got " +
                           std::string(algorithmName(options.algorithm)));
    if (options.order == ColumnOrder::ActOrder)
      return Status::error(
          "scale rule in-loop needs the columns of a block together: expected "
          "order natural or group, got act-order");
    return Status::success();
  }
  if (!fitsFormat(options.scaleRule, options.format))
    return Status::error(
        "scale rule " + name + " does not fit the block format: " +
        std::string(numerics::elementFormatName(options.format.element)) +
        " with scale " +
        std::string(numerics::scaleFormatName(options.format.scale)) +
        (options.format.hasTensorScale ? " and a tensor scale" : ""));
  return Status::success();
}

Status verifyOptions(const WeightOptions &options) {
  if (Status status = verifyScaleRule(options); !status.ok())
    return status;
  if (!(options.damping >= 0) || !std::isfinite(options.damping))
    return Status::error("damping is " + numberText(options.damping) +
                         ", expected a finite value of at least 0");
  if (options.blockColumns == 0)
    return Status::error("block columns is 0, expected at least 1");
  if (kLanes % options.format.blockRows != 0)
    return Status::error(
        "block of " + std::to_string(options.format.blockRows) +
        " rows, expected a divisor of " + std::to_string(kLanes));
  if (options.polishSweeps > 0 && options.algorithm != Algorithm::GPTQ)
    return Status::error("polish sweeps need algorithm gptq, got " +
                         std::string(algorithmName(options.algorithm)));
  if (options.arithmetic != Arithmetic::Own &&
      (options.polishSweeps > 0 ||
       options.scaleRule == WeightScaleRule::InLoop))
    return Status::error("scale rule in-loop and polish sweeps need our own "
                         "arithmetic, got that of another tool");
  if (options.sharedAbsMax &&
      (!(*options.sharedAbsMax > 0) || !std::isfinite(*options.sharedAbsMax)))
    return Status::error("shared largest weight is " +
                         numberText(*options.sharedAbsMax) +
                         ", expected a positive finite value");
  if (!options.fixedTensorScale)
    return Status::success();
  if (!options.format.hasTensorScale)
    return Status::error("a fixed tensor scale is given, but the block format "
                         "has no tensor scale");
  if (!(*options.fixedTensorScale > 0) ||
      !std::isfinite(*options.fixedTensorScale))
    return Status::error("tensor scale is " +
                         numberText(*options.fixedTensorScale) +
                         ", expected a positive finite value");
  return Status::success();
}

} // namespace fp4::quantization

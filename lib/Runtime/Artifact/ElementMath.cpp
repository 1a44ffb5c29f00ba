//===- ElementMath.cpp - Arithmetic on values with bounds -----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// First-order error propagation with the exact product terms kept, and after
// every operation one rounding to its type. The GPU's approximate functions are
// within 2^-19 of the result (PTX ISA, "ex2.approx", "div.full"), as are
// LLVM's erf and tanh for float32.
//
//===----------------------------------------------------------------------===//

#include "ElementMath.h"
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <sstream>

namespace fp4::runtime {

double roundingUnit(const std::string &type) {
  if (type == "f32")
    return std::ldexp(1.0, -24);
  if (type == "f16")
    return std::ldexp(1.0, -11);
  return type == "bf16" ? std::ldexp(1.0, -8) : 0;
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

/// x / (1 + exp(power)), whose exponential is off by a part that grows with the
/// power, and is flushed to zero where the denominator leaves float32.
static Bounded logistic(Bounded x, double power) {
  double value = x.value / (1 + std::exp(power));
  double part = std::ldexp(1.0, -18) + std::ldexp(std::fabs(power), -20);
  return {value, 1.13 * x.bound + part * std::fabs(value) +
                     std::ldexp(std::fabs(x.value), -124)};
}

Expected<Bounded> activate(const std::string &activation, Bounded x) {
  if (activation.empty() || activation == "none")
    return x;
  // Slopes: relu 1, silu below 1.1, both forms of gelu below 1.13.
  if (activation == "relu")
    return Bounded{std::isnan(x.value) ? x.value : std::max(x.value, 0.0),
                   x.bound};
  if (activation == "silu")
    return logistic(x, -x.value);
  if (activation == "gelu_tanh") {
    double u = std::sqrt(2 / M_PI) *
               (x.value + 0.044715 * x.value * x.value * x.value);
    return logistic(x, -2 * u);
  }
  if (activation == "gelu") {
    double value = 0.5 * x.value * (1 + std::erf(x.value * M_SQRT1_2));
    // 1 + erf cancels for negative x.
    return Bounded{value, 1.13 * x.bound + std::ldexp(std::fabs(x.value), -19)};
  }
  return Status::error("no activation '" + activation +
                       "'; known: none, relu, gelu, silu, gelu_tanh");
}

//===----------------------------------------------------------------------===//
// Tails
//===----------------------------------------------------------------------===//

namespace {
using Operands = const Bounded *;
struct OperationInfo {
  const char *name;
  size_t numOperands;
  Bounded (*evaluate)(Operands);
};
} // namespace

/// The approximate functions of the GPU.
static constexpr double kApproximate = 1.0 / (1 << 19);

static Bounded multiply(Bounded a, Bounded b) {
  return {a.value * b.value, std::fabs(a.value) * b.bound +
                                 std::fabs(b.value) * a.bound +
                                 a.bound * b.bound};
}

/// The GPU's division may flush results below 2^-126 to zero, and gives zero
/// where the denominator is above 2^126 or overflowed float32.
static Bounded divide(Bounded a, Bounded b) {
  double value = a.value / b.value;
  double room = std::fabs(b.value) - b.bound;
  double bound = (a.bound + std::fabs(value) * b.bound) / std::max(room, 0.0);
  bool mayVanish = std::fabs(b.value) + b.bound > std::ldexp(1.0, 126);
  double part = mayVanish ? 1 : kApproximate;
  return {value, bound + part * std::fabs(value) + std::ldexp(1.0, -126)};
}

/// exp(x): a relative error of exp(bound) - 1.
static Bounded exponential(Bounded x) {
  double value = std::exp(x.value);
  double part =
      std::expm1(x.bound) + kApproximate + std::ldexp(std::fabs(x.value), -22);
  return {value, value * part};
}

/// f(x) with slope at most `slope`, for the odd functions erf and tanh.
static Bounded sigmoid(double value, double slope, Bounded x) {
  return {value, slope * x.bound + kApproximate * std::fabs(value)};
}

/// The slopes at the end of the bound that is nearer to zero.
static Bounded squareRoot(Bounded x) {
  double value = std::sqrt(x.value),
         room = std::sqrt(std::max(x.value - x.bound, 0.0));
  return {value, x.bound > 0 ? x.bound / (2 * room) : 0};
}

/// Two roundings, of the root and of its reciprocal.
static Bounded reciprocalRoot(Bounded x) {
  double value = 1 / std::sqrt(x.value);
  double room = x.value - x.bound;
  return {value,
          std::ldexp(std::fabs(value), -24) +
              (x.bound > 0 ? x.bound / (2 * room * std::sqrt(room)) : 0)};
}

static const OperationInfo kOperations[] = {
    {"addf", 2,
     [](Operands x) {
       return Bounded{x[0].value + x[1].value, x[0].bound + x[1].bound};
     }},
    {"subf", 2,
     [](Operands x) {
       return Bounded{x[0].value - x[1].value, x[0].bound + x[1].bound};
     }},
    {"mulf", 2, [](Operands x) { return multiply(x[0], x[1]); }},
    {"divf", 2, [](Operands x) { return divide(x[0], x[1]); }},
    {"negf", 1, [](Operands x) { return Bounded{-x[0].value, x[0].bound}; }},
    {"absf", 1,
     [](Operands x) { return Bounded{std::fabs(x[0].value), x[0].bound}; }},
    {"maximumf", 2,
     [](Operands x) {
       return Bounded{std::max(x[0].value, x[1].value),
                      std::max(x[0].bound, x[1].bound)};
     }},
    {"minimumf", 2,
     [](Operands x) {
       return Bounded{std::min(x[0].value, x[1].value),
                      std::max(x[0].bound, x[1].bound)};
     }},
    {"extf", 1, [](Operands x) { return x[0]; }},
    {"truncf", 1, [](Operands x) { return x[0]; }},
    {"exp", 1, [](Operands x) { return exponential(x[0]); }},
    {"exp2", 1,
     [](Operands x) {
       return exponential({x[0].value * M_LN2, x[0].bound * M_LN2});
     }},
    {"rsqrt", 1, [](Operands x) { return reciprocalRoot(x[0]); }},
    {"sqrt", 1, [](Operands x) { return squareRoot(x[0]); }},
    {"tanh", 1,
     [](Operands x) { return sigmoid(std::tanh(x[0].value), 1, x[0]); }},
    {"erf", 1,
     [](Operands x) { return sigmoid(std::erf(x[0].value), 1.13, x[0]); }},
    {"fma", 3, [](Operands x) {
       Bounded product = multiply(x[0], x[1]);
       return Bounded{product.value + x[2].value, product.bound + x[2].bound};
     }}};

Expected<Tail> Tail::parse(const std::string &text,
                           const std::vector<std::string> &inputs) {
  auto complain = [](const std::string &line) {
    return Status::error("expected operations like 't0 = addf:f32 p0 1.5' in "
                         "meaning.tail, got '" +
                         line + "'");
  };
  Tail tail;
  tail.numInputs = inputs.size();
  std::vector<std::pair<std::string, size_t>> results;
  std::stringstream lines(text);
  for (std::string line; std::getline(lines, line, ';');) {
    std::stringstream words(line);
    std::string result, equals, opcode, word;
    words >> result >> equals >> opcode;
    size_t colon = opcode.find(':');
    if (equals != "=" || colon == std::string::npos)
      return complain(line);
    Operation operation{0, roundingUnit(opcode.substr(colon + 1)), {}};
    auto it = std::find_if(std::begin(kOperations), std::end(kOperations),
                           [&](const OperationInfo &info) {
                             return opcode.substr(0, colon) == info.name;
                           });
    if (it == std::end(kOperations) || operation.unit == 0)
      return complain(line);
    operation.opcode = unsigned(it - std::begin(kOperations));
    std::vector<std::string> names;
    while (words >> word)
      names.push_back(word);
    if (names.size() != it->numOperands)
      return complain(line);
    // Where a name was defined: the last one in front of this line.
    for (const std::string &name : names) {
      auto known = std::find(inputs.begin(), inputs.end(), name);
      auto earlier = std::find_if(results.rbegin(), results.rend(),
                                  [&](auto &r) { return r.first == name; });
      char *end = nullptr;
      double number = std::strtod(name.c_str(), &end);
      // Results are numbered behind the inputs, constants down from SIZE_MAX.
      if (earlier != results.rend()) {
        operation.operands.push_back(tail.numInputs + earlier->second);
      } else if (known != inputs.end()) {
        operation.operands.push_back(size_t(known - inputs.begin()));
      } else if (end && *end == '\0') {
        tail.constants.push_back(number);
        operation.operands.push_back(SIZE_MAX - tail.constants.size() + 1);
      } else {
        return complain(line);
      }
    }
    results.emplace_back(result, tail.operations.size());
    tail.operations.push_back(std::move(operation));
  }
  return tail;
}

Bounded Tail::evaluate(const std::vector<Bounded> &values) const {
  std::vector<Bounded> known(values);
  for (const Operation &operation : operations) {
    Bounded operands[3];
    for (size_t i = 0; i < operation.operands.size(); ++i) {
      size_t at = operation.operands[i];
      bool isConstant = at > SIZE_MAX - constants.size();
      operands[i] =
          isConstant ? Bounded{constants[SIZE_MAX - at], 0} : known[at];
    }
    Bounded result = kOperations[operation.opcode].evaluate(operands);
    result.bound += operation.unit * (std::fabs(result.value) + result.bound);
    known.push_back(result);
  }
  return known.back();
}

} // namespace fp4::runtime

//===- QuantizeInput.cpp - What an activation kernel quantizes ------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Without operations in front, a kernel's float32 values are these. What is
// fused is computed in double precision, with a bound on the kernel's error
// that goes through the rotation too.
//
//===----------------------------------------------------------------------===//

#include "QuantizeInput.h"
#include "ElementMath.h"
#include "Meanings.h"
#include "fp4/Numerics/Hadamard.h"
#include <algorithm>
#include <cmath>

namespace fp4::runtime {

std::vector<float> QuantizeInput::moved(double count) const {
  std::vector<float> result(values);
  for (size_t i = 0; i < bounds.size(); ++i)
    result[i] = values[i] + float(std::copysign(count * bounds[i], values[i]));
  return result;
}

//===----------------------------------------------------------------------===//
// Rotation
//===----------------------------------------------------------------------===//

namespace {
/// The rotation of a meaning.
struct Rotation {
  size_t block = 0; // 0: none
  std::vector<int8_t> signs;

  static Expected<Rotation> read(const Meaning &meaning);
  void apply(QuantizeInput &input) const;
};

} // namespace

Expected<Rotation> Rotation::read(const Meaning &meaning) {
  Rotation result;
  std::string rotation = meaning.field("rotation");
  std::string signs = meaning.field("signs");
  if (!rotation.empty()) {
    bool isNumber =
        rotation.size() < 5 &&
        rotation.find_first_not_of("0123456789") == std::string::npos;
    result.block = isNumber ? size_t(std::stoul(rotation)) : 0;
    if (!numerics::isHadamardBlockLegal(result.block))
      return Status::error("expected meaning.rotation to be a power of two in "
                           "2..1024, got '" +
                           rotation + "'");
  }
  for (char sign : signs) {
    if (sign != '+' && sign != '-')
      return Status::error("expected meaning.signs to be '+' and '-', got '" +
                           signs + "'");
    result.signs.push_back(sign == '+' ? 1 : -1);
  }
  if (!signs.empty() && signs.size() != result.block)
    return Status::error("expected " + std::to_string(result.block) +
                         " signs, as many as meaning.rotation, got " +
                         std::to_string(signs.size()));
  return result;
}

/// Bounds add up over a rotation, and so do the roundings of values that are
/// not the same: one for each round of sums, one for the factor.
void Rotation::apply(QuantizeInput &input) const {
  if (block == 0)
    return;
  double factor = 1.0 / std::sqrt(double(block));
  double rounding = std::ldexp(std::log2(double(block)) + 1, -24);
  for (size_t first = 0; first < input.bounds.size(); first += block) {
    double sum = 0;
    for (size_t i = first; i < first + block; ++i)
      sum += input.bounds[i] + rounding * std::fabs(double(input.values[i]));
    for (size_t i = first; i < first + block; ++i)
      input.bounds[i] = factor * sum;
  }
  numerics::hadamard(input.values.data(), input.values.size(), block,
                     signs.empty() ? nullptr : signs.data());
}

//===----------------------------------------------------------------------===//
// Given matrices
//===----------------------------------------------------------------------===//

namespace {
/// Block-diagonal, one matrix or one for each block of columns.
struct Transform {
  size_t block = 0; // 0: none
  bool isShared = false;
  std::vector<float> entries;

  static Expected<Transform> read(const KernelOperands &operands,
                                  size_t columns);
  void apply(QuantizeInput &input) const;

private:
  void applyToBlock(const float *matrix, float *values, double *bounds) const;
};
} // namespace

Expected<Transform> Transform::read(const KernelOperands &operands,
                                    size_t columns) {
  Transform result;
  auto it = operands.arrays.find("matrix");
  if (it == operands.arrays.end())
    return result;
  const NDArray &array = it->second;
  Expected<std::vector<float>> entries = array.toFloat32();
  if (!entries.ok())
    return entries.status();
  result.isShared = array.rank() == 2;
  result.block = array.rank() > 0 ? size_t(array.shape().back()) : 0;
  size_t square = result.block * result.block;
  size_t count =
      result.isShared || result.block == 0 ? 1 : columns / result.block;
  if (result.block == 0 || columns % result.block != 0 ||
      size_t(array.elementCount()) != count * square)
    return Status::error("expected matrices for " + std::to_string(columns) +
                         " columns, got " + shapeString(array.shape()));
  result.entries = std::move(*entries);
  return result;
}

/// The kernel's order: the bytes are the same where its values are.
void Transform::applyToBlock(const float *matrix, float *values,
                             double *bounds) const {
  std::vector<float> sums(block);
  std::vector<double> errors(block);
  double rounding = std::ldexp(double(block) + 1, -23);
  for (size_t i = 0; i < block; ++i)
    for (size_t j = 0; j < block; ++j) {
      float entry = matrix[i * block + j];
      sums[i] = std::fma(entry, values[j], sums[i]);
      if (bounds)
        errors[i] += std::fabs(double(entry)) *
                     (bounds[j] + rounding * std::fabs(double(values[j])));
    }
  std::copy(sums.begin(), sums.end(), values);
  if (bounds)
    std::copy(errors.begin(), errors.end(), bounds);
}

void Transform::apply(QuantizeInput &input) const {
  if (block == 0)
    return;
  size_t blocks = input.columns / block;
  for (size_t i = 0; i < input.rows * blocks; ++i)
    applyToBlock(entries.data() + (isShared ? 0 : i % blocks * block * block),
                 input.values.data() + i * block,
                 input.bounds.empty() ? nullptr
                                      : input.bounds.data() + i * block);
}

//===----------------------------------------------------------------------===//
// Operations in front
//===----------------------------------------------------------------------===//

namespace {
/// An array that the body reads.
struct Source {
  std::vector<float> values;
  bool isColumn;
};

/// What is fused in front of the quantizer.
class Front {
public:
  static Expected<Front> read(const KernelDescription &kernel,
                              const KernelOperands &operands,
                              const QuantizeInput &input);

  bool isEmpty() const { return body.isEmpty(); }
  void apply(QuantizeInput &input) const;

private:
  Bounded rowFactor(const QuantizeInput &input, size_t row) const;

  std::vector<Source> sources;
  Tail body, rowTail;
  bool hasRow = false;
};
} // namespace

static bool startsWith(const std::string &name, const char *prefix) {
  return name.rfind(prefix, 0) == 0;
}

/// The array of `argument`, which has to be of the size of `input`, or of its
/// columns.
static Expected<Source> readSource(const std::string &argument,
                                   const KernelOperands &operands,
                                   const QuantizeInput &input) {
  Expected<NDArray> array = findOperand(operands, argument);
  if (!array.ok())
    return array.status();
  Expected<std::vector<float>> values = array->toFloat32();
  if (!values.ok())
    return values.status();
  bool isColumn = startsWith(argument, "column");
  size_t expected = isColumn ? input.columns : input.rows * input.columns;
  if (values->size() != expected)
    return Status::error("expected " + argument + " to have " +
                         std::to_string(expected) + " entries, got " +
                         shapeString(array->shape()));
  return Source{std::move(*values), isColumn};
}

Expected<Front> Front::read(const KernelDescription &kernel,
                            const KernelOperands &operands,
                            const QuantizeInput &input) {
  Front front;
  std::string text = kernel.meaning.field("body");
  if (text.empty())
    return front;
  std::vector<std::string> names;
  for (const KernelArgument &argument : kernel.arguments) {
    if (!startsWith(argument.name, "column") &&
        !startsWith(argument.name, "input"))
      continue;
    Expected<Source> source = readSource(argument.name, operands, input);
    if (!source.ok())
      return source.status();
    front.sources.push_back(std::move(*source));
    names.push_back(argument.name);
  }
  std::string rowText = kernel.meaning.field("row");
  front.hasRow = !rowText.empty();
  if (front.hasRow) {
    if (names.empty() || names[0] != "input")
      return Status::error("expected a kernel with meaning.row to have the "
                           "argument input before other arrays");
    Expected<Tail> tail = Tail::parse(rowText, {"sum"});
    if (!tail.ok())
      return tail.status();
    front.rowTail = std::move(*tail);
    names.push_back("row");
  }
  Expected<Tail> tail = Tail::parse(text, names);
  if (!tail.ok())
    return tail.status();
  front.body = std::move(*tail);
  return front;
}

/// Sums of float32 in any order are within a rounding per term.
Bounded Front::rowFactor(const QuantizeInput &input, size_t row) const {
  double sum = 0;
  for (size_t j = 0; j < input.columns; ++j) {
    double value = sources[0].values[row * input.columns + j];
    sum += value * value;
  }
  double bound = sum * std::ldexp(double(input.columns) + 1, -24);
  return rowTail.evaluate({Bounded{sum, bound}});
}

void Front::apply(QuantizeInput &input) const {
  input.bounds.resize(input.values.size());
  std::vector<Bounded> operands(sources.size() + (hasRow ? 1 : 0));
  for (size_t row = 0; row < input.rows; ++row) {
    if (hasRow)
      operands.back() = rowFactor(input, row);
    for (size_t column = 0; column < input.columns; ++column) {
      size_t index = row * input.columns + column;
      for (size_t i = 0; i < sources.size(); ++i)
        operands[i] = {sources[i].values[sources[i].isColumn ? column : index],
                       0};
      Bounded value = body.evaluate(operands);
      input.values[index] = float(value.value);
      input.bounds[index] =
          value.bound + std::ldexp(std::fabs(value.value), -24);
    }
  }
}

//===----------------------------------------------------------------------===//
// Input
//===----------------------------------------------------------------------===//

Expected<QuantizeInput> readQuantizeInput(const KernelDescription &kernel,
                                          const KernelOperands &operands,
                                          size_t unit) {
  Expected<Rotation> rotation = Rotation::read(kernel.meaning);
  if (!rotation.ok())
    return rotation.status();
  Expected<NDArray> array = findOperand(operands, "input");
  if (!array.ok())
    return array.status();
  Expected<std::vector<float>> values = array->toFloat32();
  if (!values.ok())
    return values.status();
  unit = std::max(unit, rotation->block);
  if (array->rank() != 2 || size_t(array->shape()[1]) % unit != 0)
    return Status::error("expected an input matrix with a multiple of " +
                         std::to_string(unit) + " columns, got " +
                         shapeString(array->shape()));
  QuantizeInput input{size_t(array->shape()[0]),
                      size_t(array->shape()[1]),
                      std::move(*values),
                      {}};
  Expected<Front> front = Front::read(kernel, operands, input);
  if (!front.ok())
    return front.status();
  if (!front->isEmpty())
    front->apply(input);
  rotation->apply(input);
  Expected<Transform> transform = Transform::read(operands, input.columns);
  if (!transform.ok())
    return transform.status();
  transform->apply(input);
  return input;
}

} // namespace fp4::runtime

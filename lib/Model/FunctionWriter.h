//===- FunctionWriter.h - Text of one function of a model -------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Templates in which {NAME} stands for a number, a type or a value.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_MODEL_FUNCTIONWRITER_H
#define FP4_LIB_MODEL_FUNCTIONWRITER_H

#include "fp4/Model/ModelText.h"
#include <map>

namespace fp4::model {

using Names = std::map<std::string, std::string>;

/// `text` with every {KEY} of `names` replaced; other braces stay.
std::string fill(const char *text, const Names &names);

/// A float attribute that reads back as the same float32.
std::string floatText(double value);

/// Collects the text of one function.
class FunctionWriter {
public:
  explicit FunctionWriter(const ModelDirectory &model)
      : model(model), config(model.config()) {}

  std::string embed();
  std::string block(int64_t layer);
  std::string part(int64_t layer, BlockPart part);
  std::string head();

private:
  /// Of hidden states, and of a matrix with a row per position.
  std::string statesType() const;
  static std::string rowsType(int64_t width);
  std::string tensorType(const std::string &name) const;
  void add(const char *text, Names names = {});
  void norm(const std::string &result, const std::string &input,
            const std::string &rows, int64_t width, const std::string &weight);
  void linear(const std::string &result, const std::string &input,
              const std::string &weight, LinearShape shape);
  void addResidual(const std::string &result, const std::string &input,
                   const std::string &branch);
  void openRows(const std::string &name, const std::string &resultType,
                const std::string &otherArguments = "");
  void returnStates(const std::string &value);
  void returnRows(const std::string &value, const std::string &type);
  void project(const std::string &result, int64_t layer, Linear linear,
               const std::string &norm, int64_t group);
  void rotate(const std::string &result, const std::string &input,
              int64_t group);
  void attend();
  void attentionInput(int64_t layer);
  void attention(int64_t layer);
  void attentionOutput(int64_t layer);
  void feedForwardInput(int64_t layer, const std::string &middle);
  void feedForward(int64_t layer);
  void feedForwardOutput(int64_t layer, const std::string &middle);

  const ModelDirectory &model;
  const ModelConfig &config;
  /// Spell the weights of linear layers in float32, whatever the model has.
  bool wideLayers = false;
  std::string text;
};

} // namespace fp4::model

#endif // FP4_LIB_MODEL_FUNCTIONWRITER_H

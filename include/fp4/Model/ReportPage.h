//===- ReportPage.h - What quantization did, to look at ---------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// report.html of a quantized model: one file without scripts, whose plot is
// inline SVG.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_MODEL_REPORTPAGE_H
#define FP4_MODEL_REPORTPAGE_H

#include <string>
#include <utility>
#include <vector>

namespace fp4::model {

/// Relative squared errors of a layer's output on the calibration inputs.
struct LayerError {
  std::string name;
  double error = 0;
  /// By rounding to nearest with the same format.
  double errorRTN = 0;
};

struct ReportPage {
  std::string title;
  /// Facts of the whole model: what, and how much.
  std::vector<std::pair<std::string, std::string>> facts;
  /// In the order of the model.
  std::vector<LayerError> layers;
};

/// The indices of `layers`, largest error first; ties in the order of the
/// model.
std::vector<size_t> worstFirst(const std::vector<LayerError> &layers);

std::string toHTML(const ReportPage &page);

} // namespace fp4::model

#endif // FP4_MODEL_REPORTPAGE_H

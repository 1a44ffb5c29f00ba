//===- ProgressLine.h - How far a long run is -------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One line of standard error that is written over while fp4-quantize runs, and
// the reports that feed it.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_MODEL_HOST_PROGRESSLINE_H
#define FP4_MODEL_HOST_PROGRESSLINE_H

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace fp4::model {

struct ProgressReport {
  /// What is being done, like "block 3, moments".
  std::string step;
  /// How much of the step and of everything is done, from 0 to 1. `total`
  /// is an estimate.
  double part = 0;
  double total = 0;
};

using ReportProgress = std::function<void(const ProgressReport &)>;

/// Writes reports over one line of standard error, with the time left. What was
/// already done when the first report came took no time.
class ProgressLine {
public:
  void operator()(const ProgressReport &report);

  /// Removes the line.
  static void clear();

private:
  std::chrono::steady_clock::time_point start;
  std::optional<double> totalAtStart;
};

/// "5 s", "12 min", "3 h 20 min".
std::string durationText(double seconds);

} // namespace fp4::model

#endif // FP4_MODEL_HOST_PROGRESSLINE_H

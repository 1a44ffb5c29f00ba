//===- ProgressLine.cpp - How far a long run is ---------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Extrapolates the time left from the part that is done.
//
//===----------------------------------------------------------------------===//

#include "fp4/Model/Host/ProgressLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

namespace fp4::model {

std::string durationText(double seconds) {
  auto whole = static_cast<long long>(std::ceil(seconds));
  if (whole < 120)
    return std::to_string(whole) + " s";
  long long minutes = (whole + 59) / 60;
  if (minutes < 120)
    return std::to_string(minutes) + " min";
  return std::to_string(minutes / 60) + " h " + std::to_string(minutes % 60) +
         " min";
}

void ProgressLine::operator()(const ProgressReport &report) {
  auto now = std::chrono::steady_clock::now();
  if (!totalAtStart) {
    totalAtStart = report.total;
    start = now;
  }
  llvm::errs() << "\r\x1b[K" << report.step << ": "
               << llvm::format("%.0f", 100 * report.part)
               << " %, all: " << llvm::format("%.0f", 100 * report.total)
               << " %";
  double done = report.total - *totalAtStart;
  // Earlier, the estimate would jump about.
  if (done > 0.01) {
    double seconds = std::chrono::duration<double>(now - start).count();
    llvm::errs() << ", " << durationText(seconds * (1 - report.total) / done)
                 << " left";
  }
}

void ProgressLine::clear() { llvm::errs() << "\r\x1b[K"; }

} // namespace fp4::model

//===- Results.h - What fp4-run does with results ---------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Printing, writing and comparing the arrays that a program returned.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TOOLS_FP4RUN_RESULTS_H
#define FP4_TOOLS_FP4RUN_RESULTS_H

#include "RunRequest.h"
#include "fp4/TensorIO/NDArray.h"

namespace fp4 {

/// One line for each result.
void printResults(const std::vector<NDArray> &results);

/// Writes the --output files.
Status writeOutputs(const RunRequest &request,
                    const std::vector<NDArray> &results);

/// One line for each --check file; an error if a result is not within the
/// tolerance.
Status checkResults(const RunRequest &request,
                    const std::vector<NDArray> &results);

/// Median and minimum of some times in milliseconds, in one line.
void printTimes(std::vector<double> milliseconds);

/// What the launches did, where the device counts and the user asked.
Status printStatistics(const RunRequest &request, const runtime::Device &device,
                       double seconds);

} // namespace fp4

#endif // FP4_TOOLS_FP4RUN_RESULTS_H

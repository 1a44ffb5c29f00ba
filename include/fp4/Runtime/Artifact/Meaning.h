//===- Meaning.h - What kernels compute -------------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel's manifest entry may say what the kernel means. This is the meaning
// in code: independent of PTX and compiler, in double precision over Numerics,
// for checking what a device computed and for running artifacts on the host.
//
// To add a kind, write a function and add a line to the table in Meaning.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_RUNTIME_ARTIFACT_MEANING_H
#define FP4_RUNTIME_ARTIFACT_MEANING_H

#include "fp4/Runtime/Artifact/Manifest.h"
#include "fp4/TensorIO/NDArray.h"

namespace fp4::runtime {

/// The dtype of an array of the manifest type `type`; packed 4-bit elements
/// are U8.
Expected<DType> dtypeOfType(const std::string &type);
/// Bits of an element of the manifest type `type`.
Expected<unsigned> bitsOfType(const std::string &type);

/// Arrays by argument name, and the sizes of one launch. Arrays of packed
/// elements have dtype U8 and a last dimension in bytes.
struct KernelOperands {
  std::map<std::string, NDArray> arrays;
  Sizes sizes;
};

/// What one output has to be.
struct ExpectedOutput {
  std::string argument;
  /// As a kernel would write it.
  NDArray array;
  /// The exact values in double precision, and how far a float32 accumulation
  /// in any order may be from each. Empty: the bytes must be equal.
  std::vector<double> values = {}, bounds = {};
  /// Only the largest entry has to be that of `array`, in bytes or, with one
  /// entry of `values`, within its bound (f32 alone; NaN is larger than
  /// infinity): the kernel may leave it where it likes.
  bool isLargest = false;
  /// Arrays like `array`: without `values`, each entry may be that of any.
  std::vector<NDArray> alternatives = {};
  /// Of equal bytes: the bits that are compared, all if it is empty. Codes of
  /// values that lie at a threshold within their bound are not.
  std::vector<uint8_t> mask = {};
};

/// The outputs of `kernel` on these inputs. Fails for a kind that is not known.
Expected<std::vector<ExpectedOutput>>
evaluateMeaning(const KernelDescription &kernel,
                const KernelOperands &operands);

/// How far an output is from what it has to be.
struct OutputError {
  /// Elements outside of their bound, and not equal bytes.
  int64_t numWrong = 0;
  int64_t numElements = 0;
  /// max |got - expected|, and over max |expected|.
  double largestError = 0;
  double relativeError = 0;
  /// max |got - expected| / bound.
  double largestShareOfBound = 0;
};

Expected<OutputError> compareOutput(const NDArray &got,
                                    const ExpectedOutput &expected);

} // namespace fp4::runtime

#endif // FP4_RUNTIME_ARTIFACT_MEANING_H

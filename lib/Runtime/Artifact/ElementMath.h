//===- ElementMath.h - Arithmetic on values with bounds ---------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What kernels do with one element after a product: activations, and the tail
// of operations that the compiler fused into the epilogue. Values are exact in
// double precision; next to each goes a bound on how far a float32 or narrower
// computation may be from it.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_RUNTIME_ARTIFACT_ELEMENTMATH_H
#define FP4_LIB_RUNTIME_ARTIFACT_ELEMENTMATH_H

#include "fp4/Status/Status.h"
#include <string>
#include <vector>

namespace fp4::runtime {

struct Bounded {
  double value = 0;
  double bound = 0;
};

/// 2^-p for a significand of p bits of "f32", "f16" or "bf16": one rounding is
/// within that part of the value. 0 for another type.
double roundingUnit(const std::string &type);

/// "none" or "", "relu", "gelu" (by erf), "silu", "gelu_tanh".
Expected<Bounded> activate(const std::string &activation, Bounded x);

/// A program like
///
///   t0 = mulf:f32 p0 column0; t1 = tanh:f32 t0; t2 = truncf:bf16 t1
///
/// of arith and math operations with the type of their result. Operands are
/// earlier results, numbers, and the names of its inputs. The last result is
/// that of the program.
class Tail {
public:
  static Expected<Tail> parse(const std::string &text,
                              const std::vector<std::string> &inputs);

  bool isEmpty() const { return operations.empty(); }
  /// `values` holds the inputs, in the order of their names.
  Bounded evaluate(const std::vector<Bounded> &values) const;

private:
  struct Operation {
    unsigned opcode;
    double unit;
    std::vector<size_t> operands; // inputs, constants, results
  };

  size_t numInputs = 0;
  std::vector<double> constants;
  std::vector<Operation> operations;
};

} // namespace fp4::runtime

#endif // FP4_LIB_RUNTIME_ARTIFACT_ELEMENTMATH_H

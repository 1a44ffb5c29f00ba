//===- HardwareOperands.h - Operands of the hardware cases ------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The values are a function of the case's name, the operand and the tuple
// alone, so that a recording needs to hold none of them.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TEST_UNIT_EMULATOR_HARDWAREOPERANDS_H
#define FP4_TEST_UNIT_EMULATOR_HARDWAREOPERANDS_H

#include "HardwareCases.h"

namespace fp4::ptx::testing {

/// SplitMix64 (Steele, Lea, Flood 2014), used as a hash.
uint64_t mix(uint64_t x);
/// FNV-1a.
uint64_t hashOf(const std::string &text);

/// The value of an operand, drawn with `random` as the head of cases.txt says.
uint64_t operandValue(const OperandSpec &spec, unsigned operand, unsigned tuple,
                      uint64_t random);

} // namespace fp4::ptx::testing

#endif // FP4_TEST_UNIT_EMULATOR_HARDWAREOPERANDS_H

//===- Module.h - What launches ask of a module --------------- -*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels, what they reach, and how their shared memory is laid out.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_MODULE_H
#define FP4_LIB_EMULATOR_PTX_MODULE_H

#include "Program.h"
#include "fp4/Emulator/PTX/Emulator.h"

namespace fp4::ptx {

/// Functions that `kernel` can reach, itself included.
std::vector<const Function *> reachable(const ModuleData &module,
                                        const Function &kernel);

/// Places the shared variables that `kernel` can reach behind `kSharedBase` and
/// returns the end of the static ones; unsized arrays start there, aligned.
/// `address`, one entry per variable of the module, may be null.
uint32_t layoutShared(const ModuleData &module, const Function &kernel,
                      std::vector<uint64_t> *address);

KernelInfo describe(const ModuleData &module, const Function &kernel);

/// The errors for names that a module does not have.
Status noKernel(std::string_view name);
Status noVariable(std::string_view name);

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_MODULE_H

//===- CompiledKernel.h - Compile a module and run its kernels --*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The compiler from the `layout` phase on, and launches on the emulator that
// know nothing but PTX and manifest, as a runtime would.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TEST_UNIT_TARGET_COMPILEDKERNEL_H
#define FP4_TEST_UNIT_TARGET_COMPILEDKERNEL_H

#include "fp4/Emulator/PTX/Emulator.h"
#include "fp4/Pipelines/Phases.h"
#include <map>
#include <nlohmann/json.hpp>

namespace fp4::testing {

struct CompiledKernel {
  std::string ptx;
  nlohmann::json manifest;
  /// The constant operands of the launch, by argument name.
  std::map<std::string, std::vector<uint8_t>> weights;
};

/// Compiles the text of a module with one matmul of microscaled matrices.
Expected<CompiledKernel> compileKernel(const std::string &module,
                                       const std::string &target);

/// Bytes of arrays and values of symbols, by argument name.
struct KernelArguments {
  std::map<std::string, std::vector<uint8_t>> arrays;
  std::map<std::string, int32_t> values;
};

/// The number of the kernel that the module's launch runs for `arguments`.
size_t chooseKernel(const CompiledKernel &kernel,
                    const KernelArguments &arguments);

/// Launches kernel number `index` with `blocks` blocks, or as many as there are
/// tiles if 0. Arrays are read from and written back to `arguments`, which gets
/// those of the kernel's weights that it lacks.
Expected<ptx::Statistics> launchKernel(const CompiledKernel &kernel,
                                       KernelArguments &arguments,
                                       uint32_t blocks,
                                       const ptx::LaunchOptions &options = {},
                                       size_t index = 0);

} // namespace fp4::testing

#endif // FP4_TEST_UNIT_TARGET_COMPILEDKERNEL_H

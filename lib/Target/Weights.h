//===- Weights.h - Names and tensors of prepacked weights -------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How the constant operands of launches are named in weights.safetensors, which
// manifest and weight file have to agree on.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_TARGET_WEIGHTS_H
#define FP4_LIB_TARGET_WEIGHTS_H

#include "fp4/Dialect/FP4GPU/IR/FP4GPUDialect.h"
#include "fp4/Dialect/FP4GPU/IR/GPUArch.h"
#include "fp4/TensorIO/Safetensors.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Matchers.h"

namespace fp4 {

inline constexpr const char *kWeightsFileName = "weights.safetensors";
inline constexpr const char *kManifestFileName = "manifest.json";

inline std::string getPTXFileName(const gpu::GPUArch &arch) {
  return "kernels." + arch.name.str() + ".ptx";
}

inline std::string getWeightName(llvm::StringRef layer,
                                 llvm::StringRef argument) {
  return (layer + "." + argument).str();
}

/// Calls `body` for every launch of lowered kernels in program order with the
/// name of its layer, unique in the module, and of the kernel's arguments.
void forEachLaunch(mlir::ModuleOp module,
                   llvm::function_ref<void(gpu::LaunchOp, llvm::StringRef layer,
                                           llvm::ArrayRef<std::string> names)>
                       body);

/// The constant operands of all launches. Views into the module where the
/// constants are not splats.
mlir::FailureOr<TensorMap> collectWeights(mlir::ModuleOp module);

} // namespace fp4

#endif // FP4_LIB_TARGET_WEIGHTS_H

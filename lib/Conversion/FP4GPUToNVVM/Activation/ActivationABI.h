//===- ActivationABI.h - The function of an activation kernel ---*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Signature and launch description: arrays as pointers, scalars by value.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CONVERSION_FP4GPUTONVVM_ACTIVATION_ACTIVATIONABI_H
#define FP4_LIB_CONVERSION_FP4GPUTONVVM_ACTIVATION_ACTIVATIONABI_H

#include "../KernelBuilder.h"
#include "ActivationPlan.h"
#include "mlir/IR/IRMapping.h"

namespace fp4::gpu {

/// Declares the function in `device`, leaves the builder in its empty body and
/// maps the kernel's arguments to the function's.
void beginActivationFunction(KernelBuilder &b, ActivationPlan &plan,
                             mlir::Operation *device, mlir::IRMapping &mapping);

} // namespace fp4::gpu

#endif // FP4_LIB_CONVERSION_FP4GPUTONVVM_ACTIVATION_ACTIVATIONABI_H

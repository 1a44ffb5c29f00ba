//===- Syscalls.h - Functions that the driver provides ----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// vprintf, __assertfail, malloc and free: declared in PTX, defined nowhere in
// it (CUDA Programming Guide, "Formatted Output"; PTX Interoperability guide,
// "System Calls").
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_PTX_SYSCALLS_H
#define FP4_LIB_EMULATOR_PTX_SYSCALLS_H

#include "Machine.h"

namespace fp4::ptx {

/// Runs a system call for the active lanes; `site` is the call.
using SyscallFn = void (*)(Warp &, const Instr &site);

/// The system call of that name, or null.
SyscallFn findSyscall(std::string_view name);

} // namespace fp4::ptx

#endif // FP4_LIB_EMULATOR_PTX_SYSCALLS_H

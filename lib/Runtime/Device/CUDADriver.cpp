//===- CUDADriver.cpp - The driver API, loaded at run time ----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One table of symbols, looked up in libcuda.so.1: nothing here links CUDA.
//
//===----------------------------------------------------------------------===//

#include "CUDADriver.h"
#include <dlfcn.h>

namespace fp4::runtime::cuda {

static constexpr const char *kLibrary = "libcuda.so.1";

static Expected<Driver> load() {
  void *library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *reason = dlerror();
    return Status::error(std::string("no CUDA driver: dlopen(") + kLibrary +
                         "): " + (reason ? reason : "failed"));
  }
  Driver driver;
  const char *missing = nullptr;
#define FP4_CUDA_LOAD(member, symbol, parameters)                              \
  driver.member =                                                              \
      reinterpret_cast<decltype(driver.member)>(dlsym(library, symbol));       \
  if (!driver.member && !missing)                                              \
    missing = symbol;
  FP4_CUDA_FUNCTIONS(FP4_CUDA_LOAD)
#undef FP4_CUDA_LOAD
  if (missing)
    return Status::error(std::string(kLibrary) + " has no " + missing +
                         "; expected a driver for CUDA 12.4 or newer");
  Status status = driver.check(driver.init(0), "cuInit");
  if (!status.ok())
    return status;
  return driver;
}

Expected<const Driver *> Driver::get() {
  static const Expected<Driver> driver = load();
  if (!driver.ok())
    return driver.status();
  return &*driver;
}

Status Driver::check(Result result, const char *call, const char *what) const {
  if (result == 0)
    return Status::success();
  const char *name = nullptr, *text = nullptr;
  getErrorName(result, &name);
  getErrorString(result, &text);
  return Status::error(std::string(call) + "(" + what +
                       "): " + (name ? name : std::to_string(result)) +
                       (text ? std::string(": ") + text : ""));
}

} // namespace fp4::runtime::cuda

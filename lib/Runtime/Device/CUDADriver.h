//===- CUDADriver.h - The driver API, loaded at run time --------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The functions of libcuda.so.1 that the runtime calls, found with dlopen, so
// that nothing of CUDA is needed to build and no GPU to start. Types and
// numbers are those of the CUDA Driver API 12.4, a stable binary interface.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_RUNTIME_DEVICE_CUDADRIVER_H
#define FP4_LIB_RUNTIME_DEVICE_CUDADRIVER_H

#include "fp4/Status/Status.h"
#include <cstddef>
#include <cstdint>

namespace fp4::runtime::cuda {

using Result = int;
using DeviceID = int;
using DeviceAddress = unsigned long long;
using Context = struct OpaqueContext *;
using ModuleHandle = struct OpaqueModule *;
using Function = struct OpaqueFunction *;
using StreamHandle = struct OpaqueStream *;
using EventHandle = struct OpaqueEvent *;

inline constexpr int kMultiprocessorCount = 16;    // CUdevice_attribute
inline constexpr int kMaxDynamicSharedBytes = 8;   // CUfunction_attribute
inline constexpr int kNonPortableCluster = 14;     // CUfunction_attribute
inline constexpr uint32_t kClusterDimension = 4;   // CUlaunchAttributeID
inline constexpr uint32_t kProgrammaticStream = 6; // CUlaunchAttributeID
inline constexpr int kJITErrorLog = 5;             // CUjit_option
inline constexpr int kJITErrorLogBytes = 6;        // CUjit_option
inline constexpr int kErrorInvalidValue = 1;       // CUresult

/// CUlaunchAttribute; the value is a union of 64 bytes.
struct LaunchAttribute {
  uint32_t id;
  uint32_t pad;
  union {
    uint32_t clusterDim[3];
    int allowsEarlyStart;
    char bytes[64];
  };
};
static_assert(sizeof(LaunchAttribute) == 72);

/// CUlaunchConfig.
struct LaunchConfig {
  unsigned gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes;
  StreamHandle stream;
  LaunchAttribute *attributes;
  unsigned numAttributes;
};

struct Driver {
  /// Loads the library once; the error says what is missing.
  static Expected<const Driver *> get();

  /// Success, or "cuCall(what): NAME: text".
  Status check(Result result, const char *call, const char *what = "") const;

#define FP4_CUDA_FUNCTIONS(X)                                                  \
  X(init, "cuInit", (unsigned))                                                \
  X(driverGetVersion, "cuDriverGetVersion", (int *))                           \
  X(deviceGetCount, "cuDeviceGetCount", (int *))                               \
  X(deviceGet, "cuDeviceGet", (DeviceID *, int))                               \
  X(deviceGetName, "cuDeviceGetName", (char *, int, DeviceID))                 \
  X(deviceGetAttribute, "cuDeviceGetAttribute", (int *, int, DeviceID))        \
  X(primaryCtxRetain, "cuDevicePrimaryCtxRetain", (Context *, DeviceID))       \
  X(primaryCtxRelease, "cuDevicePrimaryCtxRelease_v2", (DeviceID))             \
  X(ctxSetCurrent, "cuCtxSetCurrent", (Context))                               \
  X(memAlloc, "cuMemAlloc_v2", (DeviceAddress *, size_t))                      \
  X(memFree, "cuMemFree_v2", (DeviceAddress))                                  \
  X(memcpyToDevice, "cuMemcpyHtoDAsync_v2",                                    \
    (DeviceAddress, const void *, size_t, StreamHandle))                       \
  X(memcpyToHost, "cuMemcpyDtoHAsync_v2",                                      \
    (void *, DeviceAddress, size_t, StreamHandle))                             \
  X(memset, "cuMemsetD8Async",                                                 \
    (DeviceAddress, unsigned char, size_t, StreamHandle))                      \
  X(moduleLoad, "cuModuleLoadDataEx",                                          \
    (ModuleHandle *, const void *, unsigned, int *, void **))                  \
  X(moduleUnload, "cuModuleUnload", (ModuleHandle))                            \
  X(moduleGetFunction, "cuModuleGetFunction",                                  \
    (Function *, ModuleHandle, const char *))                                  \
  X(moduleGetGlobal, "cuModuleGetGlobal_v2",                                   \
    (DeviceAddress *, size_t *, ModuleHandle, const char *))                   \
  X(funcSetAttribute, "cuFuncSetAttribute", (Function, int, int))              \
  X(funcGetParamInfo, "cuFuncGetParamInfo",                                    \
    (Function, size_t, size_t *, size_t *))                                    \
  X(launchKernel, "cuLaunchKernelEx",                                          \
    (const LaunchConfig *, Function, void **, void **))                        \
  X(streamCreate, "cuStreamCreate", (StreamHandle *, unsigned))                \
  X(streamDestroy, "cuStreamDestroy_v2", (StreamHandle))                       \
  X(streamSynchronize, "cuStreamSynchronize", (StreamHandle))                  \
  X(streamWaitEvent, "cuStreamWaitEvent",                                      \
    (StreamHandle, EventHandle, unsigned))                                     \
  X(eventCreate, "cuEventCreate", (EventHandle *, unsigned))                   \
  X(eventDestroy, "cuEventDestroy_v2", (EventHandle))                          \
  X(eventRecord, "cuEventRecord", (EventHandle, StreamHandle))                 \
  X(eventSynchronize, "cuEventSynchronize", (EventHandle))                     \
  X(eventElapsedTime, "cuEventElapsedTime",                                    \
    (float *, EventHandle, EventHandle))                                       \
  X(tensorMapEncode, "cuTensorMapEncodeTiled",                                 \
    (void *, int, uint32_t, void *, const uint64_t *, const uint64_t *,        \
     const uint32_t *, const uint32_t *, int, int, int, int))                  \
  X(getErrorName, "cuGetErrorName", (Result, const char **))                   \
  X(getErrorString, "cuGetErrorString", (Result, const char **))

#define FP4_CUDA_MEMBER(member, symbol, parameters)                            \
  Result(*member) parameters = nullptr;
  FP4_CUDA_FUNCTIONS(FP4_CUDA_MEMBER)
#undef FP4_CUDA_MEMBER
};

} // namespace fp4::runtime::cuda

#endif // FP4_LIB_RUNTIME_DEVICE_CUDADRIVER_H

//===- DriverDevice.cpp - CUDA driver: device, memory, streams ------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// CUDA Driver API 13.0, "Device Management", "Context Management", "Memory
// Management", "Stream Management" and "Event Management", by the functions of
// the runtime API: streams and events are the same objects, and error codes the
// same numbers. There is one context.
//
//===----------------------------------------------------------------------===//

#include "Context.h"
#include <cstdio>
#include <cuda.h>

using namespace fp4::cuda;

static CUresult toResult(cudaError_t error) {
  return static_cast<CUresult>(error);
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

namespace {
struct ErrorName {
  CUresult code;
  const char *name;
};
} // namespace

static constexpr ErrorName errorNames[] = {
    {CUDA_SUCCESS, "CUDA_SUCCESS"},
    {CUDA_ERROR_INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE"},
    {CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY"},
    {CUDA_ERROR_INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE"},
    {CUDA_ERROR_INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE"},
    {CUDA_ERROR_INVALID_PTX, "CUDA_ERROR_INVALID_PTX"},
    {CUDA_ERROR_INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE"},
    {CUDA_ERROR_NOT_FOUND, "CUDA_ERROR_NOT_FOUND"},
    {CUDA_ERROR_ASSERT, "CUDA_ERROR_ASSERT"},
    {CUDA_ERROR_LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED"},
    {CUDA_ERROR_NOT_SUPPORTED, "CUDA_ERROR_NOT_SUPPORTED"},
};

CUresult cuGetErrorName(CUresult code, const char **name) {
  for (const ErrorName &error : errorNames)
    if (error.code == code) {
      *name = error.name;
      return CUDA_SUCCESS;
    }
  *name = nullptr;
  return CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGetErrorString(CUresult code, const char **text) {
  switch (code) {
  case CUDA_ERROR_NOT_FOUND:
    *text = "named symbol not found";
    return CUDA_SUCCESS;
  case CUDA_ERROR_INVALID_PTX:
    *text = "a PTX JIT compilation failed";
    return CUDA_SUCCESS;
  case CUDA_ERROR_INVALID_IMAGE:
    *text = "device kernel image is invalid";
    return CUDA_SUCCESS;
  default:
    *text = cudaGetErrorString(static_cast<cudaError_t>(code));
    return CUDA_SUCCESS;
  }
}

//===----------------------------------------------------------------------===//
// Device and context
//===----------------------------------------------------------------------===//

/// What stands for the one context; nobody looks inside.
static CUcontext theContext() {
  static char context;
  return reinterpret_cast<CUcontext>(&context);
}

CUresult cuInit(unsigned) { return CUDA_SUCCESS; }

CUresult cuDriverGetVersion(int *version) {
  return toResult(cudaDriverGetVersion(version));
}

CUresult cuDeviceGetCount(int *count) {
  return toResult(cudaGetDeviceCount(count));
}

CUresult cuDeviceGet(CUdevice *device, int ordinal) {
  *device = 0;
  return ordinal == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

CUresult cuDeviceGetName(char *name, int length, CUdevice device) {
  cudaDeviceProp properties;
  cudaError_t error = cudaGetDeviceProperties(&properties, device);
  if (error == cudaSuccess)
    std::snprintf(name, size_t(length), "%s", properties.name);
  return toResult(error);
}

CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute,
                              CUdevice device) {
  return toResult(cudaDeviceGetAttribute(
      value, static_cast<cudaDeviceAttr>(attribute), device));
}

CUresult cuDeviceTotalMem(size_t *bytes, CUdevice) {
  size_t free = 0;
  return toResult(cudaMemGetInfo(&free, bytes));
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice) {
  *context = theContext();
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease(CUdevice) { return CUDA_SUCCESS; }

CUresult cuCtxCreate(CUcontext *context, CUctxCreateParams *, unsigned,
                     CUdevice device) {
  return cuDevicePrimaryCtxRetain(context, device);
}

CUresult cuCtxDestroy(CUcontext) { return CUDA_SUCCESS; }
CUresult cuCtxSetCurrent(CUcontext) { return CUDA_SUCCESS; }
CUresult cuCtxPushCurrent(CUcontext) { return CUDA_SUCCESS; }

CUresult cuCtxGetCurrent(CUcontext *context) {
  *context = theContext();
  return CUDA_SUCCESS;
}

CUresult cuCtxPopCurrent(CUcontext *context) {
  return cuCtxGetCurrent(context);
}

CUresult cuCtxGetDevice(CUdevice *device) { return cuDeviceGet(device, 0); }
CUresult cuCtxSynchronize() { return toResult(cudaDeviceSynchronize()); }

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

static void *toPointer(CUdeviceptr address) {
  return reinterpret_cast<void *>(address);
}

CUresult cuMemAlloc(CUdeviceptr *address, size_t bytes) {
  if (bytes == 0)
    return CUDA_ERROR_INVALID_VALUE;
  void *pointer = nullptr;
  cudaError_t error = cudaMalloc(&pointer, bytes);
  *address = reinterpret_cast<uintptr_t>(pointer);
  return toResult(error);
}

CUresult cuMemFree(CUdeviceptr address) {
  return toResult(cudaFree(toPointer(address)));
}

CUresult cuMemHostAlloc(void **pointer, size_t bytes, unsigned flags) {
  return toResult(cudaHostAlloc(pointer, bytes, flags));
}

CUresult cuMemFreeHost(void *pointer) {
  return toResult(cudaFreeHost(pointer));
}

CUresult cuMemcpyHtoD(CUdeviceptr to, const void *from, size_t bytes) {
  return toResult(
      cudaMemcpy(toPointer(to), from, bytes, cudaMemcpyHostToDevice));
}

CUresult cuMemcpyDtoH(void *to, CUdeviceptr from, size_t bytes) {
  return toResult(
      cudaMemcpy(to, toPointer(from), bytes, cudaMemcpyDeviceToHost));
}

CUresult cuMemcpyDtoD(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  return toResult(cudaMemcpy(toPointer(to), toPointer(from), bytes,
                             cudaMemcpyDeviceToDevice));
}

CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void *from, size_t bytes,
                           CUstream) {
  return cuMemcpyHtoD(to, from, bytes);
}

CUresult cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t bytes, CUstream) {
  return cuMemcpyDtoH(to, from, bytes);
}

CUresult cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes,
                           CUstream) {
  return cuMemcpyDtoD(to, from, bytes);
}

CUresult cuMemsetD8(CUdeviceptr address, unsigned char value, size_t count) {
  return cuMemsetD8Async(address, value, count, nullptr);
}

CUresult cuMemsetD32(CUdeviceptr address, unsigned value, size_t count) {
  return cuMemsetD32Async(address, value, count, nullptr);
}

//===----------------------------------------------------------------------===//
// Streams and events
//===----------------------------------------------------------------------===//

CUresult cuStreamCreate(CUstream *stream, unsigned flags) {
  return toResult(cudaStreamCreateWithFlags(stream, flags));
}

CUresult cuStreamCreateWithPriority(CUstream *stream, unsigned flags,
                                    int priority) {
  return toResult(cudaStreamCreateWithPriority(stream, flags, priority));
}

CUresult cuStreamDestroy(CUstream stream) {
  return toResult(cudaStreamDestroy(stream));
}

CUresult cuStreamSynchronize(CUstream stream) {
  return toResult(cudaStreamSynchronize(stream));
}

CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned flags) {
  return toResult(cudaStreamWaitEvent(stream, event, flags));
}

CUresult cuEventCreate(CUevent *event, unsigned flags) {
  return toResult(cudaEventCreateWithFlags(event, flags));
}

CUresult cuEventDestroy(CUevent event) {
  return toResult(cudaEventDestroy(event));
}

CUresult cuEventRecord(CUevent event, CUstream stream) {
  return toResult(cudaEventRecord(event, stream));
}

CUresult cuEventSynchronize(CUevent event) {
  return toResult(cudaEventSynchronize(event));
}

CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end) {
  return toResult(cudaEventElapsedTime(milliseconds, start, end));
}

// Programs that were compiled with CUDA 12 ask for the first version.
#undef cuEventElapsedTime
extern "C" CUresult cuEventElapsedTime(float *milliseconds, CUevent start,
                                       CUevent end) {
  return cuEventElapsedTime_v2(milliseconds, start, end);
}

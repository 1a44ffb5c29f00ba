//===- Driver.cpp - The driver functions that runtime programs call -------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Programs of the CUDA runtime reach the driver for tensor maps: by name
// through cudaGetDriverEntryPoint, or by linking libcuda. DriverDevice.cpp and
// DriverModule.cpp hold what programs of the driver API use besides.
//
//===----------------------------------------------------------------------===//

#include "Context.h"
#include "fp4/Emulator/PTX/TensorMap.h"
#include <cstring>
#include <cuda.h>
#include <dlfcn.h>

using namespace fp4;
using namespace fp4::cuda;

//===----------------------------------------------------------------------===//
// Tensor maps
//===----------------------------------------------------------------------===//

CUresult cuTensorMapEncodeTiled(
    CUtensorMap *map, CUtensorMapDataType type, cuuint32_t rank, void *address,
    const cuuint64_t *dims, const cuuint64_t *strides, const cuuint32_t *box,
    const cuuint32_t *elementStrides, CUtensorMapInterleave interleave,
    CUtensorMapSwizzle swizzle, CUtensorMapL2promotion,
    CUtensorMapFloatOOBfill fill) {
  Locked context;
  auto refuse = [&](const Status &status) {
    context->report(status, cudaErrorInvalidValue);
    context->lastError = cudaSuccess;
    return CUDA_ERROR_INVALID_VALUE;
  };
  if (interleave != CU_TENSOR_MAP_INTERLEAVE_NONE)
    return refuse(Status::error("tensor map: interleaved layouts are not "
                                "supported"));
  if (rank < 1 || rank > 5)
    return refuse(Status::error("tensor map: the rank is not in 1..5"));
  ptx::TensorMapParams params;
  params.type = ptx::TensorMapType(type);
  params.rank = rank;
  params.globalAddress = reinterpret_cast<uintptr_t>(address);
  for (unsigned i = 0; i < rank; ++i) {
    params.globalDim[i] = dims[i];
    params.boxDim[i] = box[i];
    params.elementStrides[i] = elementStrides[i];
    if (i + 1 < rank)
      params.globalStrides[i] = strides[i];
  }
  params.swizzle = ptx::TensorMapSwizzle(swizzle);
  params.nanFill = fill != CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE;
  Expected<ptx::TensorMap> encoded = ptx::encodeTensorMap(params);
  if (!encoded.ok())
    return refuse(encoded.status());
  static_assert(sizeof *map == sizeof *encoded);
  std::memcpy(map, encoded->data(), sizeof *map);
  return CUDA_SUCCESS;
}

CUresult cuTensorMapReplaceAddress(CUtensorMap *map, void *address) {
  ptx::TensorMap bytes;
  std::memcpy(bytes.data(), map, sizeof bytes);
  Expected<ptx::TensorMapParams> params = ptx::decodeTensorMap(bytes);
  if (!params.ok())
    return CUDA_ERROR_INVALID_VALUE;
  params->globalAddress = reinterpret_cast<uintptr_t>(address);
  Expected<ptx::TensorMap> encoded = ptx::encodeTensorMap(*params);
  if (!encoded.ok())
    return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(map, encoded->data(), sizeof *map);
  return CUDA_SUCCESS;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

template <typename T>
static CUresult fill(CUdeviceptr address, T value, size_t count) {
  std::vector<T> values(count, value);
  Locked context;
  Status status =
      context->device.copyIn(address, values.data(), count * sizeof(T));
  if (context->report(status, cudaErrorInvalidValue) != cudaSuccess)
    return CUDA_ERROR_INVALID_VALUE;
  return CUDA_SUCCESS;
}

CUresult cuMemsetD8Async(CUdeviceptr address, unsigned char value, size_t count,
                         CUstream) {
  return fill<uint8_t>(address, value, count);
}

CUresult cuMemsetD16Async(CUdeviceptr address, unsigned short value,
                          size_t count, CUstream) {
  return fill<uint16_t>(address, value, count);
}

CUresult cuMemsetD32Async(CUdeviceptr address, unsigned value, size_t count,
                          CUstream) {
  return fill<uint32_t>(address, value, count);
}

//===----------------------------------------------------------------------===//
// Entry points by name
//===----------------------------------------------------------------------===//

cudaError_t
cudaGetDriverEntryPointByVersion(const char *symbol, void **function, unsigned,
                                 unsigned long long,
                                 cudaDriverEntryPointQueryResult *result) {
  // As cuda.h maps a name to its latest version.
  *function = dlsym(RTLD_DEFAULT, (std::string(symbol) + "_v2").c_str());
  if (!*function)
    *function = dlsym(RTLD_DEFAULT, symbol);
  if (result)
    *result = *function ? cudaDriverEntryPointSuccess
                        : cudaDriverEntryPointSymbolNotFound;
  if (*function)
    return cudaSuccess;
  return Locked()->report(Status::error("driver function '" +
                                        std::string(symbol) +
                                        "' is not supported"),
                          cudaErrorNotSupported);
}

cudaError_t cudaGetDriverEntryPoint(const char *symbol, void **function,
                                    unsigned long long flags,
                                    cudaDriverEntryPointQueryResult *result) {
  return cudaGetDriverEntryPointByVersion(symbol, function, CUDART_VERSION,
                                          flags, result);
}

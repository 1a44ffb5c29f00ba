//===- RuntimeLaunch.cpp - CUDA runtime: program start and launches -------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What nvcc's generated code calls before main (__cudaRegister...), the <<<>>>
// syntax, and the launch functions (CUDA Runtime API 13.0, "Execution
// Control").
//
//===----------------------------------------------------------------------===//

#include "Context.h"
#include <array>
#include <cstring>

using namespace fp4;
using namespace fp4::cuda;

//===----------------------------------------------------------------------===//
// Registration
//===----------------------------------------------------------------------===//

extern "C" void **__cudaRegisterFatBinary(void *fatBinary) {
  return reinterpret_cast<void **>(Locked()->addImage(fatBinary));
}

extern "C" void __cudaRegisterFatBinaryEnd(void **) {}
extern "C" void __cudaUnregisterFatBinary(void **) {}

extern "C" void __cudaRegisterFunction(void **image, const char *host, char *,
                                       const char *name, int, uint3 *, uint3 *,
                                       dim3 *, dim3 *, int *) {
  Locked()->kernels[host] = {reinterpret_cast<Image *>(image), name};
}

extern "C" void __cudaRegisterVar(void **image, char *host, char *,
                                  const char *name, int, size_t size, int,
                                  int) {
  Locked()->symbols[host] = {reinterpret_cast<Image *>(image), name, size,
                             nullptr};
}

extern "C" void __cudaRegisterManagedVar(void **image, void **host, char *,
                                         const char *name, int, size_t size,
                                         int, int) {
  Locked context;
  std::string message = "__managed__ variable '" + std::string(name) +
                        "' is not supported; use cudaMallocManaged";
  reinterpret_cast<Image *>(image)->problem = message;
  context->symbols[host] = {reinterpret_cast<Image *>(image), name, size, host};
}

extern "C" char __cudaInitModule(void **) { return 1; }

extern "C" cudaError_t __cudaGetKernel(cudaKernel_t *kernel, const void *host) {
  *kernel = reinterpret_cast<cudaKernel_t>(const_cast<void *>(host));
  return cudaSuccess;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

namespace {
struct CallConfiguration {
  dim3 grid, block;
  size_t shared = 0;
  cudaStream_t stream = nullptr;
};
} // namespace

static thread_local std::vector<CallConfiguration> callConfigurations;

extern "C" unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block,
                                                size_t shared,
                                                CUstream_st *stream) {
  callConfigurations.push_back({grid, block, shared, stream});
  return 0;
}

extern "C" cudaError_t __cudaPopCallConfiguration(dim3 *grid, dim3 *block,
                                                  size_t *shared,
                                                  void *stream) {
  if (callConfigurations.empty())
    return cudaErrorMissingConfiguration;
  const CallConfiguration &top = callConfigurations.back();
  *grid = top.grid;
  *block = top.block;
  *shared = top.shared;
  std::memcpy(stream, &top.stream, sizeof top.stream);
  callConfigurations.pop_back();
  return cudaSuccess;
}

static ptx::Dim3 toDim3(dim3 dim) { return {dim.x, dim.y, dim.z}; }

static ptx::LaunchConfig toConfig(dim3 grid, dim3 block, size_t shared) {
  ptx::LaunchConfig config{toDim3(grid), toDim3(block)};
  config.dynamicSharedBytes = uint32_t(shared);
  return config;
}

cudaError_t cudaLaunchKernel(const void *function, dim3 grid, dim3 block,
                             void **arguments, size_t shared, cudaStream_t) {
  return Locked()->launch(function, toConfig(grid, block, shared), arguments);
}

extern "C" cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid,
                                          dim3 block, void **arguments,
                                          size_t shared, cudaStream_t stream) {
  return cudaLaunchKernel(kernel, grid, block, arguments, shared, stream);
}

extern "C" cudaError_t __cudaLaunchKernel_ptsz(cudaKernel_t kernel, dim3 grid,
                                               dim3 block, void **arguments,
                                               size_t shared,
                                               cudaStream_t stream) {
  return cudaLaunchKernel(kernel, grid, block, arguments, shared, stream);
}

cudaError_t cudaLaunchCooperativeKernel(const void *function, dim3 grid,
                                        dim3 block, void **arguments,
                                        size_t shared, cudaStream_t) {
  ptx::LaunchConfig config = toConfig(grid, block, shared);
  config.cooperative = true;
  return Locked()->launch(function, config, arguments);
}

/// Other attributes only say how fast a launch should be, or how it overlaps
/// with others.
cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t *launch,
                                const void *function, void **arguments) {
  ptx::LaunchConfig config =
      toConfig(launch->gridDim, launch->blockDim, launch->dynamicSmemBytes);
  for (unsigned i = 0; i < launch->numAttrs; ++i) {
    const cudaLaunchAttribute &attribute = launch->attrs[i];
    if (attribute.id == cudaLaunchAttributeClusterDimension) {
      const auto &dim = attribute.val.clusterDim;
      config.cluster = {dim.x, dim.y, dim.z};
    } else if (attribute.id == cudaLaunchAttributeCooperative) {
      config.cooperative = attribute.val.cooperative != 0;
    }
  }
  return Locked()->launch(function, config, arguments);
}

cudaError_t cudaLaunchHostFunc(cudaStream_t, cudaHostFn_t function,
                               void *data) {
  function(data);
  return cudaSuccess;
}

//===----------------------------------------------------------------------===//
// Functions and their attributes
//===----------------------------------------------------------------------===//

/// The kernel behind a host address, or null.
static Kernel *findKernel(Locked &context, const void *function) {
  auto found = context->kernels.find(function);
  return found == context->kernels.end() ? nullptr : &found->second;
}

cudaError_t cudaFuncSetAttribute(const void *function, cudaFuncAttribute what,
                                 int value) {
  Locked context;
  Kernel *kernel = findKernel(context, function);
  if (!kernel)
    return context->fail(cudaErrorInvalidDeviceFunction);
  if (what == cudaFuncAttributeMaxDynamicSharedMemorySize) {
    int most = 0;
    cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0);
    if (value < 0 || value > most)
      return context->report(
          Status::error(
              "kernel " + kernel->name + " asks for " + std::to_string(value) +
              " bytes of dynamic shared memory; sm_" +
              std::to_string(context->arch()) + " has " + std::to_string(most)),
          cudaErrorInvalidValue);
    kernel->maxDynamicShared = value;
  }
  return cudaSuccess;
}

cudaError_t cudaFuncSetCacheConfig(const void *, cudaFuncCache) {
  return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *attributes,
                                  const void *function) {
  Locked context;
  Kernel *kernel = findKernel(context, function);
  if (!kernel)
    return context->fail(cudaErrorInvalidDeviceFunction);
  Expected<ptx::KernelInfo> info = context->info(*kernel);
  if (!info.ok())
    return context->report(info.status(), cudaErrorNoKernelImageForDevice);
  *attributes = {};
  uint32_t threads = 1024;
  if (info->maxThreads[0])
    threads = info->maxThreads[0] * info->maxThreads[1] * info->maxThreads[2];
  attributes->sharedSizeBytes = info->staticSharedBytes;
  attributes->maxThreadsPerBlock = int(threads);
  attributes->numRegs = 32;
  attributes->ptxVersion = int(kernel->image->module->target());
  attributes->binaryVersion = int(context->arch());
  attributes->maxDynamicSharedSizeBytes = kernel->maxDynamicShared;
  attributes->requiredClusterWidth = int(info->clusterDims[0]);
  attributes->requiredClusterHeight = int(info->clusterDims[1]);
  attributes->requiredClusterDepth = int(info->clusterDims[2]);
  return cudaSuccess;
}

cudaError_t cudaFuncGetName(const char **name, const void *function) {
  Locked context;
  Kernel *kernel = findKernel(context, function);
  if (!kernel)
    return context->fail(cudaErrorInvalidDeviceFunction);
  *name = kernel->name.c_str();
  return cudaSuccess;
}

/// By threads and shared memory; registers are not known.
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    int *blocks, const void *function, int blockSize, size_t dynamicShared,
    unsigned) {
  cudaFuncAttributes attributes;
  if (cudaError_t error = cudaFuncGetAttributes(&attributes, function))
    return error;
  int shared = 0, reserved = 0, threads = 0, most = 0;
  cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerMultiprocessor,
                         0);
  cudaDeviceGetAttribute(&reserved, cudaDevAttrReservedSharedMemoryPerBlock, 0);
  cudaDeviceGetAttribute(&threads, cudaDevAttrMaxThreadsPerMultiProcessor, 0);
  cudaDeviceGetAttribute(&most, cudaDevAttrMaxBlocksPerMultiprocessor, 0);
  int perBlock =
      int(attributes.sharedSizeBytes) + int(dynamicShared) + reserved;
  int fits = std::min(most, shared / perBlock);
  if (blockSize > 0)
    fits = std::min(fits, threads / blockSize);
  if (blockSize > attributes.maxThreadsPerBlock)
    fits = 0;
  *blocks = fits;
  return cudaSuccess;
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(
    int *blocks, const void *function, int blockSize, size_t dynamicShared) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
      blocks, function, blockSize, dynamicShared, 0);
}

cudaError_t cudaOccupancyMaxActiveClusters(int *clusters, const void *function,
                                           const cudaLaunchConfig_t *config) {
  int blocks = 0;
  const dim3 &block = config->blockDim;
  if (cudaError_t error = cudaOccupancyMaxActiveBlocksPerMultiprocessor(
          &blocks, function, int(block.x * block.y * block.z),
          config->dynamicSmemBytes))
    return error;
  unsigned size = 1;
  for (unsigned i = 0; i < config->numAttrs; ++i)
    if (config->attrs[i].id == cudaLaunchAttributeClusterDimension) {
      const auto &dim = config->attrs[i].val.clusterDim;
      size = dim.x * dim.y * dim.z;
    }
  *clusters = int(blocks * Locked()->multiprocessors() / std::max(size, 1u));
  return cudaSuccess;
}

cudaError_t cudaOccupancyMaxPotentialClusterSize(int *size, const void *,
                                                 const cudaLaunchConfig_t *) {
  *size = 16;
  return cudaSuccess;
}

//===- DriverModule.cpp - CUDA driver: modules, functions, launches -------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// CUDA Driver API 13.0, "Module Management", "Library Management" and
// "Execution Control", for modules that are PTX text. A library is a module
// here, and a kernel a function.
//
//===----------------------------------------------------------------------===//

#include "Context.h"
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <cuda.h>
#include <fstream>
#include <iterator>

using namespace fp4;
using namespace fp4::cuda;

namespace {
struct Function {
  const ptx::Module *module;
  ptx::KernelInfo info;
  int maxDynamicShared = 48 * 1024;
};

struct DriverModule {
  explicit DriverModule(ptx::Module module) : module(std::move(module)) {}

  ptx::Module module;
  std::map<std::string, Function> functions;
};
} // namespace

static DriverModule &moduleOf(CUmodule handle) {
  return *reinterpret_cast<DriverModule *>(handle);
}

static Function &functionOf(CUfunction handle) {
  return *reinterpret_cast<Function *>(handle);
}

/// Prints `status` and returns `code`, but for a program that asks for the last
/// runtime error nothing has happened.
static CUresult refuse(const Status &status, CUresult code) {
  std::fprintf(stderr, "fp4-cuda: %s\n", status.message().c_str());
  return code;
}

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

/// Leaves `message` where the options ask for it.
static void writeErrorLog(const std::string &message, unsigned count,
                          CUjit_option *options, void **values) {
  char *log = nullptr;
  size_t size = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (options[i] == CU_JIT_ERROR_LOG_BUFFER)
      log = static_cast<char *>(values[i]);
    if (options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES)
      size = reinterpret_cast<uintptr_t>(values[i]);
  }
  if (log && size)
    std::snprintf(log, size, "%s", message.c_str());
}

CUresult cuModuleLoadDataEx(CUmodule *handle, const void *image, unsigned count,
                            CUjit_option *options, void **values) {
  Locked context;
  const char *text = static_cast<const char *>(image);
  constexpr unsigned char kELF[] = {0x7f, 'E', 'L', 'F'};
  constexpr unsigned char kFatBinary[] = {0x50, 0xed, 0x55, 0xba};
  if (!std::memcmp(image, kELF, 4) || !std::memcmp(image, kFatBinary, 4))
    return refuse(Status::error("a module must be PTX text, got machine code "
                                "or a fat binary"),
                  CUDA_ERROR_INVALID_IMAGE);
  Expected<ptx::Module> module = ptx::Module::parse(text);
  if (!module.ok()) {
    writeErrorLog(module.message(), count, options, values);
    return refuse(module.status(), CUDA_ERROR_INVALID_PTX);
  }
  *handle = reinterpret_cast<CUmodule>(new DriverModule(std::move(*module)));
  return CUDA_SUCCESS;
}

CUresult cuModuleLoadData(CUmodule *handle, const void *image) {
  return cuModuleLoadDataEx(handle, image, 0, nullptr, nullptr);
}

CUresult cuModuleLoad(CUmodule *handle, const char *path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return refuse(Status::error("cannot read '" + std::string(path) + "'"),
                  CUDA_ERROR_FILE_NOT_FOUND);
  std::string text((std::istreambuf_iterator<char>(file)),
                   std::istreambuf_iterator<char>());
  return cuModuleLoadData(handle, text.c_str());
}

CUresult cuModuleUnload(CUmodule handle) {
  Locked context;
  delete &moduleOf(handle);
  return CUDA_SUCCESS;
}

CUresult cuModuleGetFunction(CUfunction *function, CUmodule handle,
                             const char *name) {
  Locked context;
  DriverModule &module = moduleOf(handle);
  auto known = module.functions.find(name);
  if (known == module.functions.end()) {
    Expected<ptx::KernelInfo> info = module.module.kernel(name);
    if (!info.ok())
      return refuse(info.status(), CUDA_ERROR_NOT_FOUND);
    known =
        module.functions.emplace(name, Function{&module.module, *info}).first;
  }
  *function = reinterpret_cast<CUfunction>(&known->second);
  return CUDA_SUCCESS;
}

CUresult cuModuleGetGlobal(CUdeviceptr *address, size_t *bytes, CUmodule handle,
                           const char *name) {
  Locked context;
  const ptx::Module &module = moduleOf(handle).module;
  Expected<uint64_t> place = context->device.symbolAddress(module, name);
  if (!place.ok())
    return refuse(place.status(), CUDA_ERROR_NOT_FOUND);
  if (address)
    *address = *place;
  if (bytes)
    *bytes = *module.variableBytes(name);
  return CUDA_SUCCESS;
}

//===----------------------------------------------------------------------===//
// Libraries
//===----------------------------------------------------------------------===//

CUresult cuLibraryLoadData(CUlibrary *library, const void *code,
                           CUjit_option *options, void **values, unsigned count,
                           CUlibraryOption *, void **, unsigned) {
  return cuModuleLoadDataEx(reinterpret_cast<CUmodule *>(library), code, count,
                            options, values);
}

CUresult cuLibraryLoadFromFile(CUlibrary *library, const char *path,
                               CUjit_option *, void **, unsigned,
                               CUlibraryOption *, void **, unsigned) {
  return cuModuleLoad(reinterpret_cast<CUmodule *>(library), path);
}

CUresult cuLibraryUnload(CUlibrary library) {
  return cuModuleUnload(reinterpret_cast<CUmodule>(library));
}

CUresult cuLibraryGetKernel(CUkernel *kernel, CUlibrary library,
                            const char *name) {
  return cuModuleGetFunction(reinterpret_cast<CUfunction *>(kernel),
                             reinterpret_cast<CUmodule>(library), name);
}

CUresult cuKernelGetFunction(CUfunction *function, CUkernel kernel) {
  *function = reinterpret_cast<CUfunction>(kernel);
  return CUDA_SUCCESS;
}

CUresult cuKernelSetAttribute(CUfunction_attribute attribute, int value,
                              CUkernel kernel, CUdevice) {
  return cuFuncSetAttribute(reinterpret_cast<CUfunction>(kernel), attribute,
                            value);
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

CUresult cuFuncSetAttribute(CUfunction handle, CUfunction_attribute attribute,
                            int value) {
  Function &function = functionOf(handle);
  if (attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES)
    return CUDA_SUCCESS;
  int most = 0;
  cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0);
  if (value < 0 || value > most)
    return refuse(Status::error("kernel " + function.info.name + " asks for " +
                                std::to_string(value) +
                                " bytes of dynamic shared memory, but there "
                                "are " +
                                std::to_string(most)),
                  CUDA_ERROR_INVALID_VALUE);
  function.maxDynamicShared = value;
  return CUDA_SUCCESS;
}

CUresult cuFuncGetAttribute(int *value, CUfunction_attribute attribute,
                            CUfunction handle) {
  const Function &function = functionOf(handle);
  switch (attribute) {
  case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
    *value = int(function.info.staticSharedBytes);
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
    *value = function.maxDynamicShared;
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
    *value = 1024;
    if (uint32_t threads = function.info.maxThreads[0])
      *value = int(threads * function.info.maxThreads[1] *
                   function.info.maxThreads[2]);
    return CUDA_SUCCESS;
  default:
    *value = 0;
    return CUDA_SUCCESS;
  }
}

CUresult cuFuncGetParamInfo(CUfunction handle, size_t index, size_t *offset,
                            size_t *size) {
  const auto &params = functionOf(handle).info.params;
  if (index >= params.size())
    return CUDA_ERROR_INVALID_VALUE;
  *offset = params[index].offset;
  if (size)
    *size = params[index].size;
  return CUDA_SUCCESS;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

/// The address of each parameter in the buffer that `extra` names.
static Expected<std::vector<void *>> splitBuffer(const ptx::KernelInfo &kernel,
                                                 void **extra) {
  char *buffer = nullptr;
  size_t size = 0;
  for (; extra && *extra != CU_LAUNCH_PARAM_END; extra += 2) {
    if (*extra == CU_LAUNCH_PARAM_BUFFER_POINTER)
      buffer = static_cast<char *>(extra[1]);
    else if (*extra == CU_LAUNCH_PARAM_BUFFER_SIZE)
      size = *static_cast<size_t *>(extra[1]);
    else
      break;
  }
  if (size < kernel.paramBytes)
    return Status::error("launch of " + kernel.name + ": expected " +
                         std::to_string(kernel.paramBytes) +
                         " bytes of parameters, got " + std::to_string(size));
  std::vector<void *> arguments;
  for (const auto &param : kernel.params)
    arguments.push_back(buffer + param.offset);
  return arguments;
}

static CUresult launch(CUfunction handle, const ptx::LaunchConfig &config,
                       void **arguments, void **extra) {
  Locked context;
  Function &function = functionOf(handle);
  std::vector<void *> buffered;
  if (!arguments) {
    Expected<std::vector<void *>> split = splitBuffer(function.info, extra);
    if (!split.ok())
      return refuse(split.status(), CUDA_ERROR_INVALID_VALUE);
    buffered = std::move(*split);
    arguments = buffered.data();
  }
  cudaError_t error =
      context->launch(*function.module, function.info,
                      function.maxDynamicShared, config, arguments);
  // The one code that the driver doesn't have.
  if (error == cudaErrorInvalidConfiguration)
    return CUDA_ERROR_INVALID_VALUE;
  return static_cast<CUresult>(error);
}

CUresult cuLaunchKernelEx(const CUlaunchConfig *launchConfig,
                          CUfunction function, void **arguments, void **extra) {
  const CUlaunchConfig &from = *launchConfig;
  ptx::LaunchConfig config{{from.gridDimX, from.gridDimY, from.gridDimZ},
                           {from.blockDimX, from.blockDimY, from.blockDimZ}};
  config.dynamicSharedBytes = from.sharedMemBytes;
  for (unsigned i = 0; i < from.numAttrs; ++i) {
    const CUlaunchAttribute &attribute = from.attrs[i];
    if (attribute.id == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION) {
      const auto &dim = attribute.value.clusterDim;
      config.cluster = {dim.x, dim.y, dim.z};
    } else if (attribute.id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE) {
      config.cooperative = attribute.value.cooperative != 0;
    }
  }
  return launch(function, config, arguments, extra);
}

CUresult cuLaunchKernel(CUfunction function, unsigned gridX, unsigned gridY,
                        unsigned gridZ, unsigned blockX, unsigned blockY,
                        unsigned blockZ, unsigned sharedBytes, CUstream,
                        void **arguments, void **extra) {
  ptx::LaunchConfig config{{gridX, gridY, gridZ}, {blockX, blockY, blockZ}};
  config.dynamicSharedBytes = sharedBytes;
  return launch(function, config, arguments, extra);
}

CUresult cuLaunchCooperativeKernel(CUfunction function, unsigned gridX,
                                   unsigned gridY, unsigned gridZ,
                                   unsigned blockX, unsigned blockY,
                                   unsigned blockZ, unsigned sharedBytes,
                                   CUstream, void **arguments) {
  ptx::LaunchConfig config{{gridX, gridY, gridZ}, {blockX, blockY, blockZ}};
  config.dynamicSharedBytes = sharedBytes;
  config.cooperative = true;
  return launch(function, config, arguments, nullptr);
}

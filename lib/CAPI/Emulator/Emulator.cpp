//===- Emulator.cpp - Running PTX through C -------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Implements fp4-c/Emulator.h over Emulator/PTX. Includes nothing of LLVM.
//
//===----------------------------------------------------------------------===//

#include "fp4-c/Emulator.h"
#include "../Text.h"
#include "fp4/Emulator/PTX/Emulator.h"
#include "fp4/Emulator/PTX/TensorMap.h"
#include <algorithm>
#include <cstring>

using namespace fp4;

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

struct FP4EmulatorModule {
  ptx::Module module;
  std::vector<ptx::KernelInfo> kernels;
};

FP4EmulatorModule *fp4EmulatorModuleParse(const char *ptx, size_t size,
                                          char **error) {
  Expected<ptx::Module> module = ptx::Module::parse({ptx, size});
  if (!capi::report(error, module.status()))
    return nullptr;
  return new FP4EmulatorModule{*module, module->kernels()};
}

void fp4EmulatorModuleDestroy(FP4EmulatorModule *module) { delete module; }

uint32_t fp4EmulatorModuleGetTarget(const FP4EmulatorModule *module) {
  return module->module.target();
}

size_t fp4EmulatorModuleGetNumKernels(const FP4EmulatorModule *module) {
  return module->kernels.size();
}

FP4EmulatorKernel fp4EmulatorModuleGetKernel(const FP4EmulatorModule *module,
                                             size_t index) {
  const ptx::KernelInfo &info = module->kernels[index];
  FP4EmulatorKernel kernel{};
  kernel.name = info.name.c_str();
  kernel.numParameters = info.params.size();
  kernel.parameterBytes = info.paramBytes;
  kernel.staticSharedBytes = info.staticSharedBytes;
  std::copy_n(info.maxThreads.begin(), 3, kernel.maxThreads);
  std::copy_n(info.requiredThreads.begin(), 3, kernel.requiredThreads);
  std::copy_n(info.clusterDims.begin(), 3, kernel.clusterDims);
  return kernel;
}

FP4EmulatorParameter
fp4EmulatorModuleGetParameter(const FP4EmulatorModule *module, size_t index,
                              size_t parameter) {
  const ptx::KernelParam &info = module->kernels[index].params[parameter];
  return {info.name.c_str(), info.offset, info.size, info.align};
}

//===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===//

struct FP4EmulatorDevice {
  ptx::Device device;
};

FP4EmulatorDevice *fp4EmulatorDeviceCreate(void) {
  return new FP4EmulatorDevice;
}

void fp4EmulatorDeviceDestroy(FP4EmulatorDevice *device) { delete device; }

/// Stores an address, or the message of a failure.
static bool storeAddress(const Expected<uint64_t> &found, uint64_t *address,
                         char **error) {
  if (found.ok())
    *address = *found;
  return capi::report(error, found.status());
}

bool fp4EmulatorDeviceAllocate(FP4EmulatorDevice *device, size_t bytes,
                               uint64_t *address, char **error) {
  return storeAddress(device->device.allocate(bytes), address, error);
}

bool fp4EmulatorDeviceFree(FP4EmulatorDevice *device, uint64_t address,
                           char **error) {
  return capi::report(error, device->device.free(address));
}

bool fp4EmulatorDeviceCopyIn(FP4EmulatorDevice *device, uint64_t address,
                             const void *source, size_t bytes, char **error) {
  return capi::report(error, device->device.copyIn(address, source, bytes));
}

bool fp4EmulatorDeviceCopyOut(FP4EmulatorDevice *device, void *destination,
                              uint64_t address, size_t bytes, char **error) {
  return capi::report(error,
                      device->device.copyOut(destination, address, bytes));
}

bool fp4EmulatorDeviceGetSymbol(FP4EmulatorDevice *device,
                                const FP4EmulatorModule *module,
                                const char *name, uint64_t *address,
                                char **error) {
  return storeAddress(device->device.symbolAddress(module->module, name),
                      address, error);
}

//===----------------------------------------------------------------------===//
// Tensor maps
//===----------------------------------------------------------------------===//

bool fp4TensorMapEncode(const FP4TensorMapParameters *parameters, void *map,
                        char **error) {
  constexpr auto kLastType = ptx::TensorMapType::U6Align16B;
  constexpr auto kLastSwizzle = ptx::TensorMapSwizzle::B128Atom64B;
  if (parameters->dataType > uint32_t(kLastType))
    return capi::fail(error, "tensor map: the data type is not in 0.." +
                                 std::to_string(unsigned(kLastType)));
  if (parameters->swizzle > uint32_t(kLastSwizzle))
    return capi::fail(error, "tensor map: the swizzle is not in 0.." +
                                 std::to_string(unsigned(kLastSwizzle)));
  ptx::TensorMapParams params;
  params.type = ptx::TensorMapType(parameters->dataType);
  params.rank = parameters->rank;
  params.globalAddress = parameters->globalAddress;
  for (unsigned i = 0; i < std::min(parameters->rank, 5u); ++i) {
    params.globalDim[i] = parameters->globalDim[i];
    params.boxDim[i] = parameters->boxDim[i];
    params.elementStrides[i] = parameters->elementStrides[i];
    if (i > 0)
      params.globalStrides[i - 1] = parameters->globalStrides[i - 1];
  }
  params.swizzle = ptx::TensorMapSwizzle(parameters->swizzle);
  params.nanFill = parameters->nanFill;
  Expected<ptx::TensorMap> encoded = ptx::encodeTensorMap(params);
  if (encoded.ok())
    std::memcpy(map, encoded->data(), encoded->size());
  return capi::report(error, encoded.status());
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

struct FP4EmulatorStatistics {
  ptx::Statistics statistics;
};

static ptx::LaunchOptions getOptions(const FP4EmulatorLaunch &launch) {
  ptx::LaunchOptions options;
  options.async = ptx::AsyncMode(launch.async);
  options.accumulation = ptx::Accumulation(launch.accumulation);
  options.seed = launch.seed;
  if (launch.stepBudget)
    options.stepBudget = launch.stepBudget;
  options.threads = launch.numThreads;
  options.trapUninitialized = !launch.allowsUninitialized;
  options.countBankConflicts = launch.countsBankConflicts;
  options.strict = launch.isStrict;
  if (launch.print)
    options.output = [print = launch.print,
                      data = launch.userData](std::string_view text) {
      print(text.data(), text.size(), data);
    };
  return options;
}

FP4EmulatorStatistics *
fp4EmulatorDeviceLaunch(FP4EmulatorDevice *device,
                        const FP4EmulatorModule *module, const char *name,
                        const FP4EmulatorLaunch *launch, const void *parameters,
                        size_t parameterBytes, char **error) {
  auto toDim3 = [](const uint32_t *dims) {
    return ptx::Dim3{dims[0], dims[1], dims[2]};
  };
  if (unsigned(launch->async) > FP4EmulatorAsyncRandom ||
      unsigned(launch->accumulation) > FP4EmulatorAccumulationBlackwell) {
    capi::fail(error, "expected the asynchronous mode and the accumulation to "
                      "be values of their enumerations");
    return nullptr;
  }
  ptx::LaunchConfig config{toDim3(launch->grid), toDim3(launch->block),
                           toDim3(launch->cluster), launch->dynamicSharedBytes};
  Expected<ptx::Statistics> statistics =
      device->device.launch(module->module, name, config, parameters,
                            parameterBytes, getOptions(*launch));
  if (!capi::report(error, statistics.status()))
    return nullptr;
  return new FP4EmulatorStatistics{std::move(*statistics)};
}

void fp4EmulatorStatisticsDestroy(FP4EmulatorStatistics *statistics) {
  delete statistics;
}

uint64_t
fp4EmulatorStatisticsGetInstructions(const FP4EmulatorStatistics *statistics,
                                     const char *opcode) {
  const ptx::Statistics &stats = statistics->statistics;
  if (*opcode == '\0')
    return stats.warpInstructions;
  auto it = stats.instructions.find(opcode);
  return it == stats.instructions.end() ? 0 : it->second;
}

char *fp4EmulatorStatisticsToJSON(const FP4EmulatorStatistics *statistics) {
  return capi::copyText(statistics->statistics.toJSON());
}

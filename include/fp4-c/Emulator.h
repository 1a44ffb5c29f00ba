//===- Emulator.h - Running PTX on this CPU -----------------------*- C -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The PTX emulator (docs/PTXEmulator.md) as a C library: modules, device
// memory, tensor maps, launches, statistics. It is in libFP4.so and, without
// LLVM and the compiler, in libFP4Emulator.so.
//
// The functions of one device must be called by one thread at a time.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_C_EMULATOR_H
#define FP4_C_EMULATOR_H

#include "fp4-c/Support.h"

#ifdef __cplusplus
extern "C" {
#endif

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

/// A parsed and checked PTX module.
typedef struct FP4EmulatorModule FP4EmulatorModule;

/// What a kernel says of itself. Strings are valid as long as the module.
typedef struct FP4EmulatorKernel {
  const char *name;
  size_t numParameters;
  /// Size of the parameter block that a launch takes.
  size_t parameterBytes;
  /// Shared memory of the kernel's own variables.
  uint32_t staticSharedBytes;
  /// .maxntid, .reqntid and .reqnctapercluster; zeros where absent.
  uint32_t maxThreads[3], requiredThreads[3], clusterDims[3];
} FP4EmulatorKernel;

/// Where a parameter lies in the parameter block, in bytes.
typedef struct FP4EmulatorParameter {
  const char *name;
  size_t offset, size, alignment;
} FP4EmulatorParameter;

/// Parses `size` bytes of PTX. Returns null on failure: the error has line and
/// column of the first thing that is not PTX or not supported.
FP4_CAPI_EXPORTED FP4EmulatorModule *
fp4EmulatorModuleParse(const char *ptx, size_t size, char **error);
FP4_CAPI_EXPORTED void fp4EmulatorModuleDestroy(FP4EmulatorModule *module);
/// 90 for sm_90a.
FP4_CAPI_EXPORTED uint32_t
fp4EmulatorModuleGetTarget(const FP4EmulatorModule *module);
FP4_CAPI_EXPORTED size_t
fp4EmulatorModuleGetNumKernels(const FP4EmulatorModule *module);
/// Kernel `index`, in the order of the text.
FP4_CAPI_EXPORTED FP4EmulatorKernel
fp4EmulatorModuleGetKernel(const FP4EmulatorModule *module, size_t index);
/// Parameter `parameter` of kernel `index`.
FP4_CAPI_EXPORTED FP4EmulatorParameter fp4EmulatorModuleGetParameter(
    const FP4EmulatorModule *module, size_t index, size_t parameter);

//===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===//

/// The memory of an emulated GPU.
typedef struct FP4EmulatorDevice FP4EmulatorDevice;

FP4_CAPI_EXPORTED FP4EmulatorDevice *fp4EmulatorDeviceCreate(void);
FP4_CAPI_EXPORTED void fp4EmulatorDeviceDestroy(FP4EmulatorDevice *device);

/// `bytes` of device memory, 256-byte aligned and zero-filled.
FP4_CAPI_EXPORTED bool fp4EmulatorDeviceAllocate(FP4EmulatorDevice *device,
                                                 size_t bytes,
                                                 uint64_t *address,
                                                 char **error);
/// Frees an address that `fp4EmulatorDeviceAllocate` gave.
FP4_CAPI_EXPORTED bool fp4EmulatorDeviceFree(FP4EmulatorDevice *device,
                                             uint64_t address, char **error);
FP4_CAPI_EXPORTED bool fp4EmulatorDeviceCopyIn(FP4EmulatorDevice *device,
                                               uint64_t address,
                                               const void *source, size_t bytes,
                                               char **error);
FP4_CAPI_EXPORTED bool fp4EmulatorDeviceCopyOut(FP4EmulatorDevice *device,
                                                void *destination,
                                                uint64_t address, size_t bytes,
                                                char **error);
/// The address of a .global or .const variable.
FP4_CAPI_EXPORTED bool
fp4EmulatorDeviceGetSymbol(FP4EmulatorDevice *device,
                           const FP4EmulatorModule *module, const char *name,
                           uint64_t *address, char **error);

//===----------------------------------------------------------------------===//
// Tensor maps
//===----------------------------------------------------------------------===//

/// The parameters of cuTensorMapEncodeTiled, numbered and ordered as there
/// (CUDA Driver API, "Tensor Map Object Management"). Interleaving is not
/// supported; the L2 promotion has no effect and no place here.
typedef struct FP4TensorMapParameters {
  /// CUtensorMapDataType.
  uint32_t dataType;
  /// 1 to 5: how many elements of the arrays count.
  uint32_t rank;
  uint64_t globalAddress;
  /// In elements, innermost first.
  uint64_t globalDim[5];
  /// In bytes, of dimensions 1 to rank - 1.
  uint64_t globalStrides[4];
  uint32_t boxDim[5];
  uint32_t elementStrides[5];
  /// CUtensorMapSwizzle.
  uint32_t swizzle;
  /// CU_TENSOR_MAP_FLOAT_OOB_FILL_NAN_REQUEST_ZERO_FMA.
  bool nanFill;
} FP4TensorMapParameters;

/// Writes the 128 bytes that a kernel takes by value to `map`. Fails where the
/// driver answers CUDA_ERROR_INVALID_VALUE. The contents are the emulator's
/// own.
FP4_CAPI_EXPORTED bool
fp4TensorMapEncode(const FP4TensorMapParameters *parameters, void *map,
                   char **error);

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

/// When asynchronous operations take effect.
typedef enum FP4EmulatorAsync {
  /// As late as the program's own waits allow.
  FP4EmulatorAsyncLate = 0,
  FP4EmulatorAsyncEarly = 1,
  /// At moments drawn from the seed.
  FP4EmulatorAsyncRandom = 2
} FP4EmulatorAsync;

/// How matrix instructions add products.
typedef enum FP4EmulatorAccumulation {
  /// Exactly, rounded once to nearest even.
  FP4EmulatorAccumulationExact = 0,
  /// As the published model of Blackwell's FP4 tensor cores does.
  FP4EmulatorAccumulationBlackwell = 1
} FP4EmulatorAccumulation;

/// How to launch. All zeros but grid and block is a good start.
typedef struct FP4EmulatorLaunch {
  uint32_t grid[3], block[3];
  /// Zeros: what the kernel's .reqnctapercluster says, else 1 x 1 x 1.
  uint32_t cluster[3];
  uint32_t dynamicSharedBytes;
  FP4EmulatorAsync async;
  FP4EmulatorAccumulation accumulation;
  /// Also chooses the order in which warps take turns.
  uint64_t seed;
  /// Warp-instructions after which the launch stops; 0: 2^40.
  uint64_t stepBudget;
  /// Host threads; 0: one per core.
  uint32_t numThreads;
  /// Whether values that were never written may be used.
  bool allowsUninitialized;
  /// Whether to count shared-memory bank conflicts, which costs time.
  bool countsBankConflicts;
  /// Whether to hold the program to the letter of the ISA: races in shared
  /// memory, missing fences (docs/PTXEmulator.md, "Strictly by the ISA").
  bool isStrict;
  /// Receives what device printf prints, not null-terminated; null drops it.
  void (*print)(const char *text, size_t size, void *userData);
  void *userData;
} FP4EmulatorLaunch;

/// What a launch did.
typedef struct FP4EmulatorStatistics FP4EmulatorStatistics;

/// Runs kernel `name` to its end. `parameters` is the parameter block: every
/// parameter at the offset that FP4EmulatorParameter gives; structs and tensor
/// maps by value. Returns null on failure: a launch that is not possible, or a
/// trap with PTX line, block, warp, lane and the values involved.
FP4_CAPI_EXPORTED FP4EmulatorStatistics *
fp4EmulatorDeviceLaunch(FP4EmulatorDevice *device,
                        const FP4EmulatorModule *module, const char *name,
                        const FP4EmulatorLaunch *launch, const void *parameters,
                        size_t parameterBytes, char **error);

FP4_CAPI_EXPORTED void
fp4EmulatorStatisticsDestroy(FP4EmulatorStatistics *statistics);
/// Warp-instructions of an opcode without modifiers ("mma"), or of all ("").
FP4_CAPI_EXPORTED uint64_t fp4EmulatorStatisticsGetInstructions(
    const FP4EmulatorStatistics *statistics, const char *opcode);
/// All figures as a JSON object, to be freed with fp4StringFree.
FP4_CAPI_EXPORTED char *
fp4EmulatorStatisticsToJSON(const FP4EmulatorStatistics *statistics);

#ifdef __cplusplus
}
#endif

#endif // FP4_C_EMULATOR_H

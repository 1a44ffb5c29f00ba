// The emulator through C: with the compiler in one library, and without LLVM.
// RUN: %cc_capi %s -o %t && %t | FileCheck %s
// RUN: %cc_emulator %s -o %t.alone && %t.alone | FileCheck %s
// RUN: readelf -d %t.alone | not grep -E 'LLVM|MLIR|libFP4\.so'

#include "fp4-c/Emulator.h"
#include <stdio.h>
#include <string.h>

static const char ptx[] =
    ".version 8.0\n"
    ".target sm_90a\n"
    ".address_size 64\n"
    ".visible .global .align 4 .u32 bias = 5;\n"
    ".extern .shared .align 16 .b8 dynamic[];\n"
    "// out[cta] = rank * scale + bias through dynamic shared memory\n"
    ".visible .entry scaled(.param .u64 out, .param .align 4 .b8 s[8])\n"
    "{\n"
    "  .reg .b32 %r<8>;\n"
    "  .reg .b64 %rd<4>;\n"
    "  ld.param.u64 %rd1, [out];\n"
    "  ld.param.u32 %r1, [s+4];\n"
    "  mov.u32 %r2, %cluster_ctarank;\n"
    "  ld.global.u32 %r3, [bias];\n"
    "  mad.lo.u32 %r4, %r2, %r1, %r3;\n"
    "  mov.u32 %r5, dynamic;\n"
    "  st.shared.u32 [%r5+1020], %r4;\n"
    "  ld.shared.u32 %r6, [%r5+1020];\n"
    "  mov.u32 %r7, %ctaid.x;\n"
    "  mul.wide.u32 %rd2, %r7, 4;\n"
    "  add.u64 %rd3, %rd1, %rd2;\n"
    "  st.global.u32 [%rd3], %r6;\n"
    "  ret;\n"
    "}\n"
    ".visible .entry map(.param .align 64 .b8 m[128])\n"
    ".reqntid 64, 2, 1\n"
    "{\n"
    "  ret;\n"
    "}\n";

/// The parameter block of `scaled`: an address and a struct by value.
typedef struct {
  uint64_t out;
  struct {
    uint32_t unused, scale;
  } s;
} Parameters;

static void testModule(const FP4EmulatorModule *module) {
  printf("sm_%u, %zu kernels\n", fp4EmulatorModuleGetTarget(module),
         fp4EmulatorModuleGetNumKernels(module));
  // CHECK: sm_90, 2 kernels
  FP4EmulatorKernel kernel = fp4EmulatorModuleGetKernel(module, 0);
  FP4EmulatorParameter parameter = fp4EmulatorModuleGetParameter(module, 0, 1);
  printf(
      "%s: %zu parameters, %zu bytes; %s at %zu, %zu bytes, aligned to %zu\n",
      kernel.name, kernel.numParameters, kernel.parameterBytes, parameter.name,
      parameter.offset, parameter.size, parameter.alignment);
  // CHECK: scaled: 2 parameters, 16 bytes; s at 8, 8 bytes, aligned to 4
  kernel = fp4EmulatorModuleGetKernel(module, 1);
  printf("%s: %u x %u threads\n", kernel.name, kernel.requiredThreads[0],
         kernel.requiredThreads[1]);
  // CHECK: map: 64 x 2 threads

  char *error = NULL;
  const char bad[] = ".version 8.0\n.target sm_90\nnonsense";
  printf("%d: ", fp4EmulatorModuleParse(bad, strlen(bad), &error) != NULL);
  printf("%s\n", error);
  // CHECK: 0: line 3, column 1: {{.*}}nonsense
  fp4StringFree(error);
}

static void testLaunch(FP4EmulatorDevice *device,
                       const FP4EmulatorModule *module) {
  uint64_t address = 0, bias = 0;
  uint32_t out[8] = {0}, five = 0;
  fp4EmulatorDeviceAllocate(device, sizeof out, &address, NULL);
  fp4EmulatorDeviceGetSymbol(device, module, "bias", &bias, NULL);
  fp4EmulatorDeviceCopyOut(device, &five, bias, sizeof five, NULL);
  printf("bias %u\n", five);
  // CHECK: bias 5
  five = 100;
  fp4EmulatorDeviceCopyIn(device, bias, &five, sizeof five, NULL);

  FP4EmulatorLaunch launch = {
      .grid = {8, 1, 1}, .block = {1, 1, 1}, .cluster = {4, 1, 1}};
  launch.dynamicSharedBytes = 1024;
  Parameters parameters = {address, {0, 10}};
  FP4EmulatorStatistics *statistics = fp4EmulatorDeviceLaunch(
      device, module, "scaled", &launch, &parameters, sizeof parameters, NULL);
  fp4EmulatorDeviceCopyOut(device, out, address, sizeof out, NULL);
  printf("out %u %u %u %u %u\n", out[0], out[1], out[3], out[4], out[7]);
  // Rank in the cluster of 4, times 10, plus 100.
  // CHECK: out 100 110 130 100 130
  printf("ld %d, none %d, all %d\n",
         (int)fp4EmulatorStatisticsGetInstructions(statistics, "ld"),
         (int)fp4EmulatorStatisticsGetInstructions(statistics, "mma"),
         (int)fp4EmulatorStatisticsGetInstructions(statistics, ""));
  // 8 warps with 4 loads in 13 instructions each.
  // CHECK: ld 32, none 0, all 104
  char *json = fp4EmulatorStatisticsToJSON(statistics);
  printf("%s\n", json);
  // CHECK: {"ctas": 8, {{.*}}"shared_bytes": 1024
  fp4StringFree(json);
  fp4EmulatorStatisticsDestroy(statistics);

  // Threads write one word and read it: as they write the same, no order shows.
  char *error = NULL;
  launch.block[0] = 64;
  statistics = fp4EmulatorDeviceLaunch(device, module, "scaled", &launch,
                                       &parameters, sizeof parameters, NULL);
  printf("not strict: %d\n", statistics != NULL);
  // CHECK: not strict: 1
  fp4EmulatorStatisticsDestroy(statistics);
  launch.isStrict = true;
  statistics = fp4EmulatorDeviceLaunch(device, module, "scaled", &launch,
                                       &parameters, sizeof parameters, &error);
  printf("strict: %d: %s\n", statistics != NULL, error);
  // CHECK: strict: 0: trap at line {{1[78].*}} of shared memory at 0x7fc races
  // with
  fp4StringFree(error);
  launch.isStrict = false;
  launch.block[0] = 1;

  launch.dynamicSharedBytes = 16;
  statistics = fp4EmulatorDeviceLaunch(device, module, "scaled", &launch,
                                       &parameters, sizeof parameters, &error);
  printf("%d: %s\n", statistics != NULL, error);
  // CHECK: 0: trap at line 17 (st): {{.*}}shared
  fp4StringFree(error);
  statistics = fp4EmulatorDeviceLaunch(device, module, "scaled", &launch,
                                       &parameters, 8, &error);
  printf("%d: %s\n", statistics != NULL, error);
  // CHECK: 0: launch of scaled: got 8 bytes of parameters, expected 16
  fp4StringFree(error);
  launch.async = (FP4EmulatorAsync)7;
  statistics = fp4EmulatorDeviceLaunch(device, module, "scaled", &launch,
                                       &parameters, 16, &error);
  printf("%d: %s\n", statistics != NULL, error);
  // CHECK: 0: expected the asynchronous mode and the accumulation to be values
  // of their enumerations
  fp4StringFree(error);
  printf("%d", fp4EmulatorDeviceFree(device, address, &error));
  printf(" %d\n", fp4EmulatorDeviceFree(device, address, NULL));
  // CHECK: 1 0
}

static void testTensorMap(void) {
  FP4TensorMapParameters parameters = {.dataType = 2, // UINT32
                                       .rank = 2,
                                       .globalAddress = 4096,
                                       .globalDim = {16, 32},
                                       .globalStrides = {64},
                                       .boxDim = {4, 8},
                                       .elementStrides = {1, 1},
                                       .swizzle = 0};
  unsigned char map[128] = {0};
  char *error = NULL;
  printf("map %d", fp4TensorMapEncode(&parameters, map, &error));
  printf(" %d\n", error != NULL);
  // CHECK: map 1 0
  parameters.boxDim[0] = 257;
  printf("map %d: ", fp4TensorMapEncode(&parameters, map, &error));
  printf("%s\n", error);
  // CHECK: map 0: tensor map: boxDim[0] = 257 is not in 1..256
  fp4StringFree(error);
  parameters.dataType = 16;
  printf("map %d: ", fp4TensorMapEncode(&parameters, map, &error));
  printf("%s\n", error);
  // CHECK: map 0: tensor map: the data type is not in 0..15
  fp4StringFree(error);
  parameters.dataType = 2;
  parameters.swizzle = 7;
  printf("map %d: ", fp4TensorMapEncode(&parameters, map, &error));
  printf("%s\n", error);
  // CHECK: map 0: tensor map: the swizzle is not in 0..6
  fp4StringFree(error);
}

int main(void) {
  char *error = NULL;
  FP4EmulatorModule *module = fp4EmulatorModuleParse(ptx, strlen(ptx), &error);
  if (!module) {
    printf("%s\n", error);
    return 1;
  }
  testModule(module);
  FP4EmulatorDevice *device = fp4EmulatorDeviceCreate();
  testLaunch(device, module);
  fp4EmulatorDeviceDestroy(device);
  fp4EmulatorModuleDestroy(module);
  testTensorMap();
  return 0;
}

//===- EmulatorBenchmark.cpp - How fast the PTX emulator is ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// "items_per_second" counts warp-instructions, all cores together: of a loop of
// integer and float instructions, and of an NVFP4 product of 1024 x 1024 x 1024
// by the sm_120a kernel of the tests (test/Emulator/LLVM), whose time is that
// of one product. Results are checked by FP4EmulatorTests, not here.
//
//===----------------------------------------------------------------------===//

#include "fp4/Emulator/PTX/Emulator.h"
#include "fp4/Emulator/PTX/TensorMap.h"
#include <benchmark/benchmark.h>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

using namespace fp4;
using namespace fp4::ptx;

/// 1000 rounds of eight instructions per thread.
static constexpr char kLoop[] = R"(
.version 8.0
.target sm_90
.address_size 64
.visible .entry loop(.param .u64 out) {
  .reg .pred %p<2>;
  .reg .b32 %r<8>;
  .reg .f32 %f<4>;
  .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [out];
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, 0;
  mov.f32 %f1, 0f3F800000;
again:
  mad.lo.s32 %r1, %r1, 5, %r2;
  xor.b32 %r3, %r1, %r2;
  shr.u32 %r4, %r3, 3;
  fma.rn.f32 %f1, %f1, 0f3F000000, 0f3F000000;
  add.s32 %r1, %r1, %r4;
  add.s32 %r2, %r2, 1;
  setp.lt.s32 %p1, %r2, 1000;
  @%p1 bra again;
  cvt.rn.f32.u32 %f2, %r1;
  add.f32 %f2, %f2, %f1;
  mov.u32 %r5, %tid.x;
  mul.wide.u32 %rd2, %r5, 4;
  add.u64 %rd3, %rd1, %rd2;
  st.global.f32 [%rd3], %f2;
  ret;
}
)";

static void appendBytes(std::vector<uint8_t> &block, const void *data,
                        size_t size, size_t align) {
  block.resize((block.size() + align - 1) / align * align);
  const auto *bytes = static_cast<const uint8_t *>(data);
  block.insert(block.end(), bytes, bytes + size);
}

template <typename T>
static void append(std::vector<uint8_t> &block, const T &value) {
  appendBytes(block, &value, sizeof value, alignof(T));
}

/// Launches `kernel` once per iteration and counts its instructions.
static void launchAll(benchmark::State &state, Device &device,
                      const std::string &text, const char *kernel,
                      const LaunchConfig &config,
                      const std::vector<uint8_t> &params) {
  Expected<Module> module = Module::parse(text);
  if (!module.ok())
    return state.SkipWithError(module.message().c_str());
  uint64_t instructions = 0;
  for (auto _ : state) {
    Expected<Statistics> done =
        device.launch(*module, kernel, config, params.data(), params.size());
    if (!done.ok())
      return state.SkipWithError(done.message().c_str());
    instructions += done->warpInstructions;
  }
  state.SetItemsProcessed(int64_t(instructions));
}

static void scalarLoop(benchmark::State &state) {
  Device device;
  std::vector<uint8_t> params;
  append(params, *device.allocate(256 * 4));
  launchAll(state, device, kLoop, "loop", {{8, 1, 1}, {256, 1, 1}}, params);
}
BENCHMARK(scalarLoop)->UseRealTime()->Unit(benchmark::kMillisecond);

static uint64_t filled(Device &device, size_t bytes, uint8_t value) {
  uint64_t address = *device.allocate(bytes);
  std::vector<uint8_t> data(bytes, value);
  (void)device.copyIn(address, data.data(), bytes).ok();
  return address;
}

static void nvfp4Product(benchmark::State &state) {
  constexpr unsigned size = 1024, tileK = 128;
  std::ifstream file(FP4_EMULATOR_TEST_DIR "/LLVM/nvfp4_sm120a.ptx");
  std::ostringstream text;
  text << file.rdbuf();
  Device device;
  std::vector<uint8_t> params;
  for (unsigned i = 0; i < 2; ++i) {
    TensorMapParams map;
    map.type = TensorMapType::U4Align8B;
    map.rank = 2;
    map.globalAddress = filled(device, size * size / 2, 0x2A);
    map.globalDim = {size, size, 1, 1, 1};
    map.globalStrides = {size / 2, 0, 0, 0};
    map.boxDim = {tileK, 128, 1, 1, 1};
    map.swizzle = TensorMapSwizzle::B64;
    Expected<TensorMap> encoded = encodeTensorMap(map);
    if (!encoded.ok())
      return state.SkipWithError(encoded.message().c_str());
    appendBytes(params, encoded->data(), encoded->size(), 64);
  }
  // Scales of 1.0 and the result in bf16.
  append(params, filled(device, size * size / 16, 0x38));
  append(params, filled(device, size * size / 16, 0x38));
  append(params, filled(device, size * size * 2, 0));
  append(params, int(size / tileK));
  append(params, int(size));
  append(params, 1.0f);
  LaunchConfig config;
  config.grid = {size / 128, size / 128};
  config.block = {160};
  // Four stages of two tiles with their scales, and the barriers.
  config.dynamicSharedBytes = 4 * (128 * 64 * 2 + 128 * 8 * 2) + 64;
  launchAll(state, device, text.str(), "nvfp4_gemm", config, params);
}
BENCHMARK(nvfp4Product)->UseRealTime()->Unit(benchmark::kSecond);

BENCHMARK_MAIN();

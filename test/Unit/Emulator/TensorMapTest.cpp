//===- TensorMapTest.cpp - tensormap.replace and cp_fenceproxy ------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One kernel, as CUTLASS's grouped GEMMs do it: copy a tensor map to shared
// memory, change fields, copy it to global memory, and load a box through it.
//
//===----------------------------------------------------------------------===//

#include "fp4/Emulator/PTX/TensorMap.h"
#include "EmulatorTesting.h"
#include <numeric>

using namespace fp4;
using namespace fp4::ptx;
using namespace fp4::ptx::testing;

namespace {

/// A kernel (map, edited, out, value): 32 lanes copy the map, lane 0 runs
/// `edits` on `[map_s]`, and the box of 4 x 4 words goes to `out`.
std::string kernelWith(const std::string &edits) {
  return R"(
.version 8.3
.target sm_90a
.address_size 64
.visible .entry test(.param .u64 map, .param .u64 edited, .param .u64 out,
                     .param .u64 value) {
  .reg .pred %p<4>;
  .reg .b32 %r<8>;
  .reg .b64 %rd<12>;
  .shared .align 128 .b8 map_s[128];
  .shared .align 128 .b8 box[64];
  .shared .align 8 .b8 bar[8];
  ld.param.u64 %rd1, [map];
  ld.param.u64 %rd2, [edited];
  ld.param.u64 %rd3, [out];
  ld.param.u64 %rd4, [value];
  mov.u32 %r1, %tid.x;
  mul.wide.u32 %rd5, %r1, 4;
  add.u64 %rd6, %rd1, %rd5;
  ld.global.u32 %r2, [%rd6];
  mov.u64 %rd7, map_s;
  add.u64 %rd8, %rd7, %rd5;
  st.shared.u32 [%rd8], %r2;
  bar.warp.sync 0xffffffff;
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra copy;
)" + edits +
         R"(
copy:
  bar.warp.sync 0xffffffff;
  tensormap.cp_fenceproxy.global.shared::cta.tensormap::generic.release.gpu.sync.aligned [%rd2], [map_s], 128;
  fence.proxy.tensormap::generic.acquire.gpu [%rd2], 128;
  @%p1 bra wait;
  mbarrier.init.shared::cta.b64 [bar], 1;
  fence.mbarrier_init.release.cluster;
  mbarrier.arrive.expect_tx.shared::cta.b64 _, [bar], 64;
  mov.u32 %r3, 0;
  cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [box], [%rd2, {%r3, %r3}], [bar];
wait:
  bar.warp.sync 0xffffffff;
again:
  mbarrier.try_wait.parity.shared::cta.b64 %p2, [bar], 0;
  @!%p2 bra again;
  setp.gt.u32 %p3, %r1, 15;
  @%p3 exit;
  mov.u64 %rd9, box;
  add.u64 %rd9, %rd9, %rd5;
  ld.shared.u32 %r4, [%rd9];
  add.u64 %rd10, %rd3, %rd5;
  st.global.u32 [%rd10], %r4;
  ret;
}
)";
}

/// A tensor of 8 x 8 words 0..63, a second one of 100..163, and a map of the
/// first with a box of 4 x 4.
struct TensorMapReplace : ::testing::Test {
  Device device;
  uint64_t first, second, map, edited, out;

  TensorMapReplace() {
    std::vector<uint32_t> words(64);
    std::iota(words.begin(), words.end(), 0);
    first = upload(device, words);
    std::iota(words.begin(), words.end(), 100);
    second = upload(device, words);
    TensorMapParams params;
    params.type = TensorMapType::U32;
    params.rank = 2;
    params.globalAddress = first;
    params.globalDim = {8, 8, 1, 1, 1};
    params.globalStrides = {32, 0, 0, 0};
    params.boxDim = {4, 4, 1, 1, 1};
    Expected<TensorMap> encoded = encodeTensorMap(params);
    EXPECT_TRUE(encoded.ok());
    map =
        upload(device, std::vector<uint8_t>(encoded->begin(), encoded->end()));
    edited = upload(device, std::vector<uint8_t>(128));
    out = upload(device, std::vector<uint32_t>(16));
  }

  Status run(const std::string &edits) {
    Expected<Module> module = Module::parse(kernelWith(edits));
    if (!module.ok())
      return module.status();
    Params params;
    params.add(map).add(edited).add(out).add(second);
    Expected<Statistics> done = device.launch(
        *module, "test", {{1, 1, 1}, {32, 1, 1}}, params.data(), params.size());
    return done.ok() ? Status::success() : done.status();
  }

  std::vector<uint32_t> box() { return download<uint32_t>(device, out, 16); }
};

TEST_F(TensorMapReplace, ChangesNothingWithoutEdits) {
  Status status = run("");
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(box(), (std::vector<uint32_t>{0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18,
                                          19, 24, 25, 26, 27}));
}

TEST(TensorMap, SurvivesCutlassWorkaround) {
  // cute's make_tma_copy_desc clears bit 21 of the second 64-bit word of small
  // tensors' maps.
  TensorMapParams params;
  params.type = TensorMapType::U32;
  params.globalAddress = 0x7f0000200000;
  params.globalDim = {64, 1, 1, 1, 1};
  params.boxDim = {64, 1, 1, 1, 1};
  Expected<TensorMap> map = encodeTensorMap(params);
  ASSERT_TRUE(map.ok()) << map.message();
  uint64_t word;
  std::memcpy(&word, map->data() + 8, sizeof word);
  word &= ~(uint64_t(1) << 21);
  std::memcpy(map->data() + 8, &word, sizeof word);
  Expected<TensorMapParams> decoded = decodeTensorMap(*map);
  ASSERT_TRUE(decoded.ok()) << decoded.message();
  EXPECT_EQ(decoded->globalAddress, params.globalAddress);
}

TEST_F(TensorMapReplace, ChangesAddressExtentAndStride) {
  // Rows 16 bytes apart, of which only 3 exist, and only 2 words of each.
  Status status = run(R"(
  tensormap.replace.tile.global_address.shared::cta.b1024.b64 [map_s], %rd4;
  tensormap.replace.tile.global_dim.shared::cta.b1024.b32 [map_s], 0, 2;
  tensormap.replace.tile.global_dim.shared::cta.b1024.b32 [map_s], 1, 3;
  tensormap.replace.tile.global_stride.shared::cta.b1024.b64 [map_s], 0, 16;
)");
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(box(), (std::vector<uint32_t>{100, 101, 0, 0, 104, 105, 0, 0, 108,
                                          109, 0, 0, 0, 0, 0, 0}));
}

TEST_F(TensorMapReplace, ChangesTypeBoxAndFill) {
  // As f32 (7) out-of-bounds words are NaN 0x7ff77ff7; the box becomes 8 x 2.
  Status status = run(R"(
  tensormap.replace.tile.elemtype.shared::cta.b1024.b32 [map_s], 7;
  tensormap.replace.tile.fill_mode.shared::cta.b1024.b32 [map_s], 1;
  tensormap.replace.tile.box_dim.shared::cta.b1024.b32 [map_s], 0, 8;
  tensormap.replace.tile.box_dim.shared::cta.b1024.b32 [map_s], 1, 2;
  tensormap.replace.tile.global_dim.shared::cta.b1024.b32 [map_s], 1, 1;
)");
  ASSERT_TRUE(status.ok()) << status.message();
  std::vector<uint32_t> want(16, 0x7ff77ff7);
  std::iota(want.begin(), want.begin() + 8, 0);
  EXPECT_EQ(box(), want);
}

TEST_F(TensorMapReplace, ChecksTheMapWhenItIsUsed) {
  EXPECT_NE(
      run("tensormap.replace.tile.global_stride.shared::cta.b1024.b64 [map_s], "
          "0, 24;")
          .message()
          .find("globalStrides[0] = 24 is not a multiple of 16"),
      std::string::npos);
  // The operand is the rank less one.
  EXPECT_NE(run("tensormap.replace.tile.rank.shared::cta.b1024.b32 [map_s], 7;")
                .message()
                .find("the rank is not in 1..5"),
            std::string::npos);
}

TEST_F(TensorMapReplace, RefusesValuesThatAreNone) {
  EXPECT_NE(
      run("tensormap.replace.tile.elemtype.shared::cta.b1024.b32 [map_s], 16;")
          .message()
          .find("value 16 of the replaced field is not supported"),
      std::string::npos);
  EXPECT_NE(run("tensormap.replace.tile.box_dim.shared::cta.b1024.b32 [map_s], "
                "5, 4;")
                .message()
                .find("ordinal 5 is out of range"),
            std::string::npos);
  EXPECT_NE(
      run("tensormap.replace.tile.swizzle_atomicity.shared::cta.b1024.b32 "
          "[map_s], 1;")
          .message()
          .find("swizzle atoms are replaced, but the span is not 128B"),
      std::string::npos);
}

TEST_F(TensorMapReplace, NeedsAMap) {
  EXPECT_NE(run("st.shared.u32 [map_s], 0;\n  tensormap.replace.tile.rank."
                "shared::cta.b1024.b32 [map_s], 1;")
                .message()
                .find("the 128 bytes are not an object of encodeTensorMap"),
            std::string::npos);
}

} // namespace

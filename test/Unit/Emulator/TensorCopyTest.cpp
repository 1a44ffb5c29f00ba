//===- TensorCopyTest.cpp - Multicast, gather4, scatter4, reduction -------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Forms of cp.async.bulk.tensor that the compiled programs of the tests do not
// use, on a tensor of 8 x 4 words that hold 10 * row + column (PTX ISA 9.0,
// "cp.async.bulk.tensor" and "Tensor: tile mode").
//
//===----------------------------------------------------------------------===//

#include "EmulatorTesting.h"
#include "fp4/Emulator/PTX/TensorMap.h"

using namespace fp4;
using namespace fp4::ptx;
using namespace fp4::ptx::testing;

namespace {

constexpr unsigned kRows = 8, kColumns = 4;

/// A kernel (map, out) for 16 threads a CTA, thread 0 of which runs `issue`
/// with `[box]`, the map in %rd1 and `[bar]`, which waits for 64 bytes. Behind
/// that, thread t has word t of the box in %r4 and its place, 64 bytes per CTA
/// and 4 per thread, in %rd4.
std::string kernelWith(const std::string &issue, const std::string &after) {
  return R"(
.version 8.7
.target sm_100a
.address_size 64
.visible .entry test(.param .u64 map, .param .u64 out) {
  .reg .pred %p<4>;
  .reg .b16 %h<2>;
  .reg .b32 %r<16>;
  .reg .b64 %rd<8>;
  .shared .align 128 .b8 box[64];
  .shared .align 8 .b8 bar[8];
  ld.param.u64 %rd1, [map];
  ld.param.u64 %rd2, [out];
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, %ctaid.x;
  mov.u64 %rd5, box;
  mul.wide.u32 %rd3, %r1, 4;
  add.u64 %rd5, %rd5, %rd3;
  mad.lo.u32 %r3, %r2, 16, %r1;
  mul.wide.u32 %rd3, %r3, 4;
  add.u64 %rd4, %rd2, %rd3;
  setp.ne.u32 %p1, %r1, 0;
  @%p1 bra initialised;
  mbarrier.init.shared::cta.b64 [bar], 1;
  fence.mbarrier_init.release.cluster;
  mbarrier.arrive.expect_tx.shared::cta.b64 _, [bar], 64;
initialised:
  barrier.cluster.arrive;
  barrier.cluster.wait;
)" + issue +
         R"(
again:
  mbarrier.try_wait.parity.shared::cta.b64 %p2, [bar], 0;
  @!%p2 bra again;
  ld.shared.u32 %r4, [%rd5];
)" + after +
         R"(
  ret;
}
)";
}

struct TensorCopy : ::testing::Test {
  Device device;
  uint64_t tensor, map, out;

  void make(const std::array<uint32_t, 2> &box) {
    std::vector<uint32_t> words;
    for (unsigned row = 0; row < kRows; ++row)
      for (unsigned column = 0; column < kColumns; ++column)
        words.push_back(10 * row + column);
    tensor = upload(device, words);
    TensorMapParams params;
    params.type = TensorMapType::U32;
    params.rank = 2;
    params.globalAddress = tensor;
    params.globalDim = {kColumns, kRows, 1, 1, 1};
    params.globalStrides = {4 * kColumns, 0, 0, 0};
    params.boxDim = {box[0], box[1], 1, 1, 1};
    Expected<TensorMap> encoded = encodeTensorMap(params);
    ASSERT_TRUE(encoded.ok()) << encoded.message();
    map =
        upload(device, std::vector<uint8_t>(encoded->begin(), encoded->end()));
    out = upload(device, std::vector<uint32_t>(64));
  }

  void run(const std::string &text, unsigned ctas,
           const LaunchOptions &options) {
    Expected<Module> module = Module::parse(text);
    ASSERT_TRUE(module.ok()) << module.message();
    Params params;
    params.add(map).add(out);
    LaunchConfig config{{ctas, 1, 1}, {16, 1, 1}};
    config.cluster = {ctas, 1, 1};
    Expected<Statistics> done = device.launch(
        *module, "test", config, params.data(), params.size(), options);
    ASSERT_TRUE(done.ok()) << done.message();
  }

  std::vector<uint32_t> result(unsigned count) {
    return download<uint32_t>(device, out, count);
  }

  /// The words of these rows.
  static std::vector<uint32_t> rows(const std::vector<unsigned> &indices) {
    std::vector<uint32_t> words;
    for (unsigned row : indices)
      for (unsigned column = 0; column < kColumns; ++column)
        words.push_back(row < kRows ? 10 * row + column : 0);
    return words;
  }
};

const char kStore[] = "st.global.u32 [%rd4], %r4;";

TEST_F(TensorCopy, MulticastReachesTheMaskedCtas) {
  make({kColumns, 4});
  // CTA 0 loads rows 2 to 5 for CTAs 0 and 2, CTA 1 rows 4 to 7 for 1 and 3.
  std::string text = kernelWith(R"(
  setp.gt.u32 %p3, %r2, 1;
  or.pred %p3, %p1, %p3;
  mov.u32 %r5, 0;
  mad.lo.u32 %r6, %r2, 2, 2;
  shl.b32 %r7, 5, %r2;
  cvt.u16.u32 %h1, %r7;
  @!%p3 cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster [box], [%rd1, {%r5, %r6}], [bar], %h1;
)",
                                kStore);
  for (const LaunchOptions &options : allAsyncModes()) {
    run(text, 4, options);
    EXPECT_EQ(result(64),
              rows({2, 3, 4, 5, 4, 5, 6, 7, 2, 3, 4, 5, 4, 5, 6, 7}));
  }
}

TEST_F(TensorCopy, Gather4TakesFourRows) {
  make({kColumns, 1});
  // Row 9 is outside: zeros.
  std::string text = kernelWith(R"(
  mov.u32 %r5, 0;
  mov.u32 %r6, 7;
  mov.u32 %r7, 1;
  mov.u32 %r8, 9;
  mov.u32 %r9, 4;
  @!%p1 cp.async.bulk.tensor.2d.shared::cluster.global.tile::gather4.mbarrier::complete_tx::bytes [box], [%rd1, {%r5, %r6, %r7, %r8, %r9}], [bar];
)",
                                kStore);
  for (const LaunchOptions &options : allAsyncModes()) {
    run(text, 1, options);
    EXPECT_EQ(result(16), rows({7, 1, 9, 4}));
  }
}

/// Thread t puts 100 + t into the box, which then goes out by `copy`.
std::string storing(const std::string &copy) {
  return kernelWith("@!%p1 mbarrier.complete_tx.relaxed.cta.shared::cta.b64 "
                    "[bar], 64;\n  mov.u32 %r4, 0;\n  st.shared.u32 [%rd5], "
                    "%r4;\n",
                    R"(
  add.u32 %r4, %r1, 100;
  st.shared.u32 [%rd5], %r4;
  fence.proxy.async.shared::cta;
  bar.sync 0;
  mov.u32 %r5, 0;
  mov.u32 %r6, 6;
  mov.u32 %r7, 0;
  mov.u32 %r8, 9;
  mov.u32 %r9, 3;
  @%p1 bra done;
)" + copy + R"(
  cp.async.bulk.commit_group;
  cp.async.bulk.wait_group 0;
done:
)");
}

TEST_F(TensorCopy, Scatter4StoresFourRows) {
  make({kColumns, 1});
  // Rows 6, 0 and 3 get words 0, 4 and 12 of the box; row 9 is outside.
  run(storing("cp.async.bulk.tensor.2d.global.shared::cta.tile::scatter4."
              "bulk_group [%rd1, {%r5, %r6, %r7, %r8, %r9}], [box];"),
      1, {});
  std::vector<uint32_t> want = rows({0, 1, 2, 3, 4, 5, 6, 7});
  for (unsigned i = 0; i < 4; ++i) {
    want[6 * kColumns + i] = 100 + i;
    want[0 * kColumns + i] = 104 + i;
    want[3 * kColumns + i] = 112 + i;
  }
  EXPECT_EQ(download<uint32_t>(device, tensor, want.size()), want);
}

TEST_F(TensorCopy, ReductionAdds) {
  make({kColumns, 4});
  // Rows 6 and 7 are added to, two more of the box are outside.
  run(storing("cp.reduce.async.bulk.tensor.2d.global.shared::cta.add.tile."
              "bulk_group [%rd1, {%r5, %r6}], [box];"),
      1, {});
  std::vector<uint32_t> want = rows({0, 1, 2, 3, 4, 5, 6, 7});
  for (unsigned i = 0; i < 8; ++i)
    want[6 * kColumns + i] += 100 + i;
  EXPECT_EQ(download<uint32_t>(device, tensor, want.size()), want);
}

} // namespace

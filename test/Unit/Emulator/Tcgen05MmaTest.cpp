//===- Tcgen05MmaTest.cpp - Every kind of tcgen05.mma ---------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One 128 x 16 product per case, operands in shared memory without swizzle (the
// canonical layouts of the ISA's "Shared memory layout and swizzling"), against
// a product computed here from the descriptor's fields ("Instruction
// descriptor"). The second of two instructions accumulates, so both values of
// enable-input-d are run.
//
//===----------------------------------------------------------------------===//

#include "MatrixOperand.h"
#include "fp4/Numerics/Half.h"
#include "fp4/Numerics/ScaleFormat.h"

using namespace fp4;
using namespace fp4::ptx;
using namespace fp4::ptx::testing;

namespace {

constexpr unsigned kM = 128, kN = 16;

struct Case {
  const char *name;
  const char *kind;
  Element a, b;
  /// Codes of the types and the result in the instruction descriptor.
  unsigned codeA, codeB, codeD = 1;
  /// Scales per row and K, 0 without; their type and ids.
  unsigned blocks = 0;
  bool e8m0 = false;
  unsigned idA = 0, idB = 0;
  bool negateA = false, negateB = false, transA = false, transB = false;
  bool aInTensorMemory = false;

  /// Bits of an element with the padding of the f8f6f4 kinds.
  unsigned storedBits() const {
    return blocks > 1 ? 4 : std::max(bitsOf(a), 8u);
  }
  unsigned k() const { return 256 / storedBits(); }

  uint32_t descriptor() const {
    uint32_t bits = codeA << 7 | codeB << 10 | uint32_t(negateA) << 13 |
                    uint32_t(negateB) << 14 | uint32_t(transA) << 15 |
                    uint32_t(transB) << 16 | kN / 8 << 17;
    if (blocks)
      return bits | idB << 4 | uint32_t(e8m0) << 23 | kM / 128 << 27 |
             idA << 29;
    return bits | codeD << 4 | kM / 16 << 24;
  }
};

/// 128 threads bring A (4 KiB), B (512 bytes) and the scales (2 x 512 bytes) to
/// shared memory; thread 0 issues; every thread stores its row of D.
const char kKernel[] = R"(
.version 8.7
.target sm_100a
.address_size 64
.visible .entry test(.param .u64 a, .param .u64 b, .param .u64 sf,
    .param .u64 out, .param .u64 adesc, .param .u64 bdesc, .param .u32 idesc) {
  .reg .pred %p<8>;
  .reg .b32 %r<64>;
  .reg .b64 %rd<32>;
  .shared .align 1024 .b8 a_s[4096];
  .shared .align 1024 .b8 b_s[512];
  .shared .align 1024 .b8 sf_s[1024];
  .shared .align 8 .b8 bar[8];
  .shared .align 4 .b8 slot[4];
  ld.param.u64 %rd1, [a];
  ld.param.u64 %rd2, [b];
  ld.param.u64 %rd3, [sf];
  ld.param.u64 %rd4, [out];
  ld.param.u64 %rd5, [adesc];
  ld.param.u64 %rd6, [bdesc];
  ld.param.u32 %r1, [idesc];
  mov.u32 %r2, %tid.x;
  mov.u64 %rd7, a_s;
  mov.u64 %rd8, b_s;
  mov.u64 %rd9, sf_s;
  mul.wide.u32 %rd10, %r2, 32;
  add.u64 %rd11, %rd1, %rd10;
  add.u64 %rd12, %rd7, %rd10;
  ld.global.v4.u32 {%r3, %r4, %r5, %r6}, [%rd11];
  st.shared.v4.u32 [%rd12], {%r3, %r4, %r5, %r6};
  ld.global.v4.u32 {%r3, %r4, %r5, %r6}, [%rd11+16];
  st.shared.v4.u32 [%rd12+16], {%r3, %r4, %r5, %r6};
  mul.wide.u32 %rd10, %r2, 4;
  add.u64 %rd11, %rd2, %rd10;
  add.u64 %rd12, %rd8, %rd10;
  ld.global.u32 %r3, [%rd11];
  st.shared.u32 [%rd12], %r3;
  mul.wide.u32 %rd10, %r2, 8;
  add.u64 %rd11, %rd3, %rd10;
  add.u64 %rd12, %rd9, %rd10;
  ld.global.v2.u32 {%r3, %r4}, [%rd11];
  st.shared.v2.u32 [%rd12], {%r3, %r4};
  setp.ge.u32 %p1, %r2, 32;
  @%p1 bra allocated;
  tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [slot], 512;
  tcgen05.relinquish_alloc_permit.cta_group::1.sync.aligned;
allocated:
  setp.ne.u32 %p2, %r2, 0;
  @!%p2 mbarrier.init.shared::cta.b64 [bar], 1;
  fence.proxy.async.shared::cta;
  bar.sync 0;
  tcgen05.fence::after_thread_sync;
  ld.shared.u32 %r7, [slot];
  @%p2 bra issued;
  shr.u64 %rd13, %rd7, 4;
  or.b64 %rd13, %rd13, %rd5;
  shr.u64 %rd14, %rd8, 4;
  or.b64 %rd14, %rd14, %rd6;
  shr.u64 %rd15, %rd9, 4;
  or.b64 %rd15, %rd15, 0x0000400800000000;
  add.u64 %rd16, %rd15, 32;
  add.u32 %r8, %r7, 256;
  add.u32 %r9, %r7, 288;
  add.u32 %r10, %r7, 320;
  tcgen05.cp.cta_group::1.32x128b.warpx4 [%r8], %rd15;
  tcgen05.cp.cta_group::1.32x128b.warpx4 [%r9], %rd16;
  COPY_A
  setp.ne.u32 %p3, %r2, 0;
  setp.eq.u32 %p4, %r2, 0;
  MMA %p3;
  MMA %p4;
  tcgen05.commit.cta_group::1.mbarrier::arrive::one.shared::cluster.b64 [bar];
issued:
again:
  mbarrier.try_wait.parity.shared::cta.b64 %p5, [bar], 0;
  @!%p5 bra again;
  tcgen05.fence::after_thread_sync;
  and.b32 %r11, %r2, 96;
  shl.b32 %r11, %r11, 16;
  add.u32 %r11, %r11, %r7;
  tcgen05.ld.sync.aligned.32x32b.x16.b32 {%r20, %r21, %r22, %r23, %r24, %r25,
    %r26, %r27, %r28, %r29, %r30, %r31, %r32, %r33, %r34, %r35}, [%r11];
  tcgen05.wait::ld.sync.aligned;
  mul.wide.u32 %rd10, %r2, 64;
  add.u64 %rd11, %rd4, %rd10;
  st.global.v4.u32 [%rd11], {%r20, %r21, %r22, %r23};
  st.global.v4.u32 [%rd11+16], {%r24, %r25, %r26, %r27};
  st.global.v4.u32 [%rd11+32], {%r28, %r29, %r30, %r31};
  st.global.v4.u32 [%rd11+48], {%r32, %r33, %r34, %r35};
  tcgen05.fence::before_thread_sync;
  bar.sync 0;
  @!%p1 tcgen05.dealloc.cta_group::1.sync.aligned.b32 %r7, 512;
  ret;
}
)";

std::string kernelOf(const Case &test) {
  std::string mma = "tcgen05.mma.cta_group::1.kind::" + std::string(test.kind) +
                    " [%r7], " + (test.aInTensorMemory ? "[%r10]" : "%rd13") +
                    ", %rd14, %r1, " + (test.blocks ? "[%r8], [%r9]," : "");
  std::string text = replaceAll(kKernel, "MMA", mma);
  return replaceAll(text, "COPY_A",
                    test.aInTensorMemory
                        ? "tcgen05.cp.cta_group::1.128x256b [%r10], %rd13;"
                        : "");
}

class Tcgen05Mma : public ::testing::TestWithParam<Case> {
protected:
  const Case &test = GetParam();
  std::mt19937 random{7};
  MatrixOperand a{test.a, kM, test.storedBits(), test.transA, random};
  MatrixOperand b{test.b, kN, test.storedBits(), test.transB, random};
  /// Row r, byte i of a word at 16 * (r % 32) + 4 * (r / 32) + i.
  std::vector<uint8_t> scales = std::vector<uint8_t>(1024);

  double scale(unsigned operand, unsigned row, unsigned byte) const {
    uint8_t code = scales[512 * operand + row % 32 * 16 + row / 32 * 4 + byte];
    return numerics::decodeScale(test.e8m0 ? numerics::ScaleFormat::E8M0
                                           : numerics::ScaleFormat::UE4M3,
                                 code);
  }

  double dot(unsigned row, unsigned column) const {
    unsigned k = test.k(), blocks = std::max(test.blocks, 1u);
    double total = 0;
    for (unsigned block = 0; block < blocks; ++block) {
      double sum = 0;
      for (unsigned i = block * k / blocks; i < (block + 1) * k / blocks; ++i)
        sum += decode(test.a, a.codes[row * k + i]) *
               decode(test.b, b.codes[column * k + i]);
      if (test.blocks)
        sum *= scale(0, row, test.idA + block) *
               scale(1, column, test.idB + block);
      total += sum;
    }
    // The addend of the first instruction is 0, so no result is -0.
    return (test.negateA != test.negateB ? -total : total) + 0.0;
  }

  /// The bits of D after two instructions.
  uint32_t expected(unsigned row, unsigned column) const {
    double sum = dot(row, column);
    if (test.codeD == 2 && !test.blocks)
      return uint32_t(int32_t(2 * sum));
    if (test.codeD == 0 && !test.blocks)
      return numerics::encodeF16(float(2 * sum));
    float value = float(sum + double(float(sum)));
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
  }
};

TEST_P(Tcgen05Mma, MultipliesAndAccumulates) {
  for (uint8_t &byte : scales)
    byte = uint8_t(test.e8m0 ? 125 + random() % 5 : 0x30 + random() % 16);
  Expected<Module> module = Module::parse(kernelOf(test));
  ASSERT_TRUE(module.ok()) << module.message();
  for (LaunchOptions options : allAsyncModes()) {
    options.strict = true;
    Device device;
    uint64_t out = upload(device, std::vector<uint32_t>(kM * kN));
    Params params;
    params.add(upload(device, a.image)).add(upload(device, b.image));
    params.add(upload(device, scales)).add(out);
    // Bits 46 to 48 of a descriptor are 1 on Blackwell.
    constexpr uint64_t version = uint64_t(1) << 46;
    params.add(a.descriptor | version).add(b.descriptor | version);
    params.add(test.descriptor());
    Expected<Statistics> done =
        device.launch(*module, "test", {{1, 1, 1}, {kM, 1, 1}}, params.data(),
                      params.size(), options);
    ASSERT_TRUE(done.ok()) << done.message();
    std::vector<uint32_t> got = download<uint32_t>(device, out, kM * kN);
    for (unsigned row = 0; row < kM; ++row)
      for (unsigned column = 0; column < kN; ++column)
        ASSERT_EQ(got[row * kN + column], expected(row, column))
            << "row " << row << ", column " << column;
  }
}

/// Case by case; the flags of the last ones by name.
std::vector<Case> cases() {
  using E = Element;
  std::vector<Case> list = {
      {"f16", "f16", E::F16, E::F16, 0, 0},
      {"bf16", "f16", E::BF16, E::BF16, 1, 1},
      {"f16_bf16", "f16", E::F16, E::BF16, 0, 1},
      {"f16_to_f16", "f16", E::F16, E::F16, 0, 0, 0},
      {"tf32", "tf32", E::TF32, E::TF32, 2, 2},
      {"u8", "i8", E::U8, E::U8, 0, 0, 2},
      {"s8", "i8", E::S8, E::S8, 1, 1, 2},
      {"u8_s8", "i8", E::U8, E::S8, 0, 1, 2},
      {"mxf4", "mxf4.block_scale.block32", E::E2M1, E::E2M1, 1, 1, 1, 2, true},
      {"mxf4_second_half", "mxf4.block_scale.block32", E::E2M1, E::E2M1, 1, 1,
       1, 2, true, 2, 2},
      {"mxf4_ids", "mxf4.block_scale", E::E2M1, E::E2M1, 1, 1, 1, 2, true, 0,
       2},
      {"nvfp4", "mxf4nvf4.block_scale.block16", E::E2M1, E::E2M1, 1, 1, 1, 4,
       false},
      {"nvfp4_e8m0", "mxf4nvf4.block_scale.block16", E::E2M1, E::E2M1, 1, 1, 1,
       4, true},
      {"mxf4nvf4_block32", "mxf4nvf4.block_scale.block32", E::E2M1, E::E2M1, 1,
       1, 1, 2, true},
  };
  // All pairs of the f8f6f4 kinds, with every scale id in turn.
  static constexpr std::pair<E, unsigned> narrow[] = {
      {E::E4M3, 0}, {E::E5M2, 1}, {E::E2M3, 3}, {E::E3M2, 4}, {E::E2M1, 5}};
  static const char *names[5][5][2] = {
#define PAIR(a, b) {a "_" b, "mx_" a "_" b}
#define ROW(a)                                                                 \
  {PAIR(a, "e4m3"), PAIR(a, "e5m2"), PAIR(a, "e2m3"), PAIR(a, "e3m2"),         \
   PAIR(a, "e2m1")}
      ROW("e4m3"), ROW("e5m2"), ROW("e2m3"), ROW("e3m2"), ROW("e2m1")
#undef ROW
#undef PAIR
  };
  for (unsigned i = 0; i < 5; ++i)
    for (unsigned j = 0; j < 5; ++j) {
      auto [a, codeA] = narrow[i];
      auto [b, codeB] = narrow[j];
      list.push_back({names[i][j][0], "f8f6f4", a, b, codeA, codeB});
      list.push_back({names[i][j][1], "mxf8f6f4.block_scale", a, b, codeA,
                      codeB, 1, 1, true, (i + j) % 4, j % 4});
    }
  auto vary = [&](const char *name, Case test, auto change) {
    test.name = name;
    change(test);
    list.push_back(test);
  };
  Case f16 = list[0], s8 = list[6];
  Case e4m3{"", "f8f6f4", E::E4M3, E::E4M3, 0, 0};
  vary("f16_negate_a", f16, [](Case &c) { c.negateA = true; });
  vary("f16_negate_b", f16, [](Case &c) { c.negateB = true; });
  vary("f16_negate_both", f16, [](Case &c) { c.negateA = c.negateB = true; });
  vary("nvfp4_negate_a", list[11], [](Case &c) { c.negateA = true; });
  vary("f16_transpose_a", f16, [](Case &c) { c.transA = true; });
  vary("f16_transpose_b", f16, [](Case &c) { c.transB = true; });
  vary("f16_transpose_both", f16, [](Case &c) { c.transA = c.transB = true; });
  vary("s8_transpose_both", s8, [](Case &c) { c.transA = c.transB = true; });
  vary("e4m3_transpose_b", e4m3, [](Case &c) { c.transB = true; });
  vary("f16_a_in_tensor_memory", f16,
       [](Case &c) { c.aInTensorMemory = true; });
  vary("e4m3_a_in_tensor_memory", e4m3,
       [](Case &c) { c.aInTensorMemory = true; });
  vary("nvfp4_a_in_tensor_memory", list[11],
       [](Case &c) { c.aInTensorMemory = true; });
  return list;
}

INSTANTIATE_TEST_SUITE_P(Kinds, Tcgen05Mma, ::testing::ValuesIn(cases()),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

} // namespace

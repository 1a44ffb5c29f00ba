//===- WgmmaTest.cpp - Every type of wgmma.mma_async ----------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One 64 x 16 product per case, B and most A in shared memory without swizzle,
// against a product computed here (PTX ISA 9.0, "wgmma.mma_async"). The second
// of two instructions accumulates, so both values of scale-d are run.
//
//===----------------------------------------------------------------------===//

#include "MatrixOperand.h"
#include "fp4/Numerics/Half.h"

using namespace fp4;
using namespace fp4::ptx;
using namespace fp4::ptx::testing;

namespace {

constexpr unsigned kM = 64, kN = 16;

struct Case {
  const char *name;
  const char *types;
  Element a, b;
  enum Result { F32, F16, S32 } d = F32;
  bool aInRegisters = false;
  bool negateA = false, negateB = false, transA = false, transB = false;

  unsigned k() const { return 256 / bitsOf(a); }
  bool isWide() const { return a == Element::F16 || a == Element::BF16; }
};

/// 128 threads bring A (2 KiB) and B (512 bytes) to shared memory; every thread
/// stores its eight registers of D (four when D is f16).
const char kKernel[] = R"(
.version 8.7
.target sm_90a
.address_size 64
.visible .entry test(.param .u64 a, .param .u64 b, .param .u64 out,
    .param .u64 adesc, .param .u64 bdesc, .param .u64 fragment) {
  .reg .pred %p<8>;
  .reg .b32 %r<64>;
  .reg .b64 %rd<32>;
  .shared .align 128 .b8 a_s[2048];
  .shared .align 128 .b8 b_s[512];
  ld.param.u64 %rd1, [a];
  ld.param.u64 %rd2, [b];
  ld.param.u64 %rd4, [out];
  ld.param.u64 %rd5, [adesc];
  ld.param.u64 %rd6, [bdesc];
  ld.param.u64 %rd3, [fragment];
  mov.u32 %r2, %tid.x;
  mov.u64 %rd7, a_s;
  mov.u64 %rd8, b_s;
  mul.wide.u32 %rd10, %r2, 16;
  add.u64 %rd11, %rd1, %rd10;
  add.u64 %rd12, %rd7, %rd10;
  ld.global.v4.u32 {%r3, %r4, %r5, %r6}, [%rd11];
  st.shared.v4.u32 [%rd12], {%r3, %r4, %r5, %r6};
  mul.wide.u32 %rd10, %r2, 4;
  add.u64 %rd11, %rd2, %rd10;
  add.u64 %rd12, %rd8, %rd10;
  ld.global.u32 %r3, [%rd11];
  st.shared.u32 [%rd12], %r3;
  mul.wide.u32 %rd10, %r2, 16;
  add.u64 %rd11, %rd3, %rd10;
  ld.global.v4.u32 {%r10, %r11, %r12, %r13}, [%rd11];
  fence.proxy.async.shared::cta;
  bar.sync 0;
  shr.u64 %rd13, %rd7, 4;
  or.b64 %rd13, %rd13, %rd5;
  shr.u64 %rd14, %rd8, 4;
  or.b64 %rd14, %rd14, %rd6;
  mov.u32 %r20, 0;
  mov.u32 %r21, 0;
  mov.u32 %r22, 0;
  mov.u32 %r23, 0;
  mov.u32 %r24, 0;
  mov.u32 %r25, 0;
  mov.u32 %r26, 0;
  mov.u32 %r27, 0;
  setp.ne.u32 %p3, %r2, %r2;
  setp.eq.u32 %p4, %r2, %r2;
  wgmma.fence.sync.aligned;
  MMA(%p3);
  MMA(%p4);
  wgmma.commit_group.sync.aligned;
  wgmma.wait_group.sync.aligned 0;
  mul.wide.u32 %rd10, %r2, 32;
  add.u64 %rd11, %rd4, %rd10;
  st.global.v4.u32 [%rd11], {%r20, %r21, %r22, %r23};
  st.global.v4.u32 [%rd11+16], {%r24, %r25, %r26, %r27};
  ret;
}
)";

std::string kernelOf(const Case &test) {
  std::string mma =
      "wgmma.mma_async.sync.aligned.m64n16k" + std::to_string(test.k()) + "." +
      test.types + " {%r20, %r21, %r22, %r23" +
      (test.d == Case::F16 ? "" : ", %r24, %r25, %r26, %r27") + "}, " +
      (test.aInRegisters ? "{%r10, %r11, %r12, %r13}" : "%rd13") +
      ", %rd14, PREDICATE";
  if (test.d != Case::S32)
    mma += std::string(test.negateA ? ", -1" : ", 1") +
           (test.negateB ? ", -1" : ", 1");
  if (test.isWide() && !test.aInRegisters)
    mma += test.transA ? ", 1" : ", 0";
  if (test.isWide())
    mma += test.transB ? ", 1" : ", 0";
  std::string text = kKernel;
  for (const char *predicate : {"%p3", "%p4"})
    text = replaceAll(text, "MMA(" + std::string(predicate) + ")",
                      replaceAll(mma, "PREDICATE", predicate));
  return text;
}

class Wgmma : public ::testing::TestWithParam<Case> {
protected:
  const Case &test = GetParam();
  std::mt19937 random{5};
  MatrixOperand a{test.a, kM, bitsOf(test.a), test.transA, random};
  MatrixOperand b{test.b, kN, bitsOf(test.b), test.transB, random};

  double dot(unsigned row, unsigned column) const {
    double sum = 0;
    for (unsigned i = 0; i < test.k(); ++i)
      sum += decode(test.a, a.codes[row * test.k() + i]) *
             decode(test.b, b.codes[column * test.k() + i]);
    // The addend of the first instruction is 0, so no result is -0.
    return (test.negateA != test.negateB ? -sum : sum) + 0.0;
  }

  uint32_t expected(unsigned row, unsigned column) const {
    double sum = dot(row, column);
    if (test.d == Case::S32)
      return uint32_t(int32_t(2 * sum));
    if (test.d == Case::F16)
      return numerics::encodeF16(float(2 * sum));
    float value = float(sum + double(float(sum)));
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
  }

  /// A's registers: register r of lane l of warp w is the four bytes from
  /// r / 2 * 16 + l % 4 * 4 on of row 16 * w + l / 4 + r % 2 * 8.
  std::vector<uint32_t> fragment() const {
    std::vector<uint32_t> registers(128 * 4);
    unsigned bits = bitsOf(test.a), perWord = 32 / bits;
    for (unsigned thread = 0; thread < 128; ++thread)
      for (unsigned r = 0; r < 4; ++r)
        for (unsigned i = 0; i < perWord; ++i) {
          unsigned lane = thread % 32;
          unsigned row = thread / 32 * 16 + lane / 4 + r % 2 * 8;
          unsigned k = (r / 2 * 16 + lane % 4 * 4) * 8 / bits + i;
          registers[thread * 4 + r] |= a.codes[row * test.k() + k]
                                       << (i * bits);
        }
    return registers;
  }

  /// D's element from the registers of all threads: row 16 * w + l / 4 (+ 8),
  /// column l % 4 * 2 (+ 1) in each group of 8 columns.
  uint32_t element(const std::vector<uint32_t> &registers, unsigned row,
                   unsigned column) const {
    unsigned thread = row / 16 * 32 + row % 8 * 4 + column % 8 / 2;
    unsigned high = row / 8 % 2, group = column / 8;
    if (test.d == Case::F16)
      return registers[thread * 8 + group * 2 + high] >> (column % 2 * 16) &
             0xFFFF;
    return registers[thread * 8 + group * 4 + high * 2 + column % 2];
  }
};

TEST_P(Wgmma, MultipliesAndAccumulates) {
  Expected<Module> module = Module::parse(kernelOf(test));
  ASSERT_TRUE(module.ok()) << module.message();
  for (const LaunchOptions &options : allAsyncModes()) {
    Device device;
    uint64_t out = upload(device, std::vector<uint32_t>(128 * 8));
    Params params;
    params.add(upload(device, a.image)).add(upload(device, b.image)).add(out);
    params.add(a.descriptor).add(b.descriptor);
    params.add(upload(device, fragment()));
    Expected<Statistics> done =
        device.launch(*module, "test", {{1, 1, 1}, {128, 1, 1}}, params.data(),
                      params.size(), options);
    ASSERT_TRUE(done.ok()) << done.message();
    std::vector<uint32_t> got = download<uint32_t>(device, out, 128 * 8);
    for (unsigned row = 0; row < kM; ++row)
      for (unsigned column = 0; column < kN; ++column)
        ASSERT_EQ(element(got, row, column), expected(row, column))
            << "row " << row << ", column " << column;
  }
}

std::vector<Case> cases() {
  using E = Element;
  std::vector<Case> list = {
      {"f16", "f32.f16.f16", E::F16, E::F16},
      {"f16_to_f16", "f16.f16.f16", E::F16, E::F16, Case::F16},
      {"bf16", "f32.bf16.bf16", E::BF16, E::BF16},
      {"tf32", "f32.tf32.tf32", E::TF32, E::TF32},
      {"e4m3", "f32.e4m3.e4m3", E::E4M3, E::E4M3},
      {"e4m3_e5m2", "f32.e4m3.e5m2", E::E4M3, E::E5M2},
      {"e5m2_e4m3", "f32.e5m2.e4m3", E::E5M2, E::E4M3},
      {"e5m2", "f32.e5m2.e5m2", E::E5M2, E::E5M2},
      {"s8", "s32.s8.s8", E::S8, E::S8, Case::S32},
      {"u8", "s32.u8.u8", E::U8, E::U8, Case::S32},
      {"s8_u8", "s32.s8.u8", E::S8, E::U8, Case::S32},
      {"u8_s8", "s32.u8.s8", E::U8, E::S8, Case::S32},
  };
  static const char *inRegisters[] = {
      "f16_a_in_registers",       "f16_to_f16_a_in_registers",
      "bf16_a_in_registers",      "tf32_a_in_registers",
      "e4m3_a_in_registers",      "e4m3_e5m2_a_in_registers",
      "e5m2_e4m3_a_in_registers", "e5m2_a_in_registers",
      "s8_a_in_registers",        "u8_a_in_registers",
      "s8_u8_a_in_registers",     "u8_s8_a_in_registers"};
  auto vary = [&](const char *name, Case test, auto change) {
    test.name = name;
    change(test);
    list.push_back(test);
  };
  for (size_t i = 0; i < std::size(inRegisters); ++i)
    vary(inRegisters[i], list[i], [](Case &c) { c.aInRegisters = true; });
  vary("f16_transpose_a", list[0], [](Case &c) { c.transA = true; });
  vary("f16_transpose_b", list[0], [](Case &c) { c.transB = true; });
  vary("bf16_transpose_both", list[2],
       [](Case &c) { c.transA = c.transB = true; });
  vary("bf16_a_in_registers_transpose_b", list[2],
       [](Case &c) { c.aInRegisters = c.transB = true; });
  vary("f16_negate_a", list[0], [](Case &c) { c.negateA = true; });
  vary("tf32_negate_b", list[3], [](Case &c) { c.negateB = true; });
  vary("e4m3_negate_both", list[4],
       [](Case &c) { c.negateA = c.negateB = true; });
  return list;
}

INSTANTIATE_TEST_SUITE_P(Types, Wgmma, ::testing::ValuesIn(cases()),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

} // namespace

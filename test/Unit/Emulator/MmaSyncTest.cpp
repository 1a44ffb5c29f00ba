//===- MmaSyncTest.cpp - Every type of mma.sync ---------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One m16n8 product per case, with the shapes whose K fills 32 or 16 bytes of a
// row, against a product computed here (PTX ISA 9.0, "mma" and "Block Scaling
// for mma.sync"). The second of two instructions accumulates.
//
//===----------------------------------------------------------------------===//

#include "MatrixOperand.h"
#include "fp4/Numerics/Half.h"
#include "fp4/Numerics/ScaleFormat.h"

using namespace fp4;
using namespace fp4::ptx;
using namespace fp4::ptx::testing;

namespace {

constexpr unsigned kM = 16, kN = 8;

struct Case {
  std::string name;
  /// What stands before and behind the types of A and B.
  std::string kind, d;
  Element a, b;
  std::string typeA, typeB;
  /// 16 bytes of K instead of 32.
  bool isHalf = false;
  /// Scales per row and K, 0 without; their type, byte and thread ids.
  unsigned blocks = 0;
  bool e8m0 = false;
  unsigned byteA = 0, threadA = 0, byteB = 0, threadB = 0;

  /// Elements of kind::f8f6f4 and mxf8f6f4 lie in bytes.
  unsigned storedBits() const {
    return kind.find("f8f6f4") == std::string::npos ? bitsOf(a) : 8;
  }
  unsigned k() const { return (isHalf ? 128 : 256) / storedBits(); }
};

const char kKernel[] = R"(
.version 8.7
.target sm_120a
.address_size 64
.visible .entry test(.param .u64 in, .param .u64 out) {
  .reg .b32 %r<32>;
  .reg .b64 %rd<8>;
  ld.param.u64 %rd1, [in];
  ld.param.u64 %rd2, [out];
  mov.u32 %r1, %tid.x;
  mul.wide.u32 %rd3, %r1, 32;
  add.u64 %rd4, %rd1, %rd3;
  ld.global.v4.u32 {%r2, %r3, %r4, %r5}, [%rd4];
  ld.global.v4.u32 {%r6, %r7, %r8, %r9}, [%rd4+16];
  mov.u32 %r10, 0;
  mov.u32 %r11, 0;
  mov.u32 %r12, 0;
  mov.u32 %r13, 0;
  MMA
  MMA
  mul.wide.u32 %rd3, %r1, 16;
  add.u64 %rd4, %rd2, %rd3;
  st.global.v4.u32 [%rd4], {%r10, %r11, %r12, %r13};
  ret;
}
)";

std::string pairOf(unsigned byte, unsigned thread) {
  return "{" + std::to_string(byte) + ", " + std::to_string(thread) + "}";
}

std::string kernelOf(const Case &test) {
  std::string d = test.d == "f16" ? "{%r10, %r11}" : "{%r10, %r11, %r12, %r13}";
  std::string mma = "mma.sync.aligned.m16n8k" + std::to_string(test.k()) +
                    ".row.col" + test.kind + "." + test.d + "." + test.typeA +
                    "." + test.typeB + "." + test.d;
  if (test.blocks)
    mma += test.e8m0 ? ".ue8m0" : ".ue4m3";
  mma += " " + d + ", " +
         (test.isHalf ? "{%r2, %r3}, {%r6}, "
                      : "{%r2, %r3, %r4, %r5}, "
                        "{%r6, %r7}, ") +
         d;
  if (test.blocks)
    mma += ", %r8, " + pairOf(test.byteA, test.threadA) + ", %r9, " +
           pairOf(test.byteB, test.threadB);
  return replaceAll(kKernel, "MMA", mma + ";");
}

class MmaSync : public ::testing::TestWithParam<Case> {
protected:
  const Case &test = GetParam();
  std::mt19937 random{3};
  MatrixOperand a{test.a, kM, test.storedBits(), false, random};
  MatrixOperand b{test.b, kN, test.storedBits(), false, random};
  /// Eight words per lane: A, B and the two scales.
  std::vector<uint32_t> words = std::vector<uint32_t>(32 * 8);

  /// The bits of an element in its container: e2m1 in bits 2 to 5 of a byte.
  uint32_t contained(Element type, uint32_t code) const {
    return type == Element::E2M1 && test.storedBits() == 8 ? code << 2 : code;
  }

  /// Four bytes of row `row` of `operand`, from byte `first` on.
  uint32_t word(const MatrixOperand &operand, Element type, unsigned row,
                unsigned first) const {
    unsigned bits = test.storedBits(), stride = 256 / bits;
    uint32_t result = 0;
    for (unsigned i = 0; i < 32 / bits; ++i)
      result |=
          contained(type, operand.codes[row * stride + first * 8 / bits + i])
          << (i * bits);
    return result;
  }

  /// Register r of A: row g + r % 2 * 8, of B: column g; g = lane / 4; bytes
  /// lane % 4 * 4 of the first or second 16.
  void pack() {
    for (unsigned lane = 0; lane < 32; ++lane) {
      unsigned g = lane / 4, byte = lane % 4 * 4;
      for (unsigned r = 0; r < 4; ++r)
        words[lane * 8 + r] = word(a, test.a, g + r % 2 * 8, r / 2 * 16 + byte);
      for (unsigned r = 0; r < 2; ++r)
        words[lane * 8 + 4 + r] = word(b, test.b, g, r * 16 + byte);
      for (unsigned r = 6; r < 8; ++r)
        for (unsigned i = 0; i < 4; ++i)
          words[lane * 8 + r] |=
              (test.e8m0 ? 125 + random() % 5 : 0x30 + random() % 16)
              << (8 * i);
    }
  }

  double scale(unsigned lane, unsigned operand, unsigned byte) const {
    return numerics::decodeScale(
        test.e8m0 ? numerics::ScaleFormat::E8M0 : numerics::ScaleFormat::UE4M3,
        uint8_t(words[lane * 8 + 6 + operand] >> (8 * byte)));
  }

  double dot(unsigned row, unsigned column) const {
    unsigned k = test.k(), stride = 256 / test.storedBits();
    unsigned blocks = std::max(test.blocks, 1u);
    double total = 0;
    for (unsigned block = 0; block < blocks; ++block) {
      double sum = 0;
      for (unsigned i = block * k / blocks; i < (block + 1) * k / blocks; ++i)
        sum += decode(test.a, a.codes[row * stride + i]) *
               decode(test.b, b.codes[column * stride + i]);
      if (test.blocks)
        sum *= scale(row % 8 * 4 + test.threadA * 2 + row / 8, 0,
                     test.byteA + block) *
               scale(column * 4 + test.threadB, 1, test.byteB + block);
      total += sum;
    }
    // The addend of the first instruction is 0, so no result is -0.
    return total + 0.0;
  }

  uint32_t expected(unsigned row, unsigned column) const {
    double sum = dot(row, column);
    if (test.d == "s32")
      return uint32_t(int32_t(2 * sum));
    if (test.d == "f16") {
      uint16_t once = numerics::encodeF16(float(sum));
      return numerics::encodeF16(float(sum + numerics::decodeF16(once)));
    }
    float value = float(sum + double(float(sum)));
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
  }
};

TEST_P(MmaSync, MultipliesAndAccumulates) {
  pack();
  Expected<Module> module = Module::parse(kernelOf(test));
  ASSERT_TRUE(module.ok()) << module.message();
  Device device;
  uint64_t out = upload(device, std::vector<uint32_t>(32 * 4));
  Params params;
  params.add(upload(device, words)).add(out);
  Expected<Statistics> done = device.launch(
      *module, "test", {{1, 1, 1}, {32, 1, 1}}, params.data(), params.size());
  ASSERT_TRUE(done.ok()) << done.message();
  std::vector<uint32_t> got = download<uint32_t>(device, out, 32 * 4);
  for (unsigned row = 0; row < kM; ++row)
    for (unsigned column = 0; column < kN; ++column) {
      unsigned lane = row % 8 * 4 + column / 2, high = row / 8;
      uint32_t value = test.d == "f16"
                           ? got[lane * 4 + high] >> (column % 2 * 16) & 0xFFFF
                           : got[lane * 4 + high * 2 + column % 2];
      ASSERT_EQ(value, expected(row, column))
          << "row " << row << ", column " << column;
    }
}

std::vector<Case> cases() {
  using E = Element;
  struct Pair {
    E a, b;
    const char *typeA, *typeB, *d;
  };
  static constexpr Pair plain[] = {
      {E::F16, E::F16, "f16", "f16", "f32"},
      {E::F16, E::F16, "f16", "f16", "f16"},
      {E::BF16, E::BF16, "bf16", "bf16", "f32"},
      {E::TF32, E::TF32, "tf32", "tf32", "f32"},
      {E::S8, E::S8, "s8", "s8", "s32"},
      {E::S8, E::U8, "s8", "u8", "s32"},
      {E::U8, E::S8, "u8", "s8", "s32"},
      {E::U8, E::U8, "u8", "u8", "s32"},
      {E::S4, E::S4, "s4", "s4", "s32"},
      {E::S4, E::U4, "s4", "u4", "s32"},
      {E::U4, E::S4, "u4", "s4", "s32"},
      {E::U4, E::U4, "u4", "u4", "s32"},
      {E::E4M3, E::E4M3, "e4m3", "e4m3", "f32"},
      {E::E4M3, E::E5M2, "e4m3", "e5m2", "f32"},
      {E::E5M2, E::E4M3, "e5m2", "e4m3", "f32"},
      {E::E5M2, E::E5M2, "e5m2", "e5m2", "f32"},
  };
  std::vector<Case> list;
  auto named = [](const char *kind, const Pair &p) {
    return std::string(kind) + p.typeA + "_" + p.typeB + "_" + p.d;
  };
  for (const Pair &p : plain)
    for (bool isHalf : {false, true})
      list.push_back({named(isHalf ? "half_" : "", p), "", p.d, p.a, p.b,
                      p.typeA, p.typeB, isHalf});
  // All pairs of the narrow types, with every byte and thread id in turn.
  static constexpr std::pair<E, const char *> narrow[] = {{E::E4M3, "e4m3"},
                                                          {E::E5M2, "e5m2"},
                                                          {E::E2M3, "e2m3"},
                                                          {E::E3M2, "e3m2"},
                                                          {E::E2M1, "e2m1"}};
  unsigned turn = 0;
  for (auto [a, typeA] : narrow)
    for (auto [b, typeB] : narrow) {
      Pair p{a, b, typeA, typeB, "f32"};
      list.push_back(
          {named("f8f6f4_", p), ".kind::f8f6f4", "f32", a, b, typeA, typeB});
      list.push_back({named("mx_", p),
                      ".kind::mxf8f6f4.block_scale.scale_vec::1X", "f32", a, b,
                      typeA, typeB, false, 1, true, turn % 4, turn % 2,
                      turn / 4 % 4, turn % 4});
      ++turn;
    }
  for (unsigned thread = 0; thread < 4; ++thread) {
    std::string id = std::to_string(thread);
    list.push_back({"mxf4_" + id, ".kind::mxf4.block_scale.scale_vec::2X",
                    "f32", E::E2M1, E::E2M1, "e2m1", "e2m1", false, 2, true,
                    thread % 2 * 2, thread / 2, thread / 2 * 2, thread});
    list.push_back({"nvfp4_" + id, ".kind::mxf4nvf4.block_scale.scale_vec::4X",
                    "f32", E::E2M1, E::E2M1, "e2m1", "e2m1", false, 4, false, 0,
                    thread % 2, 0, thread});
  }
  return list;
}

INSTANTIATE_TEST_SUITE_P(Types, MmaSync, ::testing::ValuesIn(cases()),
                         [](const auto &info) { return info.param.name; });

} // namespace

//===- Tcgen05ShapesTest.cpp - CTA pairs, .ws, K = 96, layouts of memory --===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// tcgen05.mma in the shapes whose operands or results lie otherwise than those
// of Tcgen05MmaTest.cpp. The test fills shared and tensor memory itself, after
// the ISA's "Data Path Layout Organization", "Scale Factor A ID", "Leading
// Dimension Stride" and "Shared memory descriptor", and looks at all lanes of
// D.
//
//===----------------------------------------------------------------------===//

#include "MatrixOperand.h"
#include "fp4/Numerics/ScaleFormat.h"

using namespace fp4;
using namespace fp4::ptx;
using namespace fp4::ptx::testing;

namespace {

constexpr unsigned kLanes = 128, kColumns = 64, kSharedWords = 10240;
/// Where B begins in shared memory.
constexpr unsigned kBOffset = 32768;

/// How A and B lie in shared memory, K-major.
enum class Layout {
  Plain,
  /// 128-byte swizzle, the pattern beginning 3 rows of 128 bytes behind a
  /// multiple of its size, as the base offset says.
  BaseOffset,
  /// 128-byte swizzle; K begins at byte 96 of a row and goes on in another
  /// buffer, whose address is the leading dimension.
  Absolute
};

struct Case {
  const char *name, *kind;
  Element element;
  /// Element types of the instruction descriptor, both operands alike.
  unsigned code;
  unsigned m, n, ctas = 1;
  /// Scales per row and K.
  unsigned blocks = 0, idA = 0, idB = 0;
  unsigned rowBytes = 32;
  bool aInTensorMemory = false;
  Layout layout = Layout::Plain;
  /// The zero-column mask descriptor of .ws, and the mask that it stands for.
  uint64_t mask = 0, cleared = 0;

  bool isWeightStationary() const { return kind[0] == 'w'; }
  bool isPacked() const { return blocks > 1; }
  unsigned storedBits() const {
    return isPacked() ? 4 : std::max(bitsOf(element), 8u);
  }
  unsigned k() const { return rowBytes * 8 / storedBits(); }
  unsigned rows() const { return m / ctas; }
  /// How often the rows fill the lanes: each copy has its part of N.
  unsigned copies() const {
    bool isHalf = rows() == 64 && ctas == 1 && !isWeightStationary();
    return isHalf ? 1 : kLanes / rows();
  }
  uint32_t descriptor() const {
    uint32_t bits = code << 7 | code << 10 | n / 8 << 17;
    if (!blocks)
      return bits | 1 << 4 | m / 16 << 24;
    return bits | idB << 4 | 1u << 23 | m / 128 << 27 | idA << 29 |
           uint32_t(rowBytes == 48) << 31;
  }
};

/// Every CTA copies its image to shared memory and its words to columns 64 to
/// 127 of tensor memory; one thread of the first issues; all of D comes back.
std::string kernelOf(const Case &test) {
  std::string registers, loads, stores;
  for (unsigned i = 0; i < kColumns; ++i) {
    std::string reg = "%t" + std::to_string(i);
    std::string at = "+" + std::to_string(4 * i) + "]";
    registers += (i ? ", " : "") + reg;
    loads += "  ld.global.u32 " + reg + ", [%rd7" + at + ";\n";
    stores += "  st.global.u32 [%rd8" + at + ", " + reg + ";\n";
  }
  std::string a = test.aInTensorMemory ? "[%r12]" : "%rd4";
  std::string scales = test.blocks ? " [%r13], [%r14]," : "";
  std::string mask = test.isWeightStationary() ? ", %rd6" : "";
  std::string mma = "tcgen05.mma." +
                    replaceAll(test.kind, "GROUP",
                               "cta_group::" + std::to_string(test.ctas)) +
                    " [%r5], " + a + ", %rd5, %r1," + scales + " %p3" + mask;
  std::string text = R"(
.version 8.8
.target TARGET
.address_size 64
.visible .entry test(.param .u64 image, .param .u64 words, .param .u64 out,
    .param .u64 adesc, .param .u64 bdesc, .param .u64 mask, .param .u32 idesc) {
  .reg .pred %p<8>;
  .reg .b32 %r<32>;
  .reg .b32 %t<64>;
  .reg .b64 %rd<16>;
  .shared .align 1024 .b8 data[40960];
  .shared .align 8 .b8 bar[8];
  .shared .align 4 .b8 slot[4];
  ld.param.u64 %rd1, [image];
  ld.param.u64 %rd2, [words];
  ld.param.u64 %rd3, [out];
  ld.param.u64 %rd4, [adesc];
  ld.param.u64 %rd5, [bdesc];
  ld.param.u64 %rd6, [mask];
  ld.param.u32 %r1, [idesc];
  mov.u32 %r2, %tid.x;
  mov.u32 %r3, %cluster_ctarank;
  setp.ge.u32 %p1, %r2, 32;
  @%p1 bra allocated;
  tcgen05.alloc.GROUP.sync.aligned.shared::cta.b32 [slot], 128;
  tcgen05.relinquish_alloc_permit.GROUP.sync.aligned;
allocated:
  setp.eq.u32 %p2, %r2, 0;
  @%p2 mbarrier.init.shared::cta.b64 [bar], 1;
  mul.lo.u32 %r4, %r3, 40960;
  cvt.u64.u32 %rd9, %r4;
  add.u64 %rd1, %rd1, %rd9;
  mul.wide.u32 %rd10, %r2, 4;
  add.u64 %rd1, %rd1, %rd10;
  mov.u64 %rd11, data;
  add.u64 %rd12, %rd11, %rd10;
  mov.u32 %r6, 0;
copy:
  ld.global.u32 %r7, [%rd1];
  st.shared.u32 [%rd12], %r7;
  add.u64 %rd1, %rd1, 512;
  add.u64 %rd12, %rd12, 512;
  add.u32 %r6, %r6, 1;
  setp.lt.u32 %p4, %r6, 80;
  @%p4 bra copy;
  fence.proxy.async.shared::cta;
  bar.sync 0;
  ld.shared.u32 %r5, [slot];
  mad.lo.u32 %r8, %r3, 128, %r2;
  mul.wide.u32 %rd10, %r8, 256;
  add.u64 %rd7, %rd2, %rd10;
  add.u64 %rd8, %rd3, %rd10;
LOADS
  and.b32 %r9, %r2, 96;
  shl.b32 %r9, %r9, 16;
  add.u32 %r10, %r5, %r9;
  add.u32 %r11, %r10, 64;
  tcgen05.st.sync.aligned.32x32b.x64.b32 [%r11], {REGISTERS};
  tcgen05.wait::st.sync.aligned;
  tcgen05.fence::before_thread_sync;
  barrier.cluster.arrive.aligned;
  barrier.cluster.wait.aligned;
  tcgen05.fence::after_thread_sync;
  setp.eq.u32 %p5, %r8, 0;
  @!%p5 bra issued;
  shr.u64 %rd13, %rd11, 4;
  add.u64 %rd4, %rd4, %rd13;
  add.u64 %rd5, %rd5, %rd13;
  ABSOLUTE
  add.u32 %r12, %r5, 64;
  add.u32 %r13, %r5, 96;
  add.u32 %r14, %r5, 112;
  setp.ne.u32 %p3, %r2, 0;
  MMA;
  tcgen05.commit.GROUP.mbarrier::arrive::one.shared::cluster.b64 [bar];
again:
  mbarrier.try_wait.parity.shared::cta.b64 %p6, [bar], 0;
  @!%p6 bra again;
issued:
  tcgen05.fence::before_thread_sync;
  barrier.cluster.arrive.aligned;
  barrier.cluster.wait.aligned;
  tcgen05.fence::after_thread_sync;
  tcgen05.ld.sync.aligned.32x32b.x64.b32 {REGISTERS}, [%r10];
  tcgen05.wait::ld.sync.aligned;
STORES
  tcgen05.fence::before_thread_sync;
  barrier.cluster.arrive.aligned;
  barrier.cluster.wait.aligned;
  tcgen05.fence::after_thread_sync;
  @!%p1 tcgen05.dealloc.GROUP.sync.aligned.b32 %r5, 128;
  ret;
}
)";
  text = replaceAll(text, "MMA", mma);
  text = replaceAll(text, "GROUP", "cta_group::" + std::to_string(test.ctas));
  text = replaceAll(text, "REGISTERS", registers);
  text = replaceAll(text, "LOADS", loads);
  text = replaceAll(text, "STORES", stores);
  // The leading dimension holds an address then, too.
  text = replaceAll(text, "ABSOLUTE",
                    test.layout == Layout::Absolute
                        ? "shl.b64 %rd13, %rd13, 16;\n  add.u64 %rd4, %rd4, "
                          "%rd13;\n  add.u64 %rd5, %rd5, %rd13;"
                        : "");
  bool isUltra = test.rowBytes == 48;
  return replaceAll(text, "TARGET", isUltra ? "sm_103a" : "sm_100a");
}

class Tcgen05Shapes : public ::testing::TestWithParam<Case> {
protected:
  const Case &test = GetParam();
  std::mt19937 random{13};
  MatrixOperand a{test.element, test.m, test.storedBits(),
                  false,        random, test.rowBytes};
  MatrixOperand b{test.element, test.n, test.storedBits(),
                  false,        random, test.rowBytes};
  std::vector<uint8_t> scaleA = std::vector<uint8_t>(test.m * 8);
  std::vector<uint8_t> scaleB = std::vector<uint8_t>(test.n * 8);
  std::vector<uint32_t> image = std::vector<uint32_t>(test.ctas * kSharedWords);
  std::vector<uint32_t> words =
      std::vector<uint32_t>(test.ctas * kLanes * kColumns);
  uint64_t descriptorA = 0, descriptorB = 0;

  /// Copies rows of an operand to shared memory at `offset`, and gives their
  /// descriptor.
  uint64_t place(const MatrixOperand &operand, unsigned total, unsigned first,
                 unsigned rows, unsigned cta, unsigned offset) {
    uint8_t *to =
        reinterpret_cast<uint8_t *>(&image[cta * kSharedWords]) + offset;
    unsigned start = test.layout == Layout::BaseOffset ? 3 * 128
                     : test.layout == Layout::Absolute ? 96
                                                       : 0;
    unsigned second = rows * 128;
    for (unsigned row = 0; row < rows; ++row)
      for (unsigned chunk = 0; chunk < test.rowBytes / 16; ++chunk) {
        unsigned source = first + row;
        const uint8_t *from =
            &operand.image[source / 8 * 128 + source % 8 * 16 +
                           chunk * (total / 8 * 128)];
        unsigned at = row / 8 * 128 + row % 8 * 16 + chunk * rows * 16;
        if (test.layout == Layout::BaseOffset)
          // Row 0 of the pattern is where it starts.
          at = start + row * 128 + (chunk ^ row % 8) * 16;
        if (test.layout == Layout::Absolute) {
          unsigned inner = (start / 16 + chunk) % 8;
          at = row * 128 + (inner ^ row % 8) * 16 +
               (start / 16 + chunk >= 8 ? second : 0);
        }
        std::memcpy(to + at, from, 16);
      }
    uint64_t bits = uint64_t(1) << 46 | uint64_t(offset + start) >> 4;
    if (test.layout == Layout::Plain)
      return bits | uint64_t(rows) << 16 | uint64_t(8) << 32;
    bits |= uint64_t(2) << 61 | uint64_t(64) << 32;
    if (test.layout == Layout::Absolute)
      return bits | uint64_t(1) << 52 | uint64_t(offset + second) >> 4 << 16;
    return bits | uint64_t(3) << 49;
  }

  uint32_t &word(unsigned cta, unsigned lane, unsigned column) {
    return words[(cta * kLanes + lane) * kColumns + column];
  }

  /// A's rows in tensor memory, elements of less than a byte in bytes of their
  /// own unless packed.
  void placeAInTensorMemory(unsigned cta) {
    unsigned bits = test.storedBits();
    unsigned shift = bits == 8 && test.element == Element::E2M1 ? 2 : 0;
    for (unsigned row = 0; row < test.rows(); ++row)
      for (unsigned i = 0; i < test.k(); ++i)
        for (unsigned copy = 0; copy < test.copies(); ++copy) {
          uint32_t code = a.codes[(cta * test.rows() + row) * test.k() + i];
          word(cta, row + copy * test.rows(), i * bits / 32) |=
              code << shift << (i * bits % 32);
        }
  }

  /// Scale `block` of row r in byte id + block of its word, or beyond it in the
  /// word four columns on; the same in all `groups` of 32 lanes from `lane` on.
  void placeScales(unsigned cta, const std::vector<uint8_t> &scales,
                   unsigned first, unsigned rows, unsigned id, unsigned column,
                   unsigned lane, unsigned groups) {
    for (unsigned row = 0; row < rows; ++row)
      for (unsigned block = 0; block < test.blocks; ++block)
        for (unsigned group = 0; group < groups; ++group) {
          unsigned byte = id + block;
          word(cta, lane + group * 32 + row % 32,
               column + row / 32 + byte / 4 * 4) |=
              uint32_t(scales[(first + row) * 8 + block]) << (byte % 4 * 8);
        }
  }

  double scale(const std::vector<uint8_t> &scales, unsigned row,
               unsigned block) const {
    return numerics::decodeScale(numerics::ScaleFormat::E8M0,
                                 scales[row * 8 + block]);
  }

  double expected(unsigned row, unsigned column) const {
    if (test.cleared >> (column % 64) & 1)
      return 0;
    unsigned k = test.k(), blocks = std::max(test.blocks, 1u);
    double total = 0;
    for (unsigned block = 0; block < blocks; ++block) {
      double sum = 0;
      for (unsigned i = block * k / blocks; i < (block + 1) * k / blocks; ++i)
        sum += decode(test.element, a.codes[row * k + i]) *
               decode(test.element, b.codes[column * k + i]);
      if (test.blocks)
        sum *= scale(scaleA, row, block) * scale(scaleB, column, block);
      total += sum;
    }
    return total + 0.0;
  }

  void fill() {
    for (std::vector<uint8_t> *scales : {&scaleA, &scaleB})
      for (uint8_t &byte : *scales)
        byte = uint8_t(125 + random() % 5);
    unsigned rows = test.rows(), columns = test.n / test.ctas;
    for (unsigned cta = 0; cta < test.ctas; ++cta) {
      descriptorA = place(a, test.m, cta * rows, rows, cta, 0);
      descriptorB = place(b, test.n, cta * columns, columns, cta, kBOffset);
      if (test.aInTensorMemory)
        placeAInTensorMemory(cta);
      if (!test.blocks)
        continue;
      placeScales(cta, scaleA, cta * rows, rows, test.idA, 32, 0, 4);
      // With 64 rows in a CTA every half of the lanes has its half of N.
      unsigned halves = test.copies();
      for (unsigned half = 0; half < halves; ++half)
        placeScales(cta, scaleB, half * test.n / halves, test.n / halves,
                    test.idB, 48, half * 64, 4 / halves);
    }
  }

  void check(const std::vector<uint32_t> &out) const {
    unsigned part = test.n / test.copies();
    for (unsigned row = 0; row < test.m; ++row)
      for (unsigned column = 0; column < test.n; ++column) {
        unsigned cta = row / test.rows(), local = row % test.rows();
        unsigned lane = local + column / part * test.rows();
        if (test.rows() * test.copies() < kLanes)
          lane = local % 16 + local / 16 * 32;
        float value;
        std::memcpy(&value,
                    &out[(cta * kLanes + lane) * kColumns + column % part],
                    sizeof value);
        ASSERT_EQ(value, float(expected(row, column)))
            << "row " << row << ", column " << column;
      }
  }
};

TEST_P(Tcgen05Shapes, Multiplies) {
  fill();
  Expected<Module> module = Module::parse(kernelOf(test));
  ASSERT_TRUE(module.ok()) << module.message();
  for (LaunchOptions options : allAsyncModes()) {
    options.strict = true;
    // Columns that D does not take are read, too.
    options.trapUninitialized = false;
    Device device;
    size_t count = test.ctas * kLanes * kColumns;
    uint64_t out = upload(device, std::vector<uint32_t>(count));
    Params params;
    params.add(upload(device, image)).add(upload(device, words)).add(out);
    params.add(descriptorA).add(descriptorB).add(test.mask);
    params.add(test.descriptor());
    LaunchConfig config;
    config.grid = config.cluster = {test.ctas};
    config.block = {kLanes};
    Expected<Statistics> done = device.launch(
        *module, "test", config, params.data(), params.size(), options);
    ASSERT_TRUE(done.ok()) << done.message();
    check(download<uint32_t>(device, out, count));
  }
}

std::vector<Case> cases() {
  using E = Element;
  const char *f16 = "GROUP.kind::f16", *f8f6f4 = "GROUP.kind::f8f6f4";
  const char *mxf8 = "GROUP.kind::mxf8f6f4.block_scale";
  const char *mxf4 = "GROUP.kind::mxf4.block_scale.block32";
  const char *nvf4 = "GROUP.kind::mxf4nvf4.block_scale.block16";
  const char *wsF16 = "ws.GROUP.kind::f16", *wsI8 = "ws.GROUP.kind::f8f6f4";
  std::vector<Case> list = {
      // Pairs of CTAs: layouts A and B.
      {"pair_f16_m256", f16, E::F16, 0, 256, 32, 2},
      {"pair_f16_m128", f16, E::F16, 0, 128, 64, 2},
      {"pair_e4m3_m256", f8f6f4, E::E4M3, 0, 256, 48, 2},
      {"pair_e2m1_m128", f8f6f4, E::E2M1, 5, 128, 32, 2},
      {"pair_mxf8_m256", mxf8, E::E4M3, 0, 256, 32, 2, 1, 2, 3},
      {"pair_mxf8_m128", mxf8, E::E5M2, 1, 128, 64, 2, 1, 1, 0},
      {"pair_mxf8_m128_n16", mxf8, E::E3M2, 4, 128, 16, 2, 1, 0, 2},
      {"pair_mxf4_m256", mxf4, E::E2M1, 1, 256, 64, 2, 2, 2, 0},
      {"pair_mxf4_m128", mxf4, E::E2M1, 1, 128, 64, 2, 2, 0, 2},
      {"pair_nvf4_m256", nvf4, E::E2M1, 1, 256, 32, 2, 4},
      {"pair_nvf4_m128", nvf4, E::E2M1, 1, 128, 48, 2, 4},
      // Half of the lanes: layout F.
      {"f16_m64", f16, E::F16, 0, 64, 24},
      // Weight stationary: layouts D, E and G.
      {"ws_f16_m128", wsF16, E::F16, 0, 128, 64},
      {"ws_f16_m64", wsF16, E::F16, 0, 64, 64},
      {"ws_f16_m32", wsF16, E::F16, 0, 32, 64},
      {"ws_e4m3_m32", wsI8, E::E4M3, 0, 32, 128},
      // K = 96; ids other than 0 pass the end of the word.
      {"ultra_mxf4", mxf4, E::E2M1, 1, 128, 16, 1, 3, 0, 0, 48},
      {"ultra_mxf4_id1", mxf4, E::E2M1, 1, 128, 64, 1, 3, 1, 2, 48},
      {"ultra_mxf4_id3", mxf4, E::E2M1, 1, 128, 16, 1, 3, 3, 1, 48},
      {"ultra_nvf4", nvf4, E::E2M1, 1, 128, 16, 1, 6, 0, 0, 48},
      {"ultra_nvf4_id2", nvf4, E::E2M1, 1, 128, 16, 1, 6, 2, 2, 48},
      {"ultra_nvf4_pair", nvf4, E::E2M1, 1, 256, 32, 2, 6, 2, 0, 48},
  };
  list.push_back({"f16_m128_n8", f16, E::F16, 0, 128, 8});
  auto vary = [&](const char *name, Case test, auto change) {
    test.name = name;
    change(test);
    list.push_back(test);
  };
  auto toTensorMemory = [](Case &c) { c.aInTensorMemory = true; };
  vary("pair_f16_m128_a_in_tensor_memory", list[1], toTensorMemory);
  vary("pair_e2m1_m128_a_in_tensor_memory", list[3], toTensorMemory);
  vary("pair_nvf4_m256_a_in_tensor_memory", list[9], toTensorMemory);
  vary("ws_f16_m32_a_in_tensor_memory", list[14], toTensorMemory);
  Case e3m2{"", f8f6f4, E::E3M2, 4, 128, 16};
  vary("e3m2_a_in_tensor_memory", e3m2, toTensorMemory);
  vary("base_offset", Case{"", f16, E::F16, 0, 128, 32},
       [](Case &c) { c.layout = Layout::BaseOffset; });
  vary("ultra_absolute", list[19],
       [](Case &c) { c.layout = Layout::Absolute; });
  // The ISA's examples: 4 columns stay, 3 are cleared, by turns.
  uint64_t spans = uint64_t(1) << 39 | uint64_t(2) << 40 | uint64_t(3) << 48;
  auto masked = [](const char *digits) {
    uint64_t bits = 0;
    for (unsigned i = 0; i < 64; ++i)
      bits |= uint64_t(digits[i % 7] == '1') << i;
    return bits;
  };
  vary("ws_masked_m128", list[12], [&](Case &c) {
    c.mask = spans;
    c.cleared = masked("0000111");
  });
  vary("ws_masked_m64", list[13], [&](Case &c) {
    c.mask = spans | uint64_t(1) << 32;
    c.cleared = (masked("1110000") & 0xFFFFFFFF) | masked("0000111") << 32;
  });
  vary("ws_masked_m32", list[14], [&](Case &c) {
    // Start counts 0, 1, 2, 1; the first two start with cleared columns.
    c.mask = spans | 0x01020100 | uint64_t(3) << 32;
    c.cleared = (masked("1110000") & 0xFFFF) |
                (masked("1100001") & 0xFFFF) << 16 |
                (masked("0011100") & 0xFFFF) << 32 | masked("0001110") << 48;
  });
  return list;
}

INSTANTIATE_TEST_SUITE_P(Kinds, Tcgen05Shapes, ::testing::ValuesIn(cases()),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

} // namespace

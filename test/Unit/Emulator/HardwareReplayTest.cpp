//===- HardwareReplayTest.cpp - The emulator against recorded hardware ----===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs every case of test/Emulator/Hardware/cases.txt and compares with what an
// H200 gave (h200.safetensors; record.py says how it is laid out): bit for bit,
// but for the instructions with a tolerance. Matrix instructions run under
// Accumulation::Hopper. What the hardware gave for the files of
// test/Emulator/PTX is compared with their `//! out:`.
//
//===----------------------------------------------------------------------===//

#include "HardwareCases.h"
#include "PTXFile.h"
#include "fp4/TensorIO/Safetensors.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace fp4;
using namespace fp4::ptx;
using namespace fp4::ptx::testing;

namespace {

using Bytes = std::vector<uint8_t>;

uint32_t crc32(const uint8_t *data, size_t size) {
  uint32_t crc = ~0u;
  for (size_t i = 0; i < size; ++i) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; ++bit)
      crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
  }
  return ~crc;
}

uint64_t load(const uint8_t *data, unsigned size) {
  uint64_t value = 0;
  std::memcpy(&value, data, size);
  return value;
}

std::string hex(uint64_t value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "0x%llx", (unsigned long long)value);
  return buffer;
}

//===----------------------------------------------------------------------===//
// Tolerances
//===----------------------------------------------------------------------===//

/// The value and exponent width of a scalar of `type`.
double valueOf(const std::string &type, uint64_t bits) {
  if (type == "f64") {
    double value;
    std::memcpy(&value, &bits, 8);
    return value;
  }
  if (type == "f16") {
    int exponent = int(bits >> 10 & 31), mantissa = int(bits & 1023);
    double magnitude = exponent == 31 ? (mantissa ? NAN : HUGE_VAL)
                       : exponent ? std::ldexp(1024 + mantissa, exponent - 25)
                                  : std::ldexp(mantissa, -24);
    return bits >> 15 ? -magnitude : magnitude;
  }
  uint32_t word = type == "bf16" ? uint32_t(bits << 16) : uint32_t(bits);
  float value;
  std::memcpy(&value, &word, 4);
  return value;
}

/// Two results of an approximate instruction are both NaN, or the same
/// infinity, or within one of the tolerances.
bool isClose(const HardwareCase &c, const std::string &type, uint64_t want,
             uint64_t got) {
  if (want == got)
    return true;
  double x = valueOf(type, want), y = valueOf(type, got);
  if (!std::isfinite(x) || !std::isfinite(y))
    return std::isnan(x) && std::isnan(y);
  if (x == 0 && y == 0)
    return false;
  uint64_t steps = want > got ? want - got : got - want;
  return double(steps) <= c.tolerance("ulp") ||
         std::fabs(x - y) <= c.tolerance("abs") ||
         std::fabs(x - y) <= c.tolerance("rel") * std::fabs(x);
}

bool isSame(const HardwareCase &c, const ResultSpec &result, uint64_t want,
            uint64_t got) {
  if (!c.isApproximate())
    return want == got;
  size_t x2 = result.type.rfind("x2");
  if (x2 == std::string::npos)
    return isClose(c, result.type, want, got);
  std::string part = result.type.substr(0, x2);
  return isClose(c, part, want & 0xFFFF, got & 0xFFFF) &&
         isClose(c, part, want >> 16, got >> 16);
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

/// One result of all tuples: `recorded` moves behind what it read.
std::string compareResult(const HardwareCase &c, const ResultSpec &result,
                          const uint8_t *output, const uint8_t *&recorded) {
  bool isExact = !c.isApproximate();
  unsigned step = isExact ? 128 : 8;
  for (unsigned k = 0; k < c.tuples / step; ++k) {
    unsigned tuple = step * k + (isExact ? 37 * k % 128 : 0);
    uint64_t want = load(recorded, result.size);
    uint64_t got = load(output + size_t(tuple) * result.size, result.size);
    recorded += result.size;
    if (!isSame(c, result, want, got))
      return "tuple " + std::to_string(tuple) + ": hardware gave " + hex(want) +
             ", the emulator " + hex(got);
  }
  for (unsigned i = 0; isExact && i < c.tuples; i += 128) {
    uint64_t want = load(recorded, 4);
    recorded += 4;
    if (want != crc32(output + size_t(i) * result.size, 128 * result.size))
      return "tuples " + std::to_string(i) + " to " + std::to_string(i + 127) +
             " differ from hardware";
  }
  return "";
}

std::string compareAll(const HardwareCase &c, const Bytes &output,
                       const uint8_t *recorded, size_t size) {
  if (output.size() <= 2048)
    return size == output.size() &&
                   std::memcmp(recorded, output.data(), size) == 0
               ? ""
               : "the output differs from hardware";
  const uint8_t *at = recorded, *out = output.data();
  for (size_t r = 0; r < c.results.size(); ++r) {
    std::string difference = compareResult(c, c.results[r], out, at);
    if (!difference.empty())
      return "result " + std::to_string(r) + ", " + difference;
    out += c.results[r].size * size_t(c.tuples);
  }
  return at == recorded + size ? "" : "the recording has another length";
}

/// What the hardware gave for a file, against what the file says.
std::string compareFile(const HardwareCase &c, const uint8_t *recorded,
                        size_t size) {
  std::vector<uint32_t> words(std::max<size_t>(size / 4, 1));
  std::memcpy(words.data(), recorded, size / 4 * 4);
  Expectation expectation = parseExpectation(c.ptx);
  words.resize(std::max(words.size(), expectation.out.size()));
  return firstDifference(expectation, words);
}

bool isFile(const HardwareCase &c) {
  return c.name.compare(0, 5, "file/") == 0;
}

/// The CRC that tells whether a recording is of this case.
uint32_t keyOf(const HardwareCase &c) {
  Bytes key = c.makeInput();
  if (isFile(c))
    key.insert(key.end(), c.ptx.begin(), c.ptx.end());
  return crc32(key.data(), key.size());
}

class HardwareReplay : public ::testing::Test {
protected:
  void SetUp() override {
    std::string dir = std::string(FP4_EMULATOR_TEST_DIR) + "/Hardware";
    Expected<std::vector<HardwareCase>> loaded = loadHardwareCases(dir);
    ASSERT_TRUE(loaded.ok()) << loaded.message();
    cases = *loaded;
    Expected<SafetensorsFile> opened =
        SafetensorsFile::open(dir + "/h200.safetensors");
    ASSERT_TRUE(opened.ok()) << opened.message();
    recording = *opened;
  }

  /// The recorded bytes behind the key; empty when the file has changed since.
  Bytes recorded(const HardwareCase &c) {
    Expected<NDArray> tensor = recording->tensor(c.name);
    if (!tensor.ok())
      return {};
    const uint8_t *bytes = tensor->bytes();
    if (tensor->byteSize() < 4 || load(bytes, 4) != keyOf(c))
      return {};
    return Bytes(bytes + 4, bytes + tensor->byteSize());
  }

  std::vector<HardwareCase> cases;
  std::optional<SafetensorsFile> recording;
};

TEST_F(HardwareReplay, NamesItsOrigin) {
  for (const char *key : {"gpu", "driver", "date"})
    EXPECT_FALSE(recording->metadata().at(key).empty());
}

TEST_F(HardwareReplay, TableOfInstructions) {
  LaunchOptions options;
  options.accumulation = Accumulation::Hopper;
  for (const HardwareCase &c : cases) {
    if (isFile(c))
      continue;
    Bytes bytes = recorded(c);
    ASSERT_FALSE(bytes.empty()) << c.name << " is not in the recording";
    Expected<Bytes> output = runHardwareCase(c, options);
    ASSERT_TRUE(output.ok()) << c.name << ": " << output.message();
    EXPECT_EQ(compareAll(c, *output, bytes.data(), bytes.size()), "") << c.name;
  }
}

TEST_F(HardwareReplay, ExpectationsOfFiles) {
  unsigned compared = 0;
  for (const HardwareCase &c : cases) {
    if (!isFile(c))
      continue;
    Bytes bytes = recorded(c);
    if (bytes.empty())
      continue;
    ++compared;
    EXPECT_EQ(compareFile(c, bytes.data(), bytes.size()), "") << c.name;
  }
  // Files added since the recording are no failure, but most must be in it.
  EXPECT_GT(compared, 100u);
}

} // namespace

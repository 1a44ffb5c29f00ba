//===- HostTesting.h - Compile and run snippets -----------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the tests of this folder share.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TEST_UNIT_HOSTRUNTIME_HOSTTESTING_H
#define FP4_TEST_UNIT_HOSTRUNTIME_HOSTTESTING_H

#include "fp4/InitAllDialects.h"
#include "fp4/Runtime/Host/HostProgram.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>
#include <random>

namespace fp4::test {

/// A compiled snippet and the context that it needs.
class Snippet {
public:
  explicit Snippet(const std::string &text) {
    mlir::DialectRegistry registry;
    fp4::registerAllDialects(registry);
    context = std::make_unique<mlir::MLIRContext>(registry);
    module = mlir::parseSourceString<mlir::ModuleOp>(text, context.get());
    if (!module) {
      ADD_FAILURE() << "cannot parse\n" << text;
      return;
    }
    Expected<HostProgram> compiled = HostProgram::compile(*module);
    if (!compiled.ok()) {
      ADD_FAILURE() << compiled.message();
      return;
    }
    program = std::make_unique<HostProgram>(std::move(*compiled));
  }

  /// The results; none after a failure, which is reported.
  std::vector<NDArray> run(const std::string &entry,
                           const std::vector<NDArray> &arguments) {
    if (!program)
      return {};
    Expected<std::vector<NDArray>> results = program->run(entry, arguments);
    if (results.ok())
      return *results;
    ADD_FAILURE() << results.message();
    return {};
  }

  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<HostProgram> program;
};

inline float floatFromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

/// rows x cols values. Rows take turns: normal numbers of one magnitude; of
/// widely different magnitudes; random bit patterns (finite); quarters, among
/// which are the ties of all formats; zeros of both signs with few others; and
/// subnormals.
inline std::vector<float> makeBlocks(size_t rows, size_t cols,
                                     uint32_t seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(rows * cols);
  for (size_t row = 0; row < rows; ++row) {
    float scale = std::ldexp(1.0f, static_cast<int>(random() % 60) - 30);
    for (size_t col = 0; col < cols; ++col) {
      float &value = values[row * cols + col];
      auto word = static_cast<uint32_t>(random());
      float sign = word & 1 ? -1.0f : 1.0f;
      switch (row % 6) {
      case 0:
        value = normal(random) * scale;
        break;
      case 1:
        value = normal(random) * std::ldexp(1.0f, int(word >> 8) % 40 - 20);
        break;
      case 2:
        value = floatFromBits(word % 0xFF000000u % 0x7F800000u |
                              (word & 0x80000000u));
        break;
      case 3:
        value = sign * static_cast<float>((word >> 8) % 29) / 4.0f * scale;
        break;
      case 4:
        value = (word >> 8) % 11 == 0 ? normal(random) : sign * 0.0f;
        break;
      default:
        value = floatFromBits((word >> 12) | (word & 0x80000000u));
      }
    }
  }
  return values;
}

/// `values` with a NaN or an infinity in every fourth row.
inline std::vector<float> withSpecials(std::vector<float> values, size_t cols) {
  const float specials[] = {std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::max()};
  for (size_t row = 0; row * cols < values.size(); row += 4)
    values[row * cols + (row * 7) % cols] = specials[row / 4 % 4];
  return values;
}

} // namespace fp4::test

#endif // FP4_TEST_UNIT_HOSTRUNTIME_HOSTTESTING_H

//===- MatmulCase.cpp - Matmuls run on the emulator and checked -----------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See the header.
//
//===----------------------------------------------------------------------===//

#include "MatmulCase.h"
#include "fp4/Numerics/BlockFormat.h"
#include <cmath>
#include <cstring>
#include <sstream>

namespace fp4::testing {

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

std::string Case::describe() const {
  std::ostringstream os;
  os << format << " " << weightFormat << " " << (hasDynamicRows ? "?=" : "")
     << rows << "x" << columns << "x" << depth << " " << resultType
     << (hasBias ? " bias" : "") << " " << activation << " " << tail
     << (isRandom ? " random" : "")
     << (quantizedTo.empty() ? "" : " to " + quantizedTo + " " + scaleRule)
     << (schedule.empty() ? "" : " <" + schedule + ">");
  return os.str();
}

/// What follows `%y`, a matmul of type `type`; ends in the value `%z`.
static std::string printTail(const Case &c, const std::string &type) {
  if (c.tail == "residual")
    return "  %z = arith.addf %y, %r : " + type + "\n";
  if (c.tail == "gated")
    return "  %z = arith.mulf %y, %u : " + type + "\n";
  if (c.tail != "written")
    return "";
  std::string element = c.resultType;
  return "  %z = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, "
         "j)>, "
         "affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>], "
         "iterator_types = [\"parallel\", \"parallel\"]} "
         "ins(%y, %v : " +
         type + ", tensor<" + std::to_string(c.columns) + "x" + element +
         ">) outs(%r : " + type +
         ") {\n"
         "  ^bb0(%s: " +
         element + ", %t: " + element + ", %o: " + element +
         "):\n"
         "    %zero = arith.constant 0.0 : " +
         element +
         "\n"
         "    %p = arith.maximumf %s, %zero : " +
         element +
         "\n"
         "    %q = arith.addf %p, %t : " +
         element +
         "\n"
         "    linalg.yield %q : " +
         element + "\n  } -> " + type + "\n";
}

/// A weight as a constant: only its type matters, as launches bring the bytes.
static std::string printWeight(const Case &c, const std::string &name,
                               const std::string &type) {
  int64_t block = c.format == "nvfp4" ? 16 : 32;
  std::string rows = std::to_string(c.columns);
  return "  " + name + " = fp4.constant <elements = dense<0> : tensor<" + rows +
         "x" + std::to_string(c.depth * (c.getWeightFormat()[4] - '0') / 8) +
         "xi8>, scales = dense<0> : tensor<" + rows + "x" +
         std::to_string(c.depth / block) + "xi8>" +
         (block == 16 ? ", tensor_scale = 1.0 : f32" : "") + "> : " + type +
         "\n";
}

/// The types of prepacked elements and scales.
static std::pair<std::string, std::string> getBlockTypes(const Case &c) {
  int64_t block = c.quantizedTo == "nvfp4" ? 16 : 32;
  std::string rows = c.hasDynamicRows ? "?" : std::to_string(c.rows);
  std::string tiles =
      c.hasDynamicRows ? "?" : std::to_string((c.rows + 127) / 128);
  return {"tensor<" + rows + "x" + std::to_string(c.columns / 2) + "xi8>",
          "tensor<" + tiles + "x" +
              std::to_string((c.columns / block + 3) / 4) + "x32x4x4xi8>"};
}

/// Quantizes `value` of type `type` and returns its arrays.
static std::string printQuantization(const Case &c, const std::string &value,
                                     const std::string &type) {
  auto [elements, scales] = getBlockTypes(c);
  bool isNVFP4 = c.quantizedTo == "nvfp4";
  std::string rows = c.hasDynamicRows ? "?" : std::to_string(c.rows);
  std::string blocks = "!fp4.tensor<" + rows + "x" + std::to_string(c.columns) +
                       ", #fp4." + c.quantizedTo + ">";
  return "  %q = fp4.quantize " + value +
         (isNVFP4 ? " tensor_scale(%ts)" : "") +
         " {scale_rule = #fp4.scale_rule<" + c.scaleRule + ">} : " + type +
         " -> " + blocks + "\n  %e, %s" + (isNVFP4 ? ", %t" : "") +
         " = fp4gpu.prepack %q : " + blocks + " -> " + elements + ", " +
         scales + (isNVFP4 ? ", tensor<f32>" : "") +
         "\n  return %e, %s : " + elements + ", " + scales + "\n}\n";
}

std::string Case::toModule() const {
  std::string m = hasDynamicRows ? "?" : std::to_string(rows);
  std::string n = std::to_string(columns), k = std::to_string(depth);
  std::string lhs = "!fp4.tensor<" + m + "x" + k + ", #fp4." + format + ">";
  std::string rhs =
      "!fp4.tensor<" + n + "x" + k + ", #fp4." + getWeightFormat() + ">";
  std::string bias = "tensor<" + n + "xf32>";
  std::string vector = "tensor<" + n + "x" + resultType + ">";
  std::string result = "tensor<" + m + "x" + n + "x" + resultType + ">";
  std::string signature = " : " + lhs + ", " + rhs + " -> " + result + "\n";
  std::string attribute =
      schedule.empty() ? ""
                       : "fp4gpu.schedule = #fp4gpu.schedule<" + schedule + ">";
  std::string module =
      "func.func @f(%x: " + lhs + ", %w: " + rhs + ", %b: " + bias +
      ", %r: " + result + ", %v: " + vector + ", %ts: f32) -> " +
      (quantizedTo.empty() ? result
                           : "(" + getBlockTypes(*this).first + ", " +
                                 getBlockTypes(*this).second + ")") +
      " {\n";
  if (isGated())
    module += printWeight(*this, "%g", rhs) + printWeight(*this, "%h", rhs);
  module += "  %y = fp4.matmul %x, " + std::string(isGated() ? "%g " : "%w ") +
            (hasBias ? "bias(%b : " + bias + ") " : "") +
            "{activation = #fp4.activation<" + activation + ">" +
            (attribute.empty() ? "" : ", " + attribute) + "}" + signature;
  if (isGated())
    module += "  %u = fp4.matmul %x, %h {" + attribute + "}" + signature;
  module += printTail(*this, result);
  if (!quantizedTo.empty())
    return module +
           printQuantization(*this, tail.empty() ? "%y" : "%z", result);
  return module + "  return " + (tail.empty() ? "%y" : "%z") + " : " + result +
         "\n}\n";
}

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

/// The eight magnitudes of e2m1, by code.
static double decodeE2M1(unsigned code) {
  static const double magnitudes[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  return (code & 8 ? -1 : 1) * magnitudes[code & 7];
}

/// e4m3 without sign: three bits of mantissa, exponents from 2^-6.
static double decodeE4M3(unsigned code) {
  int exponent = code >> 3 & 15, mantissa = code & 7;
  return exponent ? std::ldexp(8 + mantissa, exponent - 10)
                  : std::ldexp(mantissa, -9);
}

int Matrix::getMantissa() const {
  if (format == "mxfp6e2m3" || format == "mxfp8e4m3")
    return 3;
  return format == "mxfp6e3m2" || format == "mxfp8e5m2" ? 2 : 1;
}

int Matrix::getBias() const {
  // 2^(bits of the exponent - 1) - 1.
  return (1 << (getBits() - getMantissa() - 2)) - 1;
}

double Matrix::decode(unsigned code) const {
  int bits = getBits(), mantissaBits = getMantissa();
  int mantissa = code & ((1 << mantissaBits) - 1);
  int exponent = (code & ((1 << (bits - 1)) - 1)) >> mantissaBits;
  double sign = code >> (bits - 1) ? -1 : 1;
  int least = 1 - getBias() - mantissaBits;
  return sign * (exponent ? std::ldexp((1 << mantissaBits) + mantissa,
                                       least + exponent - 1)
                          : std::ldexp(mantissa, least));
}

/// A finite code; with exact data one of a value of e2m1.
static uint8_t drawCode(const Matrix &matrix, bool isExact,
                        std::mt19937 &random) {
  uint8_t code = random() % 16;
  if (matrix.getBits() == 4)
    return code;
  if (!isExact && matrix.getBits() == 6)
    return random() % 64;
  if (!isExact) // 0x7f is NaN in e4m3, 0x7c and up infinite or NaN in e5m2.
    return (random() & 0x80) | random() % 0x7c;
  double value = decodeE2M1(code);
  unsigned wide = code & 8 ? 1u << (matrix.getBits() - 1) : 0;
  while (matrix.decode(wide) != value)
    ++wide;
  return wide;
}

Matrix::Matrix(const std::string &format, int64_t rows, int64_t depth,
               bool isExact, std::mt19937 &random)
    : format(format), rows(rows), depth(depth),
      block(format == "nvfp4" ? 16 : 32) {
  // e4m3: 0.5, 1, 1.5, 2 are 0x30, 0x38, 0x3c, 0x40; e8m0: 2^(code - 127).
  static const uint8_t exactE4M3[] = {0x30, 0x38, 0x3c, 0x40};
  static const uint8_t exactE8M0[] = {126, 127, 128, 127};
  for (int64_t i = 0; i < rows * depth; ++i)
    codes.push_back(drawCode(*this, isExact, random));
  for (int64_t i = 0; i < rows * depth / block; ++i) {
    uint8_t code =
        block == 16 ? (isExact ? exactE4M3[random() % 4] : random() % 0x7f)
                    : (isExact ? exactE8M0[random() % 4] : 117 + random() % 21);
    scaleCodes.push_back(code);
    scales.push_back(block == 16 ? decodeE4M3(code)
                                 : std::ldexp(1.0, code - 127));
  }
}

double Matrix::at(int64_t row, int64_t k) const {
  return decode(codes[row * depth + k]) * scales[(row * depth + k) / block];
}

std::vector<uint8_t> Matrix::packElements() const {
  int bits = getBits();
  int64_t rowBytes =
      bits == 6 ? depth * 6 / 8 : (depth * bits + 127) / 128 * 16;
  std::vector<uint8_t> bytes(rows * rowBytes);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t at = 0; at < depth * bits; ++at)
      bytes[r * rowBytes + at / 8] |=
          (codes[r * depth + at / bits] >> (at % bits) & 1) << (at % 8);
  return bytes;
}

std::vector<uint8_t> Matrix::layOutScales() const {
  int64_t columns = depth / block, tiles = (columns + 3) / 4;
  std::vector<uint8_t> bytes((rows + 127) / 128 * tiles * 512);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < columns; ++j)
      bytes[(r / 128 * tiles + j / 4) * 512 + r % 32 * 16 + r % 128 / 32 * 4 +
            j % 4] = scaleCodes[r * columns + j];
  return bytes;
}

Matrix Matrix::interleave(const Matrix &other) const {
  Matrix joined = *this;
  joined.rows = 2 * rows;
  joined.codes.clear();
  joined.scaleCodes.clear();
  for (int64_t row = 0; row < 2 * rows; ++row) {
    const Matrix &source = row % 16 < 8 ? *this : other;
    int64_t from = row / 16 * 8 + row % 8, columns = depth / block;
    joined.codes.insert(joined.codes.end(), source.codes.begin() + from * depth,
                        source.codes.begin() + (from + 1) * depth);
    joined.scaleCodes.insert(joined.scaleCodes.end(),
                             source.scaleCodes.begin() + from * columns,
                             source.scaleCodes.begin() + (from + 1) * columns);
  }
  return joined;
}

template <typename T>
static std::vector<uint8_t> toBytes(const std::vector<T> &values) {
  std::vector<uint8_t> bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// float32 to bfloat16, nearest even, for finite values.
static uint16_t roundToBF16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

static float fromBF16(uint16_t value) {
  uint32_t bits = uint32_t(value) << 16;
  float result;
  std::memcpy(&result, &bits, sizeof(result));
  return result;
}

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

namespace {
class MatmulRun {
public:
  MatmulRun(const Case &c, unsigned seed)
      : c(c), random(seed), lhs(c.format, c.rows, c.depth, !c.isRandom, random),
        rhs(c.getWeightFormat(), c.columns, c.depth, !c.isRandom, random),
        second(c.getWeightFormat(), c.isGated() ? c.columns : 0, c.depth,
               !c.isRandom, random) {
    auto integers = [&](int64_t count) {
      std::vector<float> values;
      for (int64_t i = 0; i < count; ++i)
        values.push_back(static_cast<int>(random() % 65) - 32);
      return values;
    };
    bias = integers(c.columns);
    vector = integers(c.columns);
    residual = integers(c.tail == "residual" ? c.rows * c.columns : 0);
  }

  std::string run(const std::string &target, const ptx::LaunchOptions &options,
                  ptx::Statistics *statistics) {
    Expected<CompiledKernel> kernel = compileKernel(c.toModule(), target);
    if (!kernel.ok())
      return kernel.message();
    KernelArguments arguments = makeArguments();
    // Once more with the scratch memory that a launch has left.
    size_t index = chooseKernel(*kernel, arguments);
    if (kernel->manifest["kernels"][index]["workspace"].is_array()) {
      Expected<ptx::Statistics> first =
          launchKernel(*kernel, arguments, c.blocks, options, index);
      if (!first.ok())
        return first.message();
    }
    Expected<ptx::Statistics> result =
        launchKernel(*kernel, arguments, c.blocks, options, index);
    if (!result.ok())
      return result.message();
    if (statistics)
      *statistics = *result;
    return c.quantizedTo.empty() ? compare(arguments.arrays["out"])
                                 : compareBlocks(arguments.arrays["elements"],
                                                 arguments.arrays["scales"]);
  }

private:
  std::vector<uint8_t> toResultType(const std::vector<float> &values) {
    if (c.resultType == "f32")
      return toBytes(values);
    std::vector<uint16_t> narrow;
    for (float value : values)
      narrow.push_back(roundToBF16(value));
    return toBytes(narrow);
  }

  KernelArguments makeArguments() {
    Matrix weight = c.isGated() ? rhs.interleave(second) : rhs;
    KernelArguments arguments;
    arguments.arrays = {{"lhs", lhs.packElements()},
                        {"lhs_scales", lhs.layOutScales()},
                        {"rhs", weight.packElements()},
                        {"rhs_scales", weight.layOutScales()},
                        {"lhs_tensor_scale", toBytes<float>({0.5f})},
                        {"rhs_tensor_scale", toBytes<float>({4.0f})},
                        {"second_tensor_scale", toBytes<float>({0.25f})},
                        {"bias", toBytes(bias)},
                        {"column0", toResultType(vector)}};
    if (c.tail == "residual")
      arguments.arrays["matrix0"] = toResultType(residual);
    size_t width = c.resultType == "f32" ? 4 : 2;
    // A pattern that no result has, to see what was not stored.
    if (c.quantizedTo.empty()) {
      arguments.arrays["out"].assign(c.rows * c.columns * width, 0xff);
    } else {
      arguments.arrays["elements"].assign(c.rows * c.columns / 2, 0xff);
      arguments.arrays["scales"].assign(getScaleBytes(), 0xff);
      arguments.arrays["out_tensor_scale"] = toBytes<float>({3.0f});
    }
    arguments.values["rows"] = c.rows;
    return arguments;
  }

  static double sum(const Matrix &a, int64_t row, const Matrix &b,
                    int64_t column) {
    double total = 0;
    for (int64_t k = 0; k < a.depth; ++k)
      total += a.at(row, k) * b.at(column, k);
    return total;
  }

  double activate(double x) {
    if (c.activation == "relu")
      return std::max(x, 0.0);
    if (c.activation == "silu")
      return x / (1 + std::exp(-x));
    if (c.activation == "gelu")
      return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
    // (1 + tanh(u)) / 2 = 1 / (1 + exp(-2u)), which does not cancel.
    if (c.activation == "gelu_tanh")
      return x / (1 + std::exp(-2 * std::sqrt(2 / M_PI) *
                               (x + 0.044715 * x * x * x)));
    return x;
  }

  double round(double x) {
    return c.resultType == "f32" ? static_cast<float>(x)
                                 : fromBF16(roundToBF16(x));
  }

  /// The value before the last rounding, and how far off a result may be.
  std::pair<double, double> expected(int64_t row, int64_t column) {
    bool isScaled = c.format == "nvfp4";
    double x = (isScaled ? 2 : 1) * sum(lhs, row, rhs, column) +
               (c.hasBias ? bias[column] : 0);
    double value = round(activate(x)), tolerance = getTolerance(x);
    if (c.tail == "residual")
      value += residual[row * c.columns + column];
    if (c.tail == "written")
      value = std::max(value, 0.0) + vector[column];
    if (c.isGated()) {
      double factor =
          round((isScaled ? 0.125 : 1) * sum(lhs, row, second, column));
      tolerance = tolerance * std::fabs(factor) +
                  (tolerance ? std::fabs(value * factor) * 0x1p-23 : 0);
      value *= factor;
    }
    return {value, tolerance};
  }

  /// Of the activation of x. silu and the tanh form of gelu: log2(e) and the
  /// argument of ex2.approx are rounded to 24 bits, a relative error of |x| (or
  /// the cubic) times 2^-22 in the power; ex2.approx and div.approx are good to
  /// 2^-22 each. div.approx gives 0 for divisors from 2^126 on, where the value
  /// is below 2^-110. gelu: the polynomial for erf is good to 2^-22 absolutely,
  /// times |x| / 2.
  double getTolerance(double x) {
    double a = std::fabs(x);
    if (c.activation == "silu")
      return (a * 0x1p-23 + 0x1p-21) * std::fabs(activate(x)) + 0x1p-110;
    if (c.activation == "gelu_tanh")
      return ((a + 0.1 * a * a * a) * 0x1p-21 + 0x1p-21) *
                 std::fabs(activate(x)) +
             0x1p-110;
    return c.activation == "gelu" ? a * 0x1p-22 : 0;
  }

  double get(const std::vector<uint8_t> &out, int64_t i) {
    if (c.resultType == "f32") {
      float value;
      std::memcpy(&value, &out[4 * i], 4);
      return value;
    }
    uint16_t value;
    std::memcpy(&value, &out[2 * i], 2);
    return fromBF16(value);
  }

  int64_t getBlock() const { return c.quantizedTo == "nvfp4" ? 16 : 32; }
  int64_t getScaleBytes() const {
    return (c.rows + 127) / 128 * ((c.columns / getBlock() + 3) / 4) * 512;
  }

  /// Codes and scales must be those of fp4.quantize, whose meaning Numerics is,
  /// and the padding of scales zero.
  std::string compareBlocks(const std::vector<uint8_t> &elements,
                            const std::vector<uint8_t> &scales) {
    std::vector<float> values;
    for (int64_t i = 0; i < c.rows * c.columns; ++i)
      values.push_back(round(expected(i / c.columns, i % c.columns).first));
    Matrix blocks(c.quantizedTo, c.rows, c.columns, true, random);
    numerics::QuantizeOptions options;
    options.rule = *numerics::parseScaleRule(c.scaleRule);
    numerics::quantizeBlocks(*numerics::parseBlockFormat(c.quantizedTo),
                             options, values.data(), c.rows, c.columns, 3.0f,
                             blocks.codes.data(), blocks.scaleCodes.data());
    std::vector<uint8_t> codes = blocks.packElements();
    std::vector<uint8_t> layout = blocks.layOutScales();
    for (size_t i = 0; i < layout.size(); ++i)
      if (scales[i] != layout[i])
        return "byte " + std::to_string(i) + " of the scales: expected " +
               std::to_string(layout[i]) + ", got " + std::to_string(scales[i]);
    for (size_t i = 0; i < codes.size(); ++i)
      if (elements[i] != codes[i])
        return "elements 2 " + std::to_string(i) + " and on: expected " +
               std::to_string(codes[i]) + ", got " +
               std::to_string(elements[i]);
    return "";
  }

  std::string compare(const std::vector<uint8_t> &out) {
    std::ostringstream os;
    double error = 0, norm = 0;
    for (int64_t i = 0; i < c.rows * c.columns; ++i) {
      auto [value, tolerance] = expected(i / c.columns, i % c.columns);
      double got = get(out, i);
      error += (got - value) * (got - value);
      norm += value * value;
      bool isRight =
          std::fabs(got - (tolerance ? value : round(value))) <= tolerance;
      if (c.isRandom || isRight)
        continue;
      os << "at [" << i / c.columns << ", " << i % c.columns << "] expected "
         << value << " +- " << tolerance << ", got " << got;
      return os.str();
    }
    // Not less or equal: NaN is wrong.
    if (c.isRandom && !(error <= 4e-6 * norm))
      os << "relative error " << std::sqrt(error / norm) << " exceeds 2e-3";
    return os.str();
  }

  const Case &c;
  std::mt19937 random;
  Matrix lhs, rhs, second;
  std::vector<float> bias, vector, residual;
};
} // namespace

std::string runCase(const std::string &target, const Case &c, unsigned seed,
                    const ptx::LaunchOptions &options,
                    ptx::Statistics *statistics) {
  return MatmulRun(c, seed).run(target, options, statistics);
}

} // namespace fp4::testing

//===- PTXFile.cpp - The test files below test/Emulator/PTX ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PTXFile.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <sstream>

namespace fp4::ptx::testing {

uint32_t Expectation::number(const std::string &name,
                             uint32_t otherwise) const {
  auto found = settings.find(name);
  return found == settings.end() ? otherwise
                                 : uint32_t(std::stoul(found->second));
}

static uint32_t parseWord(const std::string &text) {
  bool isHex = text.find("0x") != std::string::npos;
  if (!isHex && text.back() == 'f') {
    float value = std::stof(text.substr(0, text.size() - 1));
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
  }
  return uint32_t(std::stoll(text, nullptr, 0));
}

static void parseWords(const std::string &line, std::vector<uint32_t> &words,
                       std::vector<bool> *compared) {
  std::istringstream stream(line);
  std::string item;
  while (stream >> item) {
    size_t star = item.find('*');
    size_t count = 1;
    if (star != std::string::npos) {
      count = std::stoul(item.substr(star + 1));
      item.resize(star);
    }
    bool isAny = item == "?";
    for (size_t i = 0; i < count; ++i) {
      words.push_back(isAny ? 0 : parseWord(item));
      if (compared)
        compared->push_back(!isAny);
    }
  }
}

Expectation parseExpectation(const std::string &text) {
  Expectation expectation;
  std::istringstream stream(text);
  std::string line;
  while (std::getline(stream, line)) {
    if (line.compare(0, 4, "//! ") != 0)
      continue;
    size_t colon = line.find(':');
    std::string key = line.substr(4, colon - 4);
    std::string value = line.substr(colon + 1);
    value.erase(0, value.find_first_not_of(' '));
    if (key == "in")
      parseWords(value, expectation.in, nullptr);
    else if (key == "out")
      parseWords(value, expectation.out, &expectation.compared);
    else
      expectation.settings[key] = value;
  }
  return expectation;
}

static std::string showWord(uint32_t word) {
  char buffer[64];
  float value;
  std::memcpy(&value, &word, sizeof value);
  std::snprintf(buffer, sizeof buffer, "0x%08x (%g)", word, double(value));
  return buffer;
}

/// Steps between two floats of the same sign.
static double ulpDistance(uint32_t a, uint32_t b) {
  float x, y;
  std::memcpy(&x, &a, 4);
  std::memcpy(&y, &b, 4);
  if (std::isnan(x) || std::isnan(y))
    return std::isnan(x) && std::isnan(y) ? 0 : HUGE_VAL;
  if (a >> 31 != b >> 31)
    return x == y ? 0 : HUGE_VAL;
  return std::fabs(double(a) - double(b));
}

std::string firstDifference(const Expectation &expectation,
                            const std::vector<uint32_t> &got) {
  double ulp = expectation.number("ulp", 0);
  for (size_t i = 0; i < expectation.out.size(); ++i) {
    if (!expectation.compared[i])
      continue;
    uint32_t want = expectation.out[i];
    bool same = ulp > 0 ? ulpDistance(want, got[i]) <= ulp : want == got[i];
    if (!same)
      return "word " + std::to_string(i) + ": expected " + showWord(want) +
             ", got " + showWord(got[i]);
  }
  return "";
}

std::vector<std::string> listPTXFiles(const std::string &root) {
  namespace fs = std::filesystem;
  std::vector<std::string> names;
  for (const auto &entry : fs::recursive_directory_iterator(root))
    if (entry.path().extension() == ".ptx")
      names.push_back(fs::relative(entry.path(), root).string());
  std::sort(names.begin(), names.end());
  return names;
}

} // namespace fp4::ptx::testing

//===- TempDir.h - A scratch folder per test --------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef FP4_TEST_UNIT_TENSORIO_TEMPDIR_H
#define FP4_TEST_UNIT_TENSORIO_TEMPDIR_H

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <set>
#include <string>

namespace fp4::test {

/// A fixture with an empty folder that is removed after the test.
class TempDir : public testing::Test {
protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "fp4-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string path(const std::string &name) const {
    return (folder / name).string();
  }
  std::string write(const std::string &name, const std::string &bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }
  std::string read(const std::string &name) const {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  /// Names of everything in the folder.
  std::set<std::string> listing() const {
    std::set<std::string> names;
    for (const auto &entry : std::filesystem::directory_iterator(folder))
      names.insert(entry.path().filename().string());
    return names;
  }

  std::filesystem::path folder;
};

} // namespace fp4::test

#endif // FP4_TEST_UNIT_TENSORIO_TEMPDIR_H

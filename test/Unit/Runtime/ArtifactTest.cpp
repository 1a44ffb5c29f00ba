//===- ArtifactTest.cpp - Artifacts on every device -----------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs the artifacts that FP4_TEST_ARTIFACTS names, separated by colons, on
// every device that runs PTX, on inputs that are drawn. It needs no compiler,
// so that a GPU machine without one can run it; lit runs the same with fp4-run.
//
//===----------------------------------------------------------------------===//

#include "fp4/Runtime/Artifact/Artifact.h"
#include "fp4/Runtime/Artifact/DrawnInputs.h"
#include <cstdlib>
#include <gtest/gtest.h>
#include <sstream>

namespace fp4::runtime::testing {

static std::vector<std::string> namedArtifacts() {
  const char *text = std::getenv("FP4_TEST_ARTIFACTS");
  std::stringstream stream(text ? text : "");
  std::vector<std::string> paths;
  for (std::string path; std::getline(stream, path, ':');)
    paths.push_back(path);
  return paths;
}

class ArtifactTest : public ::testing::TestWithParam<const char *> {};

TEST_P(ArtifactTest, Launches_compute_what_they_mean) {
  Expected<std::shared_ptr<Device>> device = openDevice(GetParam());
  if (!device.ok())
    GTEST_SKIP() << device.message();
  if (namedArtifacts().empty())
    GTEST_SKIP() << "FP4_TEST_ARTIFACTS names no artifact";
  for (const std::string &path : namedArtifacts()) {
    SCOPED_TRACE(path);
    Expected<Artifact> artifact = Artifact::open(path);
    ASSERT_TRUE(artifact.ok()) << artifact.message();
    Sizes sizes = {{"rows", 100}};
    Expected<TensorMap> inputs = drawInputs(*artifact, sizes, /*seed=*/1);
    ASSERT_TRUE(inputs.ok()) << inputs.message();
    Expected<ArtifactProgram> program =
        ArtifactProgram::load(*artifact, *device);
    ASSERT_TRUE(program.ok()) << program.message();
    Expected<ArtifactRun> run = program->bind(*inputs);
    ASSERT_TRUE(run.ok()) << run.message();
    Status status = run->execute();
    ASSERT_TRUE(status.ok()) << status.message();
    Expected<std::vector<LaunchCheck>> checks = run->check();
    ASSERT_TRUE(checks.ok()) << checks.message();
    EXPECT_FALSE(checks->empty());
    for (const LaunchCheck &check : *checks)
      EXPECT_EQ(check.error.numWrong, 0)
          << check.kernel << " " << check.argument << " of " << check.layer
          << ": largest error " << check.error.largestError << ", "
          << check.error.largestShareOfBound << " of the bound";
  }
}

static std::string nameOf(const ::testing::TestParamInfo<const char *> &info) {
  return info.param;
}

INSTANTIATE_TEST_SUITE_P(Devices, ArtifactTest,
                         ::testing::Values("cuda", "emulator"), nameOf);

} // namespace fp4::runtime::testing

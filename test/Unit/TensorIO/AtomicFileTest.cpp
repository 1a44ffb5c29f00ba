//===- AtomicFileTest.cpp - Output appears complete or not at all ---------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "fp4/TensorIO/AtomicFile.h"
#include "TempDir.h"
#include <unistd.h>

using namespace fp4;

using Names = std::set<std::string>;

class AtomicFileTest : public fp4::test::TempDir {};

TEST_F(AtomicFileTest, AppearsOnlyOnCommit) {
  Expected<AtomicFile> file = AtomicFile::create(path("out"));
  ASSERT_TRUE(file.ok()) << file.message();
  ASSERT_TRUE(file->write("abc").ok());
  ASSERT_TRUE(file->write("def").ok());
  EXPECT_EQ(listing(), Names{"out.tmp-" + std::to_string(getpid())});
  ASSERT_TRUE(file->commit().ok());
  EXPECT_EQ(listing(), Names{"out"});
  EXPECT_EQ(read("out"), "abcdef");
}

TEST_F(AtomicFileTest, IsRemovedWithoutCommit) {
  write("out", "old");
  {
    Expected<AtomicFile> file = AtomicFile::create(path("out"));
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->write("new").ok());
  }
  EXPECT_EQ(listing(), Names{"out"});
  EXPECT_EQ(read("out"), "old");
}

TEST_F(AtomicFileTest, ReplacesAnExistingFile) {
  write("out", "old");
  ASSERT_TRUE(writeFileAtomically(path("out"), "new").ok());
  EXPECT_EQ(read("out"), "new");
  EXPECT_EQ(listing(), Names{"out"});
}

TEST_F(AtomicFileTest, IsNotStoppedByALeftoverTemporary) {
  std::string leftover = "out.tmp-" + std::to_string(getpid());
  write(leftover, "from a crash");
  ASSERT_TRUE(writeFileAtomically(path("out"), "new").ok());
  EXPECT_EQ(read("out"), "new");
  EXPECT_EQ(read(leftover), "from a crash");
}

TEST_F(AtomicFileTest, ReportsAMissingFolder) {
  EXPECT_EQ(writeFileAtomically(path("no/out"), "x").message(),
            "cannot write '" + path("no/out") + "': No such file or directory");
}

TEST_F(AtomicFileTest, DoesNotReplaceADirectory) {
  EXPECT_EQ(writeFileAtomically(folder.string(), "x").message(),
            "cannot write '" + folder.string() + "': is a directory");
}

TEST_F(AtomicFileTest, RemovesTheTemporaryWhenTheRenameFails) {
  Expected<AtomicFile> file = AtomicFile::create(path("out"));
  ASSERT_TRUE(file.ok());
  std::filesystem::create_directory(path("out"));
  {
    AtomicFile owner = std::move(*file);
    EXPECT_EQ(owner.commit().message(),
              "cannot rename to '" + path("out") + "': Is a directory");
  }
  EXPECT_EQ(listing(), Names{"out"});
}

TEST_F(AtomicFileTest, DirectoryAppearsOnlyOnCommit) {
  // The trailing slash must not put the temporary inside the target.
  Expected<AtomicDirectory> directory = AtomicDirectory::create(path("out/"));
  ASSERT_TRUE(directory.ok()) << directory.message();
  std::string temporary = directory->path();
  ASSERT_TRUE(writeFileAtomically(temporary + "/a", "1").ok());
  EXPECT_FALSE(std::filesystem::exists(path("out")));
  ASSERT_TRUE(directory->commit().ok());
  EXPECT_EQ(read("out/a"), "1");
  EXPECT_EQ(listing(), Names{"out"});
}

TEST_F(AtomicFileTest, DirectoryIsRemovedWithoutCommit) {
  {
    Expected<AtomicDirectory> directory = AtomicDirectory::create(path("out"));
    ASSERT_TRUE(directory.ok());
    ASSERT_TRUE(writeFileAtomically(directory->path() + "/a", "1").ok());
  }
  EXPECT_EQ(listing(), Names{});
}

TEST_F(AtomicFileTest, DirectoryTakesAnEmptyTarget) {
  std::filesystem::create_directory(path("out"));
  Expected<AtomicDirectory> directory = AtomicDirectory::create(path("out"));
  ASSERT_TRUE(directory.ok()) << directory.message();
  ASSERT_TRUE(writeFileAtomically(directory->path() + "/a", "1").ok());
  ASSERT_TRUE(directory->commit().ok());
  EXPECT_EQ(read("out/a"), "1");
}

TEST_F(AtomicFileTest, DirectoryRefusesAFullTarget) {
  std::filesystem::create_directory(path("out"));
  write("out/kept", "1");
  EXPECT_EQ(AtomicDirectory::create(path("out")).message(),
            "cannot create directory '" + path("out") +
                "': exists and is not an empty directory");
  // Filled between create and commit.
  Expected<AtomicDirectory> directory = AtomicDirectory::create(path("late"));
  ASSERT_TRUE(directory.ok());
  std::filesystem::create_directory(path("late"));
  write("late/kept", "1");
  EXPECT_FALSE(directory->commit().ok());
  EXPECT_EQ(read("late/kept"), "1");
}

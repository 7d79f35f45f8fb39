// SPDX-License-Identifier: Apache-2.0
//
// A test fixture with a folder of its own, removed after the test. Included by tests that need files.
#ifndef ATTNSCOPE_TESTS_SUPPORT_TEMPORARY_FOLDER_H_
#define ATTNSCOPE_TESTS_SUPPORT_TEMPORARY_FOLDER_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace attnscope::testing_tools {

class TemporaryFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "attnscope-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }

  std::string Write(const std::string& name, const std::string& bytes) const {
    std::filesystem::remove(Path(name));  // some file systems flush a file that is truncated and written anew
    std::ofstream(Path(name), std::ios::binary) << bytes;
    return Path(name);
  }

  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  size_t NumFiles() const {
    return static_cast<size_t>(
        std::distance(std::filesystem::directory_iterator(folder_), std::filesystem::directory_iterator()));
  }

  std::filesystem::path folder_;
};

}  // namespace attnscope::testing_tools

#endif  // ATTNSCOPE_TESTS_SUPPORT_TEMPORARY_FOLDER_H_

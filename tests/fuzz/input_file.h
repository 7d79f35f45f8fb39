// SPDX-License-Identifier: Apache-2.0
//
// An input as a file, since the readers take paths. Included by the fuzz targets of file formats.
#ifndef ATTNSCOPE_TESTS_FUZZ_INPUT_FILE_H_
#define ATTNSCOPE_TESTS_FUZZ_INPUT_FILE_H_

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "tests/fuzz/fuzz_check.h"

namespace attnscope::fuzz {

// One file of a given name in a folder of its own, removed when the process ends. It stays open: some file systems
// flush a file that is truncated, written and closed.
class InputFile {
 public:
  explicit InputFile(const char* name) {
    std::string folder = (std::filesystem::temp_directory_path() / "attnscope-fuzz-XXXXXX").string();
    FUZZ_CHECK(mkdtemp(folder.data()) != nullptr, folder);
    folder_ = folder;
    path_ = folder + "/" + name;
    file_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    FUZZ_CHECK(file_ >= 0, path_);
  }
  ~InputFile() {
    close(file_);
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& path() const { return path_; }

  void Write(std::string_view bytes) const {
    const bool is_written =
        ftruncate(file_, 0) == 0 && pwrite(file_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size());
    FUZZ_CHECK(is_written, path_);
  }

 private:
  std::filesystem::path folder_;
  std::string path_;
  int file_ = -1;
};

}  // namespace attnscope::fuzz

#endif  // ATTNSCOPE_TESTS_FUZZ_INPUT_FILE_H_

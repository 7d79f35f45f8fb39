// SPDX-License-Identifier: Apache-2.0
#include "platform/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>

#include "platform/mapping.h"
#include "platform/path.h"

namespace attnscope::platform {
namespace {

Status SystemError(const std::string& path, int error) {
  return {error == ENOENT ? StatusCode::kNotFound : StatusCode::kIoError,
          path + ": " + std::generic_category().message(error)};
}

Status CheckRegular(const std::string& path, int file, struct stat* info) {
  if (fstat(file, info) != 0) return SystemError(path, errno);
  if (S_ISDIR(info->st_mode)) return SystemError(path, EISDIR);
  return S_ISREG(info->st_mode) ? Status() : Status(StatusCode::kIoError, path + ": is no regular file");
}

// To the nanosecond, whose name in stat differs between systems. A file that cannot be looked at has the least of
// times.
std::filesystem::file_time_type TimeOf(const std::string& path) {
  std::error_code error;
  return std::filesystem::last_write_time(PathOf(path), error);
}

class Pages : public MappedFile::Mapping {
 public:
  Pages(const std::string& path, Bytes bytes, const struct stat& info)
      : Mapping(path, bytes), info_(info), time_(TimeOf(path)) {}
  ~Pages() override { munmap(const_cast<uint8_t*>(bytes().data()), bytes().size()); }

  Status CheckUnchanged() const override {
    struct stat now = {};
    if (stat(path().c_str(), &now) != 0 || now.st_dev != info_.st_dev || now.st_ino != info_.st_ino) return {};
    if (now.st_size == info_.st_size && TimeOf(path()) == time_) return {};
    return WasWrittenTo(static_cast<uint64_t>(info_.st_size), static_cast<uint64_t>(now.st_size));
  }

 private:
  struct stat info_;
  std::filesystem::file_time_type time_;
};

}  // namespace

Status MappedFile::Open(const std::string& path, MappedFile* out) {
  // A pipe without a writer would block the opening itself, before it can be seen to be no regular file.
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file < 0) return SystemError(path, errno);
  struct stat info = {};
  Status status = CheckRegular(path, file, &info);
  const auto size = static_cast<size_t>(info.st_size);
  void* memory = MAP_FAILED;
  if (status.ok() && size > 0) {  // mmap refuses to map nothing
    memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
    if (memory == MAP_FAILED) status = SystemError(path, errno);
  }
  close(file);
  if (!status.ok()) return status;
  *out = {};
  if (size == 0) return status;
  madvise(memory, size, MADV_SEQUENTIAL);  // only advice: its failure changes nothing
  out->mapping_ = std::make_unique<Pages>(path, Bytes(static_cast<const uint8_t*>(memory), size), info);
  return status;
}

}  // namespace attnscope::platform

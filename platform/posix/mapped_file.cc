// SPDX-License-Identifier: Apache-2.0
#include "platform/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "platform/mapped_ranges.h"
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

}  // namespace

// Owns the pages.
class MappedFile::Mapping {
 public:
  Mapping(const std::string& path, Bytes bytes, const struct stat& info)
      : range_(path, bytes), info_(info), time_(TimeOf(path)) {}
  ~Mapping() { munmap(const_cast<uint8_t*>(bytes().data()), bytes().size()); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  Bytes bytes() const { return range_.bytes(); }

  Status CheckUnchanged() const {
    struct stat now = {};
    if (stat(range_.path().c_str(), &now) != 0 || now.st_dev != info_.st_dev || now.st_ino != info_.st_ino) return {};
    if (now.st_size == info_.st_size && TimeOf(range_.path()) == time_) return {};
    return {StatusCode::kDataLoss, range_.path() + ": was written to while it was read: it had " +
                                       std::to_string(info_.st_size) + " bytes and has " + std::to_string(now.st_size)};
  }

 private:
  MappedRange range_;
  struct stat info_;
  std::filesystem::file_time_type time_;
};

MappedFile::MappedFile() = default;
MappedFile::MappedFile(MappedFile&& other) noexcept = default;
MappedFile& MappedFile::operator=(MappedFile&& other) noexcept = default;
MappedFile::~MappedFile() = default;

Bytes MappedFile::bytes() const { return mapping_ == nullptr ? Bytes() : mapping_->bytes(); }

Status MappedFile::CheckUnchanged() const { return mapping_ == nullptr ? Status() : mapping_->CheckUnchanged(); }

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
  out->mapping_ = std::make_unique<Mapping>(path, Bytes(static_cast<const uint8_t*>(memory), size), info);
  return status;
}

}  // namespace attnscope::platform

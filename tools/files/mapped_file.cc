// SPDX-License-Identifier: Apache-2.0
#include "tools/files/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace attnscope::tools {
namespace {

Status SystemError(const std::string& path, int error) {
  return {error == ENOENT ? StatusCode::kNotFound : StatusCode::kIoError,
          path + ": " + std::generic_category().message(error)};
}

Status MapDescriptor(const std::string& path, int file, Bytes* out) {
  struct stat info = {};
  if (fstat(file, &info) != 0) return SystemError(path, errno);
  if (S_ISDIR(info.st_mode)) return SystemError(path, EISDIR);
  if (!S_ISREG(info.st_mode)) return {StatusCode::kIoError, path + ": is no regular file"};
  const auto size = static_cast<size_t>(info.st_size);
  *out = {};
  if (size == 0) return {};  // mmap refuses to map nothing
  void* const memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  if (memory == MAP_FAILED) return SystemError(path, errno);
  madvise(memory, size, MADV_SEQUENTIAL);  // only advice: its failure changes nothing
  *out = {static_cast<const uint8_t*>(memory), size};
  return {};
}

}  // namespace

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<uint8_t*>(bytes_.data()), bytes_.size());
}

Status MappedFile::Open(const std::string& path, MappedFile* out) {
  // A pipe without a writer would block the opening itself, before it can be seen to be no regular file.
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file < 0) return SystemError(path, errno);
  MappedFile mapped;
  Status status = MapDescriptor(path, file, &mapped.bytes_);
  close(file);
  if (status.ok()) *out = std::move(mapped);
  return status;
}

}  // namespace attnscope::tools

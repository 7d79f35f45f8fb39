// SPDX-License-Identifier: Apache-2.0
#include "platform/growing_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace attnscope::platform {
namespace {

constexpr size_t kMostBytes = size_t{4} << 20;

Status SystemError(const std::string& path, int error) {
  return {StatusCode::kIoError, path + ": " + std::generic_category().message(error)};
}

}  // namespace

class GrowingFile::Handle {
 public:
  explicit Handle(int descriptor) : descriptor_(descriptor) {}
  ~Handle() { close(descriptor_); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

GrowingFile::GrowingFile(std::string path, std::unique_ptr<Handle> handle)
    : path_(std::move(path)), handle_(std::move(handle)) {}
GrowingFile::~GrowingFile() = default;

Status GrowingFile::Open(const std::string& path, std::unique_ptr<GrowingFile>* out) {
  out->reset();
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe would wait for a writer
  if (descriptor < 0) return errno == ENOENT ? Status() : SystemError(path, errno);
  auto handle = std::make_unique<Handle>(descriptor);
  struct stat info = {};
  if (fstat(descriptor, &info) != 0) return SystemError(path, errno);
  if (!S_ISREG(info.st_mode)) return {StatusCode::kIoError, path + ": is no regular file"};
  out->reset(new GrowingFile(path, std::move(handle)));
  return {};
}

Status GrowingFile::Read(uint64_t offset, std::string* bytes) const {
  bytes->resize(kMostBytes);
  ssize_t size = 0;
  do {
    size = pread(handle_->get(), bytes->data(), bytes->size(), static_cast<off_t>(offset));
  } while (size < 0 && errno == EINTR);
  bytes->resize(size < 0 ? 0 : static_cast<size_t>(size));
  return size < 0 ? SystemError(path_, errno) : Status();
}

bool GrowingFile::IsShorterThan(uint64_t bytes) const {
  struct stat now = {};
  return fstat(handle_->get(), &now) == 0 && static_cast<uint64_t>(now.st_size) < bytes;
}

bool GrowingFile::WasReplaced() const {
  struct stat here = {};
  struct stat there = {};
  return fstat(handle_->get(), &here) == 0 && stat(path_.c_str(), &there) == 0 &&
         (here.st_dev != there.st_dev || here.st_ino != there.st_ino);
}

}  // namespace attnscope::platform

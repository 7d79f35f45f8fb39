// SPDX-License-Identifier: Apache-2.0
#include "platform/growing_file.h"

#include <utility>

#include "platform/windows/open_files.h"

namespace attnscope::platform {
namespace {

constexpr size_t kMostBytes = size_t{4} << 20;

Status SystemError(const std::string& path, DWORD error) {
  return {StatusCode::kIoError, path + ": " + ConditionOf(error).message()};
}

}  // namespace

class GrowingFile::Handle : public platform::Handle {
 public:
  using platform::Handle::Handle;
};

GrowingFile::GrowingFile(std::string path, std::unique_ptr<Handle> handle)
    : path_(std::move(path)), handle_(std::move(handle)) {}
GrowingFile::~GrowingFile() = default;

Status GrowingFile::Open(const std::string& path, std::unique_ptr<GrowingFile>* out) {
  out->reset();
  auto handle = std::make_unique<Handle>(OpenToRead(path));
  if (!handle->is_open()) {
    const DWORD error = GetLastError();
    return error == ERROR_FILE_NOT_FOUND ? Status() : SystemError(path, error);
  }
  if (GetFileType(handle->get()) != FILE_TYPE_DISK) return {StatusCode::kIoError, path + ": is no regular file"};
  out->reset(new GrowingFile(path, std::move(handle)));
  return {};
}

Status GrowingFile::Read(uint64_t offset, std::string* bytes) const {
  bytes->resize(kMostBytes);
  OVERLAPPED at = {};
  at.Offset = static_cast<DWORD>(offset);
  at.OffsetHigh = static_cast<DWORD>(offset >> 32);
  DWORD size = 0;
  const bool is_read = ReadFile(handle_->get(), bytes->data(), static_cast<DWORD>(kMostBytes), &size, &at) != 0;
  const DWORD error = is_read ? 0 : GetLastError();
  bytes->resize(is_read ? size : 0);
  return error == 0 || error == ERROR_HANDLE_EOF ? Status() : SystemError(path_, error);
}

bool GrowingFile::IsShorterThan(uint64_t bytes) const {
  LARGE_INTEGER size = {};
  return GetFileSizeEx(handle_->get(), &size) != 0 && static_cast<uint64_t>(size.QuadPart) < bytes;
}

bool GrowingFile::WasReplaced() const {
  const platform::Handle other(OpenToRead(path_));
  BY_HANDLE_FILE_INFORMATION here = {};
  BY_HANDLE_FILE_INFORMATION there = {};
  return other.is_open() && GetFileInformationByHandle(handle_->get(), &here) != 0 &&
         GetFileInformationByHandle(other.get(), &there) != 0 && !IsSameFile(here, there);
}

}  // namespace attnscope::platform

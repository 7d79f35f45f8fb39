// SPDX-License-Identifier: Apache-2.0
#include "platform/mapped_file.h"

#include <utility>

#include "platform/mapped_ranges.h"
#include "platform/windows/open_files.h"

namespace attnscope::platform {
namespace {

Status SystemError(const std::string& path, DWORD error) {
  const bool is_missing = error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND;
  return {is_missing ? StatusCode::kNotFound : StatusCode::kIoError, path + ": " + ConditionOf(error).message()};
}

Status Condition(const std::string& path, std::errc error) {
  return {StatusCode::kIoError, path + ": " + std::make_error_condition(error).message()};
}

}  // namespace

// Owns the pages.
class MappedFile::Mapping {
 public:
  Mapping(const std::string& path, Bytes bytes, const BY_HANDLE_FILE_INFORMATION& info)
      : range_(path, bytes), info_(info) {}
  ~Mapping() { UnmapViewOfFile(bytes().data()); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  Bytes bytes() const { return range_.bytes(); }

  Status CheckUnchanged() const {
    const Handle file(OpenToRead(range_.path()));
    BY_HANDLE_FILE_INFORMATION now = {};
    if (!file.is_open() || GetFileInformationByHandle(file.get(), &now) == 0 || !IsSameFile(now, info_)) return {};
    if (SizeOf(now) == SizeOf(info_) && CompareFileTime(&now.ftLastWriteTime, &info_.ftLastWriteTime) == 0) return {};
    return {StatusCode::kDataLoss, range_.path() + ": was written to while it was read: it had " +
                                       std::to_string(SizeOf(info_)) + " bytes and has " + std::to_string(SizeOf(now))};
  }

 private:
  MappedRange range_;
  BY_HANDLE_FILE_INFORMATION info_;
};

MappedFile::MappedFile() = default;
MappedFile::MappedFile(MappedFile&& other) noexcept = default;
MappedFile& MappedFile::operator=(MappedFile&& other) noexcept = default;
MappedFile::~MappedFile() = default;

Bytes MappedFile::bytes() const { return mapping_ == nullptr ? Bytes() : mapping_->bytes(); }

Status MappedFile::CheckUnchanged() const { return mapping_ == nullptr ? Status() : mapping_->CheckUnchanged(); }

Status MappedFile::Open(const std::string& path, MappedFile* out) {
  const DWORD attributes = GetFileAttributesW(Wide(path).c_str());
  if (attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY) != 0) {
    return Condition(path, std::errc::is_a_directory);
  }
  const Handle file(OpenToRead(path));
  if (!file.is_open()) return SystemError(path, GetLastError());
  BY_HANDLE_FILE_INFORMATION info = {};
  if (GetFileType(file.get()) != FILE_TYPE_DISK || GetFileInformationByHandle(file.get(), &info) == 0) {
    return {StatusCode::kIoError, path + ": is no regular file"};
  }
  *out = {};
  const uint64_t size = SizeOf(info);
  if (size == 0) return {};  // the system refuses to map nothing
  const Handle section(CreateFileMappingW(file.get(), nullptr, PAGE_READONLY, 0, 0, nullptr));
  if (!section.is_open()) return SystemError(path, GetLastError());
  const void* const memory = MapViewOfFile(section.get(), FILE_MAP_READ, 0, 0, 0);
  if (memory == nullptr) return SystemError(path, GetLastError());
  out->mapping_ = std::make_unique<Mapping>(path, Bytes(static_cast<const uint8_t*>(memory), size), info);
  return {};
}

}  // namespace attnscope::platform

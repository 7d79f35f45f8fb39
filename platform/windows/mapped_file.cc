// SPDX-License-Identifier: Apache-2.0
#include "platform/mapped_file.h"

#include <memory>

#include "platform/mapping.h"
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

class Pages : public MappedFile::Mapping {
 public:
  Pages(const std::string& path, Bytes bytes, const BY_HANDLE_FILE_INFORMATION& info)
      : Mapping(path, bytes), info_(info) {}
  ~Pages() override { UnmapViewOfFile(bytes().data()); }

  Status CheckUnchanged() const override {
    const Handle file(OpenToRead(path()));
    BY_HANDLE_FILE_INFORMATION now = {};
    if (!file.is_open() || GetFileInformationByHandle(file.get(), &now) == 0 || !IsSameFile(now, info_)) return {};
    if (SizeOf(now) == SizeOf(info_) && CompareFileTime(&now.ftLastWriteTime, &info_.ftLastWriteTime) == 0) return {};
    return WasWrittenTo(SizeOf(info_), SizeOf(now));
  }

 private:
  BY_HANDLE_FILE_INFORMATION info_;
};

}  // namespace

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
  out->mapping_ = std::make_unique<Pages>(path, Bytes(static_cast<const uint8_t*>(memory), size), info);
  return {};
}

}  // namespace attnscope::platform

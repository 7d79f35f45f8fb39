// SPDX-License-Identifier: Apache-2.0
#include "platform/disk_memory.h"

#include <atomic>

#include "platform/windows/wide.h"

namespace attnscope::platform {
namespace {

Status IoError(const std::string& path, const char* what, DWORD error) {
  return {StatusCode::kIoError, path + ": cannot " + what + ": " + ConditionOf(error).message()};
}

// The folder of `path`, or that of temporary files where `path` is a pipe or a device, with a separator at its end.
std::wstring FolderFor(const std::wstring& path) {
  const bool is_device = path.starts_with(L"\\\\.\\");
  if (!is_device) return path.substr(0, path.find_last_of(L"/\\:") + 1);
  std::wstring folder(MAX_PATH + 1, L'\0');
  folder.resize(GetTempPathW(static_cast<DWORD>(folder.size()), folder.data()));
  return folder;
}

// A file that goes when it is closed.
HANDLE CreateScratch(const std::wstring& folder) {
  static std::atomic<unsigned> counter{0};
  HANDLE file = INVALID_HANDLE_VALUE;
  do {
    const std::wstring name = folder + L".attnscope-" + std::to_wstring(GetCurrentProcessId()) + L"-" +
                              std::to_wstring(counter.fetch_add(1)) + L".map";
    file = CreateFileW(name.c_str(), GENERIC_READ | GENERIC_WRITE, FILE_SHARE_DELETE, nullptr, CREATE_NEW,
                       FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, nullptr);
  } while (file == INVALID_HANDLE_VALUE && GetLastError() == ERROR_FILE_EXISTS);
  return file;
}

}  // namespace

DiskMemory::~DiskMemory() {
  if (data_ != nullptr) UnmapViewOfFile(data_);
}

// The view keeps the file open, and so there, until it is unmapped. A section as large as the file takes its room.
Status DiskMemory::Allocate(const std::string& path, size_t bytes) {
  const Handle file(CreateScratch(FolderFor(Wide(path))));
  if (!file.is_open()) return IoError(path, "create a file in its folder", GetLastError());
  const Handle section(CreateFileMappingW(file.get(), nullptr, PAGE_READWRITE,
                                          static_cast<DWORD>(uint64_t{bytes} >> 32), static_cast<DWORD>(bytes),
                                          nullptr));
  if (!section.is_open()) return IoError(path, "make room for its arrays", GetLastError());
  void* const memory = MapViewOfFile(section.get(), FILE_MAP_ALL_ACCESS, 0, 0, bytes);
  if (memory == nullptr) return IoError(path, "make room for its arrays", GetLastError());
  data_ = static_cast<uint8_t*>(memory);
  size_ = bytes;
  return {};
}

}  // namespace attnscope::platform

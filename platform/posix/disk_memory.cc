// SPDX-License-Identifier: Apache-2.0
#include "platform/disk_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace attnscope::platform {
namespace {

Status IoError(const std::string& path, const char* what, int error) {
  return {StatusCode::kIoError, path + ": cannot " + what + ": " + std::generic_category().message(error)};
}

// A file without a name in a folder, or -1 with errno set.
int OpenUnnamed(const std::string& folder) {
#ifdef O_TMPFILE  // Linux
  const int file = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL)) return file;
#endif
  std::string name = folder + "/.attnscope-XXXXXX";
  const int named = mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) unlink(name.c_str());
  return named;
}

// One beside `path`, or with other temporary files where nothing can stand beside it.
int OpenScratch(const std::string& path) {
  struct stat there = {};
  const bool is_special = stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode);
  if (!is_special) {
    const size_t slash = path.rfind('/');
    return OpenUnnamed(slash == std::string::npos ? "." : path.substr(0, slash + 1));
  }
  const char* temporary = std::getenv("TMPDIR");
  return OpenUnnamed(temporary == nullptr || *temporary == '\0' ? "/tmp" : temporary);
}

// Makes the file that long, and takes the room on the disk. Zero, or the system's error number.
int TakeRoom(int file, size_t bytes) {
#ifdef __APPLE__  // has no posix_fallocate
  fstore_t room = {};
  room.fst_flags = F_ALLOCATEALL;
  room.fst_posmode = F_PEOFPOSMODE;
  room.fst_length = static_cast<off_t>(bytes);
  const bool is_taken = fcntl(file, F_PREALLOCATE, &room) == 0 && ftruncate(file, static_cast<off_t>(bytes)) == 0;
  return is_taken ? 0 : errno;
#else
  return posix_fallocate(file, 0, static_cast<off_t>(bytes));
#endif
}

}  // namespace

DiskMemory::~DiskMemory() {
  if (data_ != nullptr) munmap(data_, size_);
}

Status DiskMemory::Allocate(const std::string& path, size_t bytes) {
  const int file = OpenScratch(path);
  if (file < 0) return IoError(path, "create a file in its folder", errno);
  int error = TakeRoom(file, bytes);
  void* mapped = MAP_FAILED;
  if (error == 0) {
    mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED) error = errno;
  }
  close(file);
  if (error != 0) return IoError(path, "make room for its arrays", error);
  data_ = static_cast<uint8_t*>(mapped);
  size_ = bytes;
  return {};
}

}  // namespace attnscope::platform

// SPDX-License-Identifier: Apache-2.0
//
// Writes to a temporary name in the target's own folder (rename is atomic only within one file system), flushes, and
// renames. The temporary name does not contain the target's, so a name of any permitted length works.
#include "attnscope/write_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

namespace attnscope {
namespace {

Status IoError(const std::string& path, const char* what, int error) {
  return {StatusCode::kIoError, path + ": cannot " + what + ": " + std::generic_category().message(error)};
}

// Where the bytes really go: renaming over a symbolic link would replace the link, so links are followed first.
std::string Resolve(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(realpath(path.c_str(), nullptr), &free);
  return real == nullptr ? path : std::string(real.get());
}

// Zero, or the system's error number.
int WriteAll(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

Status WriteDirectly(const std::string& path, std::string_view bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (file < 0) return IoError(path, "open for writing", errno);
  int error = WriteAll(file, bytes);
  if (close(file) != 0 && error == 0) error = errno;
  return error == 0 ? Status() : IoError(path, "write", error);
}

// Creates a file that did not exist beside `target` and returns its descriptor, or -1 with errno set.
int CreateTemporary(const std::string& target, std::string* name) {
  static std::atomic<unsigned> counter{0};
  const std::string folder = target.substr(0, target.rfind('/') + 1);  // npos + 1 == 0: the current folder
  int file = -1;
  do {
    *name = folder + ".attnscope-" + std::to_string(getpid()) + "-" + std::to_string(counter.fetch_add(1)) + ".tmp";
    file = open(name->c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);  // less the umask, as for any new file
  } while (file < 0 && errno == EEXIST);  // left over by a killed process that had the same id
  return file;
}

}  // namespace

Status WriteFileAtomically(const std::string& path, std::string_view bytes) {
  struct stat old = {};
  const bool exists = stat(path.c_str(), &old) == 0;
  if (exists && !S_ISREG(old.st_mode)) return WriteDirectly(path, bytes);

  const std::string target = Resolve(path);
  std::string temporary;
  const int file = CreateTemporary(target, &temporary);
  if (file < 0) return IoError(path, "create a file in its folder", errno);
  int error = WriteAll(file, bytes);
  // A file that is replaced keeps its permissions: what was private stays private.
  if (error == 0 && exists && fchmod(file, old.st_mode & 07777) != 0) error = errno;
  if (error == 0 && fsync(file) != 0) error = errno;
  if (close(file) != 0 && error == 0) error = errno;
  if (error == 0 && rename(temporary.c_str(), target.c_str()) != 0) error = errno;
  if (error == 0) return {};
  unlink(temporary.c_str());
  return IoError(path, "write", error);
}

}  // namespace attnscope

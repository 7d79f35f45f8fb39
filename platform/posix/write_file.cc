// SPDX-License-Identifier: Apache-2.0
//
// Writes to a temporary name in the target's own folder (rename is atomic only within one file system), flushes, and
// renames. The temporary name does not contain the target's, so a name of any permitted length works.
#include "attnscope/write_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdio>
#include <system_error>

namespace attnscope {
namespace {

Status IoError(const std::string& path, const char* what, int error) {
  return {StatusCode::kIoError, path + ": cannot " + what + ": " + std::generic_category().message(error)};
}

// Holds back, in this thread, the signals that may end the process, so that none comes between making a temporary file
// and renaming or removing it. Those that are faults of the running instruction cannot be held back.
class HeldSignals {
 public:
  HeldSignals() {
    sigset_t held;
    sigfillset(&held);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS}) sigdelset(&held, fault);
    pthread_sigmask(SIG_BLOCK, &held, &before_);
  }
  ~HeldSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

 private:
  sigset_t before_;
};

// Up to and with the last slash; empty: the current folder.
std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

// The number in /dev/fd/N or /proc/self/fd/N, to which /dev/stdout is a link; -1 for other paths.
int DescriptorOf(const std::string& path) {
  const std::string folder = FolderOf(path);
  if (folder != "/dev/fd/" && folder != "/proc/self/fd/") return -1;
  int descriptor = -1;
  const auto [stop, error] = std::from_chars(path.data() + folder.size(), path.data() + path.size(), descriptor);
  return error == std::errc() && stop == path.data() + path.size() ? descriptor : -1;
}

// Sets `*target` to where the bytes really go, also if that does not exist yet: renaming over a symbolic link would
// replace the link. Stops at a descriptor. Zero, or the system's error number.
int FollowLinks(const std::string& path, std::string* target) {
  constexpr int kMostLinks = 40;  // as Linux
  *target = path;
  for (int i = 0; i < kMostLinks; ++i) {
    if (DescriptorOf(*target) >= 0) return 0;
    std::array<char, PATH_MAX> link;
    const ssize_t size = readlink(target->c_str(), link.data(), link.size());
    if (size < 0) return errno == EINVAL || errno == ENOENT ? 0 : errno;  // no link, or nothing there
    const std::string_view text(link.data(), static_cast<size_t>(size));
    *target = (text.starts_with('/') ? "" : FolderOf(*target)).append(text);
  }
  return ELOOP;
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

// Writes to a descriptor, which it closes; -1: one that could not be opened, with errno set.
Status WriteDirectly(const std::string& path, int file, std::string_view bytes) {
  if (file < 0) return IoError(path, "open for writing", errno);
  int error = WriteAll(file, bytes);
  if (close(file) != 0 && error == 0) error = errno;
  return error == 0 ? Status() : IoError(path, "write", error);
}

// Creates a file that did not exist beside `target` and returns its descriptor, or -1 with errno set.
int CreateTemporary(const std::string& target, std::string* name) {
  static std::atomic<unsigned> counter{0};
  const std::string folder = FolderOf(target);
  int file = -1;
  do {
    *name = folder + ".attnscope-" + std::to_string(getpid()) + "-" + std::to_string(counter.fetch_add(1)) + ".tmp";
    file = open(name->c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);  // less the umask, as for any new file
  } while (file < 0 && errno == EEXIST);  // left over by a killed process that had the same id
  return file;
}

// `old`: what `target` is now, or null if it does not exist.
Status Replace(const std::string& path, const std::string& target, const struct stat* old, std::string_view bytes) {
  if (old != nullptr && access(target.c_str(), W_OK) != 0) return IoError(path, "write", errno);
  const HeldSignals held;
  std::string temporary;
  const int file = CreateTemporary(target, &temporary);
  if (file < 0) return IoError(path, "create a file in its folder", errno);
  int error = WriteAll(file, bytes);
  // A file that is replaced keeps its permissions: what was private stays private.
  if (error == 0 && old != nullptr && fchmod(file, old->st_mode & 07777) != 0) error = errno;
  if (error == 0 && fsync(file) != 0) error = errno;
  if (close(file) != 0 && error == 0) error = errno;
  if (error == 0 && rename(temporary.c_str(), target.c_str()) != 0) error = errno;
  if (error == 0) return {};
  unlink(temporary.c_str());
  return IoError(path, "write", error);
}

}  // namespace

Status WriteFileAtomically(const std::string& path, std::string_view bytes) {
  std::string target;
  const int link_error = FollowLinks(path, &target);
  if (link_error != 0) return IoError(path, "follow its symbolic links", link_error);
  const int descriptor = DescriptorOf(target);
  if (descriptor >= 0) return WriteDirectly(path, fcntl(descriptor, F_DUPFD_CLOEXEC, 0), bytes);

  struct stat old = {};
  const bool exists = stat(target.c_str(), &old) == 0;
  if (!exists && errno != ENOENT) return IoError(path, "look at it", errno);
  if (exists && !S_ISREG(old.st_mode)) {
    return WriteDirectly(path, open(target.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY), bytes);
  }
  return Replace(path, target, exists ? &old : nullptr, bytes);
}

}  // namespace attnscope

// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/log_lines.h"

#include <string_view>
#include <utility>

namespace attnscope::tools {

Status LogLines::ReadBytes(std::string* bytes, bool* begins_anew) {
  bytes->clear();
  *begins_anew = false;
  if (file_ != nullptr) {
    Status status = file_->Read(offset_, bytes);
    if (!status.ok() || !bytes->empty()) return status;
    const bool was_replaced = file_->WasReplaced();
    if (!was_replaced && !file_->IsShorterThan(offset_)) return {};
    if (was_replaced) file_ = nullptr;
    offset_ = 0;
    *begins_anew = true;
  }
  if (file_ == nullptr) {
    if (Status status = platform::GrowingFile::Open(path_, &file_); !status.ok() || file_ == nullptr) return status;
  }
  return file_->Read(offset_, bytes);
}

void LogLines::Cut(std::string_view bytes, std::vector<std::string>* lines) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    rest_ += bytes.substr(0, end);
    if (rest_.size() > kMostLineBytes) is_skipping_ = true;
    if (is_skipping_) DropRest();
    if (end == std::string_view::npos) return;
    if (!is_skipping_) lines->push_back(std::exchange(rest_, {}));
    is_skipping_ = false;
    bytes.remove_prefix(end + 1);
  }
}

Status LogLines::Read(News* news) {
  *news = {};
  std::string bytes;
  Status status = ReadBytes(&bytes, &news->begins_anew);
  if (!status.ok()) return status;
  if (news->begins_anew) {
    DropRest();
    is_skipping_ = false;
  }
  offset_ += bytes.size();
  news->is_all = bytes.empty();
  Cut(bytes, &news->lines);
  news->rest = rest_;
  return {};
}

void LogLines::DropRest() { rest_.clear(); }

}  // namespace attnscope::tools

// SPDX-License-Identifier: Apache-2.0
//
// Reads one member of a zip archive, inflating it with zlib where it is deflated.
#define ZLIB_CONST
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

#include "tools/files/zip.h"

namespace attnscope::tools {
namespace {

// zlib counts in 32 bits.
uInt Step(size_t size) { return static_cast<uInt>(std::min<size_t>(size, std::numeric_limits<uInt>::max())); }

}  // namespace

class ZipMemberReader::Inflater {
 public:
  explicit Inflater(Bytes content) : rest_(content) {
    // Negative window bits: raw deflate, without zlib's own header.
    is_ready_ = inflateInit2(&stream_, -MAX_WBITS) == Z_OK;
  }
  ~Inflater() {
    if (is_ready_) inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  Status Read(uint8_t* to, size_t size) {
    if (!is_ready_) return {StatusCode::kOutOfMemory, "inflating needs more memory than there is"};
    while (size > 0) {
      const uInt out_step = Step(size);
      const uInt in_step = Step(rest_.size());
      stream_.next_out = to;
      stream_.avail_out = out_step;
      stream_.next_in = rest_.data();
      stream_.avail_in = in_step;
      const int result = inflate(&stream_, Z_NO_FLUSH);
      const size_t produced = out_step - stream_.avail_out;
      rest_ = rest_.subspan(in_step - stream_.avail_in);
      to += produced;
      size -= produced;
      if (result == Z_MEM_ERROR) return {StatusCode::kOutOfMemory, "inflating needs more memory than there is"};
      if (result != Z_OK && (result != Z_STREAM_END || size > 0)) {
        return {StatusCode::kDataLoss, std::string("deflated bytes are malformed or too few") +
                                           (stream_.msg == nullptr ? "" : std::string(": ") + stream_.msg)};
      }
    }
    return {};
  }

 private:
  Bytes rest_;  // deflated bytes not read yet
  z_stream stream_ = {};
  bool is_ready_ = false;
};

ZipMemberReader::ZipMemberReader(const ZipMember& member)
    : member_(member), inflater_(member.is_stored ? nullptr : std::make_unique<Inflater>(member.content)) {}

ZipMemberReader::~ZipMemberReader() = default;

Status ZipMemberReader::Read(uint8_t* to, size_t size) {
  if (size > member_.size - position_) {
    return {StatusCode::kDataLoss,
            "is truncated: it has " + std::to_string(member_.size) + " bytes, not " + std::to_string(position_ + size)};
  }
  if (size == 0) return {};  // `to` may be null, which neither memcpy nor crc32 takes
  if (inflater_ == nullptr) {
    std::memcpy(to, member_.content.data() + position_, size);
  } else {
    Status status = inflater_->Read(to, size);
    if (!status.ok()) return status;
  }
  crc_ = static_cast<uint32_t>(crc32_z(crc_, to, size));
  position_ += size;
  return {};
}

Status ZipMemberReader::Finish() {
  if (position_ != member_.size) {
    return {StatusCode::kDataLoss, "has " + std::to_string(member_.size - position_) + " bytes too many"};
  }
  if (crc_ != member_.crc) return {StatusCode::kDataLoss, "its checksum is wrong"};
  return {};
}

}  // namespace attnscope::tools

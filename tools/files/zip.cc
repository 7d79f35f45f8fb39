// SPDX-License-Identifier: Apache-2.0
//
// The directory at the archive's end is what counts (PKWARE's APPNOTE 6.3); of the local headers only their length is
// used. A local header's sizes may be zero with the true ones behind the data, so they are not looked at.
#include "tools/files/zip.h"

#define ZLIB_CONST
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "tools/files/little_endian.h"

namespace attnscope::tools {
namespace {

constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint32_t kZip64LocatorSignature = 0x07064b50;
constexpr uint32_t kZip64EndSignature = 0x06064b50;
constexpr uint32_t kDirectorySignature = 0x02014b50;
constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr size_t kEndBytes = 22;
constexpr size_t kZip64LocatorBytes = 20;
constexpr size_t kZip64EndBytes = 56;
constexpr size_t kDirectoryEntryBytes = 46;
constexpr size_t kLocalHeaderBytes = 30;
constexpr uint16_t kZip64ExtraField = 1;
constexpr uint16_t kEncryptedFlag = 1;
constexpr uint16_t kStored = 0;
constexpr uint16_t kDeflated = 8;
// Deflate's best is 258 bytes for two bits, and a few bytes of framing.
constexpr uint64_t kMaxDeflateRatio = 1032;

Status Malformed(const std::string& what) { return {StatusCode::kDataLoss, "zip archive is malformed: " + what}; }

// Whether `size` bytes from `offset` lie within `bytes`.
bool Fits(Bytes bytes, uint64_t offset, uint64_t size) {
  return offset <= bytes.size() && size <= bytes.size() - offset;
}

// Where the end record starts. It is the archive's last part, but for a comment of at most 65535 bytes.
Status FindEnd(Bytes archive, size_t* offset) {
  constexpr size_t kMaxComment = 65535;
  for (size_t comment = 0; comment <= kMaxComment && comment + kEndBytes <= archive.size(); ++comment) {
    const size_t start = archive.size() - comment - kEndBytes;
    if (LoadLittleEndian<uint32_t>(archive, start) == kEndSignature &&
        LoadLittleEndian<uint16_t>(archive, start + 20) == comment) {
      *offset = start;
      return {};
    }
  }
  return {StatusCode::kDataLoss, "is truncated: a zip archive's directory is missing at its end"};
}

// The directory, and how many entries it has, from the end record or from zip64's.
Status FindDirectory(Bytes archive, Bytes* directory, uint64_t* entries) {
  size_t end = 0;
  Status status = FindEnd(archive, &end);
  if (!status.ok()) return status;
  *entries = LoadLittleEndian<uint16_t>(archive, end + 10);
  uint64_t size = LoadLittleEndian<uint32_t>(archive, end + 12);
  uint64_t offset = LoadLittleEndian<uint32_t>(archive, end + 16);
  if (end >= kZip64LocatorBytes &&
      LoadLittleEndian<uint32_t>(archive, end - kZip64LocatorBytes) == kZip64LocatorSignature) {
    const auto zip64 = LoadLittleEndian<uint64_t>(archive, end - kZip64LocatorBytes + 8);
    if (!Fits(archive, zip64, kZip64EndBytes) || LoadLittleEndian<uint32_t>(archive, zip64) != kZip64EndSignature) {
      return Malformed("no zip64 end record at " + std::to_string(zip64));
    }
    *entries = LoadLittleEndian<uint64_t>(archive, zip64 + 32);
    size = LoadLittleEndian<uint64_t>(archive, zip64 + 40);
    offset = LoadLittleEndian<uint64_t>(archive, zip64 + 48);
  }
  if (!Fits(archive.first(end), offset, size)) {
    return Malformed("a directory of " + std::to_string(size) + " bytes at " + std::to_string(offset));
  }
  *directory = archive.subspan(offset, size);
  if (*entries > size / kDirectoryEntryBytes) return Malformed(std::to_string(*entries) + " directory entries");
  return {};
}

struct Sizes {
  uint64_t inflated;
  uint64_t compressed;
  uint64_t local_offset;
};

// Replaces each size that is all ones by the next number of the zip64 extra field.
Status ReadZip64Sizes(Bytes extra, Sizes* sizes) {
  constexpr uint64_t kElsewhere = 0xFFFFFFFF;
  if (std::max({sizes->inflated, sizes->compressed, sizes->local_offset}) < kElsewhere) return {};
  while (extra.size() >= 4) {
    const auto id = LoadLittleEndian<uint16_t>(extra, 0);
    const auto size = LoadLittleEndian<uint16_t>(extra, 2);
    extra = extra.subspan(4);
    if (size > extra.size()) break;
    if (id != kZip64ExtraField) {
      extra = extra.subspan(size);
      continue;
    }
    size_t offset = 0;
    for (uint64_t* const value : {&sizes->inflated, &sizes->compressed, &sizes->local_offset}) {
      if (*value != kElsewhere) continue;
      if (offset + sizeof(uint64_t) > size) return Malformed("a zip64 field of " + std::to_string(size) + " bytes");
      *value = LoadLittleEndian<uint64_t>(extra, offset);
      offset += sizeof(uint64_t);
    }
    return {};
  }
  return Malformed("a zip64 field is missing");
}

// Sets the member's content from where its local header says that it starts.
Status LocateContent(Bytes archive, const Sizes& sizes, ZipMember* member) {
  if (!Fits(archive, sizes.local_offset, kLocalHeaderBytes) ||
      LoadLittleEndian<uint32_t>(archive, sizes.local_offset) != kLocalSignature) {
    return Malformed("no member at " + std::to_string(sizes.local_offset));
  }
  const uint64_t start = sizes.local_offset + kLocalHeaderBytes +
                         LoadLittleEndian<uint16_t>(archive, sizes.local_offset + 26) +
                         LoadLittleEndian<uint16_t>(archive, sizes.local_offset + 28);
  if (!Fits(archive, start, sizes.compressed)) {
    return Malformed("member '" + member->name + "' of " + std::to_string(sizes.compressed) + " bytes at " +
                     std::to_string(start));
  }
  if (member->is_stored ? sizes.inflated != sizes.compressed : sizes.inflated / kMaxDeflateRatio > sizes.compressed) {
    return Malformed("member '" + member->name + "' claims " + std::to_string(sizes.inflated) + " bytes in " +
                     std::to_string(sizes.compressed));
  }
  member->content = archive.subspan(start, sizes.compressed);
  member->size = sizes.inflated;
  return {};
}

// Reads the entry at the start of `*directory` and removes it from there.
Status ReadEntry(Bytes archive, Bytes* directory, ZipMember* member) {
  if (directory->size() < kDirectoryEntryBytes || LoadLittleEndian<uint32_t>(*directory, 0) != kDirectorySignature) {
    return Malformed("its directory has fewer entries than it claims");
  }
  const Bytes entry = *directory;
  const size_t name = LoadLittleEndian<uint16_t>(entry, 28);
  const size_t extra = LoadLittleEndian<uint16_t>(entry, 30);
  const size_t comment = LoadLittleEndian<uint16_t>(entry, 32);
  if (!Fits(entry, kDirectoryEntryBytes, name + extra + comment)) return Malformed("an entry exceeds the directory");
  *directory = entry.subspan(kDirectoryEntryBytes + name + extra + comment);

  member->name.assign(reinterpret_cast<const char*>(entry.data()) + kDirectoryEntryBytes, name);
  const auto method = LoadLittleEndian<uint16_t>(entry, 10);
  member->is_stored = method == kStored;
  if (method != kStored && method != kDeflated) {
    member->problem = "is compressed with zip method " + std::to_string(method) + ", which is not supported";
  }
  if ((LoadLittleEndian<uint16_t>(entry, 8) & kEncryptedFlag) != 0) member->problem = "is encrypted";
  member->crc = LoadLittleEndian<uint32_t>(entry, 16);
  Sizes sizes = {.inflated = LoadLittleEndian<uint32_t>(entry, 24),
                 .compressed = LoadLittleEndian<uint32_t>(entry, 20),
                 .local_offset = LoadLittleEndian<uint32_t>(entry, 42)};
  Status status = ReadZip64Sizes(entry.subspan(kDirectoryEntryBytes + name, extra), &sizes);
  if (!status.ok() || !member->problem.empty()) return status;
  return LocateContent(archive, sizes, member);
}

// Overlapping members are how a small archive is made to inflate to any size.
Status CheckOverlap(const std::vector<ZipMember>& members) {
  std::vector<Bytes> contents;
  for (const ZipMember& member : members) {
    if (!member.content.empty()) contents.push_back(member.content);
  }
  std::sort(contents.begin(), contents.end(), [](Bytes a, Bytes b) { return a.data() < b.data(); });
  for (size_t i = 1; i < contents.size(); ++i) {
    if (contents[i - 1].data() + contents[i - 1].size() > contents[i].data()) return Malformed("members overlap");
  }
  return {};
}

// zlib counts in 32 bits.
uInt Step(size_t size) { return static_cast<uInt>(std::min<size_t>(size, std::numeric_limits<uInt>::max())); }

}  // namespace

Status ReadZipDirectory(Bytes archive, std::vector<ZipMember>* out) {
  Bytes directory;
  uint64_t entries = 0;
  Status status = FindDirectory(archive, &directory, &entries);
  std::vector<ZipMember> members;
  for (uint64_t i = 0; i < entries && status.ok(); ++i) {
    status = ReadEntry(archive, &directory, &members.emplace_back());
  }
  if (status.ok()) status = CheckOverlap(members);
  if (status.ok()) *out = std::move(members);
  return status;
}

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

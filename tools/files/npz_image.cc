// SPDX-License-Identifier: Apache-2.0
//
// The archive as numpy.savez writes it, stored: for each array a local header and a .npy file, then the directory.
// Records and their fields: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 to 4.5. Padding before the elements stands in an
// extra field, as zipalign writes it.
#include "tools/files/npz_image.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "attnscope/write_file.h"

namespace attnscope::tools {
namespace {

constexpr size_t kAlignment = 64;
constexpr uint16_t kZip64Extra = 0x0001;
constexpr uint16_t kPaddingExtra = 0xD935;
constexpr uint16_t kVersion = 20;       // that is needed to read a stored member
constexpr uint16_t kVersionZip64 = 45;  // or one of zip64
constexpr uint16_t kDate = 0x0021;      // 1980-01-01, so that the same numbers give the same file
constexpr uint16_t kFull16 = 0xFFFF;
constexpr uint32_t kFull32 = 0xFFFFFFFF;

// Little-endian numbers, one behind the other.
class Record {
 public:
  Record& U16(size_t value) { return Append(value, 2); }
  Record& U32(size_t value) { return Append(value, 4); }
  Record& U64(size_t value) { return Append(value, 8); }
  Record& Text(std::string_view text) {
    bytes_ += text;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  Record& Append(size_t value, size_t count) {
    for (size_t i = 0; i < count; ++i) bytes_ += static_cast<char>(value >> (8 * i) & 0xFF);
    return *this;
  }

  std::string bytes_;
};

size_t ElementBytes(NpzType type) { return type == NpzType::kFloat64 ? 8 : 4; }

// Version 1.0, a multiple of 64 bytes.
std::string NpyHeader(NpzType type, const std::vector<size_t>& shape) {
  const char* descr = type == NpzType::kFloat32 ? "<f4" : type == NpzType::kFloat64 ? "<f8" : "<i4";
  std::string dict = "{'descr': '";
  dict.append(descr).append("', 'fortran_order': False, 'shape': (");
  for (const size_t size : shape) dict.append(std::to_string(size)).append(", ");
  dict += "), }";
  constexpr size_t kPrelude = 10;
  const size_t end = (kPrelude + dict.size() + 1 + kAlignment - 1) / kAlignment * kAlignment;
  dict.resize(end - kPrelude - 1, ' ');
  dict += '\n';
  return Record().Text({"\x93NUMPY\x01\x00", 8}).U16(dict.size()).Text(dict).bytes();
}

}  // namespace

size_t NpzImage::AddArray(const std::string& name, NpzType type, const std::vector<size_t>& shape) {
  Member member;
  member.file_name = name + ".npy";
  member.npy_header = NpyHeader(type, shape);
  member.bytes = ElementBytes(type);
  for (const size_t size : shape) member.bytes *= size;
  members_.push_back(std::move(member));
  return members_.size() - 1;
}

// What a local header and an entry of the directory have in common, from the version that is needed on.
std::string NpzImage::SharedFields(const Member& member, size_t version, size_t extra_bytes) const {
  const size_t size = IsLarge(member.size()) ? kFull32 : member.size();
  return Record()
      .U16(version)
      .U16(0)  // flags
      .U16(0)  // stored
      .U16(0)  // time
      .U16(kDate)
      .U32(member.crc)
      .U32(size)
      .U32(size)
      .U16(member.file_name.size())
      .U16(extra_bytes)
      .bytes();
}

// The sizes are in the extra field where one of them is large; both, as 4.5.3 wants of local headers.
std::string NpzImage::LocalHeader(const Member& member) const {
  const bool large = IsLarge(member.size());
  Record extra;
  if (large) extra.U16(kZip64Extra).U16(16).U64(member.size()).U64(member.size());
  const size_t padding = member.content - member.offset - 30 - member.file_name.size() - extra.bytes().size();
  if (padding != 0) extra.U16(kPaddingExtra).U16(padding - 4).Text(std::string(padding - 4, '\0'));
  return Record()
      .U32(0x04034B50)
      .Text(SharedFields(member, large ? kVersionZip64 : kVersion, extra.bytes().size()))
      .Text(member.file_name)
      .Text(extra.bytes())
      .bytes();
}

std::string NpzImage::DirectoryEntry(const Member& member) const {
  const bool large = IsLarge(member.size());
  const bool far = IsLarge(member.offset);
  const size_t version = large || far ? kVersionZip64 : kVersion;
  Record zip64;
  if (large) zip64.U64(member.size()).U64(member.size());
  if (far) zip64.U64(member.offset);
  Record extra;
  if (large || far) extra.U16(kZip64Extra).U16(zip64.bytes().size()).Text(zip64.bytes());
  return Record()
      .U32(0x02014B50)
      .U16(version)  // made by
      .Text(SharedFields(member, version, extra.bytes().size()))
      .U16(0)  // comment
      .U16(0)  // disk
      .U16(0)  // internal attributes
      .U32(0)  // external attributes
      .U32(far ? kFull32 : member.offset)
      .Text(member.file_name)
      .Text(extra.bytes())
      .bytes();
}

std::string NpzImage::End(size_t directory, size_t directory_bytes) const {
  const size_t count = members_.size();
  Record end;
  const bool zip64 = count >= kFull16 || IsLarge(directory) || IsLarge(directory_bytes);
  if (zip64) {
    end.U32(0x06064B50).U64(44).U16(kVersionZip64).U16(kVersionZip64).U32(0).U32(0);
    end.U64(count).U64(count).U64(directory_bytes).U64(directory);
    end.U32(0x07064B50).U32(0).U64(directory + directory_bytes).U32(1);
  }
  end.U32(0x06054B50).U16(0).U16(0);
  end.U16(zip64 ? kFull16 : count).U16(zip64 ? kFull16 : count);
  end.U32(zip64 ? kFull32 : directory_bytes).U32(zip64 ? kFull32 : directory).U16(0);
  return end.bytes();
}

// Decides where each member stands; returns where the directory does.
size_t NpzImage::Place() {
  size_t offset = 0;
  for (Member& member : members_) {
    member.offset = offset;
    const size_t content = offset + 30 + member.file_name.size() + (IsLarge(member.size()) ? 20 : 0);
    size_t padding = (kAlignment - content % kAlignment) % kAlignment;
    if (padding != 0 && padding < 4) padding += kAlignment;  // an extra field has four bytes at least
    member.content = content + padding;
    member.elements = member.content + member.npy_header.size();
    offset = member.elements + member.bytes;
  }
  return offset;
}

Status NpzImage::Allocate(const std::string& path) {
  const size_t directory = Place();
  size_t directory_bytes = 0;
  for (const Member& member : members_) directory_bytes += DirectoryEntry(member).size();
  return image_.Allocate(path, directory + directory_bytes + End(directory, directory_bytes).size());
}

Status NpzImage::Write(const std::string& path) {
  std::string directory;
  size_t end = 0;
  for (Member& member : members_) {
    std::memcpy(image_.data() + member.content, member.npy_header.data(), member.npy_header.size());
    member.crc = static_cast<uint32_t>(crc32_z(0, image_.data() + member.content, member.size()));
    const std::string header = LocalHeader(member);
    std::memcpy(image_.data() + member.offset, header.data(), header.size());
    directory += DirectoryEntry(member);
    end = member.elements + member.bytes;
  }
  std::memcpy(image_.data() + end, directory.data(), directory.size());
  const std::string last = End(end, directory.size());
  std::memcpy(image_.data() + end + directory.size(), last.data(), last.size());
  return WriteFileAtomically(path, {reinterpret_cast<const char*>(image_.data()), image_.size()});
}

}  // namespace attnscope::tools

// SPDX-License-Identifier: Apache-2.0
//
// The directory at the archive's end is what counts (PKWARE's APPNOTE 6.3). Local headers must agree with it, but for
// the sizes of streamed members, which are zero there and true behind the data.
#include "tools/files/zip.h"

#include <algorithm>
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
constexpr uint16_t kStreamedFlag = 8;
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

std::string TextOf(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// Where the content starts, from the member's local header, if that tells the same of the member as the directory.
Status ReadLocalHeader(Bytes archive, const Sizes& sizes, const ZipMember& member, uint64_t* start) {
  const std::string who = "member '" + member.name + "'";
  if (!Fits(archive, sizes.local_offset, kLocalHeaderBytes) ||
      LoadLittleEndian<uint32_t>(archive, sizes.local_offset) != kLocalSignature) {
    return Malformed("no " + who + " at " + std::to_string(sizes.local_offset));
  }
  const Bytes header = archive.subspan(sizes.local_offset);
  const size_t name = LoadLittleEndian<uint16_t>(header, 26);
  const size_t extra = LoadLittleEndian<uint16_t>(header, 28);
  *start = sizes.local_offset + kLocalHeaderBytes + name + extra;
  if (!Fits(header, kLocalHeaderBytes, name + extra)) return Malformed(who + " starts at " + std::to_string(*start));
  const std::string local_name = TextOf(header.subspan(kLocalHeaderBytes, name));
  if (local_name != member.name) return Malformed(who + " calls itself '" + local_name + "'");
  if ((LoadLittleEndian<uint16_t>(header, 8) == kStored) != member.is_stored) {
    return Malformed(who + " is compressed by one of its headers and stored by the other");
  }
  if ((LoadLittleEndian<uint16_t>(header, 6) & kStreamedFlag) != 0) return {};
  Sizes local = {.inflated = LoadLittleEndian<uint32_t>(header, 22),
                 .compressed = LoadLittleEndian<uint32_t>(header, 18),
                 .local_offset = 0};
  Status status = ReadZip64Sizes(header.subspan(kLocalHeaderBytes + name, extra), &local);
  if (!status.ok() || (local.inflated == sizes.inflated && local.compressed == sizes.compressed)) return status;
  const auto text = [](const Sizes& s) {
    return std::to_string(s.inflated) + " bytes in " + std::to_string(s.compressed);
  };
  return Malformed(who + " has " + text(sizes) + " by the directory, " + text(local) + " by its own header");
}

// Sets where the member's content lies.
Status LocateContent(Bytes archive, const Sizes& sizes, ZipMember* member) {
  uint64_t start = 0;
  Status status = ReadLocalHeader(archive, sizes, *member, &start);
  if (!status.ok()) return status;
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

  member->name = TextOf(entry.subspan(kDirectoryEntryBytes, name));
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
  std::vector<const ZipMember*> sorted;
  for (const ZipMember& member : members) {
    if (!member.content.empty()) sorted.push_back(&member);
  }
  std::sort(sorted.begin(), sorted.end(),
            [](const ZipMember* a, const ZipMember* b) { return a->content.data() < b->content.data(); });
  for (size_t i = 1; i < sorted.size(); ++i) {
    const Bytes before = sorted[i - 1]->content;
    if (before.data() + before.size() > sorted[i]->content.data()) {
      return Malformed("members '" + sorted[i - 1]->name + "' and '" + sorted[i]->name + "' overlap");
    }
  }
  return {};
}

}  // namespace

Status ReadZipDirectory(Bytes archive, std::vector<ZipMember>* out) {
  Bytes directory;
  uint64_t entries = 0;
  Status status = FindDirectory(archive, &directory, &entries);
  std::vector<ZipMember> members;
  for (uint64_t i = 0; i < entries && status.ok(); ++i) {
    status = ReadEntry(archive, &directory, &members.emplace_back());
  }
  if (status.ok() && !directory.empty()) {
    status = Malformed("its directory has " + std::to_string(directory.size()) + " bytes behind its " +
                       std::to_string(entries) + " entries");
  }
  if (status.ok()) status = CheckOverlap(members);
  if (status.ok()) *out = std::move(members);
  return status;
}

}  // namespace attnscope::tools

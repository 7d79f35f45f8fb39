// SPDX-License-Identifier: Apache-2.0
#include "platform/mapped_file.h"

#include "platform/mapping.h"

namespace attnscope::platform {

Status MappedFile::Mapping::WasWrittenTo(uint64_t before, uint64_t now) const {
  return {StatusCode::kDataLoss, path() + ": was written to while it was read: it had " + std::to_string(before) +
                                     " bytes and has " + std::to_string(now)};
}

MappedFile::MappedFile() = default;
MappedFile::MappedFile(MappedFile&& other) noexcept = default;
MappedFile& MappedFile::operator=(MappedFile&& other) noexcept = default;
MappedFile::~MappedFile() = default;

Bytes MappedFile::bytes() const { return mapping_ == nullptr ? Bytes() : mapping_->bytes(); }

Status MappedFile::CheckUnchanged() const { return mapping_ == nullptr ? Status() : mapping_->CheckUnchanged(); }

}  // namespace attnscope::platform

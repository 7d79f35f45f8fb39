// SPDX-License-Identifier: Apache-2.0
//
// States as files: what attnscope analyze --state-out writes and attnscope merge reads. docs/state-format.md has the
// format byte by byte.
#ifndef ATTNSCOPE_TOOLS_STATE_STATE_FILE_H_
#define ATTNSCOPE_TOOLS_STATE_STATE_FILE_H_

#include <cstddef>
#include <string>

#include "attnscope/status.h"
#include "tools/files/tensor.h"
#include "tools/state/saved_state.h"

namespace attnscope::tools {

// Of what a state may hold; what writes one must keep to them.
inline constexpr size_t kMaxStageBytes = 4096;
inline constexpr size_t kMaxRowOptionsBytes = 4096;
inline constexpr size_t kMaxShares = 1'000'000;
inline constexpr size_t kMaxNamesBytes = 16384;  // of a list of numbers

// The same state gives the same bytes.
std::string StateToBytes(const SavedState& state);

// Reads this version and older ones. Numbers whose names this version does not know are left out; those that the state
// does not name are not in its contents. Allocates in proportion to the size of `bytes`, whatever they claim. Errors:
// kDataLoss for what is no state, truncated or damaged, of a later version or another byte order, or holds numbers that
// no accumulator can have; the message says where.
Status StateFromBytes(Bytes bytes, SavedState* out);

// Errors: as MappedFile::Open and StateFromBytes; the message names the path.
Status ReadStateFile(const std::string& path, SavedState* out);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_STATE_STATE_FILE_H_

// SPDX-License-Identifier: Apache-2.0
//
// JSON from untrusted text: no text makes it throw, nesting is limited, a key given twice is an error, and Python's
// bare NaN, Infinity and -Infinity are understood.
#ifndef ATTNSCOPE_REPORT_IO_JSON_TEXT_H_
#define ATTNSCOPE_REPORT_IO_JSON_TEXT_H_

#include <nlohmann/json.hpp>
#include <string_view>

#include "attnscope/status.h"

namespace attnscope {

// Arrays and objects within one another; a report needs five.
inline constexpr int kMaxJsonDepth = 64;

// A bare NaN becomes null, a bare infinity the string "Infinity" or "-Infinity". Errors: kDataLoss for text that is no
// JSON (with line, column and reason), nests too deep or holds a number beyond double's range, kInvalidArgument for a
// key that an object has twice, kOutOfMemory; `*out` is then unchanged. Thread-safe. O(length * log(keys)).
Status ParseJson(std::string_view text, nlohmann::json* out);

}  // namespace attnscope

#endif  // ATTNSCOPE_REPORT_IO_JSON_TEXT_H_

// SPDX-License-Identifier: Apache-2.0
//
// The few pieces of JSON that the library writes, without a JSON library, which an engine would have to bring along.
// Included by the writers of reports and of the monitor's records. All append to `*out`.
#ifndef ATTNSCOPE_REPORT_JSON_WRITER_H_
#define ATTNSCOPE_REPORT_JSON_WRITER_H_

#include <string>
#include <string_view>

namespace attnscope {

// The shortest digits that read back to the same double. Counts are whole; every other number shows that it is none.
// NaN is null, infinities are the strings "Infinity" and "-Infinity".
void AppendJsonNumber(double value, bool is_count, std::string* out);

// In quotes, with control characters escaped. Bytes that are no UTF-8 become U+FFFD.
void AppendJsonString(std::string_view text, std::string* out);

// `key` in quotes and a colon; it needs no escapes.
void AppendJsonKey(std::string_view key, std::string* out);

}  // namespace attnscope

#endif  // ATTNSCOPE_REPORT_JSON_WRITER_H_

// SPDX-License-Identifier: Apache-2.0
//
// The one writer of JSON: what reports and the monitor's records need, without a JSON library, which an engine would
// have to bring along. All functions append to `*out`.
#ifndef ATTNSCOPE_REPORT_JSON_WRITER_H_
#define ATTNSCOPE_REPORT_JSON_WRITER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "attnscope/metrics.h"

namespace attnscope::internal {

// The shortest digits that read back to the same double. Counts are whole; every other number shows that it is none.
// NaN is null, infinities are the strings "Infinity" and "-Infinity".
void AppendJsonNumber(double value, bool is_count, std::string* out);

// In quotes, with control characters escaped. Bytes that are no UTF-8 become U+FFFD.
void AppendJsonString(std::string_view text, std::string* out);

// An object that is written member by member:
//
//   JsonObject object(&text);
//   object.String("stage", "train");
//   *object.Member("list") += "[]";
//   object.End();
class JsonObject {
 public:
  // What stands between the brackets and the members.
  struct Spacing {
    std::string_view before_first;
    std::string_view between = " ";  // after the comma
    std::string_view after_last;
  };

  explicit JsonObject(std::string* out) : JsonObject(out, Spacing()) {}
  JsonObject(std::string* out, const Spacing& spacing) : out_(*out), spacing_(spacing) { out_ += '{'; }

  // Begins a member, whose value is then to be appended to what is returned. The key needs no escapes.
  std::string* Member(std::string_view key) { return Member(key, spacing_.between); }
  // The same with other space after the comma.
  std::string* Member(std::string_view key, std::string_view between);

  void Integer(std::string_view key, int64_t value) { *Member(key) += std::to_string(value); }
  void Count(std::string_view key, uint64_t value) { *Member(key) += std::to_string(value); }
  void Number(std::string_view key, double value) { AppendJsonNumber(value, false, Member(key)); }
  void String(std::string_view key, std::string_view value) { AppendJsonString(value, Member(key)); }

  bool empty() const { return is_empty_; }
  void End();

 private:
  std::string& out_;
  Spacing spacing_;
  bool is_empty_ = true;
};

// Whether a metric IsGiven of any head.
bool AnyHas(const std::vector<MetricValues>& heads, Metric metric);

// A metric's number. NaN that was given is the string "NaN", so that it stays apart from what was not measured.
void AppendJsonMetric(const MetricValues& values, const MetricInfo& info, std::string* out);

// One metric of all heads: [0.5,null,0.25], null where it was not measured.
void AppendJsonHeads(const std::vector<MetricValues>& heads, const MetricInfo& info, std::string* out);

}  // namespace attnscope::internal

#endif  // ATTNSCOPE_REPORT_JSON_WRITER_H_

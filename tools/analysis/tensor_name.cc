// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/tensor_name.h"

#include <fnmatch.h>

#include <algorithm>
#include <charconv>

namespace attnscope::tools {

std::optional<int64_t> LastNumber(std::string_view name) {
  constexpr std::string_view kDigits = "0123456789";
  constexpr int64_t kEnd = 1'000'000'000;
  const size_t last = name.find_last_of(kDigits);
  if (last == std::string_view::npos) return std::nullopt;
  const size_t first = name.find_last_not_of(kDigits, last) + 1;  // npos + 1 == 0
  int64_t number = 0;
  const auto result = std::from_chars(name.data() + first, name.data() + last + 1, number);
  if (result.ec != std::errc() || number >= kEnd) return std::nullopt;
  return number;
}

bool MatchesAny(const std::string& name, std::span<const std::string> globs) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return fnmatch(glob.c_str(), name.c_str(), 0) == 0; });
}

}  // namespace attnscope::tools

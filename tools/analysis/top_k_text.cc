// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/top_k_text.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/top_k/top_k_checks.h"

namespace attnscope::tools {

Status ReadTopK(std::string_view text, TopKValues* out) {
  std::vector<uint32_t> values;
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find(',', start), text.size());
    const char* const stop = text.data() + end;
    uint32_t value = 0;
    const auto [parsed, error] = std::from_chars(text.data() + start, stop, value);
    if (error != std::errc() || parsed != stop) {
      return {StatusCode::kInvalidArgument,
              "--top-k is \"" + std::string(text) + "\", expected whole numbers with commas between them"};
    }
    values.push_back(value);
    start = end + 1;
  }
  const TopKValues read{std::span<const uint32_t>(values)};
  if (Status status = CheckTopK("--top-k", read); !status.ok()) return status;
  *out = read;
  return {};
}

}  // namespace attnscope::tools

// SPDX-License-Identifier: Apache-2.0
//
// The monitor's lines in an engine's loop: one request of 64 cached tokens that decodes, its keys all alike, so that
// attention over what it sees is uniform. A mask that hides the cache would show as an effective rank of 1.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "attnscope/diagnosis.h"

namespace {
std::string record;
void Telemetry(std::string_view line) { record = line; }
void Alert(const std::string&) {}
}  // namespace

int main() {
  // @monitor_setup@
  if (!status.ok()) return 1;
  const std::vector<uint16_t> cache(128 * 8 * 128, 0x3F80);  // 1 in bfloat16
  const std::vector<uint16_t> query(32 * 128, 0x3F80);
  size_t queries = 1, slot = 3, tokens = 1;
  const void* q = query.data();
  const void* k = cache.data();
  size_t keys = 64;
  for (uint64_t step = 0; step < 32; ++step, ++keys) {
    for (size_t layer = 0; layer < 32; ++layer) {
      // @monitor_add@
      if (!status.ok()) return 2;
    }
    const bool request_has_ended = step == 31;
    // @monitor_step@
    if (!status.ok()) return 3;
  }
  if (!monitor.CloseWindow().ok()) return 4;

  // Step 0 was sampled with 64 keys; step 16, with 80, unless the budget had been spent.
  const size_t at = record.find("\"effective_rank\":");
  const double rank = at == std::string::npos ? 0.0 : std::stod(record.substr(at + 17));
  const bool right = rank > 63.9 && rank < 80.1;
  if (!right) std::printf("%.700s\n", record.c_str());
  return right ? 0 : 5;
}

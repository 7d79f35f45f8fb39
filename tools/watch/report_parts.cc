// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/report_parts.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace attnscope::tools {
namespace {

auto MomentOf(const Report& report) { return std::tie(report.stage, report.step, report.epoch); }

}  // namespace

bool AreParts(const Report& a, const Report& b) {
  if (MomentOf(a) != MomentOf(b) || (!a.step.has_value() && !a.epoch.has_value())) return false;
  return std::none_of(b.layers.begin(), b.layers.end(),
                      [&a](const LayerReport& layer) { return a.Find(layer.layer) != nullptr; });
}

void JoinPart(Report part, Report* whole) {
  for (LayerReport& layer : part.layers) whole->Layer(layer.layer).stats = std::move(layer.stats);
}

size_t JoinParts(std::vector<Report>* reports) {
  std::map<std::tuple<std::string, std::optional<int64_t>, std::optional<int64_t>>, size_t> last;
  size_t kept = 0;
  for (size_t i = 0; i < reports->size(); ++i) {
    Report& report = (*reports)[i];
    const auto [found, is_new] = last.try_emplace(MomentOf(report), kept);
    if (!is_new && AreParts((*reports)[found->second], report)) {
      JoinPart(std::move(report), &(*reports)[found->second]);
      continue;
    }
    found->second = kept;
    if (kept != i) (*reports)[kept] = std::move(report);
    ++kept;
  }
  const size_t joined = reports->size() - kept;
  reports->resize(kept);
  return joined;
}

}  // namespace attnscope::tools

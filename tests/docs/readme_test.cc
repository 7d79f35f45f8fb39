// SPDX-License-Identifier: Apache-2.0
//
// README.md against the code that it describes.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "attnscope/diagnosis.h"
#include "attnscope/metrics.h"
#include "report/pathologies.h"

namespace attnscope {
namespace {

std::string Readme() {
  std::ifstream file(ATTNSCOPE_README);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(ReadmeTest, MetricTableNamesEveryMetric) {
  const std::string readme = Readme();
  const size_t begin = readme.find("\n## What is measured");
  const size_t end = readme.find("\n## ", begin + 1);
  ASSERT_NE(end, std::string::npos);
  const std::string section = readme.substr(begin, end - begin);
  for (const MetricInfo& info : AllMetrics()) {
    EXPECT_NE(section.find("`" + std::string(info.name) + "`"), std::string::npos) << info.name;
  }
}

// The cells of the line "| first | ... |", without the first.
std::vector<std::string> CellsOf(const std::string& text, const std::string& first) {
  std::vector<std::string> cells;
  const std::string begin = "\n| " + first + " |";
  size_t at = text.find(begin);
  if (at == std::string::npos) return cells;
  at += begin.size();
  for (size_t end = 0; text[at] != '\n'; at = end + 1) {
    end = text.find('|', at);
    cells.push_back(text.substr(at, end - at));
  }
  return cells;
}

TEST(ReadmeTest, VerdictTableHasEveryBound) {
  const std::string readme = Readme();
  const Thresholds defaults;
  for (const internal::PathologyInfo& pathology : internal::kPathologies) {
    const std::vector<std::string> cells = CellsOf(readme, std::string(pathology.name));
    ASSERT_EQ(cells.size(), 2u) << pathology.name;
    const auto expect_condition = [&](const std::string& cell, const internal::Condition& condition) {
      EXPECT_NE(cell.find("`" + std::string(InfoOf(condition.metric).name) + "`"), std::string::npos)
          << pathology.name << ": " << InfoOf(condition.metric).name << " is not in " << cell;
      if (condition.relation == internal::Relation::kMissing) return;
      std::ostringstream number;
      number << ' ' << (condition.threshold == nullptr ? 0.0 : defaults.*condition.threshold);
      EXPECT_NE((cell + ' ').find(number.str()), std::string::npos)
          << pathology.name << ": " << number.str() << " is not in " << cell;
    };
    for (const internal::Bound& bound : pathology.bounds) {
      const std::string& cell = cells[bound.severity == Severity::kWarning ? 0 : 1];
      expect_condition(cell, bound.crossed);
      if (bound.where) expect_condition(cell, *bound.where);
    }
  }
}

}  // namespace
}  // namespace attnscope

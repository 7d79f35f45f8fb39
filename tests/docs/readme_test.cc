// SPDX-License-Identifier: Apache-2.0
//
// The tables of README.md and docs/metrics.md against the code that they describe.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "attnscope/diagnosis.h"
#include "attnscope/metrics.h"
#include "report/compared_metrics.h"
#include "report/pathologies.h"

namespace attnscope {
namespace {

// A page of the project, by its path beside README.md; empty if it is not there.
std::string Page(const std::string& name) {
  std::ifstream file(std::filesystem::path(ATTNSCOPE_README).parent_path() / name);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The names between backticks in the first column of the first table behind `heading`.
std::multiset<std::string> TableNames(const std::string& page, const std::string& heading) {
  std::multiset<std::string> names;
  size_t line = page.find("\n|---", page.find(heading));
  while (line != std::string::npos && page.compare(line, 2, "\n|") == 0) {
    const size_t end = page.find('|', line + 2);
    size_t begin = page.find('`', line);
    while (begin < end) {
      const size_t close = page.find('`', begin + 1);
      names.insert(page.substr(begin + 1, close - begin - 1));
      begin = page.find('`', close + 1);
    }
    line = page.find('\n', line + 1);
  }
  return names;
}

std::multiset<std::string> MetricNames() {
  std::multiset<std::string> names;
  for (const MetricInfo& info : AllMetrics()) names.insert(std::string(info.name));
  return names;
}

TEST(ReadmeTest, MetricTableNamesEveryMetric) {
  EXPECT_EQ(TableNames(Page("README.md"), "\n## What is measured"), MetricNames());
}

TEST(ReadmeTest, MetricsPageDefinesEveryMetric) {
  EXPECT_EQ(TableNames(Page("docs/metrics.md"), "# Metrics and verdicts"), MetricNames());
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
  const std::string readme = Page("README.md");
  const Thresholds defaults;
  for (const internal::PathologyInfo& pathology : internal::kPathologies) {
    const std::vector<std::string> cells = CellsOf(readme, std::string(pathology.name));
    ASSERT_EQ(cells.size(), 2u) << pathology.name;
    const auto expect_condition = [&](const std::string& cell, const internal::Condition& condition) {
      // A baseline is of many metrics, which docs/metrics.md lists.
      const bool is_beside = condition.relation == internal::Relation::kFromBaseline;
      const std::string name(is_beside ? "--baseline healthy.json" : InfoOf(condition.metric).name);
      EXPECT_NE((is_beside ? readme : cell).find('`' + name + '`'), std::string::npos)
          << pathology.name << ": " << name << " is not in " << cell;
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

TEST(ReadmeTest, MetricsPageHasWhatIsCompared) {
  const std::string page = Page("docs/metrics.md");
  const std::string section = page.substr(page.find("### Baselines"));
  std::multiset<std::string> names;
  for (const internal::ComparedMetric& compared : internal::kComparedMetrics) {
    const std::string name(InfoOf(compared.metric).name);
    names.insert(name);
    const std::vector<std::string> cells = CellsOf(section, '`' + name + '`');
    ASSERT_EQ(cells.size(), 4u) << name;
    std::ostringstream spread;
    spread << ' ' << compared.least_spread << ' ';
    EXPECT_EQ(cells[1], spread.str()) << name;
    EXPECT_EQ(cells[0].find("logarithm") != std::string::npos, compared.by_logarithm) << name;
    EXPECT_EQ(cells[3].find("keys alike") != std::string::npos, compared.depends_on_keys) << name;
    const bool has_evidence =
        internal::InfoOf(compared.like).evidence.begin() != internal::InfoOf(compared.like).evidence.end();
    EXPECT_EQ(cells[3].find(NameOf(compared.like)) != std::string::npos, has_evidence) << name;
  }
  EXPECT_EQ(TableNames(Page("docs/metrics.md"), "### Baselines"), names);
}

}  // namespace
}  // namespace attnscope

// SPDX-License-Identifier: Apache-2.0
//
// README.md against the code that it describes.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "attnscope/diagnosis.h"
#include "attnscope/metrics.h"

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

TEST(ReadmeTest, VerdictTableNamesEveryPathology) {
  const std::string readme = Readme();
  for (int i = 0; i <= static_cast<int>(Pathology::kBadNumbers); ++i) {
    const std::string name(NameOf(static_cast<Pathology>(i)));
    EXPECT_NE(readme.find("| " + name + " |"), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace attnscope

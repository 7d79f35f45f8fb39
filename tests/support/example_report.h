// SPDX-License-Identifier: Apache-2.0
//
// The dictionary of tests/data that trainers would log: eight layers that slide into collapse. Included by tests of
// figures.
#ifndef ATTNSCOPE_TESTS_SUPPORT_EXAMPLE_REPORT_H_
#define ATTNSCOPE_TESTS_SUPPORT_EXAMPLE_REPORT_H_

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "attnscope/report.h"
#include "tests/support/data_file.h"

namespace attnscope {

inline Report ExampleReport() {
  std::ifstream file(DataFile("summary_stats.json"));
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  Report report;
  const Status status = ReportFromJson(text, &report);
  EXPECT_TRUE(status.ok()) << status.message();
  return report;
}

}  // namespace attnscope

#endif  // ATTNSCOPE_TESTS_SUPPORT_EXAMPLE_REPORT_H_

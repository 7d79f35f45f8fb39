// SPDX-License-Identifier: Apache-2.0
#include "tools/manual/completion_words.h"

#include <gtest/gtest.h>

namespace attnscope::tools {
namespace {

OptionText WithValue(const std::string& value) { return {.names = {"--option"}, .value = value}; }

TEST(CompletionWordsTest, ChoicesAreTheWordsBetweenBars) {
  EXPECT_EQ(Choices(WithValue("warning|critical")), (std::vector<std::string>{"warning", "critical"}));
  EXPECT_EQ(Choices(WithValue("bfloat16")), std::vector<std::string>{"bfloat16"});
  for (const char* const anything : {"", "N", "NAME=VALUE", "N,N,...|FILE.npy", "WxH", "[LAYERS:]N"}) {
    EXPECT_TRUE(Choices(WithValue(anything)).empty()) << anything;
  }
}

TEST(CompletionWordsTest, FilesArePlaceholdersThatSaySo) {
  for (const char* const file : {"FILE", "PATH", "IN OUT", "Q_FILE K_FILE", "N,N,...|FILE.npy", "REPORT"}) {
    EXPECT_TRUE(TakesFile(WithValue(file))) << file;
  }
  for (const char* const other : {"", "N", "NAME=VALUE", "GLOB", "warning|critical", "I/N"}) {
    EXPECT_FALSE(TakesFile(WithValue(other))) << other;
  }
}

TEST(CompletionWordsTest, CountsValues) {
  EXPECT_EQ(ValueCount(WithValue("")), 0u);
  EXPECT_EQ(ValueCount(WithValue("N")), 1u);
  EXPECT_EQ(ValueCount(WithValue("IN OUT")), 2u);
}

TEST(CompletionWordsTest, ShortHelpIsTheFirstSentence) {
  EXPECT_EQ(ShortHelp("Draw the summary to this file (SVG if it ends in .svg), or\ninto this folder"),
            "Draw the summary to this file (SVG if it ends in .svg), or into this folder");
  EXPECT_EQ(ShortHelp("Move a bound; nan switches it off.\nMay be repeated"), "Move a bound; nan switches it off");
  EXPECT_EQ(ShortHelp("Draw a picture of reports."), "Draw a picture of reports");
  EXPECT_EQ(ShortHelp(""), "");
}

}  // namespace
}  // namespace attnscope::tools

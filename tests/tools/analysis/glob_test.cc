// SPDX-License-Identifier: Apache-2.0
//
// Beside the system's own matcher, and in a folder of names.
#include "tools/analysis/glob.h"

#include <fnmatch.h>

#include <random>

#include "tests/support/temporary_folder.h"

namespace attnscope::tools {
namespace {

class GlobTest : public testing_tools::TemporaryFolderTest {};

TEST_F(GlobTest, MatchesAsTheSystemDoes) {
  const std::string pattern_letters = "ab*?[]!^-\\./";
  const std::string text_letters = "ab-]./\\";
  std::mt19937 random(7);
  const auto word = [&](const std::string& letters, size_t most) {
    std::string made(random() % (most + 1), ' ');
    for (char& c : made) c = letters[random() % letters.size()];
    return made;
  };
  size_t matches = 0;
  for (int i = 0; i < 300000; ++i) {
    const std::string pattern = word(pattern_letters, 8);
    const std::string text = word(text_letters, 6);
    // Systems differ where a range is backwards, a backslash is the last or in a set, and on [.a.] in a set.
    const size_t set = pattern.find('[');
    const size_t left_out = pattern.find_first_of("-\\", set == std::string::npos ? pattern.size() : 0);
    if (left_out != std::string::npos || pattern.ends_with('\\')) continue;
    if (set != std::string::npos && pattern.find("[.", set + 1) != std::string::npos) continue;
    const bool matched = MatchesGlob(pattern, text);
    EXPECT_EQ(matched, fnmatch(pattern.c_str(), text.c_str(), 0) == 0) << pattern << " and " << text;
    if (matched) ++matches;
  }
  EXPECT_GT(matches, 5000u);
}

TEST_F(GlobTest, SetsAndRanges) {
  EXPECT_TRUE(MatchesGlob("layer[0-3].x", "layer2.x"));
  EXPECT_FALSE(MatchesGlob("layer[0-3].x", "layer4.x"));
  EXPECT_TRUE(MatchesGlob("[!a-c]", "d"));
  EXPECT_FALSE(MatchesGlob("[^a-c]", "b"));
  EXPECT_TRUE(MatchesGlob("[]-]", "]"));
  EXPECT_TRUE(MatchesGlob("[a-]", "-"));
  EXPECT_TRUE(MatchesGlob("[\\]x]", "]"));
  EXPECT_TRUE(MatchesGlob("[a-\xC3\xBF]", "\xC3"));  // bytes, whose order is that of unsigned numbers
  EXPECT_TRUE(MatchesGlob("a[b", "a[b"));
  EXPECT_TRUE(MatchesGlob("L[[:digit:]_].x", "L7.x"));
  EXPECT_TRUE(MatchesGlob("L[[:digit:]_].x", "L_.x"));
  EXPECT_FALSE(MatchesGlob("L[![:digit:]].x", "L7.x"));
  EXPECT_FALSE(MatchesGlob("L[[:digit:]].x", "La.x"));
}

// What an exponential matcher would not end.
TEST_F(GlobTest, ManyStarsTakeNoTime) {
  const std::string text(20000, 'a');
  std::string pattern;
  for (int i = 0; i < 1000; ++i) pattern += "*a";
  EXPECT_TRUE(MatchesGlob(pattern, text));
  EXPECT_FALSE(MatchesGlob(pattern + "b", text));
}

TEST_F(GlobTest, FilesInTheOrderOfTheirBytes) {
  std::filesystem::create_directories(folder_ / "one" / "deep");
  std::filesystem::create_directories(folder_ / "two");
  for (const char* const name :
       {"L10.npy", "L2.npy", "L1.npy", ".L3.npy", "one/L.npy", "two/L.npy", "one/deep/L.npy"}) {
    Write(name, "");
  }
  EXPECT_EQ(FilesOfGlob(Path("L*.npy")), (std::vector<std::string>{Path("L1.npy"), Path("L10.npy"), Path("L2.npy")}));
  EXPECT_EQ(FilesOfGlob(Path(".L*")), std::vector<std::string>{Path(".L3.npy")});
  EXPECT_EQ(FilesOfGlob(Path("*/L.npy")), (std::vector<std::string>{Path("one/L.npy"), Path("two/L.npy")}));
  EXPECT_EQ(FilesOfGlob(Path("o*//d?ep/L.npy")), std::vector<std::string>{Path("one//deep/L.npy")});
  EXPECT_EQ(FilesOfGlob(Path("*/deep")), std::vector<std::string>{Path("one/deep")});
  EXPECT_EQ(FilesOfGlob(Path("L1.npy")), std::vector<std::string>{Path("L1.npy")});
  EXPECT_TRUE(FilesOfGlob(Path("M*.npy")).empty());
  EXPECT_TRUE(FilesOfGlob(Path("L1.npy/*")).empty());
  EXPECT_TRUE(FilesOfGlob("").empty());
}

}  // namespace
}  // namespace attnscope::tools

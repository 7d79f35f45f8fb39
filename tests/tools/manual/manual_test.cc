// SPDX-License-Identifier: Apache-2.0
//
// Manual pages and completions leave out nothing that --help says.
#include <gtest/gtest.h>

#include <algorithm>

#include "tools/commands/program.h"
#include "tools/manual/completions.h"
#include "tools/manual/man_page.h"

namespace attnscope::tools {
namespace {

// What --help prints for `arguments`, where the program's own parsing gets it.
std::string Help(std::vector<std::string> arguments) {
  CommandLine program("attnscope", kProgramSummary);
  AddProgram(&program);
  arguments.insert(arguments.begin(), "attnscope");
  arguments.push_back("--help");
  return program.Parse(arguments).text;
}

// The long names of options in a help text: words that begin a line's first column, apart from the names that the text
// mentions elsewhere.
std::vector<std::string> LongNames(const std::string& help) {
  std::vector<std::string> names;
  for (size_t line = 0; line < help.size(); line = help.find('\n', line) + 1) {
    const size_t end = help.find('\n', line);
    if (help[line] != ' ' || help[line + 2] != '-') continue;
    const size_t space = std::min(help.find(' ', line + 2), end);
    for (size_t name = help.find("--", line); name < space; name = help.find("--", name + 2)) {
      names.push_back(help.substr(name, std::min(help.find(',', name), space) - name));
    }
  }
  return names;
}

std::string Unescaped(std::string page) {
  for (size_t at = 0; (at = page.find("\\-", at)) != std::string::npos; ++at) page.erase(at, 1);
  return page;
}

class ManualTest : public ::testing::Test {
 protected:
  ManualTest() { AddProgram(&program_); }

  CommandLine program_{"attnscope", kProgramSummary};
};

TEST_F(ManualTest, HelpIsReadRight) {
  const std::vector<std::string> names = LongNames(Help({"analyze"}));
  EXPECT_GT(names.size(), 30u);
  for (const char* const name : {"--help", "--heads-of-q", "--window-after", "--per-head"}) {
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
  }
}

TEST_F(ManualTest, PagesHaveEachOption) {
  for (const CommandLine* const command : program_.commands()) {
    const std::string page = Unescaped(CommandPage(program_, *command, "1.2.3"));
    for (const std::string& name : LongNames(Help({command->name()}))) {
      EXPECT_NE(page.find("\\fB" + name + "\\fR"), std::string::npos) << command->name() << " " << name;
    }
    EXPECT_NE(page.find("attnscope-" + command->name() + " - "), std::string::npos);
  }
  const std::string page = Unescaped(ProgramPage(program_, "1.2.3"));
  for (const std::string& name : LongNames(Help({}))) EXPECT_NE(page.find("\\fB" + name), std::string::npos) << name;
}

// A line that begins with a dot or an apostrophe would be an order.
TEST_F(ManualTest, TextIsNoOrder) {
  for (const CommandLine* const command : program_.commands()) {
    const std::string page = CommandPage(program_, *command, "1.2.3");
    EXPECT_EQ(page.find("\n'"), std::string::npos);
    for (size_t dot = page.find("\n."); dot != std::string::npos; dot = page.find("\n.", dot + 1)) {
      const std::string order = page.substr(dot + 2, 2);
      const std::string orders = "TH SH TP PP RS RE nf fi B  B\n BR";
      EXPECT_NE(orders.find(order), std::string::npos) << order;
    }
  }
}

TEST_F(ManualTest, CompletionsHaveEachOption) {
  const std::string bash = BashCompletion(program_);
  const std::string zsh = ZshCompletion(program_);
  const std::string fish = FishCompletion(program_);
  for (const CommandLine* const command : program_.commands()) {
    const size_t bash_branch = bash.find("\n    " + command->name() + ")\n");
    const size_t zsh_branch = zsh.find("\n    " + command->name() + ")\n");
    ASSERT_NE(bash_branch, std::string::npos);
    ASSERT_NE(zsh_branch, std::string::npos);
    const std::string bash_text = bash.substr(bash_branch, bash.find("esac ;;", bash_branch) - bash_branch) + " ";
    const std::string zsh_text = zsh.substr(zsh_branch, zsh.find(" ;;", zsh_branch) - zsh_branch);
    for (const std::string& name : LongNames(Help({command->name()}))) {
      EXPECT_NE((" " + bash_text).find(name), std::string::npos) << command->name() << " " << name;
      EXPECT_NE(zsh_text.find(name + "["), std::string::npos) << command->name() << " " << name;
      EXPECT_NE(fish.find("-n '__fish_seen_subcommand_from " + command->name() + "'"), std::string::npos);
      EXPECT_NE(fish.find(" -l " + name.substr(2) + " "), std::string::npos) << command->name() << " " << name;
    }
  }
}

}  // namespace
}  // namespace attnscope::tools

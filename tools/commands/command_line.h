// SPDX-License-Identifier: Apache-2.0
//
// Declares and parses a command line. CLI11 does the work, and command_line.cc alone includes it: its headers take many
// seconds a source to compile.
//
//   CommandLine program("attnscope", "Measures ...");
//   CommandLine* render = program.AddCommand("render", "Draw reports.");
//   render->AddOption("-o,--output", &path, "The picture").Placeholder("PATH").Required().NotEmpty();
//   const ParseOutcome outcome = program.Parse(arguments);
#ifndef ATTNSCOPE_TOOLS_COMMANDS_COMMAND_LINE_H_
#define ATTNSCOPE_TOOLS_COMMANDS_COMMAND_LINE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace attnscope::tools {

// An option that was added. Its calls say more of it, each returns the option itself.
class CommandOption {
 public:
  explicit CommandOption(CLI::Option* option) : option_(option) {}

  // What stands for the value in the help.
  CommandOption& Placeholder(const std::string& text);
  // The value before parsing stands in the help.
  CommandOption& ShowDefault();
  CommandOption& Required();
  // One value, or one group of them, follows each mention of the option, so that names of files may come next.
  CommandOption& OneForEachMention();

  // What the value must be.
  CommandOption& NotEmpty();
  CommandOption& AtMostBytes(size_t most);
  CommandOption& WholeNumber();  // of 64 bits with a sign
  CommandOption& Positive();     // a whole number from 1 on
  CommandOption& Between(size_t least, size_t most);
  CommandOption& Between(double least, double most);
  CommandOption& OneOf(const std::vector<std::string>& texts);

 private:
  CLI::Option* option_;
};

// What the help says of an option.
struct OptionText {
  std::vector<std::string> names = {};  // with their dashes; none: a positional argument
  std::string value = {};               // what stands for the value; empty: a flag
  std::string help = {};
  bool is_required = false;
  bool is_repeated = false;
};

// What became of the arguments.
struct ParseOutcome {
  bool is_error = false;   // `text` says what is wrong
  bool is_answer = false;  // to --help or --version: `text` is to be printed, and nothing to be done
  std::string text = {};
};

// A program or one of its commands.
class CommandLine {
 public:
  CommandLine(const std::string& name, const std::string& summary);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  // Each names options as in "-o,--output", positional arguments as in "FILE". What is written to must outlive the
  // parsing. Options of several values collect those of all mentions.
  CommandOption AddOption(const std::string& names, std::string* value, const std::string& help);
  CommandOption AddOption(const std::string& names, size_t* value, const std::string& help);
  CommandOption AddOption(const std::string& names, double* value, const std::string& help);
  CommandOption AddOption(const std::string& names, std::optional<int64_t>* value, const std::string& help);
  CommandOption AddOption(const std::string& names, std::vector<std::string>* values, const std::string& help);
  // One or two values for each mention.
  CommandOption AddOption(const std::string& names, std::vector<std::vector<std::string>>* values,
                          const std::string& help);
  // `take` is called with the value.
  CommandOption AddOption(const std::string& names, const std::function<void(const std::string&)>& take,
                          const std::string& help);
  void AddFlag(const std::string& name, bool* value, const std::string& help);

  // At the end of the help.
  void AddDetails(const std::string& text);
  // What --version says.
  void SetVersion(const std::string& text);
  // A flag that is answered with a text, like --version.
  void AddAnswer(const std::string& name, std::string_view text, const std::string& help);

  // This is the owner of the command, of which one at most is given.
  CommandLine* AddCommand(const std::string& name, const std::string& summary);
  // Of a command: whether it was given.
  bool was_given() const;

  // What the help consists of, for manuals and completions.
  std::string name() const;
  std::string summary() const;
  const std::string& details() const { return details_; }
  std::vector<OptionText> Options() const;
  std::vector<const CommandLine*> commands() const;

  // Sets the values of all options.
  ParseOutcome Parse(const std::vector<std::string>& arguments);  // the first is the program's name

 private:
  explicit CommandLine(CLI::App* app);

  std::unique_ptr<CLI::App> owned_;  // none: a command, which the program's owns
  CLI::App* app_;
  std::string details_;
  std::vector<std::unique_ptr<CommandLine>> commands_;
};

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_COMMANDS_COMMAND_LINE_H_

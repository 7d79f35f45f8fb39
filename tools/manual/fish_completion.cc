// SPDX-License-Identifier: Apache-2.0
#include "tools/manual/completion_words.h"
#include "tools/manual/completions.h"

namespace attnscope::tools {
namespace {

// Between single quotes.
std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

std::string Line(const std::string& condition, const OptionText& option) {
  std::string line = "complete -c attnscope -n " + Quoted(condition);
  for (const std::string& name : option.names) {
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  }
  if (!option.value.empty()) {
    const std::vector<std::string> choices = Choices(option);
    line += TakesFile(option) ? " -r -F" : " -x";
    if (!choices.empty()) line += " -a " + Quoted(Joined(choices, " "));
  }
  return line + " -d " + Quoted(ShortHelp(option.help)) + "\n";
}

std::string Lines(const std::string& condition, const CommandLine& command) {
  std::string lines;
  bool takes_files = false;
  for (const OptionText& option : command.Options()) {
    if (option.names.empty()) {
      takes_files = true;
    } else {
      lines += Line(condition, option);
    }
  }
  return lines + (takes_files ? "complete -c attnscope -n " + Quoted(condition) + " -F\n" : "");
}

}  // namespace

std::string FishCompletion(const CommandLine& program) {
  std::string script = "# Completion of attnscope for fish, made from its help.\ncomplete -c attnscope -f\n";
  const std::string none = "__fish_use_subcommand";
  for (const CommandLine* const command : program.commands()) {
    script += "complete -c attnscope -n " + Quoted(none) + " -a " + command->name() + " -d " +
              Quoted(ShortHelp(command->summary())) + "\n";
  }
  script += Lines(none, program);
  for (const CommandLine* const command : program.commands()) {
    script += Lines("__fish_seen_subcommand_from " + command->name(), *command);
  }
  return script;
}

}  // namespace attnscope::tools

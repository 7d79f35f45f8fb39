// SPDX-License-Identifier: Apache-2.0
#include "tools/manual/completion_words.h"
#include "tools/manual/completions.h"

namespace attnscope::tools {
namespace {

// Within single quotes, and within the brackets or fields of _arguments, whose borders are of `special`.
std::string Escaped(const std::string& text, const std::string& special) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\'') {
      escaped += "'\\''";
      continue;
    }
    if (c == '\\' || special.find(c) != std::string::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string Values(const OptionText& option) {
  std::string action = " ";
  if (const std::vector<std::string> choices = Choices(option); !choices.empty()) {
    action = "(" + Joined(choices, " ") + ")";
  } else if (TakesFile(option)) {
    action = "_files";
  }
  std::string values;
  for (size_t i = 0; i < ValueCount(option); ++i) values += ":" + Escaped(option.value, ":[]()") + ":" + action;
  return values;
}

std::string Arguments(const CommandLine& command) {
  std::string specifications;
  for (const OptionText& option : command.Options()) {
    if (option.names.empty()) {
      specifications += " \\\n        '*:" + Escaped(ShortHelp(option.help), ":") + ":_files'";
      continue;
    }
    for (const std::string& name : option.names) {
      specifications += std::string(" \\\n        '") + (option.is_repeated ? "*" : "") + name + "[" +
                        Escaped(ShortHelp(option.help), "[]:") + "]" + Values(option) + "'";
    }
  }
  return specifications;
}

}  // namespace

std::string ZshCompletion(const CommandLine& program) {
  std::string list;
  std::string branches;
  for (const CommandLine* const command : program.commands()) {
    list += "        '" + command->name() + ":" + Escaped(ShortHelp(command->summary()), ":") + "'\n";
    branches += "    " + command->name() + ")\n      _arguments -s" + Arguments(*command) + " ;;\n";
  }
  return "#compdef attnscope\n"
         "# Completion of attnscope for zsh, made from its help.\n"
         "_attnscope() {\n"
         "  local -a commands\n"
         "  if (( CURRENT > 2 )); then\n"
         "    local command=$words[2]\n"
         "    shift words\n"
         "    (( CURRENT-- ))\n"
         "    case $command in\n" +
         branches +
         "    esac\n"
         "    return\n"
         "  fi\n"
         "  commands=(\n" +
         list +
         "  )\n"
         "  _describe command commands\n"
         "  _arguments -s" +
         Arguments(program) +
         "\n"
         "}\n"
         "_attnscope \"$@\"\n";
}

}  // namespace attnscope::tools

// SPDX-License-Identifier: Apache-2.0
#include "tools/manual/completion_words.h"
#include "tools/manual/completions.h"

namespace attnscope::tools {
namespace {

// The branch of one command, or of the program itself, whose options come before a command.
std::string Branch(const std::string& pattern, const CommandLine& command, const std::vector<std::string>& commands) {
  std::vector<std::string> words = commands;
  std::string values;
  for (const OptionText& option : command.Options()) {
    words.insert(words.end(), option.names.begin(), option.names.end());
    if (option.names.empty() || option.value.empty()) continue;
    const std::vector<std::string> choices = Choices(option);
    values += "        " + Joined(option.names, "|") + ") ";
    if (!choices.empty()) {
      values += "words='" + Joined(choices, " ") + "' ;;\n";
    } else {
      values += TakesFile(option) ? "files=1 ;;\n" : "return ;;\n";
    }
  }
  return "    " + pattern + ")\n      options='" + Joined(words, " ") + "'\n      case \"$before\" in\n" + values +
         "      esac ;;\n";
}

}  // namespace

std::string BashCompletion(const CommandLine& program) {
  std::vector<std::string> names;
  std::string branches;
  for (const CommandLine* const command : program.commands()) {
    names.push_back(command->name());
    branches += Branch(command->name(), *command, {});
  }
  branches += Branch("*", program, names);
  return "# Completion of attnscope for bash, made from its help.\n"
         "_attnscope() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
         "  local command='' options='' words='' files=''\n"
         "  [ \"$COMP_CWORD\" -le 1 ] || command=${COMP_WORDS[1]}\n"
         "  case \"$command\" in\n" +
         branches +
         "  esac\n"
         "  if [ -z \"$words$files\" ] && [[ $word == -* || -z $command ]]; then words=$options; fi\n"
         "  if [ -n \"$words\" ]; then\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
         "  else\n"
         "    compopt -o filenames 2>/dev/null\n"
         "    mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
         "  fi\n"
         "}\n"
         "complete -F _attnscope attnscope\n";
}

}  // namespace attnscope::tools

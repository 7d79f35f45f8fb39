// SPDX-License-Identifier: Apache-2.0
//
// What the completions of all shells ask of an option.
#ifndef ATTNSCOPE_TOOLS_MANUAL_COMPLETION_WORDS_H_
#define ATTNSCOPE_TOOLS_MANUAL_COMPLETION_WORDS_H_

#include <string>
#include <vector>

#include "tools/commands/command_line.h"

namespace attnscope::tools {

// The words that a value is one of, "warning|critical" in the help; empty: it is anything.
std::vector<std::string> Choices(const OptionText& option);

// Whether a value may be the name of a file or folder.
bool TakesFile(const OptionText& option);

// How many values follow the option each time: "IN OUT" are two.
size_t ValueCount(const OptionText& option);

// The help's first sentence, on one line.
std::string ShortHelp(const std::string& help);

std::string Joined(const std::vector<std::string>& words, const std::string& separator);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_MANUAL_COMPLETION_WORDS_H_

// SPDX-License-Identifier: Apache-2.0
#include "tools/manual/completion_words.h"

#include <algorithm>

namespace attnscope::tools {

std::vector<std::string> Choices(const OptionText& option) {
  const auto is_of_word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '|'; };
  if (option.value.empty() || !std::all_of(option.value.begin(), option.value.end(), is_of_word)) return {};
  std::vector<std::string> words;
  for (size_t begin = 0; begin <= option.value.size();) {
    const size_t end = std::min(option.value.find('|', begin), option.value.size());
    words.push_back(option.value.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

bool TakesFile(const OptionText& option) {
  for (const char* const name : {"FILE", "PATH", "REPORT", "STATE", "IN OUT", "DIR"}) {
    if (option.value.find(name) != std::string::npos) return true;
  }
  return false;
}

size_t ValueCount(const OptionText& option) {
  return option.value.empty() ? 0 : 1 + static_cast<size_t>(std::count(option.value.begin(), option.value.end(), ' '));
}

std::string ShortHelp(const std::string& help) {
  std::string line;
  for (const char c : help) {
    const char shown = c == '\n' ? ' ' : c;
    if (shown != ' ' || !line.ends_with(' ')) line += shown;
  }
  const size_t stop = line.find(". ");
  if (stop != std::string::npos) line.resize(stop);
  return line.ends_with('.') ? line.substr(0, line.size() - 1) : line;
}

std::string Joined(const std::vector<std::string>& words, const std::string& separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : separator) + word;
  return text;
}

}  // namespace attnscope::tools

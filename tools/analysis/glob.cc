// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/glob.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "platform/path.h"

namespace attnscope::tools {
namespace {

// One element of a pattern, but for *: which byte it takes, and where the next begins.
struct Element {
  bool takes;
  size_t end;
};

unsigned char ByteOf(char c) { return static_cast<unsigned char>(c); }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }

// [:digit:] and its like, of ASCII, within a set. Null: there is no class of this name.
bool (*ClassOf(std::string_view name))(char) {
  if (name == "digit") return &IsDigit;
  if (name == "lower") return &IsLower;
  if (name == "upper") return &IsUpper;
  if (name == "alpha") return [](char c) { return IsLower(c) || IsUpper(c); };
  if (name == "alnum") return [](char c) { return IsLower(c) || IsUpper(c) || IsDigit(c); };
  if (name == "space") return [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  return nullptr;
}

// A set that begins at pattern[at] == '['; nothing closes it: {false, at}.
Element MatchSet(std::string_view pattern, size_t at, char c) {
  size_t i = at + 1;
  const bool is_negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (is_negated) ++i;
  bool is_in = false;
  // A bracket that stands first is one of the set.
  for (const size_t first = i; i < pattern.size() && (pattern[i] != ']' || i == first); ++i) {
    if (pattern.substr(i, 2) == "[:") {
      const size_t close = pattern.find(":]", i + 2);
      const auto is_member = close < pattern.size() ? ClassOf(pattern.substr(i + 2, close - i - 2)) : nullptr;
      if (is_member != nullptr) {
        is_in = is_in || is_member(c);
        i = close + 1;
        continue;
      }
    }
    if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
    const char low = pattern[i];
    char high = low;
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      i += 2;
      if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
      high = pattern[i];
    }
    is_in = is_in || (ByteOf(low) <= ByteOf(c) && ByteOf(c) <= ByteOf(high));
  }
  if (i >= pattern.size()) return {false, at};
  return {is_in != is_negated, i + 1};
}

Element MatchOne(std::string_view pattern, size_t at, char c) {
  if (pattern[at] == '?') return {true, at + 1};
  if (pattern[at] == '[') {
    const Element set = MatchSet(pattern, at, c);
    if (set.end != at) return set;
  }
  if (pattern[at] == '\\' && at + 1 < pattern.size()) return {pattern[at + 1] == c, at + 2};
  return {pattern[at] == c, at + 1};
}

bool HasPattern(std::string_view part) { return part.find_first_of("*?[\\") != std::string_view::npos; }

// Adds what `part` matches in `folder`, or in the current folder where that is empty.
void MatchInFolder(const std::string& folder, std::string_view part, std::vector<std::string>* found) {
  std::error_code error;
  const std::filesystem::path path = platform::PathOf(folder.empty() ? "." : folder);
  for (std::filesystem::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = platform::Utf8Of(entry->path().filename());
    if (name.starts_with('.') && !part.starts_with('.')) continue;
    if (MatchesGlob(part, name)) found->push_back(folder + name);
  }
}

}  // namespace

bool MatchesGlob(std::string_view pattern, std::string_view text) {
  size_t p = 0;
  size_t t = 0;
  size_t star = std::string_view::npos;  // behind the last *, which takes text up to `taken`
  size_t taken = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      taken = t;
      continue;
    }
    const Element element = p < pattern.size() ? MatchOne(pattern, p, text[t]) : Element{false, p};
    if (element.takes) {
      p = element.end;
      ++t;
    } else if (star != std::string_view::npos) {  // the last * takes one byte more; what is before it stays
      p = star;
      t = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::vector<std::string> FilesOfGlob(const std::string& pattern) {
  std::vector<std::string> found = {""};  // what the parts so far lead to, with a slash at the end
  for (size_t begin = 0; begin < pattern.size() && !found.empty();) {
    const size_t slash = std::min(pattern.find('/', begin), pattern.size());
    const size_t end = std::min(pattern.find_first_not_of('/', slash), pattern.size());
    const std::string_view part = std::string_view(pattern).substr(begin, slash - begin);
    const std::string slashes = pattern.substr(slash, end - slash);
    std::vector<std::string> next;
    for (const std::string& folder : found) {
      std::vector<std::string> names;
      if (HasPattern(part)) {
        MatchInFolder(folder, part, &names);
      } else {
        names.push_back(folder + std::string(part));
      }
      std::error_code error;
      for (const std::string& name : names) {
        const bool is_last = end == pattern.size() && slashes.empty();
        const std::filesystem::path path = platform::PathOf(name + slashes);
        if (is_last ? std::filesystem::exists(path, error) : std::filesystem::is_directory(path, error)) {
          next.push_back(name + slashes);
        }
      }
    }
    found = std::move(next);
    begin = end;
  }
  if (pattern.empty()) found.clear();
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace attnscope::tools

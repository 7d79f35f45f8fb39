// SPDX-License-Identifier: Apache-2.0
//
// nlohmann-json does the parsing. What it cannot read (Python's bare constants) is replaced beforehand, and what it
// does not check (depth, duplicate keys) is checked from its callbacks.
#include "report/io/json_text.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <new>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace attnscope {
namespace {

struct Replacement {
  std::string_view bare;
  std::string_view json;
};
constexpr Replacement kReplacements[] = {
    {"NaN", "\"NaN\""}, {"-Infinity", "\"-Infinity\""}, {"Infinity", "\"Infinity\""}};

// Text that JSON parsers accept, and where it differs from the original.
class StandardText {
 public:
  explicit StandardText(std::string_view text) {
    text_.reserve(text.size());
    bool in_string = false;
    while (!text.empty()) {
      size_t step = 1;
      if (in_string) {
        if (text[0] == '\\' && text.size() > 1) step = 2;
        if (text[0] == '"') in_string = false;
      } else if (text[0] == '"') {
        in_string = true;
      } else if (const Replacement* replacement = BareConstant(text)) {
        text_ += replacement->json;
        edits_.push_back({text_.size(), replacement->json.size() - replacement->bare.size()});
        text.remove_prefix(replacement->bare.size());
        continue;
      }
      text_ += text.substr(0, step);
      text.remove_prefix(step);
    }
  }

  const std::string& text() const { return text_; }

  // The position in the original of a position in text().
  size_t Original(size_t position) const {
    size_t growth = 0;
    for (const Edit& edit : edits_) {
      if (edit.end > position) break;
      growth += edit.growth;
    }
    return position - growth;
  }

 private:
  struct Edit {
    size_t end;  // in text_
    size_t growth;
  };

  // Outside of strings valid JSON has no such letters, so no boundary needs to be looked for: what surrounds the
  // constant is judged by the parser. Only as a key would its replacement be more valid than the constant.
  static const Replacement* BareConstant(std::string_view text) {
    if (text[0] != 'N' && text[0] != 'I' && text[0] != '-') return nullptr;
    const auto* found = std::find_if(std::begin(kReplacements), std::end(kReplacements),
                                     [&](const Replacement& r) { return text.starts_with(r.bare); });
    if (found == std::end(kReplacements)) return nullptr;
    const size_t next = text.find_first_not_of(" \t\r\n", found->bare.size());
    return next != std::string_view::npos && text[next] == ':' ? nullptr : found;
  }

  std::string text_;
  std::vector<Edit> edits_;
};

// Watches the parser's events; after the first problem everything else is discarded.
class Checker {
 public:
  bool operator()(int depth, nlohmann::json::parse_event_t event, const nlohmann::json& value) {
    using Event = nlohmann::json::parse_event_t;
    if (!status_.ok()) return false;
    if (event == Event::object_start || event == Event::array_start) {
      if (depth >= kMaxJsonDepth) {
        status_ = {StatusCode::kDataLoss, "JSON nests deeper than " + std::to_string(kMaxJsonDepth)};
        return false;
      }
      keys_.resize(static_cast<size_t>(depth) + 1);
      keys_.back().clear();
    } else if (event == Event::key) {
      const auto& key = value.get_ref<const std::string&>();
      keys_.resize(static_cast<size_t>(depth));  // back to the object that this key is of
      if (!keys_.back().insert(key).second) {
        status_ = {StatusCode::kInvalidArgument, "JSON key \"" + key + "\" is given twice"};
      }
    }
    return status_.ok();
  }

  const Status& status() const { return status_; }

 private:
  std::vector<std::set<std::string>> keys_;  // of the open objects, by depth
  Status status_;
};

// Bytes beyond ASCII by their numbers: a message may quote text that is no UTF-8.
std::string Ascii(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string ascii;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      ascii += c;
    } else {
      ascii.append("\\x").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
    }
  }
  return ascii;
}

// From "[id] parse error at line 1, column 2: reason; last read: 'x'", or from "[id] reason", the reason.
std::string Reason(std::string_view what) {
  const size_t id = what.find("] ");
  if (what.starts_with('[') && id != std::string_view::npos) what.remove_prefix(id + 2);
  const size_t column = what.starts_with("parse error at ") ? what.find(", column ") : std::string_view::npos;
  const size_t colon = column == std::string_view::npos ? column : what.find(": ", column);
  return Ascii(colon == std::string_view::npos ? what : what.substr(colon + 2));
}

Status Malformed(std::string_view text, size_t position, const std::string& reason) {
  if (position >= text.size()) return {StatusCode::kDataLoss, "JSON ends too early: " + reason};
  const std::string_view before = text.substr(0, position);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const size_t column = position - (before.rfind('\n') + 1) + 1;  // npos + 1 == 0: the first line
  return {StatusCode::kDataLoss,
          "JSON is malformed at line " + std::to_string(line) + ", column " + std::to_string(column) + ": " + reason};
}

Status Parse(std::string_view text, nlohmann::json* out) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    return {StatusCode::kDataLoss, "JSON is UTF-16; save it as UTF-8"};
  }
  const StandardText standard(text);
  Checker checker;
  try {
    nlohmann::json parsed = nlohmann::json::parse(standard.text(), std::ref(checker));
    if (checker.status().ok()) *out = std::move(parsed);
  } catch (const nlohmann::json::parse_error& error) {
    // `byte` counts from one. A problem that was found before is the more helpful message.
    const size_t position = error.byte == 0 ? 0 : error.byte - 1;
    if (checker.status().ok()) return Malformed(text, standard.Original(position), Reason(error.what()));
  } catch (const nlohmann::json::exception& error) {
    return {StatusCode::kDataLoss, "JSON cannot be read: " + Reason(error.what())};
  }
  return checker.status();
}

}  // namespace

Status ParseJson(std::string_view text, nlohmann::json* out) {
  try {
    return Parse(text, out);
  } catch (const std::bad_alloc&) {
    return {StatusCode::kOutOfMemory, "JSON of " + std::to_string(text.size()) + " bytes does not fit in memory"};
  }
}

}  // namespace attnscope

// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/tensor_name.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "tools/analysis/glob.h"

namespace attnscope::tools {
namespace {

constexpr int64_t kEndOfLayers = 1'000'000'000;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
char Lower(char c) { return IsUpper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

// A word or a number of a name. "encoderLayer3" has the words "encoder" and "layer", and the number 3.
struct Token {
  size_t first;
  size_t size;
  bool is_number;
  std::string word;       // in small letters
  int64_t number;         // kEndOfLayers if it is larger
  bool is_other = false;  // a number that is no layer

  size_t end() const { return first + size; }
};

std::vector<Token> TokensOf(std::string_view name) {
  std::vector<Token> tokens;
  for (size_t i = 0; i < name.size();) {
    const size_t first = i;
    if (IsDigit(name[i])) {
      while (i < name.size() && IsDigit(name[i])) ++i;
      int64_t number = 0;
      const auto result = std::from_chars(name.data() + first, name.data() + i, number);
      if (result.ec != std::errc() || number >= kEndOfLayers) number = kEndOfLayers;
      tokens.push_back({first, i - first, true, "", number, number == kEndOfLayers});
    } else if (IsLower(name[i]) || IsUpper(name[i])) {
      std::string word(1, Lower(name[i++]));
      while (i < name.size() && (IsLower(name[i]) || IsUpper(name[i])) && !(IsLower(name[i - 1]) && IsUpper(name[i]))) {
        word += Lower(name[i++]);
      }
      tokens.push_back({first, i - first, false, std::move(word), 0});
    } else {
      ++i;
    }
  }
  return tokens;
}

template <size_t kCount>
bool IsOneOf(std::string_view word, const std::string_view (&words)[kCount]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

// At most two characters apart, as in "layers.3", "layers[3]" and "layer: 3".
bool FollowsClosely(const Token& next, const Token& token) { return next.first - token.end() <= 2; }

bool IsLayerWord(std::string_view name, const Token& word, const Token& number) {
  if (word.is_number || !FollowsClosely(number, word)) return false;
  constexpr std::string_view kEnds[] = {"layer", "layers", "block", "blocks", "blk"};
  if (std::any_of(std::begin(kEnds), std::end(kEnds), [&](std::string_view end) { return word.word.ends_with(end); })) {
    return true;
  }
  if (word.word == "l") return true;
  // "h.3" is GPT-2's block, "h3" rather a head.
  return name.substr(word.first, word.size) == "h" && number.first > word.end();
}

bool IsBetween(const Token& token, size_t digits, int64_t least, int64_t most) {
  return token.is_number && token.size == digits && token.number >= least && token.number <= most;
}

// 20240918, or 2024-09-18: how many tokens a date has that begins with this one; 0: it is none.
size_t DateTokens(const std::vector<Token>& tokens, size_t i) {
  if (IsBetween(tokens[i], 8, 19000101, 20991231)) {
    const int64_t month = tokens[i].number / 100 % 100;
    const int64_t day = tokens[i].number % 100;
    return month >= 1 && month <= 12 && day >= 1 && day <= 31 ? 1 : 0;
  }
  if (i + 2 >= tokens.size() || !IsBetween(tokens[i], 4, 1900, 2099)) return 0;
  return IsBetween(tokens[i + 1], 2, 1, 12) && IsBetween(tokens[i + 2], 2, 1, 31) ? 3 : 0;
}

void MarkDates(std::vector<Token>* tokens) {
  for (size_t i = 0; i < tokens->size(); ++i) {
    size_t count = DateTokens(*tokens, i);
    if (count == 0) continue;
    const auto mark = [&] { (*tokens)[i++].is_other = true; };
    while (count-- > 0) mark();
    if (i < tokens->size() && (*tokens)[i].word == "t") ++i;  // ISO 8601
    if (i < tokens->size() && ((*tokens)[i].size == 6 || (*tokens)[i].size == 4)) {
      if ((*tokens)[i].is_number) mark();
    } else {
      for (int part = 0; part < 3 && i < tokens->size() && IsBetween((*tokens)[i], 2, 0, 59); ++part) mark();
    }
    --i;
  }
}

// Element types, and what else is counted.
void MarkOthers(std::vector<Token>* tokens) {
  constexpr std::string_view kTypes[] = {"fp", "f", "bf", "float", "bfloat", "tf", "int", "i", "uint", "u"};
  constexpr std::string_view kCounted[] = {"step",   "steps",      "epoch", "epochs", "iter",   "iters",   "iteration",
                                           "ckpt",   "checkpoint", "head",  "heads",  "batch",  "seq",     "sequence",
                                           "sample", "rank",       "seed",  "shard",  "part",   "version", "v",
                                           "token",  "tokens",     "date",  "time",   "device", "of"};
  for (size_t i = 0; i < tokens->size(); ++i) {
    Token& token = (*tokens)[i];
    if (!token.is_number) continue;
    const Token* const before = i > 0 ? &(*tokens)[i - 1] : nullptr;
    const Token* const after = i + 1 < tokens->size() ? &(*tokens)[i + 1] : nullptr;
    if (before != nullptr && !before->is_number && FollowsClosely(token, *before)) {
      const bool touches = before->end() == token.first;
      const bool is_width = token.number == 8 || token.number == 16 || token.number == 32 || token.number == 64;
      if (touches && is_width && IsOneOf(before->word, kTypes)) token.is_other = true;
      if (touches && (before->word == "e" || before->word == "m") && token.size == 1) token.is_other = true;
      if (IsOneOf(before->word, kCounted)) token.is_other = true;
    }
    if (after == nullptr || after->is_number) continue;
    // "1000steps", "00001-of-00002", "attn_2d".
    const bool is_count = (after->word == "steps" || after->word == "of") && FollowsClosely(*after, token);
    token.is_other |= is_count || (after->word == "d" && after->first == token.end() && token.size == 1);
  }
}

}  // namespace

std::optional<NamedLayer> LayerInName(std::string_view name) {
  std::vector<Token> tokens = TokensOf(name);
  MarkDates(&tokens);
  MarkOthers(&tokens);
  for (size_t i = 1; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    if (!token.is_number || token.is_other || !IsLayerWord(name, tokens[i - 1], token)) continue;
    return NamedLayer{token.number, true, token.first, token.size};
  }
  const auto last =
      std::find_if(tokens.rbegin(), tokens.rend(), [](const Token& t) { return t.is_number && !t.is_other; });
  if (last == tokens.rend()) return std::nullopt;
  return NamedLayer{last->number, false, last->first, last->size};
}

std::optional<int64_t> HeadInName(std::string_view name) {
  const std::vector<Token> tokens = TokensOf(name);
  for (size_t i = 1; i < tokens.size(); ++i) {
    const Token& word = tokens[i - 1];
    const bool is_letter = word.word == "h" && word.end() == tokens[i].first && i > 1 && tokens[i - 2].is_number;
    const bool is_head = is_letter || (word.word == "head" && FollowsClosely(tokens[i], word));
    if (tokens[i].is_number && is_head) return tokens[i].number;
  }
  return std::nullopt;
}

std::string NameWithoutLayer(std::string_view name, const std::optional<NamedLayer>& layer) {
  const std::vector<Token> tokens = TokensOf(name);
  std::string text;
  size_t done = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    text += name.substr(done, token.first - done);
    done = token.end();
    const bool is_layer = layer.has_value() && layer->first == token.first;
    const bool names_kind = i > 0 && (tokens[i - 1].word == "attn" || tokens[i - 1].word == "attention") &&
                            tokens[i - 1].end() == token.first;
    const bool is_kept =
        !token.is_number || (!is_layer && i > 0 && (names_kind || IsLayerWord(name, tokens[i - 1], token)));
    text += is_kept ? name.substr(token.first, token.size) : std::string_view("#");
  }
  return text.append(name.substr(done));
}

std::vector<std::string> WordsOf(std::string_view name) {
  std::vector<std::string> words;
  for (Token& token : TokensOf(name)) {
    if (!token.is_number) words.push_back(std::move(token.word));
  }
  return words;
}

bool MatchesAny(const std::string& name, std::span<const std::string> globs) {
  return std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) { return MatchesGlob(glob, name); });
}

}  // namespace attnscope::tools

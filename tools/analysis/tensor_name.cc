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

constexpr std::string_view kElementTypes[] = {"fp", "f", "bf", "float", "bfloat", "tf", "int", "i", "uint", "u"};
constexpr std::string_view kCounted[] = {
    "step", "steps",   "epoch",   "epochs", "ep",         "iter",     "iters",   "iteration", "it",
    "ckpt", "run",     "fold",    "seed",   "checkpoint", "head",     "heads",   "batch",     "bs",
    "seq",  "seqlen",  "len",     "length", "ctx",        "sequence", "context", "sample",    "prompt",
    "img",  "example", "image",   "doc",    "rank",       "shard",    "device",  "sentence",  "gpu",
    "cuda", "part",    "version", "v",      "token",      "tokens",   "date",    "time",      "of"};
// Whose numbers touch them: "12heads", "llama-7b", "gpt2".
constexpr std::string_view kUnits[] = {"heads", "tokens", "keys", "layers", "epochs", "iters", "h", "b", "m"};
constexpr std::string_view kModels[] = {"gpt",    "llama",  "qwen", "gemma", "phi",  "mistral", "mixtral",
                                        "pythia", "falcon", "bert", "vit",   "deit", "swin",    "t"};

bool Touches(const Token& next, const Token& token) { return next.first == token.end(); }

// Whether the word before a number says that it is no layer.
bool IsOtherAfter(const Token& before, const Token& number) {
  if (before.is_number || !FollowsClosely(number, before)) return false;
  if (IsOneOf(before.word, kCounted)) return true;
  if (!Touches(number, before)) return false;
  const bool is_width = number.number == 8 || number.number == 16 || number.number == 32 || number.number == 64;
  const bool is_exponent = (before.word == "e" || before.word == "m") && number.size == 1;  // "e4m3"
  return (is_width && IsOneOf(before.word, kElementTypes)) || is_exponent || IsOneOf(before.word, kModels);
}

// Whether the word behind a number says so: "1000steps", "00001-of-00002", "attn_2d", "16x16".
bool IsOtherBefore(const std::vector<Token>& tokens, size_t i) {
  const Token& number = tokens[i];
  if (i + 1 >= tokens.size() || tokens[i + 1].is_number) return false;
  const Token& after = tokens[i + 1];
  if ((after.word == "steps" || after.word == "of") && FollowsClosely(after, number)) return true;
  if (!Touches(after, number)) return false;
  if (after.word == "d") return number.size == 1;
  const bool has_number = i + 2 < tokens.size() && tokens[i + 2].is_number && Touches(tokens[i + 2], after);
  return has_number ? after.word == "x" : IsOneOf(after.word, kUnits);  // "12h", but not "12h3"
}

// Element types, what else is counted, and what is a model's name.
void MarkOthers(std::string_view name, std::vector<Token>* tokens) {
  for (size_t i = 0; i < tokens->size(); ++i) {
    Token& token = (*tokens)[i];
    if (!token.is_number) continue;
    const Token* const before = i > 0 ? &(*tokens)[i - 1] : nullptr;
    if (before != nullptr && IsLayerWord(name, *before, token)) continue;
    const bool is_second = before != nullptr && before->word == "x" && Touches(token, *before) && i > 1 &&
                           (*tokens)[i - 2].is_number && Touches(*before, (*tokens)[i - 2]);
    token.is_other |= (before != nullptr && IsOtherAfter(*before, token)) || IsOtherBefore(*tokens, i) || is_second;
  }
}

std::vector<Token> MarkedTokensOf(std::string_view name) {
  std::vector<Token> tokens = TokensOf(name);
  MarkDates(&tokens);
  MarkOthers(name, &tokens);
  return tokens;
}

}  // namespace

std::optional<NamedLayer> LayerInName(std::string_view name) {
  const std::vector<Token> tokens = MarkedTokensOf(name);
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

std::vector<int64_t> OtherNumbersIn(std::string_view name) {
  const std::optional<NamedLayer> layer = LayerInName(name);
  if (!layer.has_value() || layer->has_word) return {};
  std::vector<int64_t> numbers;
  for (const Token& token : MarkedTokensOf(name)) {
    if (token.is_number && !token.is_other && token.first != layer->first) numbers.push_back(token.number);
  }
  return numbers;
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

namespace {

// Whether a number tells one kind of attention, or one place in a model, from another: "attn1", "blocks.1",
// "stages.1", "tp_rank_1", or, right behind the layer, "block.0.1".
bool IsOfPlace(std::string_view name, const std::vector<Token>& tokens, size_t i,
               const std::optional<NamedLayer>& layer) {
  constexpr std::string_view kPlaces[] = {
      "stage",  "stages",  "level",   "levels", "tower",   "towers",      "branch",     "module", "model", "group",
      "groups", "encoder", "decoder", "expert", "experts", "transformer", "attentions", "pp",     "tp",    "mp"};
  if (i == 0) return false;
  const Token& before = tokens[i - 1];
  const Token& number = tokens[i];
  if (before.is_number) {
    if (i > 1 && tokens[i - 2].word == "l") return false;  // "L0.1" is sequence 1
    return layer.has_value() && layer->first == before.first && layer->has_word && name[number.first - 1] == '.' &&
           number.first == before.end() + 1;
  }
  if (IsLayerWord(name, before, number)) return true;
  if ((before.word == "attn" || before.word == "attention") && Touches(number, before)) return true;
  if (!FollowsClosely(number, before)) return false;
  if (IsOneOf(before.word, kPlaces)) return true;
  // Flax numbers the modules of a block: "MultiHeadDotProductAttention_1".
  const bool is_flax =
      before.word == "attention" && IsUpper(name[before.first]) && before.first > 0 && IsLower(name[before.first - 1]);
  constexpr std::string_view kParallel[] = {"pp", "tp", "mp"};
  return is_flax || (before.word == "rank" && i > 1 && IsOneOf(tokens[i - 2].word, kParallel));
}

}  // namespace

std::string NameWithoutLayer(std::string_view name, const std::optional<NamedLayer>& layer) {
  const std::vector<Token> tokens = TokensOf(name);
  std::string text;
  size_t done = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    text += name.substr(done, token.first - done);
    done = token.end();
    const bool is_layer = layer.has_value() && layer->first == token.first;
    const bool is_kept = !token.is_number || (!is_layer && IsOfPlace(name, tokens, i, layer));
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

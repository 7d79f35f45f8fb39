// SPDX-License-Identifier: Apache-2.0
//
// The header is a Python dictionary literal with exactly the keys descr, fortran_order and shape. This parser reads
// that and nothing more of Python.
#include "tools/files/npy.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

namespace attnscope::tools {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

// Where the dictionary starts: the length before it has two bytes in version 1, and four later.
size_t DictionaryOffset(Bytes prelude) { return prelude[6] == 1 ? 10 : 12; }

struct NamedType {
  std::string_view name;
  Dtype dtype;
};

// Numpy's names, as its own reader takes them, and ml_dtypes' bfloat16.
constexpr NamedType kTypes[] = {
    {"f2", Dtype::kFloat16},       {"float16", Dtype::kFloat16}, {"half", Dtype::kFloat16},   {"e", Dtype::kFloat16},
    {"f4", Dtype::kFloat32},       {"float32", Dtype::kFloat32}, {"single", Dtype::kFloat32}, {"f", Dtype::kFloat32},
    {"f8", Dtype::kFloat64},       {"float64", Dtype::kFloat64}, {"double", Dtype::kFloat64}, {"d", Dtype::kFloat64},
    {"bfloat16", Dtype::kBFloat16}};
// No attention, but what options name.
constexpr NamedType kWholeTypes[] = {
    {"b1", Dtype::kBool},     {"?", Dtype::kBool},    {"bool", Dtype::kBool},     {"i1", Dtype::kInt8},
    {"int8", Dtype::kInt8},   {"u1", Dtype::kUInt8},  {"uint8", Dtype::kUInt8},   {"i2", Dtype::kInt16},
    {"int16", Dtype::kInt16}, {"u2", Dtype::kUInt16}, {"uint16", Dtype::kUInt16}, {"i4", Dtype::kInt32},
    {"int32", Dtype::kInt32}, {"u4", Dtype::kUInt32}, {"uint32", Dtype::kUInt32}, {"i8", Dtype::kInt64},
    {"int64", Dtype::kInt64}, {"u8", Dtype::kUInt64}, {"uint64", Dtype::kUInt64}};

// Why an element type is not read, and what to do.
std::string ProblemOf(std::string_view descr, std::string_view name) {
  const std::string type = "element type '" + std::string(descr) + "' ";
  if (name == "V2") return type + "is what numpy writes of bfloat16: --dtype bfloat16 reads it as that";
  if (name == "V1" || name == "f1") {
    return type + "is what numpy writes of a float8, but not of which; save it as float16";
  }
  if (name == "O") return type + "are Python objects; save numpy.asarray(array, dtype=numpy.float32)";
  return type + "is not supported (only float16, bfloat16, float32 and float64)";
}

void SetType(std::string_view descr, TensorInfo* info) {
  std::string_view name = descr;
  const bool has_order = !name.empty() && std::string_view("<>=|").find(name[0]) != std::string_view::npos;
  if (has_order) name.remove_prefix(1);
  for (const NamedType& type : kTypes) {
    if (type.name != name) continue;
    info->dtype = type.dtype;
    info->is_big_endian = descr[0] == '>';
    return;
  }
  info->problem = ProblemOf(descr, name);
  for (const NamedType& type : kWholeTypes) {
    if (type.name == name) info->whole_dtype = type.dtype;
  }
  if (info->whole_dtype != Dtype::kOther) info->is_big_endian = descr[0] == '>';
  info->may_be_bfloat16 = name == "V2";
  if (info->may_be_bfloat16) {
    info->dtype = Dtype::kBFloat16;
    info->is_big_endian = descr[0] == '>';
  }
  // Kinds of numpy: truth values, whole and complex numbers, text, objects, times.
  info->is_never_attention = !name.empty() && std::string_view("biucSaUOMm").find(name[0]) != std::string_view::npos;
}

class DictionaryParser {
 public:
  explicit DictionaryParser(std::string_view text) : text_(text) {}

  Status Parse(TensorInfo* info, bool* fortran_order) {
    bool has_descr = false;
    bool has_order = false;
    bool has_shape = false;
    if (!Take('{')) return Unexpected("'{'");
    while (!Take('}')) {
      std::string_view key;
      if (!TakeString(&key) || !Take(':')) return Unexpected("a key");
      Status status;
      if (key == "descr" && !std::exchange(has_descr, true)) {
        status = ParseDescr(info);
      } else if (key == "fortran_order" && !std::exchange(has_order, true)) {
        status = ParseBool(fortran_order);
      } else if (key == "shape" && !std::exchange(has_shape, true)) {
        status = ParseShape(&info->shape);
      } else {
        return {StatusCode::kDataLoss, "unknown or repeated key '" + std::string(key) + "' in the header"};
      }
      if (!status.ok()) return status;
      if (!Take(',') && Next() != '}') return Unexpected("',' or '}'");
    }
    Next();
    if (!text_.empty()) return Unexpected("the end of the header");
    if (has_descr && has_order && has_shape) return {};
    return {StatusCode::kDataLoss, "the header lacks descr, fortran_order or shape"};
  }

 private:
  // The next character that is no white space, without taking it; '\0' at the end.
  char Next() {
    const size_t start = text_.find_first_not_of(" \t\n");
    text_.remove_prefix(start == std::string_view::npos ? text_.size() : start);
    return text_.empty() ? '\0' : text_[0];
  }

  bool Take(char expected) {
    if (Next() != expected) return false;
    text_.remove_prefix(1);
    return true;
  }

  bool TakeWord(std::string_view word) {
    Next();
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }

  bool TakeString(std::string_view* out) {
    const char quote = Next();
    if (quote != '\'' && quote != '"') return false;
    const size_t end = text_.find(quote, 1);
    if (end == std::string_view::npos) return false;
    *out = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return true;
  }

  Status ParseDescr(TensorInfo* info) {
    std::string_view descr;
    if (Next() == '[') {
      info->problem = "elements with fields are not supported";
      info->is_never_attention = true;
      return SkipList();
    }
    if (!TakeString(&descr)) return Unexpected("the element type");
    SetType(descr, info);
    return {};
  }

  // A bracketed value whose content does not matter.
  Status SkipList() {
    size_t open = 0;
    do {
      const char next = Next();
      std::string_view ignored;
      if (next == '\'' || next == '"') {
        if (!TakeString(&ignored)) return Unexpected("the end of a string");
        continue;
      }
      if (next == '\0') return Unexpected("']'");
      if (next == '[') ++open;
      if (next == ']') --open;
      text_.remove_prefix(1);
    } while (open > 0);
    return {};
  }

  Status ParseBool(bool* out) {
    *out = TakeWord("True");
    return *out || TakeWord("False") ? Status() : Unexpected("True or False");
  }

  Status ParseShape(std::vector<size_t>* out) {
    if (!Take('(')) return Unexpected("'('");
    while (!Take(')')) {
      Next();
      size_t size = 0;
      const auto [stop, error] = std::from_chars(text_.data(), text_.data() + text_.size(), size);
      if (error != std::errc()) return Unexpected("a size of the shape below 2^64");
      text_.remove_prefix(static_cast<size_t>(stop - text_.data()));
      if (text_.starts_with('L')) text_.remove_prefix(1);  // Python 2's long
      out->push_back(size);
      if (out->size() > kMaxDimensions) {
        return {StatusCode::kDataLoss, "the shape has more than " + std::to_string(kMaxDimensions) + " dimensions"};
      }
      if (!Take(',') && Next() != ')') return Unexpected("',' or ')'");
    }
    return {};
  }

  Status Unexpected(const char* expected) {
    constexpr size_t kShown = 20;
    std::string found(text_.substr(0, kShown));
    found.erase(found.find_last_not_of(' ') + 1);  // a header's padding
    for (char& c : found) {
      if (c < ' ' || c > '~') c = '?';  // terminals act on control characters
    }
    return {StatusCode::kDataLoss, std::string("the header has ") + (text_.empty() ? "ended" : "'" + found + "'") +
                                       " where " + expected + " should be"};
  }

  std::string_view text_;
};

}  // namespace

Status NpyHeaderBytes(Bytes prelude, size_t* header_bytes) {
  const std::string_view text(reinterpret_cast<const char*>(prelude.data()), prelude.size());
  if (text.empty()) return {StatusCode::kDataLoss, "is empty"};
  if (!text.starts_with(kMagic.substr(0, text.size()))) return {StatusCode::kDataLoss, "is no .npy array"};
  if (prelude.size() < kNpyPreludeBytes) {
    return {StatusCode::kDataLoss, "is truncated: " + std::to_string(prelude.size()) + " bytes hold no .npy header"};
  }
  if (prelude[6] < 1 || prelude[6] > 3 || prelude[7] != 0) {
    return {StatusCode::kDataLoss, ".npy version " + std::to_string(prelude[6]) + "." + std::to_string(prelude[7]) +
                                       " is not supported (only 1.0, 2.0 and 3.0)"};
  }
  size_t length = prelude[8] + (size_t{prelude[9]} << 8);
  if (prelude[6] > 1) length += (size_t{prelude[10]} << 16) + (size_t{prelude[11]} << 24);
  const size_t total = DictionaryOffset(prelude) + length;
  if (total < kNpyPreludeBytes || total > kMaxNpyHeaderBytes) {
    return {StatusCode::kDataLoss, "the header's length is " + std::to_string(length) + " bytes, of " +
                                       std::to_string(kMaxNpyHeaderBytes) + " at most"};
  }
  *header_bytes = total;
  return {};
}

Status ParseNpyHeader(Bytes header, TensorInfo* info) {
  const Bytes dictionary = header.subspan(DictionaryOffset(header));
  bool fortran_order = false;
  Status status = DictionaryParser({reinterpret_cast<const char*>(dictionary.data()), dictionary.size()})
                      .Parse(info, &fortran_order);
  if (!status.ok()) return status;
  // With at most one dimension that has several entries, both orders are the same.
  const auto wide = std::count_if(info->shape.begin(), info->shape.end(), [](size_t size) { return size != 1; });
  info->is_fortran_order = fortran_order && wide > 1;
  return {};
}

}  // namespace attnscope::tools

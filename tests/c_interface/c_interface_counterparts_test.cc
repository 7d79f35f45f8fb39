// SPDX-License-Identifier: Apache-2.0
//
// Nothing of the public C++ interface is missing in C: docs/c-interface.md has a row for each of its functions, with
// the C function that does the same or the reason why there is none, and each struct's fields are in its C struct. The
// names are read from the headers, so a new function or field fails here until it has its counterpart.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace attnscope {
namespace {

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

bool IsWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// The words and signs of a header, without comments, texts and the preprocessor's lines.
std::vector<std::string> TokensOf(const std::string& text) {
  std::vector<std::string> tokens;
  bool at_line_start = true;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (text.compare(i, 2, "//") == 0 || (c == '#' && at_line_start)) {
      while (i < text.size() && text[i] != '\n') i += text[i] == '\\' ? 2 : 1;
    } else if (c == '"') {
      for (++i; text[i] != '"'; ++i) i += text[i] == '\\' ? 1 : 0;
      ++i;
    } else if (IsWord(c)) {
      const size_t begin = i;
      while (IsWord(text[i])) ++i;
      tokens.push_back(text.substr(begin, i - begin));
    } else {
      if (std::isspace(static_cast<unsigned char>(c)) == 0) tokens.emplace_back(1, c);
      ++i;
    }
    at_line_start = c == '\n' || (at_line_start && std::isspace(static_cast<unsigned char>(c)) != 0);
  }
  return tokens;
}

// What a header declares for its users.
struct Declarations {
  std::set<std::string> functions;                      // "Create", or "LayerAccumulator::Create" of a class
  std::map<std::string, std::set<std::string>> fields;  // of each struct
};

using Statement = std::vector<std::string>;

size_t Find(const Statement& statement, const std::string& token) {
  return static_cast<size_t>(std::find(statement.begin(), statement.end(), token) - statement.begin());
}
bool Has(const Statement& statement, const std::string& token) { return Find(statement, token) < statement.size(); }

// Reads one level of a header after the other: namespaces and classes are entered, bodies of functions are not.
class Reader {
 public:
  Reader(const std::string& text, Declarations* out) : tokens_(TokensOf(text)), out_(out) {}

  void Read() { ReadScope("", true); }

 private:
  // Until the scope's closing brace. What is not `shown` is read over.
  void ReadScope(const std::string& owner, bool shown) {
    const bool scope_shown = shown;
    Statement statement;
    int parentheses = 0;
    while (at_ < tokens_.size() && (parentheses > 0 || tokens_[at_] != "}")) {
      const std::string& token = tokens_[at_++];
      if (token == "(") ++parentheses;
      if (token == ")") --parentheses;
      if (parentheses == 0 && token == "{") {
        if (Enter(owner, shown, &statement)) statement.clear();
      } else if (parentheses == 0 && token == ";") {
        if (shown) Declare(owner, statement);
        statement.clear();
      } else if (token == ":" && statement.size() == 1 && (statement[0] == "public" || statement[0] == "private")) {
        shown = scope_shown && statement[0] == "public";
        statement.clear();
      } else {
        statement.push_back(token);
      }
    }
    ++at_;
  }

  // Behind an opening brace. False if the statement goes on behind the closing one.
  bool Enter(const std::string& owner, bool shown, Statement* statement) {
    Statement& s = *statement;
    if (!s.empty() && s[0] == "template") s.erase(s.begin(), s.begin() + static_cast<std::ptrdiff_t>(Find(s, ">")) + 1);
    if (!s.empty() && s[0] == "typedef") s.erase(s.begin());
    if (Has(s, "namespace") || Has(s, "extern")) {
      ReadScope(owner, shown && s.back().find("internal") == std::string::npos);
      return true;
    }
    if (!s.empty() && (s[0] == "struct" || s[0] == "class")) {
      const std::string name = s[Find(s, ":") - 1];
      ReadScope(name, shown);
      return false;  // of a typedef; else a semicolon ends it
    }
    ReadScope("", false);
    if (Has(s, "=") || !Has(s, "(")) return false;
    if (shown) Declare(owner, s);
    return true;
  }

  void Declare(const std::string& owner, const Statement& statement) {
    const size_t end = Find(statement, "=");
    const size_t open = Find(statement, "(");
    if (statement.empty() || Has(statement, "operator") || Has(statement, "using") || Has(statement, "friend")) return;
    if (open < end) {
      if (statement[open + 1] == "*") {  // a pointer to a function
        if (!owner.empty()) out_->fields[owner].insert(statement[open + 2]);
        return;
      }
      const std::string name = open == 0 ? "" : statement[open - 1];
      const bool is_special = name == owner || name == "static_assert" || name.empty() || !IsWord(name[0]);
      if (!is_special) out_->functions.insert(owner.empty() ? name : owner + "::" + name);
    } else if (!owner.empty() && statement[0] != "struct" && statement[0] != "class") {
      const size_t array = std::min(end, Find(statement, "["));
      if (array > 1) out_->fields[owner].insert(statement[array - 1]);
    }
  }

  const std::vector<std::string> tokens_;
  Declarations* const out_;
  size_t at_ = 0;
};

Declarations DeclarationsOf(const std::string& text) {
  Declarations declarations;
  Reader(text, &declarations).Read();
  return declarations;
}

std::filesystem::path Headers() { return std::filesystem::path(ATTNSCOPE_C_HEADER).parent_path(); }

Declarations CDeclarations() { return DeclarationsOf(ReadFile(ATTNSCOPE_C_HEADER)); }

// One of each public header but that of C, by name.
std::map<std::string, Declarations> CppDeclarations() {
  std::map<std::string, Declarations> all;
  for (const auto& entry : std::filesystem::directory_iterator(Headers())) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".h") && name != "attnscope_c.h") all[name] = DeclarationsOf(ReadFile(entry.path()));
  }
  return all;
}

// The words between backquotes.
std::vector<std::string> Quoted(const std::string& text) {
  std::vector<std::string> words;
  for (size_t begin = text.find('`'); begin != std::string::npos; begin = text.find('`', begin)) {
    const size_t end = text.find('`', begin + 1);
    if (end == std::string::npos) break;
    words.push_back(text.substr(begin + 1, end - begin - 1));
    begin = end + 1;
  }
  return words;
}

// The rows of the page: "header: function" and what its third cell says.
std::map<std::string, std::string> Rows() {
  std::map<std::string, std::string> rows;
  std::istringstream page(ReadFile(ATTNSCOPE_C_PAGE));
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| `")) continue;
    const size_t second = line.find(" | ");
    const size_t third = line.find(" | ", second + 3);
    const std::vector<std::string> header = Quoted(line.substr(0, second));
    if (!header.at(0).ends_with(".h")) continue;
    for (const std::string& name : Quoted(line.substr(second, third - second))) {
      EXPECT_TRUE(rows.emplace(header.at(0) + ": " + name, line.substr(third + 3)).second) << name << " has two rows";
    }
  }
  return rows;
}

TEST(CInterfaceCounterpartsTest, ReaderOfHeaders) {
  const Declarations read = DeclarationsOf(R"(
#define MACRO(x) Not(x)
namespace attnscope {
// Not(this);
enum class Kind { kA = Not(1) };
EXPORT Status Draw(Kind kind, const Options& options = {});
inline constexpr size_t kNumber = static_cast<size_t>(3);
constexpr size_t Bytes(Kind kind) { return Not(kind); }
namespace internal {
inline int Hidden() { return 0; }
}
template <typename T>
T Last(const T& t) { return t; }
using Task = void (*)(void* argument);
struct View {
  const void* data = nullptr;
  std::vector<size_t> list = {};
  double array[3];
  void (*run)(void* opaque) = nullptr;
  bool IsGood() const { return Not(data); }
  friend bool operator==(const View&, const View&) = default;
};
class EXPORT Thing : Base {
 public:
  Thing();
  explicit Thing(int x) : x_(x) {}
  static Status Create(int x = {}, Thing* out = nullptr);
  double operator[](int i) const { return x_; }
 private:
  void Secret();
  class State;
  int x_ = 0;
};
})");
  EXPECT_EQ(read.functions, (std::set<std::string>{"Draw", "Bytes", "Last", "View::IsGood", "Thing::Create"}));
  EXPECT_EQ(read.fields.at("View"), (std::set<std::string>{"data", "list", "array", "run"}));
  EXPECT_EQ(read.fields.count("Thing"), 0u);
}

TEST(CInterfaceCounterpartsTest, EachFunctionHasOneOrAReason) {
  const std::set<std::string> c_functions = CDeclarations().functions;
  std::map<std::string, std::string> rows = Rows();
  size_t functions = 0;
  for (const auto& [header, declarations] : CppDeclarations()) {
    for (const std::string& function : declarations.functions) {
      ++functions;
      const auto row = rows.find(header + ": " + function);
      if (row == rows.end()) {
        ADD_FAILURE() << "docs/c-interface.md has no row of " << header << ": " << function;
        continue;
      }
      const std::vector<std::string> counterparts = Quoted(row->second);
      if (row->second.starts_with("none: ")) {
        EXPECT_GT(row->second.size(), 20u) << "a reason for " << function;
      } else {
        EXPECT_FALSE(counterparts.empty()) << function;
      }
      for (const std::string& name : counterparts) {
        EXPECT_TRUE(!name.starts_with("Attnscope") || c_functions.contains(name)) << function << " is not " << name;
      }
      rows.erase(row);
    }
  }
  for (const auto& [row, counterpart] : rows) ADD_FAILURE() << "no header declares " << row;
  EXPECT_GT(functions, 60u);
}

TEST(CInterfaceCounterpartsTest, EachCFunctionIsOnThePage) {
  const std::vector<std::string> words = Quoted(ReadFile(ATTNSCOPE_C_PAGE));
  const std::set<std::string> named(words.begin(), words.end());
  const std::set<std::string> c_functions = CDeclarations().functions;
  EXPECT_GT(c_functions.size(), 70u);
  for (const std::string& function : c_functions) EXPECT_TRUE(named.contains(function)) << function;
}

// "MaxHeadDim" to "MAX_HEAD_DIM".
std::string MacroOf(const std::string& constant) {
  std::string name;
  for (const char c : constant) {
    if (!name.empty() && std::isupper(static_cast<unsigned char>(c)) != 0) name += '_';
    name += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

// That the values are the same is a static_assert of the C interface.
TEST(CInterfaceCounterpartsTest, EachLimitHasItsConstant) {
  const std::string header = ReadFile(ATTNSCOPE_C_HEADER);
  const std::vector<std::string> tokens = TokensOf(ReadFile(Headers() / "limits.h"));
  size_t limits = 0;
  for (size_t i = 1; i < tokens.size(); ++i) {
    if (tokens[i - 1] != "size_t" || tokens[i][0] != 'k') continue;
    ++limits;
    const std::string define = "#define ATTNSCOPE_" + MacroOf(tokens[i].substr(1)) + " ";
    EXPECT_NE(header.find(define), std::string::npos) << define;
  }
  EXPECT_GE(limits, 9u);
}

TEST(CInterfaceCounterpartsTest, EachFieldIsInItsCStruct) {
  std::map<std::string, std::set<std::string>> fields;
  for (const auto& [header, declarations] : CppDeclarations()) {
    for (const auto& [name, names] : declarations.fields) fields[name] = names;
  }
  const auto c_fields = CDeclarations().fields;
  // C keeps the name of version 0.1.
  fields["Mask"] = fields["Visibility"];
  for (const char* const name :
       {"ActivationView", "AttentionView",  "BiasView",        "BufferView",    "FigureOptions", "FigureData",
        "KeyProfile",     "AttentionMap",   "Float8Keys",      "GgmlBlockKeys", "KeyChoice",     "KeyLoader",
        "KeyMaskView",    "KeyPage",        "KeyScoresConfig", "LayerConfig",   "Mask",          "MetricInfo",
        "MonitorConfig",  "QueryKeyView",   "RowBuffer",       "RowOutputs",    "RowMeasures",   "Rows",
        "Runner",         "SoftmaxOutputs", "SoftmaxParams",   "Thresholds",    "Verdict",       "VerdictChange"}) {
    ASSERT_TRUE(fields.contains(name)) << name;
    const auto c_struct = c_fields.find(std::string("Attnscope") + name);
    ASSERT_NE(c_struct, c_fields.end()) << name;
    EXPECT_GE(fields.at(name).size(), 2u) << name;
    for (const std::string& field : fields.at(name))
      EXPECT_TRUE(c_struct->second.contains(field)) << name << ": " << field;
  }
}

}  // namespace
}  // namespace attnscope

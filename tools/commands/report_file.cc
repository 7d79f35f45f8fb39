// SPDX-License-Identifier: Apache-2.0
#include "tools/commands/report_file.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "platform/mapped_file.h"
#include "report/io/flat_keys.h"
#include "report/io/json_text.h"
#include "tools/commands/unknown_names.h"

#include "tools/output/terminal.h"
#include "tools/watch/report_parts.h"

namespace attnscope::tools {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

std::string_view TextOf(const platform::MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

Status ReadReport(std::string_view text, const std::string& name, Report* out) {
  Status status = ReportFromJson(text, out);
  return status.ok() ? status : Status(status.code(), name + ": " + status.message());
}

// The first few of a list, such as numbers of lines.
class FirstFew {
 public:
  void Add(const std::string& one) {
    constexpr size_t kShown = 5;
    if (++count_ <= kShown) text_ += (count_ == 1 ? "" : ", ") + one;
    if (count_ == kShown + 1) text_ += ", ...";
  }
  size_t count() const { return count_; }
  const std::string& text() const { return text_; }

 private:
  size_t count_ = 0;
  std::string text_;
};

// What a report has of layers and is not read is said, a few names of it.
void SayUnknownNames(const std::string& path, const std::set<std::string>& names) {
  if (names.empty()) return;
  FirstFew shown;
  for (const std::string& name : names) shown.Add(name);
  PrintError("note: " + path + ": not read, as no metric is called so there: " + shown.text());
}

bool IsBlank(std::string_view line) { return line.find_first_not_of(kBlank) == std::string_view::npos; }

std::vector<std::string_view> LinesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    lines.push_back(text.substr(0, text.find('\n')));
    text.remove_prefix(std::min(lines.back().size() + 1, text.size()));
  }
  return lines;
}

bool IsObject(std::string_view line, nlohmann::json* object) {
  return ParseJson(line, object).ok() && object->is_object();
}

// Whether some line is a JSON object by itself, and more lines are there. A report that is spread over lines is none.
bool IsJsonLines(const std::vector<std::string_view>& lines) {
  if (std::count_if(lines.begin(), lines.end(), [](std::string_view line) { return !IsBlank(line); }) < 2) return false;
  nlohmann::json object;
  // Of a list of reports the last line may be an object too.
  const auto first = std::find_if_not(lines.begin(), lines.end(), IsBlank);
  const bool is_list = (*first)[first->find_first_not_of(kBlank)] == '[';
  return !is_list && std::any_of(lines.begin(), lines.end(), [&](std::string_view line) {
    return line.find('{') != std::string_view::npos && IsObject(line, &object) && !object.empty();
  });
}

void SayLeftOut(const std::string& path, const FirstFew& lines, const std::string& reason) {
  const size_t count = lines.count();
  if (count == 0) return;
  PrintError("note: " + path + ": left out " + (count == 1 ? "line " : std::to_string(count) + " lines ") +
             lines.text() + ", " + reason);
}

// ", of stage val and step 100"
std::string MomentText(const Report& report, bool with_stage) {
  std::string text;
  if (with_stage && !report.stage.empty()) text += " stage " + report.stage;
  if (report.step.has_value())
    text += std::string(text.empty() ? "" : " and") + " step " + std::to_string(*report.step);
  return text.empty() ? "" : ", of" + text;
}

// "; it lacks layers 0, 1, which others of its stage have"
std::string LackingText(const std::vector<Report>& reports) {
  const Report& last = reports.back();
  std::set<int64_t> layers;
  for (const Report& report : reports) {
    if (report.stage != last.stage) continue;
    for (const LayerReport& layer : report.layers) {
      if (last.Find(layer.layer) == nullptr) layers.insert(layer.layer);
    }
  }
  if (layers.empty()) return "";
  FirstFew shown;
  for (const int64_t layer : layers) shown.Add(std::to_string(layer));
  return std::string("; it lacks layer") + (layers.size() == 1 ? " " : "s ") + shown.text() +
         ", which others of its stage have";
}

void SayJoined(const std::string& path, size_t joined) {
  if (joined == 0) return;
  PrintError("note: " + path + ": " + std::to_string(joined) + (joined == 1 ? " report has" : " reports have") +
             " other layers than one of the same stage and time, and " + (joined == 1 ? "is" : "are") +
             " joined with it");
}

Status ReadLines(const std::vector<std::string_view>& lines, const std::string& path, std::vector<Report>* out) {
  FirstFew others;
  FirstFew damaged;
  std::set<std::string> unknown;
  std::vector<Report> reports;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (IsBlank(lines[i])) continue;
    nlohmann::json object;
    if (!IsObject(lines[i], &object)) {
      damaged.Add(std::to_string(i + 1));
    } else if (!HasStatistics(object)) {
      others.Add(std::to_string(i + 1));
    } else if (Status status = ReadReport(lines[i], path + ", line " + std::to_string(i + 1), &reports.emplace_back());
               !status.ok()) {
      return status;
    } else {
      NestFlatKeys(&object);
      FindUnknownNames(object, &unknown);
    }
  }
  if (reports.empty()) {
    return {StatusCode::kInvalidArgument, path + ": no line is a report, which needs the key \"attention_stats\""};
  }
  SayLeftOut(path, others, "without \"attention_stats\"");
  SayLeftOut(path, damaged, "torn, or no JSON object");
  SayUnknownNames(path, unknown);
  SayJoined(path, JoinParts(&reports));
  out->insert(out->end(), std::make_move_iterator(reports.begin()), std::make_move_iterator(reports.end()));
  return {};
}

}  // namespace

Status ReadReportsFile(const std::string& path, std::vector<Report>* out) {
  platform::MappedFile file;
  Status status = platform::MappedFile::Open(path, &file);
  if (!status.ok()) return status;
  Report whole;
  status = ReadReport(TextOf(file), path, &whole);
  if (status.ok()) {
    nlohmann::json object;
    std::set<std::string> unknown;
    if (IsObject(TextOf(file), &object)) {
      NestFlatKeys(&object);
      FindUnknownNames(object, &unknown);
    }
    SayUnknownNames(path, unknown);
    out->push_back(std::move(whole));
    return {};
  }
  if (TextOf(file).starts_with("\x1F\x8B")) {
    return {StatusCode::kInvalidArgument, path + ": is compressed by gzip; unpack it first"};
  }
  const std::vector<std::string_view> lines = LinesOf(TextOf(file));
  return IsJsonLines(lines) ? ReadLines(lines, path, out) : status;
}

Status ReadReportFiles(std::span<const std::string> paths, std::vector<Report>* out) {
  std::vector<Report> reports;
  for (const std::string& path : paths) {
    if (Status status = ReadReportsFile(path, &reports); !status.ok()) return status;
  }
  if (paths.size() > 1) SayJoined(paths[0] + ", ...", JoinParts(&reports));
  *out = std::move(reports);
  return {};
}

Status ChooseStage(const std::string& stage, std::vector<Report>* reports) {
  std::erase_if(*reports, [&](const Report& report) { return report.stage != stage; });
  return reports->empty() ? Status(StatusCode::kNotFound, "no report is of --stage " + stage) : Status();
}

Status ReadReportFile(const std::string& path, const std::string& stage, Report* out) {
  std::vector<Report> reports;
  Status status = ReadReportsFile(path, &reports);
  if (status.ok() && !stage.empty()) status = ChooseStage(stage, &reports);
  if (!status.ok()) return status;
  const Report& last = reports.back();
  if (reports.size() > 1) {
    PrintError("note: " + path + " has " + std::to_string(reports.size()) + " reports" +
               (stage.empty() ? "" : " of stage " + stage) + "; the last is taken" + MomentText(last, stage.empty()) +
               LackingText(reports));
  }
  *out = std::move(reports.back());
  return {};
}

}  // namespace attnscope::tools

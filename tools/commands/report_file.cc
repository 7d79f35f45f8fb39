// SPDX-License-Identifier: Apache-2.0
#include "tools/commands/report_file.h"

#include <string_view>
#include <utility>

#include "tools/files/mapped_file.h"

namespace attnscope::tools {
namespace {

constexpr std::string_view kBlank = " \t\r\n";

std::string_view TextOf(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

Status ReadReport(std::string_view text, const std::string& name, Report* out) {
  Status status = ReportFromJson(text, out);
  return status.ok() ? status : Status(status.code(), name + ": " + status.message());
}

// Whether the first line is a report by itself, and more follows. A report that is spread over lines is none.
bool IsJsonLines(std::string_view text) {
  const size_t end = text.find('\n', std::min(text.find_first_not_of(kBlank), text.size()));
  if (end == std::string_view::npos || text.find_first_not_of(kBlank, end) == std::string_view::npos) return false;
  Report first;
  return ReportFromJson(text.substr(0, end), &first).ok();
}

}  // namespace

Status ReadReportFile(const std::string& path, Report* out) {
  MappedFile file;
  Status status = MappedFile::Open(path, &file);
  return status.ok() ? ReadReport(TextOf(file), path, out) : status;
}

Status ReadReportsFile(const std::string& path, std::vector<Report>* out) {
  MappedFile file;
  Status status = MappedFile::Open(path, &file);
  if (!status.ok()) return status;
  std::string_view text = TextOf(file);
  if (!IsJsonLines(text)) return ReadReport(text, path, &out->emplace_back());
  for (size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.find_first_not_of(kBlank) == std::string_view::npos) continue;
    status = ReadReport(line, path + ", line " + std::to_string(number), &out->emplace_back());
    if (!status.ok()) return status;
  }
  return {};
}

}  // namespace attnscope::tools

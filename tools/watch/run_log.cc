// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/run_log.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <system_error>
#include <utility>

#include "platform/path.h"
#include "tools/watch/report_parts.h"

namespace attnscope::tools {
namespace {

// Of several logs of one run, which take turns, so many reports may stand between two of one time.
constexpr size_t kMostBetween = 64;

std::optional<int64_t> TimeOf(const Report& report) { return report.step.has_value() ? report.step : report.epoch; }

bool IsOfOneTime(const Report& a, const Report& b) {
  return a.stage == b.stage && a.step == b.step && a.epoch == b.epoch;
}

}  // namespace

// New files behind those that are known, in the order of their names.
Status RunLog::FindFiles() {
  std::error_code error;
  const std::filesystem::path path = platform::PathOf(path_);
  std::vector<std::string> found;
  if (!std::filesystem::is_directory(path, error)) {
    found.push_back(path_);
  } else {
    std::filesystem::directory_iterator entry(path, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      if (entry->path().extension() == ".jsonl") found.push_back(platform::Utf8Of(entry->path()));
    }
    if (error) return {StatusCode::kIoError, path_ + ": " + error.message()};
  }
  std::sort(found.begin(), found.end());
  for (std::string& name : found) {
    const auto is_it = [&](const LogLines& file) { return file.path() == name; };
    if (std::any_of(files_.begin(), files_.end(), is_it)) continue;
    files_.emplace_back(std::move(name));
    begins_anew_.push_back(false);
  }
  return {};
}

Status RunLog::Update() {
  if (Status status = FindFiles(); !status.ok()) return status;
  for (size_t file = 0; file < files_.size(); ++file) {
    if (Status status = Update(file); !status.ok()) return status;
  }
  return {};
}

Status RunLog::Update(size_t file) {
  for (LogLines::News news; !news.is_all;) {
    if (Status status = files_[file].Read(&news); !status.ok()) return status;
    if (news.begins_anew) begins_anew_[file] = true;
    for (const std::string& line : news.lines) {
      Report report;
      const LogEntry entry = ReadLogEntry(line, &report, &error_);
      Take(file, entry, std::move(report));
    }
    if (news.is_all && TakeRest(file, news.rest)) files_[file].DropRest();
  }
  return {};
}

void RunLog::Take(size_t file, LogEntry entry, Report report) {
  switch (entry) {
    case LogEntry::kReport:
      return Add(file, std::move(report));
    case LogEntry::kRecord:
      return AddRecord(file, std::move(report));
    case LogEntry::kDamaged:
      ++damaged_lines_;
      ++version_;
      return;
    case LogEntry::kBlank:
    case LogEntry::kOther:
      return;
  }
}

// A line that has no end yet may be complete: no JSON object begins another one.
bool RunLog::TakeRest(size_t file, const std::string& rest) {
  const size_t last = rest.find_last_not_of(" \t\r");
  if (last == std::string::npos || rest[last] != '}') return false;
  Report report;
  const LogEntry entry = ReadLogEntry(rest, &report);
  if (entry == LogEntry::kDamaged) return false;
  Take(file, entry, std::move(report));
  return true;
}

void RunLog::Add(size_t file, Report report) {
  if (begins_anew_[file]) {
    begins_anew_[file] = false;
    const auto had = [&](size_t i) {
      return file_of_[i] == file && reports_[i].stage == report.stage && TimeOf(reports_[i]) >= TimeOf(report);
    };
    for (size_t i = 0; i < reports_.size(); ++i) {
      if (!had(i)) continue;
      Forget(file);
      break;
    }
  }
  if (JoinWithOthers(report)) return;
  for (auto earlier = reports_.rbegin(); earlier != reports_.rend(); ++earlier) {
    if (earlier->stage != report.stage) continue;
    for (LayerReport& layer : earlier->layers) layer.stats.heads = {};
    break;
  }
  reports_.push_back(std::move(report));
  file_of_.push_back(file);
  ++version_;
}

// A line for each layer, or a log for each rank that has some layers.
bool RunLog::JoinWithOthers(Report& report) {
  Report* const other = LastOfTime(report);
  if (other == nullptr || !AreParts(*other, report)) return false;
  JoinPart(std::move(report), other);
  ++version_;
  return true;
}

// The last of the latest reports that is of the same stage and time, or null.
Report* RunLog::LastOfTime(const Report& report) {
  const auto end = reports_.rbegin() + static_cast<std::ptrdiff_t>(std::min(reports_.size(), kMostBetween));
  const auto found =
      std::find_if(reports_.rbegin(), end, [&report](const Report& other) { return IsOfOneTime(other, report); });
  return found == end ? nullptr : &*found;
}

// Layers of a window come one by one; those of several logs of one run may take turns.
void RunLog::AddRecord(size_t file, Report record) {
  Report* const window = begins_anew_[file] ? nullptr : LastOfTime(record);
  if (window == nullptr) return Add(file, std::move(record));
  JoinPart(std::move(record), window);
  ++version_;
}

void RunLog::Forget(size_t file) {
  size_t kept = 0;
  for (size_t i = 0; i < reports_.size(); ++i) {
    if (file_of_[i] == file) continue;
    if (kept != i) reports_[kept] = std::move(reports_[i]);
    file_of_[kept++] = file_of_[i];
  }
  reports_.resize(kept);
  file_of_.resize(kept);
}

}  // namespace attnscope::tools

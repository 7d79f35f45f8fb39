// SPDX-License-Identifier: Apache-2.0
//
// attnscope watch: a run in progress, until interrupted.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "attnscope/page.h"
#include "platform/interrupts.h"
#include "platform/path.h"
#include "platform/streams.h"
#include "tools/commands/command.h"
#include "tools/commands/judging_options.h"
#include "tools/commands/output_check.h"
#include "tools/commands/picture_options.h"
#include "tools/commands/verdict_options.h"
#include "tools/output/terminal.h"
#include "tools/watch/run_log.h"
#include "tools/watch/watch_text.h"

namespace attnscope::tools {
namespace {

constexpr const char* kSummary = "Show a run in progress, until interrupted.";

constexpr const char* kDetails =
    "LOG: JSON lines that a trainer or the monitor writes, which need not be there yet, or a folder, of which all\n"
    "*.jsonl are followed. Reports and the monitor's records are read; other lines are left out, and a last line that\n"
    "is torn waits for its rest. Logs may be rotated. On a terminal the table stays in its place; elsewhere it is\n"
    "printed anew with each change.\n"
    "Exit code: 0 when interrupted, 2 after an error.\n"
    "\n"
    "Examples:\n"
    "  attnscope watch run.jsonl\n"
    "  attnscope watch logs/ --stage train --html run.html\n"
    "  attnscope watch run.jsonl --keys 1024 --baseline healthy.jsonl --interval 10\n";

struct WatchOptions {
  std::string log;
  std::string html;
  std::string stage;
  JudgingOptions judging;
  std::optional<int64_t> keys;
  size_t max_verdicts = 5;
  double interval = 1.0;  // seconds
};

// The log, and what of it is shown.
class Watch {
 public:
  explicit Watch(const WatchOptions& options)
      : options_(options), log_(options.log), style_{.color = ColorsWanted(), .max_verdicts = options.max_verdicts} {}

  // Reads what is new, and shows it. `is_last`: nothing is put off.
  Status Update(bool is_last) {
    Status status = log_.Update();
    if (!status.ok()) return status;
    const bool is_new = log_.version() != shown_;
    if (is_new) {
      shown_ = log_.version();
      Choose();
      is_page_old_ = true;
      status = ReadJudgingOnce();
    }
    const bool has_other_size = MeasureTerminal();
    if (status.ok() && (is_new || has_other_size)) status = Show();
    return status.ok() && is_page_old_ && (is_last || IsTimeForPage()) ? WriteHtml() : status;
  }

 private:
  using Clock = std::chrono::steady_clock;

  void Choose() {
    reports_.clear();
    for (const Report& report : log_.reports()) {
      if (options_.stage.empty() || report.stage == options_.stage) reports_.push_back(report);
    }
    for (Report& report : reports_) SetKeys(options_.keys, &report);
  }

  // Of a baseline's stages that of the first reports counts.
  Status ReadJudgingOnce() {
    if (is_judging_read_ || reports_.empty()) return {};
    is_judging_read_ = true;
    return ReadJudging(options_.judging, {&reports_.back(), 1}, options_.keys, &judging_);
  }

  // Whether the terminal's size is another than it was.
  bool MeasureTerminal() {
    const WatchStyle before = style_;
    is_terminal_ = platform::SizeOfTerminal(platform::Stream::kOutput, &style_.columns, &style_.lines);
    return style_.columns != before.columns || style_.lines != before.lines;
  }

  Status Show() const {
    const std::string left_out = LeftOut();
    WatchStyle style = style_;
    if (is_terminal_ && !left_out.empty()) style.lines = std::max(style.lines, size_t{2}) - 1;
    const std::string text =
        reports_.empty() ? "no reports yet\n" : FormatWatch(reports_, judging_.thresholds, judging_.beside(), style);
    return PrintOut(is_terminal_ ? InPlace(text + left_out) : text + left_out + "\n");
  }

  std::string LeftOut() const {
    const size_t lines = log_.damaged_lines();
    if (lines == 0) return "";
    return "left out " + std::to_string(lines) + (lines == 1 ? " line that is" : " lines that are") +
           " damaged or no JSON" + (log_.error().empty() ? "" : ", or no report: " + log_.error()) + "\n";
  }

  // Written over what stood there before, whose rest goes. Lines that are too long end at the edge, and those that the
  // terminal has no room for are left out, for it would move all others.
  std::string InPlace(const std::string& text) const {
    std::string out = "\033[?7l\033[H";
    size_t lines = 1;  // the cursor's
    for (const char c : text) {
      if (c == '\n') out += "\033[K";
      if (c == '\n' && ++lines > style_.lines) break;
      out += c;
    }
    return out + "\033[J\033[?7h";
  }

  // Pages of long runs take a while to make: no more than a tenth of the time.
  bool IsTimeForPage() const { return Clock::now() >= last_page_ + 10 * page_took_; }

  Status WriteHtml() {
    is_page_old_ = false;
    if (options_.html.empty() || reports_.empty()) return {};
    const Clock::time_point begin = Clock::now();
    FigureOptions figure;
    figure.thresholds = judging_.thresholds;
    figure.baseline = judging_.beside();
    Status status = WritePage({.reports = reports_}, figure, options_.html);
    last_page_ = Clock::now();
    page_took_ = last_page_ - begin;
    return status;
  }

  const WatchOptions& options_;
  RunLog log_;
  WatchStyle style_;
  bool is_terminal_ = false;
  std::optional<uint64_t> shown_ = {};  // the version of the log
  std::vector<Report> reports_ = {};
  Judging judging_ = {};
  bool is_judging_read_ = false;
  bool is_page_old_ = false;
  Clock::time_point last_page_ = {};
  Clock::duration page_took_ = {};
};

Status Check(const WatchOptions& options) {
  const std::filesystem::path folder = platform::PathOf(options.log).parent_path();
  std::error_code error;
  if (!folder.empty() && !std::filesystem::is_directory(folder, error)) {
    return {StatusCode::kNotFound, options.log + ": " + platform::Utf8Of(folder) + " is no folder"};
  }
  Status status = CheckJudging(options.judging);
  std::vector<std::string> inputs = BaselinePaths(options.judging);
  inputs.push_back(options.log);
  return status.ok() ? CheckOutput("--html", options.html, inputs) : status;
}

Status Run(const WatchOptions& options) {
  Status status = Check(options);
  if (!status.ok()) return status;
  if (!platform::NoteInterrupts()) return {StatusCode::kIoError, "the system refuses to tell of interruptions"};
  Watch watch(options);
  const auto interval = std::chrono::milliseconds(std::llround(1000.0 * options.interval));
  bool is_last = false;
  for (;;) {
    status = watch.Update(is_last);
    if (is_last || !status.ok()) return status;
    is_last = platform::WaitForInterrupt(interval);
  }
}

}  // namespace

Command AddWatchCommand(CommandLine* program) {
  const auto options = std::make_shared<WatchOptions>();
  CommandLine* const line = program->AddCommand("watch", kSummary);
  line->AddDetails(kDetails);
  line->AddOption("LOG", &options->log, "A log or a folder of logs, see below").Required().NotEmpty().Placeholder("");
  AddHtmlOption(line, &options->html);
  line->AddOption("--stage", &options->stage, "Only reports of this stage (train, val, ...)")
      .NotEmpty()
      .Placeholder("NAME");
  line->AddOption("--interval", &options->interval, "Look at the log every S seconds")
      .Between(0.05, 3600.0)
      .Placeholder("S")
      .ShowDefault();
  line->AddOption("--max-verdicts", &options->max_verdicts, "List at most N verdicts, the worst ones; 0 lists all")
      .Between(size_t{0}, size_t{1} << 40)
      .Placeholder("N")
      .ShowDefault();
  AddJudgingOptions(line, &options->judging);
  AddKeysOption(line, &options->keys);
  return {line, [options](bool*) { return Run(*options); }};
}

}  // namespace attnscope::tools

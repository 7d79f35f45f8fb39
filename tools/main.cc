// SPDX-License-Identifier: Apache-2.0
//
// The attnscope program: parses the command line, runs one command, and turns its outcome into an exit code.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <exception>
#include <new>
#include <sstream>
#include <string>

#include "attnscope/target.h"
#include "tools/commands/command.h"
#include "tools/output/page_error.h"
#include "tools/output/terminal.h"

namespace attnscope::tools {
namespace {

enum ExitCode { kExitOk = 0, kExitFindings = 1, kExitError = 2 };

int ReportStatus(const Status& status, ExitCode otherwise) {
  if (status.ok()) return otherwise;
  PrintError(status.message());
  return kExitError;
}

// --help and --version arrive as errors whose exit code is zero.
int ReportParseError(const CLI::App& app, const CLI::ParseError& error) {
  std::ostringstream out;
  std::ostringstream err;
  if (app.exit(error, out, err) == 0) return ReportStatus(PrintOut(out.str()), kExitOk);
  PrintError(std::string(error.what()) + "\nRun with --help for more.");
  return kExitError;
}

// For exceptions that never reach main: nlohmann's destructors allocate, and a destructor that throws ends the program.
[[noreturn]] void OnTerminate() {
  try {
    if (std::current_exception() != nullptr) std::rethrow_exception(std::current_exception());
  } catch (const std::bad_alloc&) {
    PrintError("out of memory");
    std::_Exit(kExitError);
  } catch (...) {  // a mistake of the program
  }
  std::abort();
}

int Main(int argc, char** argv) {
  std::set_terminate(&OnTerminate);
  PrepareStandardStreams();
  ExitOnPageErrors(kExitError);
  CLI::App app("Measures the health of a transformer's attention.", "attnscope");
  app.set_version_flag("--version", "attnscope " + std::string(Version()));
  app.require_subcommand(0, 1);
  app.footer(
      "Examples:\n"
      "  attnscope analyze run_L*_attn.npy --png summary.png\n"
      "  attnscope render report.json -o summary.png\n"
      "Each command has its own --help.\n");
  const Command commands[] = {AddAnalyzeCommand(&app), AddMergeCommand(&app), AddDiagnoseCommand(&app),
                              AddRenderCommand(&app), AddInfoCommand(&app)};
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return ReportParseError(app, error);
  }
  for (const Command& command : commands) {
    if (!command.app->parsed()) continue;
    bool findings = false;
    Status status = command.run(&findings);
    return ReportStatus(status, findings ? kExitFindings : kExitOk);
  }
  return ReportStatus(
      {StatusCode::kInvalidArgument, "needs a command: analyze, merge, diagnose, render or info; see --help"}, kExitOk);
}

}  // namespace
}  // namespace attnscope::tools

int main(int argc, char** argv) {
  try {
    return attnscope::tools::Main(argc, argv);
  } catch (const std::bad_alloc&) {
    attnscope::tools::PrintError("out of memory");
  } catch (const std::exception& error) {
    attnscope::tools::PrintError(error.what());
  }
  return attnscope::tools::kExitError;
}

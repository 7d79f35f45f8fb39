// SPDX-License-Identifier: Apache-2.0
//
// The attnscope program: parses the command line, runs one command, and turns its outcome into an exit code.
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "platform/arguments.h"
#include "platform/page_error.h"
#include "platform/streams.h"
#include "tools/commands/program.h"
#include "tools/output/terminal.h"

namespace attnscope::tools {
namespace {

enum ExitCode { kExitOk = 0, kExitFindings = 1, kExitError = 2 };

int ReportStatus(const Status& status, ExitCode otherwise) {
  if (status.ok()) return otherwise;
  PrintError(status.message());
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
  platform::PrepareStandardStreams();
  platform::ExitOnPageErrors(kExitError);
  CommandLine program("attnscope", kProgramSummary);
  const std::vector<Command> commands = AddProgram(&program);
  const ParseOutcome outcome = program.Parse(platform::Arguments(argc, argv));
  if (outcome.is_answer) return ReportStatus(PrintOut(outcome.text), kExitOk);
  if (outcome.is_error) return ReportStatus({StatusCode::kInvalidArgument, outcome.text}, kExitOk);
  for (const Command& command : commands) {
    if (!command.line->was_given()) continue;
    bool findings = false;
    Status status = command.run(&findings);
    return ReportStatus(status, findings ? kExitFindings : kExitOk);
  }
  return ReportStatus(
      {StatusCode::kInvalidArgument, "needs a command: analyze, merge, diagnose, render, watch or info; see --help"},
      kExitOk);
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

// SPDX-License-Identifier: Apache-2.0
//
// attnscope info: what runs here.
#include <cstdlib>
#include <string>

#include "attnscope/target.h"
#include "tools/commands/command.h"
#include "tools/output/terminal.h"

namespace attnscope::tools {
namespace {

constexpr const char* kSummary = "Print the version and the SIMD targets.";

constexpr const char* kDetails =
    "ATTNSCOPE_TARGET in the environment makes all commands run on one of the targets that are compiled in.\n"
    "\n"
    "Examples:\n"
    "  attnscope info\n"
    "  ATTNSCOPE_TARGET=AVX2 attnscope info\n";

Status Run(const std::string& target) {
  if (Status status = ForceTarget(target); !status.ok()) return status;
  std::string text = "version           " + std::string(Version()) + "\n";
  text += "target            " + std::string(ChosenTarget());
  text += target.empty() ? "\n" : " (by ATTNSCOPE_TARGET)\n";
  text += "targets compiled ";
  for (const std::string_view name : CompiledTargets()) (text += ' ') += name;
  return PrintOut(text + "\n");
}

}  // namespace

Command AddInfoCommand(CommandLine* program) {
  CommandLine* const line = program->AddCommand("info", kSummary);
  line->AddDetails(kDetails);
  return {line, [](bool*) {
            const char* const target = std::getenv("ATTNSCOPE_TARGET");
            return Run(target == nullptr ? "" : target);
          }};
}

}  // namespace attnscope::tools

// SPDX-License-Identifier: Apache-2.0
#include "tools/commands/program.h"

#include <string>

#include "attnscope/target.h"
#include "tools/output/licenses.h"

namespace attnscope::tools {

std::vector<Command> AddProgram(CommandLine* program) {
  program->SetVersion("attnscope " + std::string(Version()));
  program->AddAnswer("--licenses", LicenseTexts(),
                     "Display the licenses of the program and of what is in it, and exit");
  program->AddDetails(
      "Examples:\n"
      "  attnscope analyze run_L*_attn.npy --png summary.png\n"
      "  attnscope render report.json -o summary.png\n"
      "Each command has its own --help.\n");
  return {AddAnalyzeCommand(program), AddMergeCommand(program), AddDiagnoseCommand(program),
          AddRenderCommand(program),  AddWatchCommand(program), AddInfoCommand(program)};
}

}  // namespace attnscope::tools

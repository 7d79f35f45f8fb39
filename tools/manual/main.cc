// SPDX-License-Identifier: Apache-2.0
//
// attnscope_write_manual FOLDER: writes manual pages and completions below FOLDER, where a "share" has them.
#include <cstdio>
#include <filesystem>
#include <string>

#include "attnscope/target.h"
#include "attnscope/write_file.h"
#include "tools/commands/program.h"
#include "tools/manual/completions.h"
#include "tools/manual/man_page.h"

namespace attnscope::tools {
namespace {

Status Write(const std::filesystem::path& path, const std::string& text) {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);  // else the file cannot be written either
  return WriteFileAtomically(path.generic_string(), text);
}

Status WriteAll(const std::filesystem::path& folder) {
  CommandLine program("attnscope", kProgramSummary);
  AddProgram(&program);
  const std::string version(Version());
  Status status = Write(folder / "bash-completion/completions/attnscope", BashCompletion(program));
  if (status.ok()) status = Write(folder / "zsh/site-functions/_attnscope", ZshCompletion(program));
  if (status.ok()) status = Write(folder / "fish/vendor_completions.d/attnscope.fish", FishCompletion(program));
  for (const CommandLine* const command : program.commands()) {
    if (!status.ok()) return status;
    status = Write(folder / ("man/man1/attnscope-" + command->name() + ".1"), CommandPage(program, *command, version));
  }
  // The last, as the build takes it for all.
  return status.ok() ? Write(folder / "man/man1/attnscope.1", ProgramPage(program, version)) : status;
}

}  // namespace
}  // namespace attnscope::tools

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: attnscope_write_manual FOLDER\n");
    return 2;
  }
  const attnscope::Status status = attnscope::tools::WriteAll(argv[1]);
  if (status.ok()) return 0;
  std::fprintf(stderr, "attnscope_write_manual: %s\n", status.message().c_str());
  return 1;
}

// SPDX-License-Identifier: Apache-2.0
//
// Refuses to overwrite an input or another output, and to count an input twice.
#ifndef ATTNSCOPE_TOOLS_COMMANDS_OUTPUT_CHECK_H_
#define ATTNSCOPE_TOOLS_COMMANDS_OUTPUT_CHECK_H_

#include <span>
#include <string>

#include "attnscope/status.h"

namespace attnscope::tools {

// Errors: kInvalidArgument, naming `option` and `output`, if that is the same file as one of `others`, by whatever
// name. Paths that are not there are no files yet, and fine.
Status CheckOutput(const std::string& option, const std::string& output, std::span<const std::string> others);

// An option, and the path that was given for it, empty for none.
struct OutputPath {
  const char* option;
  std::string path;
};

// Errors: kInvalidArgument, naming both options, if two outputs are one file, which would hold the later one. Pipes and
// devices may be given twice.
Status CheckOutputsDiffer(std::span<const OutputPath> outputs);

// Errors: kInvalidArgument, naming both, if two inputs are the same file, whose rows would count twice. Files that are
// not there are the reader's to refuse.
Status CheckOnce(std::span<const std::string> inputs);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_COMMANDS_OUTPUT_CHECK_H_

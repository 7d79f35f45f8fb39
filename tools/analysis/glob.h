// SPDX-License-Identifier: Apache-2.0
//
// Patterns of shells: the same on every system, and whatever the language of the environment.
#ifndef ATTNSCOPE_TOOLS_ANALYSIS_GLOB_H_
#define ATTNSCOPE_TOOLS_ANALYSIS_GLOB_H_

#include <string>
#include <string_view>
#include <vector>

namespace attnscope::tools {

// Whether `pattern` matches the whole of `text`: * is any bytes, ? any one, [a-z] one of these, [!a-z] or [^a-z] none
// of these, and a backslash takes the next as it is. A bracket that nothing closes is itself. '/' and '.' are like any
// other. Takes time in proportion to the product of both sizes at most.
bool MatchesGlob(std::string_view pattern, std::string_view text);

// The files and folders that a pattern of a path means, in the order of their bytes. Each part between slashes is
// matched apart, and names that begin with a dot only by a pattern that does.
std::vector<std::string> FilesOfGlob(const std::string& pattern);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_ANALYSIS_GLOB_H_

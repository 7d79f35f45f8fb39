// SPDX-License-Identifier: Apache-2.0
//
// Where --png puts the picture.
#ifndef ATTNSCOPE_TOOLS_COMMANDS_PICTURE_PATH_H_
#define ATTNSCOPE_TOOLS_COMMANDS_PICTURE_PATH_H_

#include <string>

#include "attnscope/status.h"

namespace attnscope::tools {

// `png` itself, or, if that is a folder or ends in '/', <png>/<stage>_transformer_diagnostics/<figure>.png, the key
// under which experiment trackers file it; its folders are made. An empty stage stands for "val". Errors:
// kInvalidArgument for a stage that is no folder's name, kIoError.
Status PicturePath(const std::string& png, const std::string& stage, const std::string& figure, std::string* path);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_COMMANDS_PICTURE_PATH_H_

// SPDX-License-Identifier: Apache-2.0
//
// What a picture shows and how it looks: options of all commands that draw.
#ifndef ATTNSCOPE_TOOLS_COMMANDS_PICTURE_OPTIONS_H_
#define ATTNSCOPE_TOOLS_COMMANDS_PICTURE_OPTIONS_H_

#include <string>

#include "attnscope/figure.h"
#include "attnscope/status.h"
#include "tools/analysis/attention_pictures.h"
#include "tools/analysis/plan.h"
#include "tools/commands/command_line.h"

namespace attnscope::tools {

// How it looks.
struct LookOptions {
  std::string size;  // "WIDTHxHEIGHT"; empty: the default
  FigureOptions figure;
};

// Adds --plain, --dark and --size; `options` must outlive the parsing.
void AddLookOptions(CommandLine* line, LookOptions* options);

// `drawn_by`: the option that draws pictures, and `is_drawn`: whether it is given. Errors: kInvalidArgument for --size,
// and for a look of no picture: pages have their own.
Status ReadLook(const LookOptions& options, const std::string& drawn_by, bool is_drawn, FigureOptions* out);

// Errors: kInvalidArgument, naming `option`, if a picture's name is that of a format that is not written.
Status CheckPictureName(const std::string& option, const std::string& path);

// Adds --html, a page of all that a report shows.
void AddHtmlOption(CommandLine* line, std::string* path);

// Of attention that is being measured.
struct PictureOptions {
  std::string figure = "summary";  // the name of a FigureKind
  std::string layers;
  std::string heads;
  LookOptions look;
};

// Adds --figure, --show-layers, --show-heads and those of looks.
void AddPictureOptions(CommandLine* line, PictureOptions* options);

// "summary", "heads", "history", "keys", "maps".
FigureKind FigureKindOf(const std::string& name);

// What has to be collected for the picture. Errors: kInvalidArgument for --show-layers and
// --show-heads.
Status ReadPictureChoice(const PictureOptions& options, PictureChoice* out);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_COMMANDS_PICTURE_OPTIONS_H_

// SPDX-License-Identifier: Apache-2.0
//
// Reads back the SVG that SvgCanvas writes, as drawing commands. Included by tests of figures.
#ifndef ATTNSCOPE_TESTS_SUPPORT_SVG_READER_H_
#define ATTNSCOPE_TESTS_SUPPORT_SVG_READER_H_

#include <string_view>

#include "tests/support/recording_canvas.h"

namespace attnscope::render {

// Understands groups, paths and texts, and reports everything else, and every attribute that it does not know, as a
// test failure: what it returns is all that a reader of the document sees.
RecordingCanvas ReadSvg(std::string_view svg);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_TESTS_SUPPORT_SVG_READER_H_

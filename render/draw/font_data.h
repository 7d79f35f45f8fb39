// SPDX-License-Identifier: Apache-2.0
//
// The embedded TrueType files: DejaVu Sans and DejaVu Sans Bold, put into the library by font_data.S at build time.
#ifndef ATTNSCOPE_RENDER_DRAW_FONT_DATA_H_
#define ATTNSCOPE_RENDER_DRAW_FONT_DATA_H_

extern "C" {
extern const unsigned char attnscope_font_regular[];
extern const unsigned char attnscope_font_bold[];
}

#endif  // ATTNSCOPE_RENDER_DRAW_FONT_DATA_H_

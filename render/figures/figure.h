// SPDX-License-Identifier: Apache-2.0
//
// Figures of all kinds on any canvas.
#ifndef ATTNSCOPE_RENDER_FIGURES_FIGURE_H_
#define ATTNSCOPE_RENDER_FIGURES_FIGURE_H_

#include <string_view>

#include "attnscope/figure.h"
#include "attnscope/status.h"
#include "render/draw/canvas.h"
#include "render/figures/figure_look.h"

namespace attnscope::render {

// Errors: kInvalidArgument, as RenderFigureOf says.
Status CheckFigure(FigureKind kind, const FigureData& data, const FigureOptions& options);

FigureLook LookOf(const FigureOptions& options);

// Of data and options that were checked.
void DrawFigure(FigureKind kind, const FigureData& data, const FigureLook& look, const FigureOptions& options,
                Canvas* canvas);

// "Transformer attention by layer and head"
std::string_view TitleOf(FigureKind kind);

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_FIGURES_FIGURE_H_

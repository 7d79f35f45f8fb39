// SPDX-License-Identifier: Apache-2.0
//
// The title of a figure, and under it one line with the worst verdict.
#ifndef ATTNSCOPE_RENDER_CHART_HEADLINE_H_
#define ATTNSCOPE_RENDER_CHART_HEADLINE_H_

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "attnscope/diagnosis.h"
#include "render/chart/style.h"
#include "render/draw/canvas.h"

namespace attnscope::render {

class Headline {
 public:
  // Without verdicts, the title alone.
  Headline(std::string title, const Style& style) : title_(std::move(title)), style_(style) {}

  // `verdicts` as Diagnose returns them, worst first; none of them is good news. `when` goes before them, or is empty.
  void AddVerdicts(std::span<const Verdict> verdicts, const std::string& when);

  // Explains the shading of healthy ranges, in figures without legends.
  void AddBandKey();

  // Where the figure below it may begin.
  double Bottom() const;
  // In a figure of this width.
  void Draw(double width, Canvas* canvas) const;

 private:
  struct Remark {
    Severity severity;  // whose mark is in front
    std::string text;
    bool is_band = false;  // in its place a patch of the shading
  };

  double TitleBaseline() const;
  void DrawCaption(double width, Canvas* canvas) const;

  std::string title_;
  Style style_;
  std::vector<Remark> caption_;
};

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_CHART_HEADLINE_H_

// SPDX-License-Identifier: Apache-2.0
//
// The title of a figure, and under it one line with the worst verdict.
#ifndef ATTNSCOPE_RENDER_CHART_HEADLINE_H_
#define ATTNSCOPE_RENDER_CHART_HEADLINE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attnscope/diagnosis.h"
#include "render/chart/marker.h"
#include "render/chart/style.h"
#include "render/draw/canvas.h"

namespace attnscope::render {

class Headline {
 public:
  // Without verdicts, the title alone.
  Headline(std::string title, const Style& style) : title_(std::move(title)), style_(style) {}

  // The worst verdict, and how many more; none is good news only as far as anything was judged. What was not is named
  // where there are no verdicts. `when` goes before all, or is empty.
  void AddDiagnosis(const Diagnosis& diagnosis, const std::string& when);

  // Explains the shading of healthy ranges, in figures without legends.
  void AddBandKey();
  // Explains what lines of such dashes and markers are, whatever their colour.
  void AddLineKey(const std::string& text, Dashes dashes, Marker marker);
  // The same for lines of one colour, of which one point is marked, or none.
  void AddCurveKey(const std::string& text, Dashes dashes, std::optional<Marker> marker, const Color& color);

  // Something else that is to be known of the figure.
  void AddNote(const std::string& text);

  // Where the figure below it may begin.
  double Bottom() const;
  // In a figure of this width.
  void Draw(double width, Canvas* canvas) const;

 private:
  enum class Mark : uint8_t { kFlag, kBand, kLine, kNone };
  struct Remark {
    Severity severity;  // whose flag is in front
    std::string text;
    Mark mark = Mark::kFlag;
    Dashes dashes = Dashes::kNone;  // of a line
    std::optional<Marker> marker = Marker::kCircle;
    std::optional<Color> color = std::nullopt;  // none: that of texts
  };

  void AddVerdicts(const std::vector<Verdict>& verdicts, const std::string& when);
  static double BeforeText(const Remark& remark);
  void DrawLineKey(const Remark& remark, Point left, double size, Canvas* canvas) const;
  double TitleBaseline() const;
  void DrawCaption(double width, Canvas* canvas) const;

  std::string title_;
  Style style_;
  std::vector<Remark> caption_;
};

}  // namespace attnscope::render

#endif  // ATTNSCOPE_RENDER_CHART_HEADLINE_H_

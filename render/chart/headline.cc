// SPDX-License-Identifier: Apache-2.0
#include "render/chart/headline.h"

#include <algorithm>
#include <array>

#include "render/chart/flag.h"

namespace attnscope::render {
namespace {

constexpr double kTitleGap = 14.0;   // points, below title and caption
constexpr double kCaptionGap = 9.0;  // points, between them
// In sizes of the caption's text.
constexpr double kMarkGap = 0.4;
constexpr double kPartGap = 1.6;
constexpr double kLineKey = 3.4;  // the length of a line's sample

std::string Counted(size_t count, std::string_view more, std::string_view what) {
  return std::to_string(count) + std::string(more) + std::string(what);
}

// The pathologies that no layer was judged by, or not each, in their order.
std::string UnjudgedNames(const Diagnosis& diagnosis) {
  std::string names;
  for (size_t i = 0; i < kNumPathologies; ++i) {
    const auto pathology = static_cast<Pathology>(i);
    const auto is_of_it = [&](const Unjudged& unjudged) { return unjudged.pathology == pathology; };
    if (std::none_of(diagnosis.unjudged.begin(), diagnosis.unjudged.end(), is_of_it)) continue;
    if (!names.empty()) names += ", ";
    names += NameOf(pathology);
  }
  return names;
}

}  // namespace

void Headline::AddDiagnosis(const Diagnosis& diagnosis, const std::string& when) {
  if (!diagnosis.verdicts.empty()) {
    AddVerdicts(diagnosis.verdicts, when);
  } else if (diagnosis.outcome == Outcome::kNotJudged) {
    const std::vector<std::string> reasons = SummarizeUnjudged(diagnosis);
    std::string text = when + "not judged" + (reasons.empty() ? "" : ": " + reasons[0]);
    if (reasons.size() > 1) text += ", and " + std::to_string(reasons.size() - 1) + " more";
    caption_.push_back({Severity::kHealthy, std::move(text), Mark::kNone});
  } else {
    caption_.push_back({Severity::kHealthy, when + "no findings"});
    if (const size_t usual = diagnosis.as_in_baseline.size(); usual > 0) {
      caption_.push_back({Severity::kHealthy, std::to_string(usual) + " as in the baseline", Mark::kNone});
    }
    if (const std::string names = UnjudgedNames(diagnosis); !names.empty()) {
      caption_.push_back({Severity::kHealthy, "not judged: " + names, Mark::kNone});
    }
  }
}

void Headline::AddVerdicts(const std::vector<Verdict>& verdicts, const std::string& when) {
  const Severity worst = verdicts.front().severity;
  caption_.push_back({worst, when + verdicts.front().message});
  const auto count = [&](Severity severity) {
    return static_cast<size_t>(std::count_if(verdicts.begin(), verdicts.end(),
                                             [&](const Verdict& verdict) { return verdict.severity == severity; }));
  };
  const size_t critical = count(Severity::kCritical);
  const size_t warnings = count(Severity::kWarning);
  if (critical > 1) caption_.push_back({Severity::kCritical, Counted(critical - 1, " more", " critical")});
  const bool is_first = worst == Severity::kWarning;
  const size_t rest = is_first ? warnings - 1 : warnings;
  if (rest > 0) {
    caption_.push_back(
        {Severity::kWarning, Counted(rest, is_first ? " more" : "", rest == 1 ? " warning" : " warnings")});
  }
}

void Headline::AddBandKey() { caption_.push_back({Severity::kHealthy, "healthy range", Mark::kBand}); }

void Headline::AddCurveKey(const std::string& text, Dashes dashes, std::optional<Marker> marker, const Color& color) {
  caption_.push_back({Severity::kHealthy, text, Mark::kLine, dashes, marker, color});
}

void Headline::AddNote(const std::string& text) { caption_.push_back({Severity::kHealthy, text, Mark::kNone}); }

void Headline::AddLineKey(const std::string& text, Dashes dashes, Marker marker) {
  caption_.push_back({Severity::kHealthy, text, Mark::kLine, dashes, marker});
}

// What is before a remark's text, in sizes of the text.
double Headline::BeforeText(const Remark& remark) {
  if (remark.mark == Mark::kNone) return 0.0;
  return (remark.mark == Mark::kLine ? kLineKey : 1.0) + kMarkGap;
}

double Headline::TitleBaseline() const { return style_.outer_gap() + CapHeight(Face::kBold, style_.figure_title()); }

double Headline::Bottom() const {
  double bottom = TitleBaseline() + style_.Points(kTitleGap);
  if (!caption_.empty()) bottom += style_.Points(kCaptionGap) + CapHeight(Face::kRegular, style_.caption());
  return bottom;
}

void Headline::Draw(double width, Canvas* canvas) const {
  const double size = FittingSize(title_, Face::kBold, style_.figure_title(), width - 2.0 * style_.outer_gap());
  canvas->DrawText(
      title_, {0.5 * width, TitleBaseline()},
      {.face = Face::kBold, .size = size, .color = style_.theme.text, .align = Align::kCenter, .part = Part::kTitle});
  if (!caption_.empty()) DrawCaption(width, canvas);
}

// With a marker at each end, so that the dashes between them are seen; of a curve that has one, in the middle.
void Headline::DrawLineKey(const Remark& remark, Point left, double size, Canvas* canvas) const {
  const double right = left.x + kLineKey * size;
  Shape key;
  key.part = Part::kLegendKey;
  key.stroke = StrokeOf(remark.dashes, style_.curve_width());
  key.line.AddPolyline(std::array<Point, 2>{{left, {right, left.y}}});
  const double marker = std::min(style_.marker_size(), 0.8 * size);
  if (remark.marker && remark.color) AddMarker(*remark.marker, {0.5 * (left.x + right), left.y}, marker, &key.fill);
  for (const double x : {left.x, right}) {
    if (remark.marker && !remark.color) AddMarker(*remark.marker, {x, left.y}, marker, &key.fill);
  }
  canvas->Draw(key, remark.color.value_or(style_.theme.text));
}

void Headline::DrawCaption(double width, Canvas* canvas) const {
  double size = style_.caption();
  const auto width_of = [&](const Remark& remark) {
    return BeforeText(remark) * size + TextWidth(remark.text, Face::kRegular, size);
  };
  const auto total = [&] {
    double sum = static_cast<double>(caption_.size() - 1) * kPartGap * size;
    for (const Remark& remark : caption_) sum += width_of(remark);
    return sum;
  };
  const double room = width - 2.0 * style_.outer_gap();
  if (const double full = total(); full > room) size *= room / full;  // all parts are proportional to the size
  const double cap = CapHeight(Face::kRegular, size);
  const double baseline = TitleBaseline() + style_.Points(kCaptionGap) + CapHeight(Face::kRegular, style_.caption());
  double x = 0.5 * (width - total());
  for (const Remark& remark : caption_) {
    const Point center = {x + 0.5 * size, baseline - 0.5 * cap};
    if (remark.mark == Mark::kBand) {
      Shape patch;
      patch.part = Part::kLegendKey;
      patch.fill.AddBox({x, center.y - 0.5 * size, x + size, center.y + 0.5 * size});
      canvas->Draw(patch, style_.theme.band);
    } else if (remark.mark == Mark::kLine) {
      DrawLineKey(remark, {x, center.y}, size, canvas);
    } else if (remark.mark == Mark::kFlag) {
      DrawFlag(remark.severity, center, 0.9 * size, ColorOf(remark.severity, style_.theme), canvas);
    }
    canvas->DrawText(remark.text, {x + BeforeText(remark) * size, baseline},
                     {.size = size, .color = style_.theme.text, .part = Part::kCaption});
    x += width_of(remark) + kPartGap * size;
  }
}

}  // namespace attnscope::render

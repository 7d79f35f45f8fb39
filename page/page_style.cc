// SPDX-License-Identifier: Apache-2.0
#include "page/page_style.h"

#include <array>
#include <string_view>
#include <utility>

#include "render/chart/color_map.h"
#include "render/chart/theme.h"
#include "render/draw/svg_canvas.h"
#include "render/figures/history.h"

namespace attnscope::page {
namespace {

using render::Color;
using render::HexOf;
using render::Theme;

constexpr std::string_view kSheet = R"css(
:root{color-scheme:light dark;--page:#fff;--text:#111;--muted:#595959;--line:#ccc;--head:#f3f4f6;--mark:#fff3c4;
--critical:#b00020;--warning:#8a5300;--good:#0a6b2d;--link:#0b57a4}
@media screen and (prefers-color-scheme:dark){:root{--page:#15181d;--text:#e8eaed;--muted:#a8b0ba;--line:#4a535d;
--head:#1e232a;--mark:#4a4010;--critical:#ff8a95;--warning:#ffb84d;--good:#6fd08c;--link:#8ab8f5}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1280px;padding:0 16px 48px;background:var(--page);color:var(--text);
font:16px/1.5 system-ui,"DejaVu Sans",sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:24px 0 4px}
h2{font-size:1.2rem;margin:36px 0 8px}
a{color:var(--link)}
nav ul{display:flex;flex-wrap:wrap;gap:4px 20px;list-style:none;margin:12px 0;padding:0}
.muted{color:var(--muted)}
.outcome{font-size:1.15rem;font-weight:600;margin:8px 0}
.outcome.critical,tr.critical td:first-child,.critical b{color:var(--critical)}
.outcome.warning{color:var(--warning)}
.outcome.healthy{color:var(--good)}
.filters{display:flex;flex-wrap:wrap;gap:8px 20px;align-items:center;margin:8px 0}
input,select,button{font:inherit;color:inherit;background:var(--page);border:1px solid var(--line);border-radius:4px;
padding:2px 6px;max-width:100%}
.scroll{max-height:28em;overflow:auto;border:1px solid var(--line);border-radius:4px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.9rem}
caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
th{position:sticky;top:0;background:var(--head);text-align:left;padding:0;z-index:1}
th button{border:0;background:none;font-weight:600;padding:6px 8px;width:100%;text-align:inherit;cursor:pointer;
white-space:nowrap}
th[aria-sort=ascending] button::after{content:" ↑"}
th[aria-sort=descending] button::after{content:" ↓"}
td{padding:3px 8px;border-top:1px solid var(--line);white-space:nowrap}
.n{text-align:right}
tr.warning td:first-child{color:var(--warning)}
tr:target,tr.here{background:var(--mark)}
tr[hidden],.rest-of:has([hidden]){display:none}
.rest-of{margin:4px 0}
@media screen and (scripting:enabled){tbody.rest{display:none}}
:focus-visible{outline:2px solid var(--link);outline-offset:1px}
@media screen{section.figure{content-visibility:auto;contain-intrinsic-size:auto 960px}}
figure{margin:0}
figure svg{display:block;width:100%;height:auto;touch-action:pan-y}
@media screen and (max-width:760px){figure{overflow-x:auto}figure svg{min-width:760px}}
figcaption{min-height:1.5em;font-size:.9rem}
#tip{position:fixed;z-index:9;pointer-events:none;max-width:min(420px,90vw);padding:6px 10px;border-radius:4px;
background:var(--text);color:var(--page);font-size:.85rem;white-space:pre-line}
#tip:empty{display:none}
@media print{body{max-width:none;padding:0}.filters,.rest-of,nav,figcaption,#tip{display:none}.scroll{max-height:none;
overflow:visible;border:0}th{position:static;padding:6px 8px}th button{display:contents}
figure,tr{break-inside:avoid}h2{break-after:avoid}section.figure{break-inside:avoid}}
)css";

// Elements of this colour within `selector` get another one.
void AppendSwap(std::string_view selector, const Color& from, const Color& to, std::string* css) {
  if (HexOf(from) == HexOf(to)) return;
  for (const std::string_view property : {"fill", "stroke"}) {
    *css += std::string(selector) + " [" + std::string(property) + "=\"" + HexOf(from) + "\"]{" +
            std::string(property) + ":" + HexOf(to) + "}\n";
  }
}

// Colours that stand for one thing each: data and severities.
void AppendDataSwaps(const Theme& light, const Theme& dark, std::string* css) {
  using render::DataColors;
  constexpr std::array kColors = {&DataColors::entropy,     &DataColors::effective_rank, &DataColors::top10,
                                  &DataColors::top50,       &DataColors::max_row_weight, &DataColors::col_entropy,
                                  &DataColors::max_col_sum, &DataColors::residual_ratio, &DataColors::lower_bound,
                                  &DataColors::upper_bound};
  for (const auto member : kColors) AppendSwap("figure", light.data.*member, dark.data.*member, css);
  AppendSwap("figure", light.warning, dark.warning, css);
  AppendSwap("figure", light.critical, dark.critical, css);
  AppendSwap("figure", light.missing, dark.missing, css);
  AppendSwap("figure :is(.curve,.legend-key)", light.data.top5, dark.data.top5, css);
}

// Parts whose colour depends on what they are, since light figures have black for several. Texts and marks within cells
// are chosen for their cell and stay.
void AppendPartRules(const Theme& dark, std::string* css) {
  const auto rule = [css](std::string_view selector, std::string_view property, const Color& color) {
    *css += std::string(selector) + "{" + std::string(property) + ":" + HexOf(color) + "}\n";
  };
  rule("figure .background", "fill", dark.background);
  rule("figure text:not([class=value-label]),figure :not(.heads)>.value-label", "fill", dark.text);
  rule("figure .note", "fill", dark.muted);
  rule("figure .frame path", "stroke", dark.frame);
  rule("figure .grid path", "stroke", dark.grid);
  rule("figure .heads .grid path", "stroke", dark.background);
  rule("figure .legend [fill]:not([fill=none])", "fill", dark.legend_fill);
  rule("figure .legend [stroke]", "stroke", dark.legend_frame);
}

// The lines of layers over time, and the bar that explains them.
void AppendHistorySwaps(const Theme& light, const Theme& dark, std::string* css) {
  const render::DepthColors from = render::DepthColorsOn(light.background);
  const render::DepthColors to = render::DepthColorsOn(dark.background);
  const int steps = from.last_step - from.first_step;
  for (int i = 0; i <= steps; ++i) {
    const int step = to.first_step + (i * (to.last_step - to.first_step) + steps / 2) / steps;
    AppendSwap(".history", render::ColorMap(from.first_step + i), render::ColorMap(step), css);
  }
}

}  // namespace

std::string StyleSheet() {
  const Theme light = render::LightTheme();
  const Theme dark = render::DarkTheme();
  std::string css(kSheet);
  css += "@media screen and (prefers-color-scheme:dark){\n";
  AppendDataSwaps(light, dark, &css);
  AppendPartRules(dark, &css);
  AppendHistorySwaps(light, dark, &css);
  return css + "}\n";
}

}  // namespace attnscope::page

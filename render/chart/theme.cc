// SPDX-License-Identifier: Apache-2.0
#include "render/chart/theme.h"

namespace attnscope::render {

Theme LightTheme() { return {}; }

Theme DarkTheme() {
  return {.background = Rgb(0x15181D),
          .text = Rgb(0xE8EAED),
          .frame = Rgb(0x9AA4AF),
          .grid = Rgb(0x8C97A3, 0.22),
          .muted = Rgb(0x98A1AB),
          .legend_fill = Rgb(0x1E232A, 0.85),
          .legend_frame = Rgb(0x4A535D, 0.9),
          .band = Rgb(0x35C4D0, 0.15),
          .missing = Rgb(0x3A4048),
          .warning = Rgb(0xFFB84D),
          .critical = Rgb(0xFF5C6C),
          .stripe_alpha = 0.13,
          .data = {.entropy = Rgb(0x8FB8D8),
                   .effective_rank = Rgb(0xF2807A),
                   .top5 = Rgb(0xF4F4F4, 0.9),
                   .top10 = Rgb(0xE69F00, 0.9),
                   .top50 = Rgb(0x56B4E9, 0.9),
                   .max_row_weight = Rgb(0x78AEEB),
                   .col_entropy = Rgb(0x58B6E8),
                   .max_col_sum = Rgb(0xF0D264),
                   .residual_ratio = Rgb(0x86B9F5),
                   .lower_bound = Rgb(0xA9C77A, 0.7),
                   .upper_bound = Rgb(0xF2807A, 0.7)}};
}

Color ColorOf(Severity severity, const Theme& theme) {
  switch (severity) {
    case Severity::kHealthy:
      return WithAlpha(theme.band, 1.0);
    case Severity::kWarning:
      return theme.warning;
    case Severity::kCritical:
      break;
  }
  return theme.critical;
}

}  // namespace attnscope::render

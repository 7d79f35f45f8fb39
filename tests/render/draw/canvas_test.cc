// SPDX-License-Identifier: Apache-2.0
#include "render/draw/canvas.h"

#include <gtest/gtest.h>

namespace attnscope::render {
namespace {

TEST(TextBox, Alignment) {
  const double width = TextWidth("HHH", Face::kBold, 20.0);
  TextStyle style = {.face = Face::kBold, .size = 20.0};
  const Box left = TextBox("HHH", {100, 50}, style);
  style.align = Align::kCenter;
  const Box center = TextBox("HHH", {100, 50}, style);
  style.align = Align::kRight;
  const Box right = TextBox("HHH", {100, 50}, style);
  EXPECT_NEAR(left.left - center.left, 0.5 * width, 1e-9);
  EXPECT_NEAR(left.left - right.left, width, 1e-9);
  EXPECT_GT(left.left, 100.0);
  EXPECT_LT(right.right, 100.0);
  EXPECT_NEAR(left.bottom, 50.0, 1e-9);
  EXPECT_NEAR(left.top, 50.0 - CapHeight(Face::kBold, 20.0), 1e-9);
}

TEST(TextBox, UpwardsIsAQuarterTurnToTheLeft) {
  for (const Align align : {Align::kLeft, Align::kCenter, Align::kRight}) {
    TextStyle style = {.size = 16.0, .align = align};
    const Box flat = TextBox("Update Ratio", {0, 0}, style);
    style.upwards = true;
    const Box turned = TextBox("Update Ratio", {0, 0}, style);
    // (x, y) -> (y, -x)
    EXPECT_NEAR(turned.left, flat.top, 1e-9);
    EXPECT_NEAR(turned.right, flat.bottom, 1e-9);
    EXPECT_NEAR(turned.top, -flat.right, 1e-9);
    EXPECT_NEAR(turned.bottom, -flat.left, 1e-9);
  }
}

}  // namespace
}  // namespace attnscope::render

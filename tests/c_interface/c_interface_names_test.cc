// SPDX-License-Identifier: Apache-2.0
//
// The C interface beside the C++ one: the same numbers, names and defaults. How it works from C is in c_interface_test.
#include <gtest/gtest.h>

#include <cctype>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "attnscope/attention_monitor.h"
#include "attnscope/attnscope_c.h"
#include "attnscope/summary_figure.h"

namespace attnscope {
namespace {

std::string Header() {
  std::ifstream file(ATTNSCOPE_C_HEADER);
  return {std::istreambuf_iterator<char>(file), {}};
}

// "  ATTNSCOPE_MAX_ROW_WEIGHT = 5,"
std::string Line(std::string name, size_t value) {
  for (char& c : name) c = c == ' ' || c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return "  ATTNSCOPE_" + name + " = " + std::to_string(value) + ",\n";
}

TEST(CInterfaceTest, NamesAllMetrics) {
  const std::string header = Header();
  for (const MetricInfo& info : AllMetrics()) {
    const auto index = static_cast<size_t>(info.metric);
    EXPECT_NE(header.find(Line(std::string(info.name), index)), std::string::npos) << info.name;
    EXPECT_EQ(AttnscopeMetricName(static_cast<int32_t>(index)), info.name);
  }
  EXPECT_EQ(AttnscopeNumMetrics(), kNumMetrics);
}

TEST(CInterfaceTest, NamesAllPathologiesAndSeverities) {
  const std::string header = Header();
  for (size_t i = 0; i < kNumPathologies; ++i) {
    const std::string name(NameOf(static_cast<Pathology>(i)));
    EXPECT_NE(header.find(Line(name, i)), std::string::npos) << name;
  }
  for (const Severity severity : {Severity::kHealthy, Severity::kWarning, Severity::kCritical}) {
    EXPECT_NE(header.find(Line(std::string(NameOf(severity)), static_cast<size_t>(severity))), std::string::npos);
  }
}

// Each bound where the C++ struct has it, behind the size.
TEST(CInterfaceTest, ThresholdsHaveTheSameBounds) {
  AttnscopeThresholds thresholds = {};
  thresholds.struct_size = sizeof(thresholds);
  AttnscopeThresholdsDefaults(&thresholds);
  const Thresholds defaults;
  size_t bounds = 0;
#define EXPECT_SAME(field)                                                                    \
  EXPECT_EQ(thresholds.field, defaults.field);                                                \
  EXPECT_EQ(offsetof(AttnscopeThresholds, field), 8 + offsetof(Thresholds, field)) << #field; \
  ++bounds
  EXPECT_SAME(one_hot_max_row_weight_warning);
  EXPECT_SAME(one_hot_effective_rank_warning);
  EXPECT_SAME(one_hot_effective_rank_min_keys);
  EXPECT_SAME(one_hot_max_row_weight_critical);
  EXPECT_SAME(one_hot_normalized_entropy_critical);
  EXPECT_SAME(sink_mass_warning);
  EXPECT_SAME(sink_mass_critical);
  EXPECT_SAME(sink_col_entropy_share_critical);
  EXPECT_SAME(uniform_normalized_entropy_warning);
  EXPECT_SAME(uniform_normalized_entropy_critical);
  EXPECT_SAME(uniform_top5_factor_critical);
  EXPECT_SAME(vanishing_residual_ratio_warning);
  EXPECT_SAME(vanishing_residual_ratio_critical);
  EXPECT_SAME(exploding_residual_ratio_warning);
  EXPECT_SAME(exploding_residual_ratio_critical);
  EXPECT_SAME(saturation_ratio_warning);
  EXPECT_SAME(saturation_ratio_critical);
  EXPECT_SAME(invalid_row_share_critical);
#undef EXPECT_SAME
  EXPECT_EQ(bounds * sizeof(double), sizeof(Thresholds));
}

TEST(CInterfaceTest, DefaultsAreTheSame) {
  AttnscopeLayerConfig layer = {};
  layer.struct_size = sizeof(layer);
  AttnscopeLayerConfigDefaults(&layer);
  const LayerConfig cpp_layer;
  EXPECT_EQ(layer.heads, cpp_layer.heads);
  EXPECT_EQ(layer.max_keys, cpp_layer.max_keys);
  EXPECT_EQ(layer.max_batch, cpp_layer.max_batch);
  EXPECT_EQ(layer.mean_matrix != 0, cpp_layer.mean_matrix);
  EXPECT_EQ(layer.tolerance_float32, cpp_layer.tolerance_float32);
  EXPECT_EQ(layer.tolerance_half, cpp_layer.tolerance_half);
  EXPECT_EQ(layer.saturation_bound, cpp_layer.saturation_bound);

  AttnscopeMonitorConfig monitor = {};
  monitor.struct_size = sizeof(monitor);
  AttnscopeMonitorConfigDefaults(&monitor);
  const MonitorConfig cpp_monitor;
  EXPECT_EQ(monitor.lanes, cpp_monitor.lanes);
  EXPECT_EQ(monitor.every_steps, cpp_monitor.every_steps);
  EXPECT_EQ(monitor.stagger_layers != 0, cpp_monitor.stagger_layers);
  EXPECT_EQ(monitor.budget, cpp_monitor.budget);
  EXPECT_EQ(monitor.window_steps, cpp_monitor.window_steps);
  EXPECT_EQ(monitor.window_tokens, cpp_monitor.window_tokens);
  EXPECT_EQ(monitor.stage, cpp_monitor.stage);
  EXPECT_EQ(monitor.per_head != 0, cpp_monitor.per_head);
  EXPECT_EQ(monitor.worsen_windows, cpp_monitor.worsen_windows);
  EXPECT_EQ(monitor.recover_windows, cpp_monitor.recover_windows);
  EXPECT_EQ(monitor.recover_margin, cpp_monitor.recover_margin);

  AttnscopeFigureOptions figure = {};
  figure.struct_size = sizeof(figure);
  AttnscopeFigureOptionsDefaults(&figure);
  const FigureOptions cpp_figure;
  EXPECT_EQ(figure.width, cpp_figure.width);
  EXPECT_EQ(figure.height, cpp_figure.height);
  EXPECT_EQ(figure.scale, cpp_figure.scale);
}

// Messages are cut, never overrun.
TEST(CInterfaceTest, LongMessagesAreCut) {
  EXPECT_EQ(AttnscopeSetLastError(ATTNSCOPE_IO_ERROR, std::string(5000, 'x').c_str()), ATTNSCOPE_IO_ERROR);
  EXPECT_EQ(std::strlen(AttnscopeLastError()), 1023u);
  EXPECT_EQ(AttnscopeSetLastError(ATTNSCOPE_OK, nullptr), ATTNSCOPE_OK);
  EXPECT_STREQ(AttnscopeLastError(), "");
}

}  // namespace
}  // namespace attnscope

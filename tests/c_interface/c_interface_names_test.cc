// SPDX-License-Identifier: Apache-2.0
//
// The C interface beside the C++ one: the same numbers, names, defaults, views and figures. How it works from C is in
// c_interface_test.
#include <gtest/gtest.h>

#include <cctype>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "attnscope/attention_monitor.h"
#include "attnscope/attnscope_c.h"
#include "attnscope/figure.h"
#include "attnscope/layer_accumulator.h"
#include "tests/support/key_profiles.h"

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
    EXPECT_EQ(AttnscopePathologyName(static_cast<int32_t>(i)), name);
  }
  for (const Severity severity : {Severity::kHealthy, Severity::kWarning, Severity::kCritical}) {
    EXPECT_NE(header.find(Line(std::string(NameOf(severity)), static_cast<size_t>(severity))), std::string::npos);
    EXPECT_EQ(AttnscopeSeverityName(static_cast<int32_t>(severity)), NameOf(severity));
  }
}

TEST(CInterfaceTest, KnowsTheSameOfEachMetric) {
  for (const MetricInfo& info : AllMetrics()) {
    AttnscopeMetricInfo c_info = {};
    c_info.struct_size = sizeof(c_info);
    ASSERT_EQ(AttnscopeMetricInfoOf(static_cast<int32_t>(info.metric), &c_info), ATTNSCOPE_OK);
    EXPECT_EQ(c_info.metric, static_cast<int32_t>(info.metric));
    EXPECT_EQ(c_info.group, static_cast<int32_t>(info.group));
    EXPECT_EQ(c_info.per_head != 0, info.per_head);
    EXPECT_EQ(c_info.is_count != 0, info.is_count);
    EXPECT_EQ(c_info.top_k, info.top_k);
    EXPECT_EQ(c_info.name, info.name);
    EXPECT_EQ(c_info.report_key, info.report_key);
    EXPECT_EQ(c_info.meaning, info.meaning);
  }
}

TEST(CInterfaceTest, AMassTellsItsK) {
  for (const uint32_t k : {5u, 128u, 1024u}) {
    AttnscopeMetricInfo info = {};
    info.struct_size = sizeof(info);
    ASSERT_EQ(AttnscopeMetricInfoOf(AttnscopeTopMass(k), &info), ATTNSCOPE_OK);
    EXPECT_EQ(info.top_k, k);
    EXPECT_EQ(info.name, "top" + std::to_string(k));
  }
}

TEST(CInterfaceTest, ElementsAreAsLarge) {
  for (const ElementType type : {ElementType::kFloat32, ElementType::kFloat16, ElementType::kBFloat16}) {
    EXPECT_EQ(AttnscopeElementBytes(static_cast<int32_t>(type)), ElementBytes(type));
  }
}

// Sizes that are all different, so that no two fields can be mixed up.
TEST(CInterfaceTest, ViewsAreTheSame) {
  const float data[2] = {};
  AttnscopeAttentionView attention = {};
  attention.struct_size = sizeof(attention);
  ASSERT_EQ(AttnscopeContiguousAttention(data, ATTNSCOPE_FLOAT16, 2, 3, 5, 7, &attention), ATTNSCOPE_OK);
  const AttentionView cpp_attention = ContiguousAttention(data, ElementType::kFloat16, 2, 3, 5, 7);
#define EXPECT_SAME(field) EXPECT_EQ(attention.field, cpp_attention.field)
  EXPECT_SAME(data);
  EXPECT_SAME(batch);
  EXPECT_SAME(heads);
  EXPECT_SAME(queries);
  EXPECT_SAME(keys);
  EXPECT_SAME(batch_stride);
  EXPECT_SAME(head_stride);
  EXPECT_SAME(query_stride);
  EXPECT_SAME(first_sequence);
  EXPECT_SAME(first_head);
#undef EXPECT_SAME
  EXPECT_EQ(attention.type, ATTNSCOPE_FLOAT16);

  AttnscopeActivationView stream = {};
  stream.struct_size = sizeof(stream);
  ASSERT_EQ(AttnscopeContiguousActivation(data, ATTNSCOPE_BFLOAT16, 2, 3, 5, &stream), ATTNSCOPE_OK);
  const ActivationView cpp_stream = ContiguousActivation(data, ElementType::kBFloat16, 2, 3, 5);
#define EXPECT_SAME(field) EXPECT_EQ(stream.field, cpp_stream.field)
  EXPECT_SAME(data);
  EXPECT_SAME(batch);
  EXPECT_SAME(tokens);
  EXPECT_SAME(channels);
  EXPECT_SAME(batch_stride);
  EXPECT_SAME(token_stride);
#undef EXPECT_SAME
  EXPECT_EQ(stream.type, ATTNSCOPE_BFLOAT16);

  for (const bool token_major : {false, true}) {
    AttnscopeQueryKeyView view = {};
    view.struct_size = sizeof(view);
    const auto make = token_major ? &AttnscopeTokenMajorQueryKey : &AttnscopeContiguousQueryKey;
    const auto cpp_make = token_major ? &TokenMajorQueryKey : &ContiguousQueryKey;
    ASSERT_EQ(make(data, data + 1, ATTNSCOPE_FLOAT16, 2, 6, 3, 5, 7, 11, &view), ATTNSCOPE_OK);
    const QueryKeyView cpp_view = cpp_make(data, data + 1, ElementType::kFloat16, 2, 6, 3, 5, 7, 11);
#define EXPECT_SAME(field) EXPECT_EQ(view.field, cpp_view.field)
    EXPECT_SAME(query_data);
    EXPECT_SAME(key_data);
    EXPECT_SAME(batch);
    EXPECT_SAME(heads);
    EXPECT_SAME(kv_heads);
    EXPECT_SAME(queries);
    EXPECT_SAME(keys);
    EXPECT_SAME(head_dim);
    EXPECT_SAME(query_batch_stride);
    EXPECT_SAME(query_head_stride);
    EXPECT_SAME(query_stride);
    EXPECT_SAME(query_dim_stride);
    EXPECT_SAME(key_batch_stride);
    EXPECT_SAME(key_head_stride);
    EXPECT_SAME(key_stride);
    EXPECT_SAME(key_dim_stride);
    EXPECT_SAME(num_pages);
    EXPECT_SAME(first_sequence);
    EXPECT_SAME(first_head);
#undef EXPECT_SAME
    EXPECT_EQ(view.pages, nullptr);
    EXPECT_EQ(view.query_type, ATTNSCOPE_FLOAT16);
    EXPECT_EQ(view.key_type, ATTNSCOPE_FLOAT16);
  }
}

TEST(CInterfaceTest, ScratchIsAsLarge) {
  AttnscopeLayerConfig config = {};
  config.struct_size = sizeof(config);
  AttnscopeLayerConfigDefaults(&config);
  config.heads = 4;
  config.max_keys = 1000;
  AttnscopeAccumulator* accumulator = nullptr;
  ASSERT_EQ(AttnscopeAccumulatorCreate(&config, &accumulator), ATTNSCOPE_OK);
  LayerAccumulator cpp_accumulator;
  ASSERT_TRUE(LayerAccumulator::Create({.heads = 4, .max_keys = 1000}, &cpp_accumulator).ok());
  const auto run = [](void*, AttnscopeTask task, void* argument, size_t count) {
    for (size_t i = 0; i < count; ++i) task(argument, i);
  };
  AttnscopeRunner runner = {};
  runner.struct_size = sizeof(runner);
  runner.run = run;
  for (const size_t threads : std::initializer_list<size_t>{1, 2, 7}) {
    runner.threads = threads;
    uint64_t bytes = 0;
    ASSERT_EQ(AttnscopeAccumulatorScratchBytes(accumulator, &runner, &bytes), ATTNSCOPE_OK);
    EXPECT_EQ(bytes, cpp_accumulator.ScratchBytes({.run = run, .threads = threads}));
  }
  AttnscopeAccumulatorDestroy(accumulator);
}

// Each kind in each format, with other options than the defaults.
TEST(CInterfaceTest, DrawsKeyProfilesAsCppDoes) {
  const std::vector<KeyProfile> profiles = ExampleProfiles(3, 50);
  std::vector<AttnscopeKeyProfile> c_profiles;
  std::vector<const AttnscopeKeyProfile*> pointers;
  for (const KeyProfile& profile : profiles) {
    c_profiles.push_back({sizeof(AttnscopeKeyProfile), 0, profile.layer, profile.heads, profile.mean.size(),
                          profile.mean.data(), profile.largest_head, profile.largest.data()});
  }
  for (const AttnscopeKeyProfile& profile : c_profiles) pointers.push_back(&profile);
  AttnscopeFigureData data = {};
  data.struct_size = sizeof(data);
  data.keys = pointers.data();
  data.num_keys = pointers.size();
  std::string svg;
  ASSERT_TRUE(RenderFigureSvgOf(FigureKind::kKeys, {.keys = profiles}, {}, &svg).ok());
  AttnscopeFigure* figure = nullptr;
  ASSERT_EQ(AttnscopeFigureCreateOf(ATTNSCOPE_FIGURE_KEYS, ATTNSCOPE_FORMAT_SVG, &data, nullptr, &figure), ATTNSCOPE_OK)
      << AttnscopeLastError();
  const uint8_t* bytes = nullptr;
  size_t size = 0;
  ASSERT_EQ(AttnscopeFigureBytes(figure, &bytes, &size), ATTNSCOPE_OK);
  EXPECT_TRUE(std::string_view(reinterpret_cast<const char*>(bytes), size) == svg);
  AttnscopeFigureDestroy(figure);
}

TEST(CInterfaceTest, FiguresAreTheSameBytes) {
  Report report;
  AttnscopeReport* c_report = nullptr;
  ASSERT_EQ(AttnscopeReportCreate(&c_report), ATTNSCOPE_OK);
  for (int64_t layer = 0; layer < 3; ++layer) {
    for (int64_t head = -1; head < 2; ++head) {
      const double value = 0.1 * static_cast<double>(layer + 2 * head + 4);
      LayerStats& stats = report.Layer(layer).stats;
      stats.heads.resize(2);
      MetricValues& values = head < 0 ? stats.layer : stats.heads[static_cast<size_t>(head)];
      values[Metric::kNormalizedEntropy] = value;
      values[Metric::kSinkMass] = 1.0 - value;
      ASSERT_EQ(AttnscopeReportSetMetric(c_report, layer, head, ATTNSCOPE_NORMALIZED_ENTROPY, value), ATTNSCOPE_OK);
      ASSERT_EQ(AttnscopeReportSetMetric(c_report, layer, head, ATTNSCOPE_SINK_MASS, 1.0 - value), ATTNSCOPE_OK);
    }
  }
  FigureOptions options = {.width = 800, .height = 600, .scale = 0.5, .dark = true};
  options.thresholds.sink_mass_warning = 0.6;
  AttnscopeThresholds c_thresholds = {};
  c_thresholds.struct_size = sizeof(c_thresholds);
  AttnscopeThresholdsDefaults(&c_thresholds);
  c_thresholds.sink_mass_warning = 0.6;
  // Beside a past in which one head had no sink.
  Report past = report;
  past.layers[1].stats.heads[1][Metric::kSinkMass] = 0.0;
  Baseline baseline;
  ASSERT_TRUE(MakeBaseline({&past, 1}, &baseline).ok());
  options.baseline = &baseline;
  AttnscopeReport* c_past = nullptr;
  ASSERT_EQ(AttnscopeReportCreate(&c_past), ATTNSCOPE_OK);
  for (const LayerReport& layer : past.layers) {
    for (int64_t head = -1; head < 2; ++head) {
      const MetricValues& values = head < 0 ? layer.stats.layer : layer.stats.heads[static_cast<size_t>(head)];
      for (const Metric metric : {Metric::kNormalizedEntropy, Metric::kSinkMass}) {
        ASSERT_EQ(AttnscopeReportSetMetric(c_past, layer.layer, head, static_cast<int32_t>(metric), values[metric]),
                  ATTNSCOPE_OK);
      }
    }
  }
  AttnscopeBaseline* c_baseline = nullptr;
  ASSERT_EQ(AttnscopeBaselineCreate(&c_past, 1, &c_baseline), ATTNSCOPE_OK);
  AttnscopeReportDestroy(c_past);
  const AttnscopeFigureOptions c_options = {sizeof(c_options), 800, 600, 0, 0.5, 0, 1, &c_thresholds, c_baseline};
  for (const FigureKind kind : {FigureKind::kSummary, FigureKind::kHeads, FigureKind::kHistory}) {
    Image image;
    std::vector<uint8_t> png;
    std::string svg;
    ASSERT_TRUE(RenderFigure(kind, {&report, 1}, options, &image).ok());
    ASSERT_TRUE(EncodePng(image, &png).ok());
    ASSERT_TRUE(RenderFigureSvg(kind, {&report, 1}, options, &svg).ok());
    const std::string_view expected[] = {{reinterpret_cast<const char*>(image.rgb.data()), image.rgb.size()},
                                         {reinterpret_cast<const char*>(png.data()), png.size()},
                                         svg};
    for (int format = ATTNSCOPE_FORMAT_RGB; format <= ATTNSCOPE_FORMAT_SVG; ++format) {
      AttnscopeFigure* figure = nullptr;
      ASSERT_EQ(AttnscopeFigureCreate(static_cast<int32_t>(kind), format, &c_report, 1, &c_options, &figure),
                ATTNSCOPE_OK)
          << AttnscopeLastError();
      const uint8_t* bytes = nullptr;
      size_t size = 0;
      ASSERT_EQ(AttnscopeFigureBytes(figure, &bytes, &size), ATTNSCOPE_OK);
      EXPECT_TRUE(std::string_view(reinterpret_cast<const char*>(bytes), size) == expected[format])
          << static_cast<int>(kind) << " as " << format;
      AttnscopeFigureDestroy(figure);
    }
  }
  AttnscopeBaselineDestroy(c_baseline);
  AttnscopeReportDestroy(c_report);
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
  EXPECT_SAME(unnormalized_row_share_warning);
  EXPECT_SAME(unnormalized_row_share_critical);
  EXPECT_SAME(empty_row_share_warning);
  EXPECT_SAME(empty_row_share_critical);
  EXPECT_SAME(min_rows);
  EXPECT_SAME(sink_min_rows);
  EXPECT_SAME(sink_min_rows_each);
  EXPECT_SAME(sink_min_keys);
  EXPECT_SAME(one_hot_min_keys);
  EXPECT_SAME(uniform_min_keys);
  EXPECT_SAME(first_block_residual_ratio_warning);
  EXPECT_SAME(first_block_residual_ratio_critical);
  EXPECT_SAME(baseline_spreads_warning);
  EXPECT_SAME(baseline_spreads_critical);
  EXPECT_SAME(max_logit_warning);
  EXPECT_SAME(max_logit_critical);
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
  EXPECT_EQ(monitor.baseline, nullptr);
  EXPECT_EQ(monitor.baseline_windows, cpp_monitor.baseline_windows);

  AttnscopeFigureOptions figure = {};
  figure.struct_size = sizeof(figure);
  AttnscopeFigureOptionsDefaults(&figure);
  const FigureOptions cpp_figure;
  EXPECT_EQ(figure.width, cpp_figure.width);
  EXPECT_EQ(figure.height, cpp_figure.height);
  EXPECT_EQ(figure.scale, cpp_figure.scale);
  EXPECT_EQ(figure.plain != 0, cpp_figure.plain);
  EXPECT_EQ(figure.dark != 0, cpp_figure.dark);
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

// SPDX-License-Identifier: Apache-2.0
//
// What pictures of attention are drawn from, beside the same by plain loops over the files' elements.
#include "tools/analysis/attention_pictures.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

#include "attnscope/figure.h"
#include "tests/support/analyze_files.h"
#include "tests/support/data_file.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_writers.h"

namespace attnscope::tools {
namespace {

using namespace testing_tools;  // NOLINT: a test of what these write

class AttentionPicturesTest : public TemporaryFolderTest {
 protected:
  static AttentionPictures Collect(const PlanInputs& inputs, AnalysisOptions options, const PictureChoice& choice) {
    AttentionPictures pictures;
    Plan plan;
    Share whole;
    Report report;
    Status status = MakePlan(inputs, &plan);
    if (status.ok()) status = MakeShare(plan, {.mean_matrix = options.mean_matrix}, &whole);
    if (status.ok()) status = AttentionPictures::Create(choice, plan, &pictures);
    options.pictures = &pictures;
    if (status.ok()) status = MeasureReport(plan, whole, options, &report);
    EXPECT_TRUE(status.ok()) << status.message();
    return pictures;
  }

  // The elements of a bundled .npy file, which are float32 behind a header of 128 bytes.
  static std::vector<float> Elements(const std::string& path) {
    const std::string bytes = Read(path);
    std::vector<float> values((bytes.size() - 128) / sizeof(float));
    std::memcpy(values.data(), bytes.data() + 128, values.size() * sizeof(float));
    return values;
  }

  // Of [sequences, heads, n, n]: the mean of each column of a head.
  static std::vector<double> ColumnMeans(const std::vector<float>& weights, size_t heads, size_t n, size_t head) {
    std::vector<double> means(n);
    const size_t sequences = weights.size() / (heads * n * n);
    for (size_t i = 0; i < weights.size(); ++i) {
      if (i / (n * n) % heads == head) means[i % n] += static_cast<double>(weights[i]);
    }
    for (double& mean : means) mean /= static_cast<double>(sequences * n);
    return means;
  }

  // Of [heads, n, n]: the largest weight of each cell.
  static void ExpectMap(const AttentionMap& map, const std::vector<float>& weights, size_t head, size_t n,
                        float tolerance) {
    const size_t cells = std::min<size_t>(n, 64);
    ASSERT_EQ(map.rows, cells);
    ASSERT_EQ(map.columns, cells);
    std::vector<float> expected(cells * cells);
    for (size_t i = 0; i < n * n; ++i) {
      size_t row = 0;
      size_t column = 0;
      while ((row + 1) * n / cells <= i / n) ++row;
      while ((column + 1) * n / cells <= i % n) ++column;
      float& cell = expected[row * cells + column];
      cell = std::max(cell, weights[head * n * n + i]);
    }
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(map.cells[i], expected[i], tolerance) << i;
  }

  static void ExpectProfile(const KeyProfile& profile, const std::vector<float>& weights, size_t heads, size_t n) {
    std::vector<double> mean(n);
    size_t largest = 0;
    double most = 0.0;
    for (size_t head = 0; head < heads; ++head) {
      const std::vector<double> of_head = ColumnMeans(weights, heads, n, head);
      for (size_t key = 0; key < n; ++key) {
        mean[key] += of_head[key] / static_cast<double>(heads);
        if (of_head[key] > most) largest = head;
        most = std::max(most, of_head[key]);
      }
    }
    const std::vector<double> expected = ColumnMeans(weights, heads, n, largest);
    EXPECT_EQ(profile.heads, heads);
    EXPECT_EQ(profile.largest_head, static_cast<int64_t>(largest));
    ASSERT_EQ(profile.mean.size(), n);
    ASSERT_EQ(profile.largest.size(), n);
    for (size_t key = 0; key < n; ++key) {
      EXPECT_NEAR(profile.mean[key], mean[key], 1e-6 * mean[key]) << key;
      EXPECT_NEAR(profile.largest[key], expected[key], 1e-6 * expected[key]) << key;
    }
  }
};

TEST_F(AttentionPicturesTest, ProfilesOfWeights) {
  for (const auto& [run, n] : {std::pair<std::string, size_t>{"use_short", 19}, {"use_long", 128}}) {
    const std::vector<std::string> files = {DataFile(run, 0, "attn"), DataFile(run, 1, "attn")};
    for (const size_t block : {size_t{1}, size_t{5000}, size_t{1} << 24}) {
      const AttentionPictures pictures = Collect({.files = files}, {.block_elements = block}, {.keys = true});
      ASSERT_EQ(pictures.keys().size(), 2u);
      for (size_t layer = 0; layer < 2; ++layer) {
        EXPECT_EQ(pictures.keys()[layer].layer, static_cast<int64_t>(layer));
        ExpectProfile(pictures.keys()[layer], Elements(files[layer]), 4, n);
      }
    }
  }
}

TEST_F(AttentionPicturesTest, ProfilesOfLogitsAndOfQueriesAndKeysAreThoseOfTheirWeights) {
  const PlanInputs inputs[] = {
      {.logit_files = {DataFile("use_long", 0, "logits")}},
      {.query_key_files = {{DataFile("use_long", 0, "q"), DataFile("use_long", 0, "k")}}},
  };
  for (const PlanInputs& input : inputs) {
    const AttentionPictures weighed = Collect({.files = {DataFile("use_long", 0, "attn")}}, {}, {.keys = true});
    const AttentionPictures pictures = Collect(input, {}, {.keys = true});
    ASSERT_EQ(pictures.keys().size(), 1u);
    ASSERT_EQ(weighed.keys().size(), 1u);
    EXPECT_EQ(pictures.keys()[0].largest_head, weighed.keys()[0].largest_head);
    for (size_t key = 0; key < 128; ++key) {
      EXPECT_NEAR(pictures.keys()[0].mean[key], weighed.keys()[0].mean[key], 1e-5) << key;
    }
  }
}

TEST_F(AttentionPicturesTest, SequencesOfALayerAreAddedUp) {
  // Layer 0 with both layers' attention of the short run as two sequences, whose rows count alike.
  std::vector<float> both = Elements(DataFile("use_short", 0, "attn"));
  const std::vector<float> second = Elements(DataFile("use_short", 1, "attn"));
  both.insert(both.end(), second.begin(), second.end());
  const std::string path = Write("L0.npy", Npy("<f4", {2, 4, 19, 19}, BytesOf(both)));
  for (const size_t block : {size_t{1}, size_t{1} << 24}) {
    const AttentionPictures pictures = Collect({.files = {path}}, {.block_elements = block}, {.keys = true});
    ASSERT_EQ(pictures.keys().size(), 1u);
    ExpectProfile(pictures.keys()[0], both, 4, 19);
  }
}

TEST_F(AttentionPicturesTest, RowsThatAreNotMeasuredAreNoneOfTheShares) {
  // A row of NaN is in no sum and in no number of rows: the shares of the others still add up to 1.
  std::vector<float> weights = Elements(DataFile("use_short", 0, "attn"));
  weights[5 * 19 + 2] = std::numeric_limits<float>::quiet_NaN();
  const AttentionPictures pictures =
      Collect({.files = {Write("L0.npy", Npy("<f4", {4, 19, 19}, BytesOf(weights)))}}, {}, {.keys = true});
  const std::vector<double>& mean = pictures.keys().at(0).mean;
  EXPECT_NEAR(std::accumulate(mean.begin(), mean.end(), 0.0), 1.0, 1e-6);
}

TEST_F(AttentionPicturesTest, AMeanMatrixHasNoLargestHead) {
  const AttentionPictures pictures =
      Collect({.files = {DataFile("use_short", 0, "attn")}}, {.mean_matrix = true}, {.keys = true});
  const KeyProfile& profile = pictures.keys().at(0);
  EXPECT_EQ(profile.heads, 1u);
  EXPECT_EQ(profile.largest_head, -1);
  EXPECT_NEAR(std::accumulate(profile.mean.begin(), profile.mean.end(), 0.0), 1.0, 1e-6);
}

TEST_F(AttentionPicturesTest, MapsOfWeights) {
  for (const auto& [run, n] : {std::pair<std::string, size_t>{"use_short", 19}, {"use_long", 128}}) {
    for (const size_t block : {size_t{1}, size_t{5000}, size_t{1} << 24}) {
      const AttentionPictures pictures = Collect({.files = {DataFile(run, 0, "attn"), DataFile(run, 1, "attn")}},
                                                 {.block_elements = block}, {.maps = true});
      ASSERT_EQ(pictures.maps().size(), 8u);
      for (size_t i = 0; i < 8; ++i) {
        const AttentionMap& map = pictures.maps()[i];
        EXPECT_EQ(map.layer, static_cast<int64_t>(i / 4));
        EXPECT_EQ(map.head, static_cast<int64_t>(i % 4));
        ExpectMap(map, Elements(DataFile(run, static_cast<int>(i / 4), "attn")), i % 4, n, 0.0f);
      }
    }
  }
}

TEST_F(AttentionPicturesTest, MapsOfLogitsAndOfQueriesAndKeysAreThoseOfTheirWeights) {
  const PlanInputs inputs[] = {
      {.logit_files = {DataFile("use_long", 1, "logits")}},
      {.query_key_files = {{DataFile("use_long", 1, "q"), DataFile("use_long", 1, "k")}}},
  };
  for (const PlanInputs& input : inputs) {
    for (const size_t block : {size_t{1}, size_t{1} << 24}) {
      const AttentionPictures pictures = Collect(input, {.block_elements = block}, {.maps = true});
      ASSERT_EQ(pictures.maps().size(), 4u);
      for (size_t head = 0; head < 4; ++head) {
        ExpectMap(pictures.maps()[head], Elements(DataFile("use_long", 1, "attn")), head, 128, 1e-4f);
      }
    }
  }
}

TEST_F(AttentionPicturesTest, MapsAreOfTheFirstSequenceAndOfChosenHeads) {
  std::vector<float> both = Elements(DataFile("use_short", 0, "attn"));
  const std::vector<float> first = both;
  const std::vector<float> second = Elements(DataFile("use_short", 1, "attn"));
  both.insert(both.end(), second.begin(), second.end());
  const std::string path = Write("L0.npy", Npy("<f4", {2, 4, 19, 19}, BytesOf(both)));
  PictureChoice choice = {.maps = true};
  ASSERT_TRUE(ReadLayerSets("1,3", &choice.heads));
  for (const size_t block : {size_t{1}, size_t{1} << 24}) {
    const AttentionPictures pictures = Collect({.files = {path}}, {.block_elements = block}, choice);
    ASSERT_EQ(pictures.maps().size(), 2u);
    ExpectMap(pictures.maps()[0], first, 1, 19, 0.0f);
    ExpectMap(pictures.maps()[1], first, 3, 19, 0.0f);
  }
  Plan plan;
  AttentionPictures pictures;
  ASSERT_TRUE(MakePlan({.files = {path}}, &plan).ok());
  ASSERT_TRUE(ReadLayerSets("4", &choice.heads));
  EXPECT_EQ(AttentionPictures::Create(choice, plan, &pictures).message(),
            "--show-heads chooses none of the heads 0, 1, 2, 3");
}

TEST_F(AttentionPicturesTest, MapsHideWhatRowsDoNotSee) {
  AnalysisOptions options;
  options.rows.causal = true;
  const AttentionPictures pictures =
      Collect({.logit_files = {DataFile("use_short", 0, "logits")}}, options, {.maps = true});
  const AttentionMap& map = pictures.maps().at(2);
  for (size_t i = 0; i < map.cells.size(); ++i) {
    EXPECT_EQ(map.cells[i] == kHiddenCell, i % 19 > i / 19) << i;
  }
}

TEST_F(AttentionPicturesTest, LayersAreChosen) {
  const std::string path =
      Write("stack.npy", Npy("<f4", {100, 1, 1, 2, 2}, BytesOf(std::vector<float>(100 * 4, 0.5f))));
  const auto layers_of = [&](const std::string& text) {
    PictureChoice choice = {.keys = true};
    EXPECT_TRUE(ReadLayerSets(text, &choice.layers));
    std::vector<int64_t> layers;
    const AttentionPictures pictures = Collect({.files = {path}}, {}, choice);
    for (const KeyProfile& profile : pictures.keys()) layers.push_back(profile.layer);
    return layers;
  };
  EXPECT_EQ(layers_of("3,90-92,98/2"), (std::vector<int64_t>{3, 90, 91, 92, 98}));
  // More than there is room for: from the first to the last.
  const AttentionPictures all = Collect({.files = {path}}, {}, {.keys = true});
  ASSERT_EQ(all.keys().size(), kMostProfiles);
  EXPECT_EQ(all.keys().front().layer, 0);
  EXPECT_EQ(all.keys().back().layer, 99);
  ASSERT_EQ(all.notes().size(), 1u);
  EXPECT_EQ(all.notes()[0],
            "the picture has room for 36 of 100 layers: 0, 2, 5, ..., 99; --show-layers chooses others");
}

TEST_F(AttentionPicturesTest, ChoicesOfNothingAreErrors) {
  Plan plan;
  AttentionPictures pictures;
  ASSERT_TRUE(MakePlan({.files = {DataFile("use_short", 0, "attn"), DataFile("use_short", 1, "attn")}}, &plan).ok());
  PictureChoice choice = {.keys = true};
  ASSERT_TRUE(ReadLayerSets("7", &choice.layers));
  const Status status = AttentionPictures::Create(choice, plan, &pictures);
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "--show-layers chooses none of the layers 0, 1");
}

TEST(LayerSets, Texts) {
  std::vector<LayerSet> sets;
  for (const char* text : {"", ",", "1,", "-1", "3-1", "1-", "a", "1/0", "1//2", "0x3", "1 ", "99999999999999999999"}) {
    EXPECT_FALSE(ReadLayerSets(text, &sets)) << text;
  }
  ASSERT_TRUE(ReadLayerSets("4,6-8,1/3,10-20/5", &sets));
  std::string chosen;
  for (int64_t i = 0; i < 22; ++i) {
    for (const LayerSet& set : sets) chosen += set.Has(i) ? std::to_string(i) + " " : "";
  }
  EXPECT_EQ(chosen, "1 4 4 6 7 7 8 10 10 13 15 16 19 20 ");
}

}  // namespace
}  // namespace attnscope::tools

// SPDX-License-Identifier: Apache-2.0
//
// attnscope::AllReduce on as many ranks as mpirun starts: each has some of the sequences, rows or heads, and all end
// with what one accumulator measures that has everything. Every rank runs every case, in the same order.
#include "attnscope/mpi.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/accumulator_checks.h"
#include "tests/support/compare.h"
#include "tests/support/report_difference.h"
#include "tests/support/row_inputs.h"

namespace {

size_t reduced_bytes = 0;

}  // namespace

// MPI's own way to watch its calls: this one is called instead, and MPI's under its other name.
extern "C" int MPI_Allreduce(const void* from, void* to, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
  int size = 0;
  MPI_Type_size(type, &size);
  reduced_bytes += static_cast<size_t>(count) * static_cast<size_t>(size);
  return PMPI_Allreduce(from, to, count, type, op, comm);
}

namespace attnscope::test {
namespace {

constexpr size_t kHeads = 3;
constexpr size_t kQueries = 96;
constexpr size_t kKeys = 60;
constexpr LayerConfig kConfig = {.heads = kHeads, .max_keys = kKeys, .max_batch = 2};

size_t Rank() {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return static_cast<size_t>(rank);
}

size_t Ranks() {
  int ranks = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  return static_cast<size_t>(ranks);
}

std::vector<float> Weights(uint64_t seed) { return SoftmaxRows(seed, kHeads * kQueries, kKeys, 2.0); }

AttentionView View(const std::vector<float>& weights) { return ViewOf(weights, 1, kHeads, kQueries, kKeys); }

void AllReduceOk(LayerAccumulator& layer) {
  const Status status = AllReduce(layer, MPI_COMM_WORLD);
  ASSERT_TRUE(status.ok()) << status.message();
}

void ExpectSame(const LayerStats& actual, const LayerStats& expected) {
  EXPECT_LE(DifferenceOf(actual.layer, expected.layer), kMergeBound);
  ASSERT_EQ(actual.heads.size(), expected.heads.size());
  for (size_t head = 0; head < actual.heads.size(); ++head) {
    EXPECT_LE(DifferenceOf(actual.heads[head], expected.heads[head]), kMergeBound) << "head " << head;
  }
}

TEST(MpiAllReduceTest, WholeSequences) {
  LayerAccumulator mine = CreateLayer(kConfig);
  LayerAccumulator all = CreateLayer(kConfig);
  for (size_t sequence = 0; sequence < 2 * Ranks() + 1; ++sequence) {
    const std::vector<float> weights = Weights(sequence);
    for (LayerAccumulator* layer : {&mine, &all}) {
      if (layer == &mine && sequence % Ranks() != Rank()) continue;
      ASSERT_TRUE(layer->AddWeights(View(weights)).ok());
      layer->EndSequence();
    }
  }
  reduced_bytes = 0;
  AllReduceOk(mine);
  EXPECT_EQ(reduced_bytes, 304 + 280 * kHeads) << "as the header says";
  ExpectSame(mine.Stats(), all.Stats());
}

TEST(MpiAllReduceTest, RowsOfOneSequence) {
  const std::vector<float> weights = Weights(1);
  LayerAccumulator mine = CreateLayer(kConfig);
  LayerAccumulator all = CreateLayer(kConfig);
  ASSERT_TRUE(all.AddWeights(View(weights)).ok());
  const size_t blocks = kQueries / 16;
  const size_t first = blocks * Rank() / Ranks() * 16;
  const size_t last = blocks * (Rank() + 1) / Ranks() * 16;
  ASSERT_TRUE(mine.AddWeights(RowsOfView(View(weights), first, last - first)).ok());
  reduced_bytes = 0;
  AllReduceOk(mine);
  // Of two sequences that could be open one is.
  EXPECT_EQ(reduced_bytes, 304 + 280 * kHeads + 2 * (240 * kHeads) + 16 * kHeads * kKeys) << "as the header says";
  mine.EndSequence();
  all.EndSequence();
  ExpectSame(mine.Stats(), all.Stats());
  EXPECT_EQ(mine.Stats().layer[Metric::kMatrices], static_cast<double>(kHeads)) << "not a part for each rank";
}

// Rank r has the second sequence, of which others know nothing, and only some heads of it: runs of open matrices.
TEST(MpiAllReduceTest, HeadsOfSequencesThatOthersDoNotHave) {
  const std::vector<float> weights = Weights(2);
  LayerAccumulator mine = CreateLayer(kConfig);
  LayerAccumulator all = CreateLayer(kConfig);
  for (size_t sequence = 0; sequence < 2; ++sequence) {
    for (size_t head = sequence; head < kHeads; head += 2) {
      AttentionView view = View(weights);
      view.data = weights.data() + head * kQueries * kKeys;
      view.heads = 1;
      view.first_head = head;
      view.first_sequence = sequence;
      ASSERT_TRUE(all.AddWeights(view).ok());
      if ((sequence + head) % Ranks() == Rank()) {
        ASSERT_TRUE(mine.AddWeights(view).ok());
      }
    }
  }
  AllReduceOk(mine);
  ExpectSame(mine.Stats(), all.Stats());
}

// Rows that see no key are counted, though their sequence has no columns.
TEST(MpiAllReduceTest, MaskedRowsOfOneRank) {
  const std::vector<float> weights = Weights(3);
  LayerAccumulator mine = CreateLayer(kConfig);
  const int64_t no_keys = 0;
  if (Rank() == 0) {
    ASSERT_TRUE(mine.AddWeights(View(weights), {.key_lengths = &no_keys}).ok());
  }
  AllReduceOk(mine);
  EXPECT_EQ(mine.Stats().layer[Metric::kMaskedRows], static_cast<double>(kHeads * kQueries));
}

TEST(MpiAllReduceTest, MeanMatrixResidualsAndGradients) {
  const LayerConfig config = {.heads = kHeads, .max_keys = kKeys, .mean_matrix = true};
  LayerAccumulator mine = CreateLayer(config);
  LayerAccumulator all = CreateLayer(config);
  for (size_t i = 0; i < Ranks(); ++i) {
    const std::vector<float> before = Weights(10 + i);
    const std::vector<float> after = Weights(20 + i);
    const auto activation = [](const std::vector<float>& values) {
      return ContiguousActivation(values.data(), ElementType::kFloat32, 1, kHeads * kQueries, kKeys);
    };
    for (LayerAccumulator* layer : {&mine, &all}) {
      if (layer == &mine && i != Rank()) continue;
      ASSERT_TRUE(layer->AddWeights(View(before)).ok());
      ASSERT_TRUE(layer->AddResidual(activation(before), activation(after)).ok());
      ASSERT_TRUE(layer->AddGradient({.data = after.data(), .size = after.size()}).ok());
      layer->EndSequence();
    }
  }
  AllReduceOk(mine);
  ExpectSame(mine.Stats(), all.Stats());
}

TEST(MpiAllReduceTest, GoingOnAfterAReset) {
  LayerAccumulator mine = CreateLayer(kConfig);
  for (size_t epoch = 0; epoch < 3; ++epoch) {
    ASSERT_TRUE(mine.AddWeights(View(Weights(Rank()))).ok());
    mine.EndSequence();
    AllReduceOk(mine);
    EXPECT_EQ(mine.Stats().layer[Metric::kRows], static_cast<double>((epoch + 1) * Ranks() * kHeads * kQueries));
    if (Rank() != 0) mine.Reset();  // the sum stays on one rank
  }
}

TEST(MpiAllReduceTest, ConfigurationsMustAgree) {
  if (Ranks() == 1) GTEST_SKIP() << "needs two ranks";
  std::vector<LayerConfig> configs(9, kConfig);
  configs[0].heads = 4;
  configs[1].max_keys = 61;
  configs[2].max_batch = 1;
  configs[3].mean_matrix = true;
  configs[4].tolerance_float32 = 2e-3;
  configs[5].tolerance_half = 1e-2;
  configs[6].saturation_bound = 0.9;
  configs[7].top_k = {1, 5, 128};
  configs[8].top_k = {5, 10, 50, 64};
  const char* names[] = {"heads is ",
                         "max_keys is ",
                         "max_batch is ",
                         "mean_matrix is ",
                         "tolerance_float32 is ",
                         "tolerance_half is ",
                         "saturation_bound is ",
                         "a value of top_k is ",
                         "a value of top_k is "};
  for (size_t i = 0; i < configs.size(); ++i) {
    LayerAccumulator mine = CreateLayer(Rank() == Ranks() - 1 ? configs[i] : kConfig);
    const std::vector<double> state = StateOf(mine);
    const Status status = AllReduce(mine, MPI_COMM_WORLD);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_TRUE(status.message().starts_with(names[i])) << status.message();
    EXPECT_TRUE(SameBits(StateOf(mine), state));
  }
}

TEST(MpiAllReduceTest, ErrorsOfMpiAreReturned) {
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  LayerAccumulator mine = CreateLayer(kConfig);
  const Status status = AllReduce(mine, MPI_COMM_NULL);
  EXPECT_EQ(status.code(), StatusCode::kIoError);
  EXPECT_TRUE(status.message().starts_with("MPI_Allreduce: ")) << status.message();
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
}

}  // namespace
}  // namespace attnscope::test

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  testing::InitGoogleTest(&argc, argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank != 0) {  // failures of others show in the exit code, and here
    testing::TestEventListeners& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
  }
  int failed = RUN_ALL_TESTS();
  if (failed != 0 && rank != 0) std::fprintf(stderr, "rank %d: a case failed\n", rank);
  MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  MPI_Finalize();
  return failed;
}

// SPDX-License-Identifier: Apache-2.0
//
// From files of logits, and of queries and keys, to a report: the golden numbers of real attention in every layout, and
// what is refused.
#include "tools/analysis/query_key_plan.h"

#include <cstring>

#include "tests/support/analyze_files.h"
#include "tests/support/data_file.h"
#include "tests/support/golden.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_writers.h"

namespace attnscope::tools {
namespace {

using namespace testing_tools;  // NOLINT: a test of what these write

class QueryKeyAnalysisTest : public TemporaryFolderTest {
 protected:
  static Report Run(const PlanInputs& inputs, const AnalysisOptions& options = {}) {
    Report report;
    const Status status = AnalyzeFiles(inputs, options, &report);
    EXPECT_TRUE(status.ok()) << status.message();
    return report;
  }

  static void ExpectError(const PlanInputs& inputs, const std::string& part) {
    Plan plan;
    const Status status = MakePlan(inputs, &plan);
    EXPECT_FALSE(status.ok());
    EXPECT_NE(status.message().find(part), std::string::npos) << part << " in: " << status.message();
  }

  static void ExpectGoldenReport(const Report& report, const std::string& run, const std::string& kind, double keys) {
    const nlohmann::json golden = ReadGolden(run);
    ASSERT_EQ(report.layers.size(), 2u);
    for (const LayerReport& layer : report.layers) {
      const nlohmann::json& values = golden[std::to_string(layer.layer)][kind];
      EXPECT_EQ(ExpectGolden(values["attention"]["layer"], layer.stats.layer, keys), 12u);
      EXPECT_EQ(ExpectGolden(values, layer.stats.layer, keys), 4u) << "logit metrics";
      ASSERT_EQ(layer.stats.heads.size(), 4u);
      for (size_t h = 0; h < 4; ++h) {
        EXPECT_EQ(ExpectGolden(GoldenHead(values["attention"]["heads"], h), layer.stats.heads[h], keys), 12u);
      }
    }
  }

  // The elements of a bundled .npy file, which are float32 behind a header of 128 bytes.
  static std::vector<float> Elements(const std::string& path) {
    const std::string bytes = Read(path);
    std::vector<float> values((bytes.size() - 128) / sizeof(float));
    std::memcpy(values.data(), bytes.data() + 128, values.size() * sizeof(float));
    return values;
  }

  // [heads, tokens, dim] to [tokens, heads, dim].
  static std::vector<float> TokenMajor(const std::vector<float>& from, size_t heads, size_t tokens, size_t dim) {
    std::vector<float> to(from.size());
    for (size_t head = 0; head < heads; ++head) {
      for (size_t token = 0; token < tokens; ++token) {
        for (size_t d = 0; d < dim; ++d) to[(token * heads + head) * dim + d] = from[(head * tokens + token) * dim + d];
      }
    }
    return to;
  }

  std::string Zeros(const std::string& name, const std::vector<size_t>& shape) const {
    size_t size = 4;
    for (const size_t n : shape) size *= n;
    return Write(name, Npy("<f4", shape, std::string(size, '\0')));
  }
};

TEST_F(QueryKeyAnalysisTest, GoldenNumbers) {
  for (const auto& [run, keys] : {std::pair<std::string, double>{"use_short", 19}, {"use_long", 128}}) {
    for (const bool causal : {false, true}) {
      AnalysisOptions options;
      options.rows.causal = causal;
      const std::string kind = causal ? "logits_causal" : "logits";
      ExpectGoldenReport(Run({.logit_files = {DataFile(run, 0, "logits"), DataFile(run, 1, "logits")}}, options), run,
                         kind, keys);
      const PlanInputs inputs = {.query_key_files = {{DataFile(run, 0, "q"), DataFile(run, 0, "k")},
                                                     {DataFile(run, 1, "q"), DataFile(run, 1, "k")}}};
      ExpectGoldenReport(Run(inputs, options), run, kind, keys);
      options.block_elements = 100;  // 16 rows at a time
      ExpectGoldenReport(Run(inputs, options), run, kind, keys);
    }
  }
}

// The same numbers from an archive, token-major, as float64, and with keys [tokens, heads * head_dim].
TEST_F(QueryKeyAnalysisTest, LayoutsAgree) {
  const std::string expected =
      ReportToJson(Run({.query_key_files = {{DataFile("use_short", 0, "q"), DataFile("use_short", 0, "k")}}}));
  const std::vector<float> queries = Elements(DataFile("use_short", 0, "q"));
  const std::vector<float> keys = Elements(DataFile("use_short", 0, "k"));
  ASSERT_EQ(queries.size(), size_t{4} * 19 * 64);
  const std::string both = BytesOf(queries) + BytesOf(keys);
  const size_t half = both.size() / 2;
  const std::string header = std::string("{") + SafetensorsEntry("blocks.0.attn.q", "F32", {1, 4, 19, 64}, 0, half) +
                             "," + SafetensorsEntry("blocks.0.attn.k", "F32", {1, 4, 19, 64}, half, 2 * half) + "}";
  EXPECT_EQ(ReportToJson(Run({.query_key_files = {{Write("a.safetensors", Safetensors(header, both))}}})), expected);

  const std::string token_queries = BytesOf(TokenMajor(queries, 4, 19, 64));
  const std::string token_keys = BytesOf(TokenMajor(keys, 4, 19, 64));
  const std::string q_path = Write("t_L0_q.npy", Npy("<f4", {19, 4, 64}, token_queries));
  EXPECT_EQ(ReportToJson(Run({.query_key_files = {{q_path, Write("t_L0_k.npy", Npy("<f4", {19, 4, 64}, token_keys))}},
                              .layout = QueryKeyLayout::kTokenMajor})),
            expected);
  EXPECT_EQ(ReportToJson(Run({.query_key_files = {{q_path, Write("f_L0_k.npy", Npy("<f4", {19, 256}, token_keys))}},
                              .layout = QueryKeyLayout::kTokenMajor,
                              .kv_heads = 4})),
            expected);

  const std::vector<double> wide(queries.begin(), queries.end());
  const std::string wide_path = Write("w_L0_q.npy", Npy("<f8", {4, 19, 64}, BytesOf(wide)));
  EXPECT_EQ(ReportToJson(Run({.query_key_files = {{wide_path, DataFile("use_short", 0, "k")}}})), expected);
}

TEST_F(QueryKeyAnalysisTest, ScaleAndSoftCapAreUsed) {
  const PlanInputs inputs = {.query_key_files = {{DataFile("use_short", 0, "q"), DataFile("use_short", 0, "k")}}};
  AnalysisOptions options;
  options.scale = 0.125;  // what the default is for head_dim 64
  EXPECT_EQ(ReportToJson(Run(inputs, options)), ReportToJson(Run(inputs)));
  options.soft_cap = 5.0;
  const double capped = Run(inputs, options).layers[0].stats.layer[Metric::kMaxAbsLogit];
  EXPECT_LE(capped, 5.0);
  EXPECT_GT(capped, 4.9);
}

TEST_F(QueryKeyAnalysisTest, GroupedQueries) {
  Plan plan;
  ASSERT_TRUE(
      MakePlan({.query_key_files = {{Zeros("L3_q.npy", {2, 8, 5, 16}), Zeros("L3_k.npy", {2, 2, 7, 16})}}}, &plan)
          .ok());
  ASSERT_EQ(plan.layers.size(), 1u);
  const AttentionPart& part = plan.layers[3].attention.at(0);
  EXPECT_EQ(part.batch, 2u);
  EXPECT_EQ(part.heads, 8u);
  EXPECT_EQ(part.kv_heads, 2u);
  EXPECT_EQ(part.queries, 5u);
  EXPECT_EQ(part.keys, 7u);
  EXPECT_EQ(part.head_dim, 16u);
}

TEST_F(QueryKeyAnalysisTest, Refusals) {
  const std::string q = Zeros("L0_q.npy", {4, 5, 16});
  ExpectError({.query_key_files = {{q, Zeros("L0_k.npy", {4, 5, 8})}}}, "do not fit");
  ExpectError({.query_key_files = {{q, Zeros("L0_k.npy", {3, 5, 16})}}}, "do not fit");
  ExpectError({.query_key_files = {{q, Zeros("L0_k.npy", {2, 5, 16})}}, .kv_heads = 4}, "--kv-heads says 4");
  ExpectError({.query_key_files = {{q, Zeros("L0_k.npy", {5, 64})}}, .kv_heads = 4}, "token-major");
  ExpectError({.query_key_files = {{Zeros("wide_L0_q.npy", {5, 1025}), Zeros("L0_k.npy", {5, 1025})}}},
              "head_dim 1025, more than 1024");
  ExpectError({.query_key_files = {{q, Zeros("L0_k.npy", {5})}}}, "has shape [5]");
  ExpectError({.query_key_files = {{Zeros("L0_k.npy", {4, 5, 16}), q}}}, "are the other way round by their names");
  ExpectError({.query_key_files = {{q, Zeros("L1_k.npy", {4, 5, 16})}}}, "of layer 1 by their names; --layer says");
  ExpectError({.query_key_files = {{q}}}, "archive of both");
  ExpectError({.query_key_files = {{q, (folder_ / "none.npy").string()}}}, "none.npy");
  ExpectError({.files = {Zeros("L0_attn.npy", {4, 5, 5})}, .query_key_files = {{q, Zeros("L0_k.npy", {4, 5, 16})}}},
              "holds weights");
  const std::string values(64, '\0');
  const auto archive = [&](const std::string& header) { return Write("a.safetensors", Safetensors(header, values)); };
  ExpectError({.query_key_files = {{archive(std::string("{") + SafetensorsEntry("l0.q", "F32", {4, 4}, 0, 64) + "}")}}},
              "no tensor of keys");
  ExpectError({.query_key_files = {{archive(std::string("{") + SafetensorsEntry("l0.q", "F32", {2, 4}, 0, 32) + "," +
                                            SafetensorsEntry("l1.k", "F32", {2, 4}, 32, 64) + "}")}}},
              "one of 1 tensors of queries");
}

TEST(QueryKeyRoleTest, Words) {
  for (const char* name : {"q", "layers.3.q", "L0_q", "blocks/1/attn/q_proj", "model.layers.2.Query", "queries_4"}) {
    EXPECT_EQ(RoleOf(name), QueryKeyRole::kQueries) << name;
  }
  for (const char* name : {"k", "layers.3.k", "L0_k", "k_proj.7", "keys", "layer.0.attention.self.key"}) {
    EXPECT_EQ(RoleOf(name), QueryKeyRole::kKeys) << name;
  }
  for (const char* name : {"", "v", "qk", "qkv", "unique", "layers.0.q_proj.weight", "layers.0.k.bias", "q_norm"}) {
    EXPECT_EQ(RoleOf(name), QueryKeyRole::kNeither) << name;
  }
}

// Outputs of projections, as hooks record them: the heads are within each token.
TEST_F(QueryKeyAnalysisTest, HeadsOfProjections) {
  const std::string q = DataFile("use_short", 0, "q");
  const std::string k = DataFile("use_short", 0, "k");
  const Report expected = Run({.query_key_files = {{q, k}}});
  const std::vector<float> queries = Elements(q);
  const std::vector<float> keys = Elements(k);
  const size_t heads = 4;
  const size_t tokens = 19;
  const size_t dim = queries.size() / heads / tokens;
  const std::string flat_q =
      Write("L0_q.npy", Npy("<f4", {1, tokens, heads * dim}, BytesOf(TokenMajor(queries, heads, tokens, dim))));
  const std::string flat_k =
      Write("L0_k.npy", Npy("<f4", {tokens, heads * dim}, BytesOf(TokenMajor(keys, heads, tokens, dim))));
  EXPECT_EQ(ReportToJson(Run({.query_key_files = {{flat_q, flat_k}}, .query_heads = heads})), ReportToJson(expected));
  const std::string few = Zeros("L0_k2.npy", {1, tokens, 2 * dim});
  Plan plan;
  ASSERT_TRUE(MakePlan({.query_key_files = {{flat_q, few}}, .query_heads = heads, .kv_heads = 2}, &plan).ok());
  EXPECT_EQ(plan.layers.at(0).attention.at(0).kv_heads, 2u);
  EXPECT_EQ(plan.layers.at(0).attention.at(0).head_dim, dim);
  EXPECT_TRUE(plan.notes.empty());
  ExpectError({.query_key_files = {{flat_q, few}}}, "--q-heads and --kv-heads say how many heads they have");
  ExpectError({.query_key_files = {{flat_q, flat_k}}, .query_heads = 3}, "is not [n, --q-heads * head_dim]");
}

TEST_F(QueryKeyAnalysisTest, AmbiguousShapesAreNoted) {
  const auto notes = [this](const std::vector<size_t>& shape, QueryKeyLayout layout) {
    Plan plan;
    EXPECT_TRUE(
        MakePlan({.query_key_files = {{Zeros("L0_q.npy", shape), Zeros("L0_k.npy", shape)}}, .layout = layout}, &plan)
            .ok());
    return plan.notes;
  };
  ASSERT_EQ(notes({1, 12, 128}, QueryKeyLayout::kHeadMajor).size(), 1u);
  EXPECT_NE(notes({1, 12, 128}, QueryKeyLayout::kHeadMajor)[0].find("give --q-heads"), std::string::npos);
  ASSERT_EQ(notes({1, 12, 4, 16}, QueryKeyLayout::kHeadMajor).size(), 1u);
  EXPECT_NE(notes({1, 12, 4, 16}, QueryKeyLayout::kHeadMajor)[0].find("give --token-major"), std::string::npos);
  EXPECT_TRUE(notes({1, 12, 4, 16}, QueryKeyLayout::kTokenMajor).empty());
  EXPECT_TRUE(notes({1, 4, 12, 16}, QueryKeyLayout::kHeadMajor).empty());
}

}  // namespace
}  // namespace attnscope::tools

// SPDX-License-Identifier: Apache-2.0
//
// Options that none of the inputs has a use for are errors: they would silently do nothing.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/command_fixture.h"

namespace attnscope::tools {
namespace {

class OptionUsesTest : public CommandTest {
 protected:
  void SetUp() override {
    CommandTest::SetUp();
    const std::vector<float> weights(2 * 8 * 8, 0.125f);
    weights_ = WriteWeights("L0_attn.npy", {2, 8, 8}, weights);
    logits_ = WriteWeights("L0_logits.npy", {2, 8, 8}, std::vector<float>(2 * 8 * 8, 1.25f));
    queries_ = WriteWeights("L0_q.npy", {2, 8, 8}, weights);
    keys_ = WriteWeights("L0_k.npy", {2, 8, 8}, weights);
    in_ = WriteWeights("L0_in.npy", {8, 8}, std::vector<float>(64, 1.0f));
    out_ = WriteWeights("L0_out.npy", {8, 8}, std::vector<float>(64, 1.5f));
  }

  void ExpectRefused(const std::vector<std::string>& inputs, const std::vector<std::string>& option,
                     const std::string& reason) const {
    std::vector<std::string> arguments = {"analyze"};
    arguments.insert(arguments.end(), inputs.begin(), inputs.end());
    arguments.insert(arguments.end(), option.begin(), option.end());
    ExpectError(arguments, option[0] + " " + reason);
  }

  std::string weights_;
  std::string logits_;
  std::string queries_;
  std::string keys_;
  std::string in_;
  std::string out_;
};

TEST_F(OptionUsesTest, OfWeights) {
  for (const char* option : {"--scale", "--soft-cap"}) {
    ExpectRefused({weights_}, {option, "2"}, "needs --logits or --qk: weights are behind their softmax");
    RunOk({"analyze", "--logits", logits_, option, "2"});
    RunOk({"analyze", "--qk", queries_, keys_, option, "2"});
  }
  ExpectRefused({weights_}, {"--masked-below", "-5"}, "needs --logits, --qk or --mask");
  for (const auto& inputs : {std::vector<std::string>{weights_}, {"--logits", logits_}}) {
    for (const char* option : {"--q-tensor", "--k-tensor", "--q-heads", "--kv-heads"}) {
      ExpectRefused(inputs, {option, "2"}, "needs --qk");
    }
    ExpectRefused(inputs, {"--token-major"}, "needs --qk");
  }
}

TEST_F(OptionUsesTest, OfQueriesAndKeys) {
  ExpectRefused({"--qk", queries_, keys_}, {"--axes", "heads,queries,keys"}, "needs a FILE of weights or --logits");
  ExpectRefused({"--qk", queries_, keys_}, {"--tensor", "*"}, "needs a FILE of weights or --logits; of --qk it is ");
  ExpectRefused({"--qk", queries_, keys_}, {"--null-mass"}, "needs a FILE of weights; of logits it is --sinks");
}

TEST_F(OptionUsesTest, OfResidualStreams) {
  const std::vector<std::string> inputs = {"--residual", in_, out_};
  for (const std::vector<std::string>& option : {std::vector<std::string>{"--causal"},
                                                 {"--window", "3"},
                                                 {"--chunked", "4"},
                                                 {"--key-lengths", "8"},
                                                 {"--first-keys", "0"},
                                                 {"--query-lengths", "8"},
                                                 {"--segments", "s.npy"},
                                                 {"--mask", "m.npy"},
                                                 {"--sinks", "s.npy"},
                                                 {"--mean-matrix"},
                                                 {"--top-k", "5"}}) {
    ExpectRefused(inputs, option, "needs a FILE, --logits or --qk: it is of attention");
  }
  EXPECT_EQ(Run({"analyze", weights_, "--residual", in_, out_, "--causal"}).exit_code, 0);
}

TEST_F(OptionUsesTest, OfNames) {
  ExpectRefused({weights_, "--layer", "3"}, {"--layer-pattern", "L([0-9]+)"}, "needs names to look into, but --layer");
  ExpectRefused({weights_}, {"--tensor", "attn*"}, "chooses tensors of archives, and there is none");
}

// The parser gives an option all names that follow it.
TEST_F(OptionUsesTest, NamesBeyondAPair) {
  ExpectRefused({}, {"--qk", queries_, keys_, weights_},
                queries_ + " " + keys_ + " " + weights_ + ": takes one or two");
  ExpectRefused({}, {"--residual", in_, out_, weights_}, in_ + " " + out_ + " " + weights_ + ": takes one or two");
  ExpectRefused({}, {"--residual", in_, out_, in_, out_}, in_ + " " + out_ + " " + in_ + " ...: takes one or two");
}

TEST_F(OptionUsesTest, OfWhatIsNotThere) {
  ExpectRefused({"--qk", queries_, keys_}, {"--q-tensor", "*"}, "chooses tensors of one archive of --qk");
  ExpectRefused({"--residual", in_, out_}, {"--row-metrics", Path("r.npz")}, "and --key-metrics are of attention");
  const Outcome outcome = Run({"analyze", weights_, "--window", "5:3"});
  EXPECT_NE(outcome.err.find("note: no layer that is measured has a window or chunks"), std::string::npos)
      << outcome.err;
}

TEST_F(OptionUsesTest, OutputsThatAreNone) {
  ExpectRefused({weights_}, {"--output", "-"}, "-: is no name of a file; /dev/stdout is standard output");
  for (const char* name : {"a.jpg", "a.PDF", "a.SVG", "a.html"}) {
    ExpectRefused({weights_}, {"--png", Path(name)}, Path(name) + ": pictures are PNG, or SVG where the name ends in");
    ExpectError({"render", kStats, "-o", Path(name)}, "pictures are PNG, or SVG");
  }
  ExpectError({"analyze", weights_, "--max-verdicts", "-1"}, "--max-verdicts");
  const std::string page = Path("x.out");
  ExpectError({"analyze", weights_, "-o", page, "--html", Path("./x.out")}, "are one file");
  ExpectError({"analyze", weights_, "--row-metrics", page, "--key-metrics", page}, "are one file");
  ExpectError({"analyze", weights_, weights_}, "are the same file, its rows would count twice");
}

TEST_F(OptionUsesTest, OfPictures) {
  ExpectRefused({weights_}, {"--dark"}, "needs --png");
  ExpectRefused({weights_}, {"--plain"}, "needs --png");
  ExpectRefused({weights_}, {"--size", "800x600"}, "needs --png");
}

}  // namespace
}  // namespace attnscope::tools

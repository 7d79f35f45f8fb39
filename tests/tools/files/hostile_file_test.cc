// SPDX-License-Identifier: Apache-2.0
//
// Files made to deceive: each gets an error that names what is wrong and its value, before memory is spent on what the
// file claims. Damage at random is tensor_file_test's and the fuzzers'; these lies are deliberate.
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "attnscope/report.h"
#include "tests/support/analyze_files.h"
#include "tests/support/data_file.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_writers.h"
#include "tools/analysis/plan.h"
#include "tools/files/tensor_file.h"

namespace attnscope::tools {
namespace {

using namespace testing_tools;  // NOLINT: a test of what these write

constexpr uint64_t kTerabytes = uint64_t{1} << 44;

int64_t PeakKilobytes() {
  struct rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

std::string Npy4Floats() { return Npy("<f4", {4}, std::string(16, 'x')); }

class HostileFileTest : public TemporaryFolderTest {
 protected:
  void SetUp() override {
    TemporaryFolderTest::SetUp();
    peak_before_ = PeakKilobytes();
  }
  // None of these files is larger than a megabyte, or makes anyone hold much more.
  void TearDown() override {
    EXPECT_LT(PeakKilobytes() - peak_before_, 64 * 1024);
    TemporaryFolderTest::TearDown();
  }

  // The error of the first call that fails: to open the file, to read a tensor, to measure it.
  Status ErrorOf(const std::string& path) const {
    std::unique_ptr<TensorFile> file;
    Status status = TensorFile::Open(path, &file);
    if (!status.ok()) return status;
    for (size_t t = 0; t < file->tensors().size(); ++t) {
      TensorData data;
      status = file->Read(t, &data);
      if (!status.ok()) return status;
    }
    return {};
  }

  void ExpectError(const std::string& name, const std::string& bytes, const std::vector<std::string>& parts) const {
    const Status status = ErrorOf(Write(name, bytes));
    EXPECT_EQ(status.code(), StatusCode::kDataLoss) << status.message();
    EXPECT_TRUE(status.message().starts_with(Path(name) + ": ")) << status.message();
    for (const std::string& part : parts) {
      EXPECT_NE(status.message().find(part), std::string::npos) << part << " in: " << status.message();
    }
  }

  // Cut anywhere, a file is an error that says so. `words`: those that may do so.
  void ExpectEachTruncationIsNamed(const std::string& name, const std::string& bytes,
                                   const std::vector<std::string>& words) const {
    for (size_t length = 0; length < bytes.size(); ++length) {
      const Status status = ErrorOf(Write(name, bytes.substr(0, length)));
      ASSERT_EQ(status.code(), StatusCode::kDataLoss) << length << ": " << status.message();
      ASSERT_TRUE(status.message().starts_with(Path(name) + ": ")) << length << ": " << status.message();
      const bool is_named = std::any_of(words.begin(), words.end(), [&](const std::string& word) {
        return status.message().find(word) != std::string::npos;
      });
      ASSERT_TRUE(is_named) << length << ": " << status.message();
    }
  }

 private:
  int64_t peak_before_ = 0;
};

std::string WithShape(const std::string& shape) {
  return NpyWithHeader("{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + "}", std::string(16, 'x'));
}

TEST_F(HostileFileTest, ShapesThatOverflow) {
  const uint64_t half = uint64_t{1} << 32;
  const std::string text = "shape [4294967296, 4294967296] has more bytes than can be counted";
  ExpectError("a.npy", Npy("<f4", {half, half}, "1234"), {text});
  ExpectError("a.npz", Zip({{.name = "x.npy", .bytes = Npy("<f4", {half, half}, "1234")}}), {"tensor 'x'", text});
  ExpectError("a.safetensors", Safetensors("{" + SafetensorsEntry("x", "F32", {half, half}, 0, 4) + "}", "1234"),
              {"tensor 'x'", text});
  // The product is 2^64 + 16: 16 bytes, if it wrapped around.
  ExpectError("a.npy", WithShape("(1, 4611686018427387908)"), {"shape [1, 4611686018427387908]", "can be counted"});
  ExpectError("a.npy", WithShape("(18446744073709551616,)"), {"18446744073709551616", "below 2^64"});
}

TEST_F(HostileFileTest, SizesOfTerabytes) {
  ExpectError("a.npy", Npy("<f4", {kTerabytes}, "1234"), {"shape [17592186044416] needs 70368744177664", "has 4"});
  const std::string bomb = Npy("<f4", {kTerabytes}, "1234");
  for (const bool deflate : {false, true}) {
    ExpectError("a.npz", Zip({{.name = "x.npy", .bytes = bomb, .deflate = deflate}}),
                {"tensor 'x'", "needs 70368744177664", "has 4"});
    ExpectError("a.npz", Zip({{.name = "x.npy", .bytes = bomb, .deflate = deflate, .claimed_size = kTerabytes}}, true),
                {"member 'x.npy' claims 17592186044416 bytes"});
  }
  ExpectError("a.safetensors",
              Safetensors("{" + SafetensorsEntry("x", "F32", {kTerabytes}, 0, 4 * kTerabytes) + "}", "1234"),
              {"tensor 'x'", "data_offsets [0, 70368744177664]", "4 bytes"});
  ExpectError("a.safetensors", Le(uint64_t{kTerabytes}) + "{}", {"header claims 17592186044416 bytes", "has 10"});
}

TEST_F(HostileFileTest, NegativeSizesAndStrides) {
  ExpectError("a.npy", WithShape("(-4,)"), {"'-4,)", "size of the shape"});
  ExpectError("a.npy", WithShape("(2, -2)"), {"'-2)", "size of the shape"});
  // No format has strides; a header that gives some is not read past them.
  ExpectError(
      "a.npy",
      NpyWithHeader("{'descr': '<f4', 'fortran_order': False, 'shape': (4,), 'strides': (-4,)}", std::string(16, 'x')),
      {"key 'strides'"});
  ExpectError("a.safetensors", Safetensors(R"({"x":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "1234"),
              {"tensor 'x'", "shape"});
  ExpectError("a.safetensors", Safetensors(R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}})", "1234"),
              {"tensor 'x'", "data_offsets"});
}

TEST_F(HostileFileTest, OffsetsBeyondTheFile) {
  ExpectError("a.safetensors", Safetensors("{" + SafetensorsEntry("x", "F32", {1}, 4, 8) + "}", "1234"),
              {"tensor 'x'", "[4, 8]", "4 bytes"});
  const uint64_t most = std::numeric_limits<uint64_t>::max();
  ExpectError("a.safetensors", Safetensors("{" + SafetensorsEntry("x", "F32", {1}, most - 3, most) + "}", "1234"),
              {"tensor 'x'", "[18446744073709551612, 18446744073709551615]"});

  const std::string archive = Zip({{.name = "x.npy", .bytes = Npy4Floats()}});
  const size_t directory = archive.find("PK\1\2");
  const size_t end = archive.find("PK\5\6");
  const auto with = [&archive](size_t at, uint32_t value) {
    return std::string(archive).replace(at, sizeof(value), Le(value));
  };
  ExpectError("a.npz", with(directory + 42, 99999), {"no member 'x.npy' at 99999"});  // its local header
  ExpectError("a.npz", with(directory + 42, 1), {"no member 'x.npy' at 1"});
  ExpectError("a.npz", with(end + 16, 99999), {"a directory of 51 bytes at 99999"});
  ExpectError("a.npz", with(end + 12, 0xFFFFFF), {"a directory of 16777215 bytes"});

  std::string zip64 = Zip({{.name = "x.npy", .bytes = Npy4Floats()}}, true);
  const size_t locator = zip64.find("PK\6\7");
  zip64.replace(locator + 8, 8, Le(kTerabytes));
  ExpectError("a.npz", zip64, {"no zip64 end record at 17592186044416"});
}

// What two headers say of the same thing.
TEST_F(HostileFileTest, HeadersThatDisagree) {
  const std::string archive = Zip({{.name = "x.npy", .bytes = Npy4Floats(), .deflate = true}});
  const auto with = [&archive](size_t at, const std::string& bytes) {
    return std::string(archive).replace(at, bytes.size(), bytes);
  };
  const std::string compressed = std::to_string(Deflated(Npy4Floats()).size());
  ExpectError("a.npz", with(22, Le(uint32_t{145})),
              {"member 'x.npy' has 144 bytes in " + compressed + " by the directory", "145 bytes in " + compressed});
  ExpectError("a.npz", with(18, Le(uint32_t{7})), {"member 'x.npy'", "144 bytes in 7 by its own header"});
  ExpectError("a.npz", with(8, Le(uint16_t{0})), {"member 'x.npy' is compressed by one"});
  ExpectError("a.npz", with(30, "y"), {"member 'x.npy' calls itself 'y.npy'"});
  ExpectError("a.npz", with(26, Le(uint16_t{60000})), {"member 'x.npy' starts at"});
  // Streamed members have no sizes in front.
  const std::string streamed = Zip({{.name = "x.npy", .bytes = Npy4Floats(), .deflate = true, .flags = 8}});
  EXPECT_TRUE(ErrorOf(Write("a.npz", std::string(streamed).replace(18, 8, std::string(8, '\0')))).ok());

  std::string zip64 = Zip({{.name = "x.npy", .bytes = Npy4Floats()}}, true);
  zip64.replace(30 + 5 + 4, 8, Le(kTerabytes));
  ExpectError("a.npz", zip64, {"member 'x.npy' has 144 bytes in 144", "17592186044416 bytes in 144 by its own header"});
}

TEST_F(HostileFileTest, DirectoriesThatMiscount) {
  const std::string archive = Zip({{.name = "x.npy", .bytes = Npy4Floats()}, {.name = "y.npy", .bytes = Npy4Floats()}});
  const size_t end = archive.find("PK\5\6");
  const auto with_count = [&](uint16_t count) { return std::string(archive).replace(end + 10, 2, Le(count)); };
  ExpectError("a.npz", with_count(1), {"51 bytes behind its 1 entries"});
  ExpectError("a.npz", with_count(3), {"3 directory entries"});
  ExpectError("a.npz", with_count(65535), {"65535 directory entries"});
  std::string zip64 = Zip({{.name = "x.npy", .bytes = Npy4Floats()}}, true);
  zip64.replace(zip64.find("PK\6\6") + 32, 8, Le(kTerabytes));
  ExpectError("a.npz", zip64, {"17592186044416 directory entries"});
}

TEST_F(HostileFileTest, HeaderLengths) {
  std::string npy = Npy4Floats();
  npy.replace(8, 2, Le(uint16_t{65000}));
  ExpectError("a.npy", npy, {"header has 65010 bytes, the file 144"});
  ExpectError("a.npz", Zip({{.name = "x.npy", .bytes = npy}}), {"tensor 'x'", "has 144 bytes, not 65010"});
  npy.replace(8, 2, Le(uint16_t{65535}));
  ExpectError("a.npy", npy, {"length is 65535 bytes, of 65536 at most"});
  npy.replace(8, 2, Le(uint16_t{1}));
  ExpectError("a.npy", npy, {"length is 1 bytes"});
  npy.replace(8, 2, Le(uint16_t{10}));
  ExpectError("a.npy", npy, {"the header has ended"});
  std::string version2 = Npy("<f4", {4}, std::string(16, 'x'), 2);
  version2.replace(8, 4, Le(std::numeric_limits<uint32_t>::max()));
  ExpectError("a.npy", version2, {"length is 4294967295 bytes"});
  // A length that ends within the JSON, and one that takes elements for JSON.
  const std::string header = "{" + SafetensorsEntry("x", "F32", {1}, 0, 4) + "}";
  ExpectError("a.safetensors", Le(uint64_t{header.size() - 1}) + header + "1234", {"its header: JSON ends too early"});
  ExpectError("a.safetensors", Le(uint64_t{header.size() + 4}) + header + "1234", {"its header: JSON is malformed"});
}

TEST_F(HostileFileTest, OverlappingTensors) {
  ExpectError(
      "a.safetensors",
      Safetensors("{" + SafetensorsEntry("x", "F32", {2}, 0, 8) + "," + SafetensorsEntry("y", "F32", {2}, 4, 12) + "}",
                  std::string(12, 'x')),
      {"tensors 'x' and 'y' overlap at byte 4"});
  // A member within another: the way of the densest zip bombs.
  const std::string inner = Zip({{.name = "x.npy", .bytes = Npy4Floats()}});
  const std::string local = inner.substr(0, inner.find("PK\1\2"));
  std::string archive = Zip({{.name = "y.npy", .bytes = Npy("<f4", {local.size() / 4}, local)}});
  const std::string entry = inner.substr(local.size(), inner.find("PK\5\6") - local.size());
  const size_t directory = archive.rfind("PK\1\2");
  const size_t y_entry = archive.rfind("PK\5\6") - directory;
  std::string moved = entry;
  moved.replace(42, 4, Le(static_cast<uint32_t>(archive.find("PK\3\4", 1))));
  const std::string both = archive.substr(directory, y_entry) + moved;
  const std::string end = std::string("PK\5\6") + std::string(4, '\0') + Le(uint16_t{2}) + Le(uint16_t{2}) +
                          Le(static_cast<uint32_t>(both.size())) + Le(static_cast<uint32_t>(directory)) +
                          Le(uint16_t{0});
  ExpectError("a.npz", archive.substr(0, directory) + both + end, {"members 'y.npy' and 'x.npy' overlap"});
}

TEST_F(HostileFileTest, ZipBombs) {
  // As dense as deflate allows, and true: one megabyte in a kilobyte. It is what it says, and is read.
  const std::string zeros = Npy("<f4", {1 << 18}, std::string(1 << 20, '\0'));
  EXPECT_TRUE(ErrorOf(Write("a.npz", Zip({{.name = "x.npy", .bytes = zeros, .deflate = true}}))).ok());
  // The deflated bytes end before what the headers say, within deflate's reach, or go on behind it.
  const auto with_shape = [](std::string bytes, const std::string& from, const std::string& to) {
    return bytes.replace(bytes.find(from), from.size(), to);
  };
  const std::string half = Npy("<f4", {131072}, std::string(1 << 19, '\0'));
  const std::string claims_more = with_shape(half, "(131072, )", "(150000, )");
  ExpectError("a.npz",
              Zip({{.name = "x.npy", .bytes = claims_more, .deflate = true, .claimed_size = 128 + 4 * 150000}}),
              {"tensor 'x'", "too few"});
  const std::string claims_less = with_shape(zeros, "(262144, )", "(131072, )");
  ExpectError("a.npz", Zip({{.name = "x.npy", .bytes = claims_less, .deflate = true, .claimed_size = half.size()}}),
              {"tensor 'x'", "checksum"});
  // An archive in an archive is no array, and is not opened.
  ExpectError("a.npz", Zip({{.name = "x.npz", .bytes = Zip({{.name = "x.npy", .bytes = zeros}})}}), {"without .npy"});
}

TEST_F(HostileFileTest, DuplicateNames) {
  ExpectError("a.npz", Zip({{.name = "x.npy", .bytes = Npy4Floats()}, {.name = "x.npy", .bytes = Npy4Floats()}}),
              {"member 'x.npy' is there twice"});
  const std::string header =
      "{" + SafetensorsEntry("x", "F32", {1}, 0, 4) + "," + SafetensorsEntry("x", "F32", {1}, 4, 8) + "}";
  const Status status = ErrorOf(Write("a.safetensors", Safetensors(header, "12345678")));
  EXPECT_NE(status.message().find("\"x\" is given twice"), std::string::npos) << status.message();
}

TEST_F(HostileFileTest, TooManyDimensions) {
  const std::vector<size_t> shape(65, 1);
  ExpectError("a.npy", Npy("<f4", shape, "1234"), {"more than 64 dimensions"});
  ExpectError("a.safetensors", Safetensors("{" + SafetensorsEntry("x", "F32", shape, 0, 4) + "}", "1234"),
              {"tensor 'x'", "65 dimensions"});
}

TEST_F(HostileFileTest, EachTruncationOfRealAttentionIsNamed) {
  const std::string weights = Read(DataFile("use_short_L0_attn.npy")).substr(0, 128 + 4 * 2 * 3 * 19);
  const std::string npy = Npy("<f4", {2, 3, 19}, weights.substr(128));
  ExpectEachTruncationIsNamed("a.npy", npy, {"is truncated", "is empty"});
  for (const bool deflate : {false, true}) {
    ExpectEachTruncationIsNamed("a.npz", Zip({{.name = "L0.npy", .bytes = npy, .deflate = deflate}}, deflate),
                                {"is truncated", "is empty", "is no zip archive"});
  }
  const std::string header = "{" + SafetensorsEntry("L0", "F32", {2, 3, 19}, 0, weights.size() - 128) + "}";
  ExpectEachTruncationIsNamed("a.safetensors", Safetensors(header, weights.substr(128)),
                              {"is truncated", "is empty", "its header claims", "lie outside of the file's"});
}

// Two small tensors of one layer, one with many keys and one with many sequences: the state is not for both at once.
TEST_F(HostileFileTest, MemoryIsThatOfTheTensors) {
  constexpr size_t kMany = 60000;
  const std::string halves(2 * kMany, '\0');
  const std::string path = Write("a.npz", Zip({{.name = "L0.1.npy", .bytes = Npy("<f2", {1, 1, 1, kMany}, halves)},
                                               {.name = "L0.2.npy", .bytes = Npy("<f2", {kMany, 1, 1, 1}, halves)}}));
  Report report;
  const Status status = AnalyzeFiles({.files = {path}}, {}, &report);
  EXPECT_TRUE(status.ok()) << status.message();
  ASSERT_EQ(report.layers.size(), 1u);
  EXPECT_EQ(report.layers[0].stats.layer[Metric::kRows], kMany + 1.0);
}

// Reports have no lengths to lie about; the rest of their damage is in report_json_test.
TEST(HostileReportTest, NumbersBeyondAllRanges) {
  for (const char* text :
       {R"({"attention_stats": {"18446744073709551616": {}}})",
        R"({"attention_stats": {"0": {"heads": {"entropy": 1e99999}}}})", R"({"attention_stats": {}, "step": 1e300})",
        R"({"attention_stats": {}, "num_epochs": -1e19})"}) {
    Report report;
    const Status status = ReportFromJson(text, &report);
    EXPECT_FALSE(status.ok()) << text;
    EXPECT_GT(status.message().size(), 20u) << status.message();
  }
}

}  // namespace
}  // namespace attnscope::tools

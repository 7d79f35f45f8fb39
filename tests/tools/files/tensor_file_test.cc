// SPDX-License-Identifier: Apache-2.0
//
// The readers of .npy, .npz and .safetensors: every type and layout they accept, every kind of damage they refuse, and
// that no byte of a file, whatever it becomes and wherever the file ends, does worse than give an error.
#include "tools/files/tensor_file.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>

#include "tests/support/temporary_folder.h"
#include "tests/support/tensor_writers.h"

namespace attnscope::tools {
namespace {

using namespace testing_tools;  // NOLINT: a test of what these write

// 0.5, 1.5, ... in row-major order.
std::vector<float> Ramp(size_t size) {
  std::vector<float> values(size);
  std::iota(values.begin(), values.end(), 0.5f);
  return values;
}

class TensorFileTest : public TemporaryFolderTest {
 protected:
  // Opens a file that must be good.
  std::unique_ptr<TensorFile> Open(const std::string& name, const std::string& bytes) const {
    std::unique_ptr<TensorFile> file;
    const Status status = TensorFile::Open(Write(name, bytes), &file);
    EXPECT_TRUE(status.ok()) << status.message();
    return file;
  }

  void ExpectError(const std::string& name, const std::string& bytes, const std::string& part,
                   StatusCode code = StatusCode::kDataLoss) const {
    std::unique_ptr<TensorFile> file;
    const Status status = TensorFile::Open(Write(name, bytes), &file);
    EXPECT_EQ(status.code(), code) << status.message();
    EXPECT_NE(status.message().find(part), std::string::npos) << part << " in: " << status.message();
    EXPECT_TRUE(status.message().starts_with(Path(name) + ": ")) << status.message();
    EXPECT_EQ(file, nullptr);
  }

  // Every element of a tensor of float32.
  static void ExpectFloats(const TensorFile& file, size_t tensor, const std::vector<float>& expected) {
    EXPECT_EQ(file.tensors()[tensor].dtype, Dtype::kFloat32);
    TensorData data;
    const Status status = file.Read(tensor, &data);
    ASSERT_TRUE(status.ok()) << status.message();
    ASSERT_EQ(data.bytes().size(), expected.size() * sizeof(float));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(data.bytes().data()) % sizeof(float), 0u);
    const std::string bytes(data.bytes().begin(), data.bytes().end());
    EXPECT_EQ(bytes, BytesOf(expected));
  }

  static void ExpectProblem(const TensorFile& file, size_t tensor, const std::string& part) {
    TensorData data;
    const Status status = file.Read(tensor, &data);
    EXPECT_FALSE(status.ok());
    EXPECT_NE(status.message().find(part), std::string::npos) << part << " in: " << status.message();
    EXPECT_TRUE(status.message().starts_with(file.path())) << status.message();
  }

  // Opens a file cut at each length, which must fail, and with each byte changed, which may; reads what opens.
  void ExpectSurvivesDamage(const std::string& name, const std::string& bytes, size_t header_bytes) const {
    for (size_t length = 0; length < bytes.size(); ++length) {
      std::unique_ptr<TensorFile> file;
      EXPECT_FALSE(TensorFile::Open(Write(name, bytes.substr(0, length)), &file).ok()) << length;
    }
    size_t errors = 0;
    std::string damaged = bytes;
    for (size_t i = 0; i < header_bytes; ++i) {
      for (const char wrong : {'\0', '\x01', '\x7F', '\x80', '\xFF', '\'', '9', '{', '"'}) {
        damaged[i] = wrong;
        std::unique_ptr<TensorFile> file;
        Status status = TensorFile::Open(Write(name, damaged), &file);
        for (size_t t = 0; status.ok() && t < file->tensors().size(); ++t) {
          TensorData data;
          status = file->Read(t, &data);
        }
        if (!status.ok()) ++errors;
      }
      damaged[i] = bytes[i];
    }
    EXPECT_GT(errors, header_bytes);
  }
};

TEST_F(TensorFileTest, NpyOfEachVersion) {
  for (const int version : {1, 2, 3}) {
    const auto file = Open("a.layer3.npy", Npy("<f4", {2, 3}, BytesOf(Ramp(6)), version));
    ASSERT_EQ(file->tensors().size(), 1u);
    EXPECT_EQ(file->tensors()[0].name, "a.layer3");
    EXPECT_EQ(file->tensors()[0].shape, (std::vector<size_t>{2, 3}));
    EXPECT_FALSE(file->is_archive());
    ExpectFloats(*file, 0, Ramp(6));
  }
}

TEST_F(TensorFileTest, NpyTypes) {
  EXPECT_EQ(Open("a.npy", Npy("<f2", {2}, "1234"))->tensors()[0].dtype, Dtype::kFloat16);
  EXPECT_EQ(Open("a.npy", Npy("<f8", {1}, "12345678"))->tensors()[0].dtype, Dtype::kFloat64);
  for (const char* descr : {"=f4", "|f4", "f4", "<f4", "float32", "single", "f"}) {  // as numpy reads them
    ExpectFloats(*Open("a.npy", Npy(descr, {2}, BytesOf(Ramp(2)))), 0, Ramp(2));
  }
  for (const char* descr : {"<i4", "<f16", "", "<", "<c8", "|O", "|V1", "<f1", ">>f4"}) {
    ExpectProblem(*Open("a.npy", Npy(descr, {1}, "1234")), 0, "element type '" + std::string(descr) + "'");
  }
  ExpectProblem(*Open("a.npy", Npy("|O", {1}, "1234")), 0, "numpy.asarray");
  EXPECT_TRUE(Open("a.npy", Npy("<i4", {1}, "1234"))->tensors()[0].is_never_attention);
  EXPECT_FALSE(Open("a.npy", Npy("<f16", {1}, "1234"))->tensors()[0].is_never_attention);
  const std::string fields = "{'descr': [('a', '<f4'), ('b]', [('c', '<f4')])], 'fortran_order': False, 'shape': (1,)}";
  ExpectProblem(*Open("a.npy", NpyWithHeader(fields, "12345678")), 0, "fields");
}

TEST_F(TensorFileTest, NpyBigEndian) {
  std::string elements = BytesOf(Ramp(6));
  for (size_t i = 0; i < elements.size(); i += 4) std::reverse(elements.data() + i, elements.data() + i + 4);
  ExpectFloats(*Open("a.npy", Npy(">f4", {2, 3}, elements)), 0, Ramp(6));
  ExpectFloats(*Open("a.npz", Zip({{.name = "a.npy", .bytes = Npy(">f4", {6}, elements), .deflate = true}})), 0,
               Ramp(6));
}

TEST_F(TensorFileTest, NpyBFloat16) {
  const std::string elements = BytesOf(std::vector<uint16_t>{BFloatOf(0.5f), BFloatOf(-3.0f)});
  const auto named = Open("a.npy", Npy("bfloat16", {2}, elements));  // ml_dtypes
  EXPECT_EQ(named->tensors()[0].dtype, Dtype::kBFloat16);
  TensorData data;
  EXPECT_TRUE(named->Read(0, &data).ok());
  for (const char* descr : {"|V2", "<V2"}) {
    const std::string array = Npy(descr, {2}, elements);
    for (const auto& file : {Open("a.npy", array), Open("a.npz", Zip({{.name = "a.npy", .bytes = array}}))}) {
      ExpectProblem(*file, 0, "--dtype bfloat16");
      file->TakeVoidAsBFloat16();
      EXPECT_EQ(file->tensors()[0].dtype, Dtype::kBFloat16);
      ASSERT_TRUE(file->Read(0, &data).ok());
      EXPECT_EQ(std::string(data.bytes().begin(), data.bytes().end()), elements);
    }
    ExpectError("a.npy", Npy(descr, {3}, elements), "is truncated: shape [3] needs 6 bytes");
  }
}

TEST_F(TensorFileTest, NpyFortranOrder) {
  const auto fortran = [](const std::string& shape, size_t size) {
    return NpyWithHeader("{'descr': '<f4', 'fortran_order': True, 'shape': " + shape + "}", BytesOf(Ramp(size)));
  };
  ExpectFloats(*Open("a.npy", fortran("(2, 3)", 6)), 0, {0.5f, 2.5f, 4.5f, 1.5f, 3.5f, 5.5f});
  std::vector<float> expected;  // [i, j, k] of (2, 3, 4)
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 3; ++j) {
      for (int k = 0; k < 4; ++k) expected.push_back(static_cast<float>(i + 2 * j + 6 * k) + 0.5f);
    }
  }
  ExpectFloats(*Open("a.npy", fortran("(2, 3, 4)", 24)), 0, expected);
  ExpectFloats(*Open("a.npy", fortran("(2L, 0, 4L)", 0)), 0, {});
  ExpectFloats(*Open("a.npy", fortran("(1, 6, 1)", 6)), 0, Ramp(6));  // both orders are the same
  ExpectFloats(*Open("a.npy", fortran("()", 1)), 0, Ramp(1));
}

TEST_F(TensorFileTest, NpyHeaderIsRead) {
  const std::string elements = BytesOf(Ramp(2));
  ExpectFloats(*Open("a.npy", NpyWithHeader("{'descr': '<f4', 'fortran_order': False, 'shape': (1L, 2L)}", elements)),
               0, Ramp(2));  // Python 2
  ExpectFloats(*Open("a.npy", NpyWithHeader("{ \"shape\":(2,),'fortran_order':False ,\n'descr':\"<f4\"}", elements)), 0,
               Ramp(2));
  for (const char* bad :
       {"", "{}", "{'descr': '<f4', 'fortran_order': False}", "'descr'", "{'descr': '<f4' 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': false, 'shape': (2,)}", "{'descr': '<f4, 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 2}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2 1)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2.0,)}", "{'descr': [('a', '<f4'",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}"}) {
    ExpectError("a.npy", NpyWithHeader(bad, elements), "header");
  }
  std::string sizes;
  for (int i = 0; i < 65; ++i) sizes += "1,";
  ExpectError("a.npy", NpyWithHeader("{'descr': '<f4', 'fortran_order': False, 'shape': (" + sizes + ")}", elements),
              "64 dimensions");
}

TEST_F(TensorFileTest, NpySizesMustAgree) {
  ExpectError("a.npy", Npy("<f4", {2, 3}, BytesOf(Ramp(5))),
              "shape [2, 3] needs 24 bytes of elements, the file has 20");
  ExpectError("a.npy", Npy("<f4", {2, 3}, BytesOf(Ramp(7))), "more than one array");
  ExpectError("a.npy", Npy("<f4", {size_t{1} << 32, size_t{1} << 32}, ""), "more bytes than can be counted");
  ExpectError("a.npy", Npy("<f4", {0, size_t{1} << 32, size_t{1} << 32}, ""), "more bytes than can be counted");
  ExpectError("a.npy", Npy("<f4", {size_t{1} << 61}, ""), "truncated");
  ExpectFloats(*Open("a.npy", Npy("<f4", {3, 0}, "")), 0, {});
}

TEST_F(TensorFileTest, NpyVersionsAndLengths) {
  std::string bytes = Npy("<f4", {1}, "1234");
  bytes[6] = 4;
  ExpectError("a.npy", bytes, "version 4.0");
  bytes[6] = 2;  // a length of four bytes, read from what was text
  ExpectError("a.npy", bytes, "length is");
}

TEST_F(TensorFileTest, NpySurvivesDamage) {
  const std::string bytes = Npy("<f4", {2, 2}, BytesOf(Ramp(4)));
  ExpectSurvivesDamage("a.npy", bytes, bytes.size() - 16);
}

TEST_F(TensorFileTest, NpzStoredAndDeflated) {
  for (const bool deflate : {false, true}) {
    for (const bool zip64 : {false, true}) {
      const auto file =
          Open("dump.npz",
               Zip({{.name = "blocks.0.attn.npy", .bytes = Npy("<f4", {2, 3}, BytesOf(Ramp(6))), .deflate = deflate},
                    {.name = "readme.txt", .bytes = "text"},
                    {.name = "b.npy", .bytes = Npy("<f4", {5}, BytesOf(Ramp(5)), 2), .deflate = deflate}},
                   zip64, "a comment PK\5\6"));
      ASSERT_EQ(file->tensors().size(), 2u);
      EXPECT_TRUE(file->is_archive());
      EXPECT_EQ(file->tensors()[0].name, "blocks.0.attn");
      EXPECT_EQ(file->Describe(1), Path("dump.npz") + ": tensor 'b'");
      ExpectFloats(*file, 0, Ramp(6));
      ExpectFloats(*file, 1, Ramp(5));
    }
  }
}

TEST_F(TensorFileTest, NpzMisalignedMembersAreCopied) {
  for (size_t padding = 0; padding < 8; ++padding) {
    const auto file =
        Open("a.npz", Zip({{.name = "a.npy", .bytes = Npy("<f4", {9}, BytesOf(Ramp(9))), .padding = padding}}));
    ExpectFloats(*file, 0, Ramp(9));
  }
}

TEST_F(TensorFileTest, NpzLargeDeflatedMember) {
  std::vector<float> values(300000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>((i * 7919) % 1000003);
  const auto file =
      Open("a.npz", Zip({{.name = "a.npy", .bytes = Npy("<f4", {300000}, BytesOf(values)), .deflate = true}}));
  ExpectFloats(*file, 0, values);
}

TEST_F(TensorFileTest, NpzUnreadableMembersAreProblemsOnlyWhenRead) {
  const std::string good = Npy("<f4", {1}, "1234");
  const auto file = Open("a.npz", Zip({{.name = "secret.npy", .bytes = good, .flags = 1},
                                       {.name = "zstd.npy", .bytes = good, .method = 93},
                                       {.name = "ints.npy", .bytes = Npy("<i8", {1}, "12345678")},
                                       {.name = "good.npy", .bytes = good}}));
  ASSERT_EQ(file->tensors().size(), 4u);
  ExpectProblem(*file, 0, "tensor 'secret': is encrypted");
  ExpectProblem(*file, 1, "method 93");
  ExpectProblem(*file, 2, "'<i8'");
  TensorData data;
  EXPECT_TRUE(file->Read(3, &data).ok());
}

TEST_F(TensorFileTest, WhatTheFinderAddsIsPassedOver) {
  const auto file = Open("a.npz", Zip({{.name = "attn/0.npy", .bytes = Npy("<f4", {2}, BytesOf(Ramp(2)))},
                                       {.name = "__MACOSX/attn/._0.npy", .bytes = "Mac OS X"}}));
  ASSERT_EQ(file->tensors().size(), 1u);
  ExpectFloats(*file, 0, Ramp(2));
  ASSERT_EQ(file->notes().size(), 1u);
  EXPECT_EQ(file->notes()[0], "left out: 1 member of __MACOSX, which holds no arrays");
}

// All 256 values of each, by the formats' definition.
TEST_F(TensorFileTest, SafetensorsFloat8) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  struct Format {
    const char* name;
    int fraction_bits;
    int bias;
  };
  for (const Format& format : {Format{"F8_E4M3", 3, 7}, Format{"F8_E5M2", 2, 15}}) {
    const auto file =
        Open("a.safetensors", Safetensors("{" + SafetensorsEntry("a", format.name, {256}, 0, 256) + "}", all));
    EXPECT_EQ(file->tensors()[0].dtype, Dtype::kFloat16);
    TensorData data;
    ASSERT_TRUE(file->Read(0, &data).ok());
    ASSERT_EQ(data.bytes().size(), 512u);
    const auto* const halves = reinterpret_cast<const uint16_t*>(data.bytes().data());
    for (int i = 0; i < 256; ++i) {
      const int exponent = (i & 127) >> format.fraction_bits;
      const int fraction = i & ((1 << format.fraction_bits) - 1);
      const bool is_nan = format.fraction_bits == 3 ? (i & 127) == 127 : exponent == 31 && fraction != 0;
      const int half_exponent = halves[i] >> 10 & 31;
      EXPECT_EQ(halves[i] >> 15, i >> 7);
      if (is_nan || (format.fraction_bits == 2 && exponent == 31)) {
        EXPECT_EQ(half_exponent, 31) << i;
        EXPECT_EQ((halves[i] & 1023) != 0, is_nan) << i;
        continue;
      }
      const double expected = exponent == 0 ? std::ldexp(fraction, 1 - format.bias - format.fraction_bits)
                                            : std::ldexp((1 << format.fraction_bits) + fraction,
                                                         exponent - format.bias - format.fraction_bits);
      const double half = half_exponent == 0 ? std::ldexp(halves[i] & 1023, -24)
                                             : std::ldexp((halves[i] & 1023) + 1024, half_exponent - 25);
      EXPECT_EQ(half, expected) << i;
    }
  }
}

TEST_F(TensorFileTest, IndexOfSafetensors) {
  const auto shard = [](const std::string& name, float first) {
    return Safetensors("{" + SafetensorsEntry(name, "F32", {2}, 0, 8) + "}", BytesOf(std::vector<float>{first, 2.0f}));
  };
  Write("a-1.safetensors", shard("layers.0.attn", 0.25f));
  Write("a-2.safetensors", shard("layers.1.attn", 0.75f));
  const std::string name = "a.safetensors.index.json";
  const auto file = Open(name, R"({"metadata": {"total_size": 16}, "weight_map": {
      "layers.0.attn": "a-1.safetensors", "layers.1.attn": "a-2.safetensors"}})");
  EXPECT_TRUE(file->is_archive());
  ASSERT_EQ(file->tensors().size(), 2u);
  ExpectFloats(*file, 0, {0.25f, 2.0f});
  ExpectFloats(*file, 1, {0.75f, 2.0f});
  EXPECT_EQ(file->tensors()[1].name, "layers.1.attn");
  EXPECT_TRUE(file->CheckUnchanged().ok());
  ExpectError(name, R"({"weight_map": {"x": "a-1.safetensors"}})", "'a-1.safetensors' has no tensor 'x'");
  ExpectError(name, R"({"weight_map": {"x": "../a-1.safetensors"}})", "is no safetensors file beside the index");
  ExpectError(name, R"({"weight_map": {"x": "a.safetensors.index.json"}})", "is no safetensors file beside the index");
  ExpectError(name, R"({"weight_map": {"x": "a-3.safetensors"}})", "a-3.safetensors", StatusCode::kNotFound);
  ExpectError(name, R"({"weight_map": {"x": 1}})", "tensor 'x' has no name of a file");
  ExpectError(name, R"({"weight_map": {}})", "holds no tensors");
  ExpectError(name, R"({"attention_stats": {}})", "is no index of safetensors files");
}

TEST_F(TensorFileTest, NpzDamageIsFound) {
  const std::string array = Npy("<f4", {6}, BytesOf(Ramp(6)));
  ExpectProblem(*Open("a.npz", Zip({{.name = "a.npy", .bytes = array, .deflate = true, .crc_error = 1}})), 0,
                "checksum");
  ExpectError("a.npz", Zip({}), "without .npy arrays");
  ExpectError("a.npz", Zip({{.name = "archive/data.pkl", .bytes = "x"}}),
              "is a file of PyTorch; save it as safetensors");
  ExpectError("a.npz", Zip({{.name = "a.npy", .bytes = array.substr(0, array.size() - 4)}}), "tensor 'a': shape [6]");
  ExpectError("a.npz", Zip({{.name = "a.npy", .bytes = array, .claimed_size = array.size() - 1}}), "claims");
  ExpectError("a.npz", Zip({{.name = "a.npy", .bytes = array, .deflate = true, .claimed_size = array.size() + 4}}),
              "shape [6]");
  ExpectError("a.npz", Zip({{.name = "a.npy", .bytes = "short"}}), "no .npy array");
  ExpectError("a.npz", Zip({{.name = "a.npy", .bytes = ""}}), "is empty");
  ExpectError("a.npz", "PK\3\4 no directory", "directory is missing");
}

// A member that claims more than deflate can hold, and one whose array claims more than the member.
TEST_F(TensorFileTest, NpzBombsAreRefused) {
  const std::string bomb = Npy("<f4", {size_t{1} << 50}, std::string(100000, '\0'));
  ExpectError("a.npz", Zip({{.name = "a.npy", .bytes = bomb, .deflate = true}}), "needs 4503599627370496 bytes");
  ExpectError("a.npz",
              Zip({{.name = "a.npy", .bytes = bomb, .deflate = true, .claimed_size = uint64_t{1} << 52}}, true),
              "claims 4503599627370496 bytes");
  // The same content under two names.
  const std::string archive = Zip({{.name = "a.npy", .bytes = Npy("<f4", {1}, "1234")}});
  const size_t directory = archive.find("PK\1\2");
  const std::string entry = archive.substr(directory, archive.find("PK\5\6") - directory);
  const std::string end = std::string("PK\5\6") + std::string(4, '\0') + Le(uint16_t{2}) + Le(uint16_t{2}) +
                          Le(static_cast<uint32_t>(2 * entry.size())) + Le(static_cast<uint32_t>(directory)) +
                          Le(uint16_t{0});
  ExpectError("a.npz", archive.substr(0, directory) + entry + entry + end, "overlap");
}

TEST_F(TensorFileTest, NpzSurvivesDamage) {
  for (const bool deflate : {false, true}) {
    for (const bool zip64 : {false, true}) {
      const std::string bytes =
          Zip({{.name = "a.npy", .bytes = Npy("<f4", {2, 2}, BytesOf(Ramp(4))), .deflate = deflate}}, zip64);
      ExpectSurvivesDamage("a.npz", bytes, bytes.size());
    }
  }
}

TEST_F(TensorFileTest, Safetensors) {
  const std::string header =
      "{\"__metadata__\":{\"format\":\"pt\"}," + SafetensorsEntry("a", "F32", {2, 3}, 0, 24) + "," +
      SafetensorsEntry("b.F16", "F16", {2}, 25, 29) + "," + SafetensorsEntry("c", "BF16", {}, 29, 31) + "," +
      SafetensorsEntry("d", "F64", {0}, 31, 31) + "," + SafetensorsEntry("e", "I64", {1}, 31, 39) + "," +
      SafetensorsEntry("f", "I8", {1}, 24, 25) + "}";
  const auto file = Open("a.safetensors", Safetensors(header, BytesOf(Ramp(6)) + std::string(15, 'x')));
  ASSERT_EQ(file->tensors().size(), 6u);
  ExpectFloats(*file, 0, Ramp(6));
  EXPECT_EQ(file->tensors()[1].name, "b.F16");
  EXPECT_EQ(file->tensors()[1].dtype, Dtype::kFloat16);
  EXPECT_EQ(file->tensors()[2].dtype, Dtype::kBFloat16);
  EXPECT_EQ(file->tensors()[3].dtype, Dtype::kFloat64);
  TensorData data;
  ASSERT_TRUE(file->Read(1, &data).ok());  // at an odd offset: copied
  EXPECT_EQ(reinterpret_cast<uintptr_t>(data.bytes().data()) % 2, 0u);
  EXPECT_EQ(std::string(data.bytes().begin(), data.bytes().end()), "xxxx");
  ExpectProblem(*file, 4, "element type 'I64'");
}

TEST_F(TensorFileTest, SafetensorsHeaderIsChecked) {
  const auto with = [](const std::string& entries, size_t elements = 24) {
    return Safetensors(std::string("{") + entries + "}", std::string(elements, 'x'));
  };
  const std::string name = "a.safetensors";
  ExpectError(name, with(SafetensorsEntry("a", "F32", {2, 3}, 0, 28)), "tensor 'a': data_offsets [0, 28] lie outside");
  ExpectError(name, with(SafetensorsEntry("a", "F32", {2, 3}, 24, 0)), "data_offsets [24, 0]");
  ExpectError(name, with(SafetensorsEntry("a", "F32", {2, 2}, 0, 24)), "shape [2, 2] needs 16 bytes");
  ExpectError(name, with(SafetensorsEntry("a", "F32", {size_t{1} << 32, size_t{1} << 32}, 0, 0)), "can be counted");
  ExpectError(name, with(SafetensorsEntry("a", "F32", {3}, 0, 12) + "," + SafetensorsEntry("b", "F32", {3}, 8, 20)),
              "overlap at byte 8");
  // Holes before, between and behind tensors, where another file may hide.
  ExpectError(name, with(SafetensorsEntry("a", "F32", {5}, 4, 24)), "bytes 0 to 4 of the elements belong to no tensor");
  ExpectError(name, with(SafetensorsEntry("b", "F32", {3}, 12, 24) + "," + SafetensorsEntry("a", "F32", {2}, 0, 8)),
              "bytes 8 to 12 of the elements belong to no tensor");
  ExpectError(name, with(SafetensorsEntry("a", "F32", {3}, 0, 12)),
              "bytes 12 to 24 of the elements belong to no tensor");
  ExpectError(name, with(SafetensorsEntry("a", "F32", {0}, 7, 7)), "bytes 0 to 24 of the elements belong to no tensor");
  ExpectError(name, with(SafetensorsEntry("a", "F32", {3}, 0, 12) + "," + SafetensorsEntry("a", "F32", {3}, 12, 24)),
              "given twice", StatusCode::kInvalidArgument);
  ExpectError(name, with(""), "holds no tensors");
  for (const char* entry : {"\"a\":1", "\"a\":{}", "\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}",
                            "\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}",
                            "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}",
                            "\"a\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,4]}"}) {
    ExpectError(name, with(entry), "needs a dtype");
  }
  ExpectError(name, Safetensors("[]", ""), "no JSON object");
  ExpectError(name, Safetensors("{\"a\":", ""), "JSON ends too early");
  ExpectError(name, Le(uint64_t{100}) + "{}", "claims 100 bytes");
  ExpectError(name, Le(std::numeric_limits<uint64_t>::max()) + "{}", "claims 18446744073709551615 bytes");
  ExpectError(name, "1234567", "truncated");
  ExpectError(name, Safetensors(std::string(100000, '['), ""), "nests deeper");
}

TEST_F(TensorFileTest, SafetensorsSurvivesDamage) {
  const std::string header = std::string("{") + SafetensorsEntry("a", "F32", {1, 3}, 0, 12) + "," +
                             SafetensorsEntry("b", "F64", {1}, 12, 20) + "}";
  ExpectSurvivesDamage("a.safetensors", Safetensors(header, std::string(20, 'x')), 8 + header.size());
}

TEST_F(TensorFileTest, FormatIsRecognisedByContent) {
  ExpectFloats(*Open("plain", Npy("<f4", {2}, BytesOf(Ramp(2)))), 0, Ramp(2));
  ExpectFloats(*Open("a.pt", Zip({{.name = "a.npy", .bytes = Npy("<f4", {2}, BytesOf(Ramp(2)))}})), 0, Ramp(2));
  ExpectFloats(
      *Open("a.bin", Safetensors(std::string("{") + SafetensorsEntry("a", "F32", {2}, 0, 8) + "}", BytesOf(Ramp(2)))),
      0, Ramp(2));
  ExpectError("a.bin", "something else entirely", "neither .npy nor .npz nor .safetensors");
  ExpectError("a.pt", "\x80\x02}q", "is a Python pickle, perhaps of PyTorch; save it as safetensors");
  ExpectError("a.h5", "\x89HDF\r\n", "is HDF5");
  ExpectError("a.gguf", "GGUF\3", "is GGUF");
  ExpectError("a.json", "{\"attention_stats\": {}}", "attnscope diagnose and render read reports");
  for (const char* name : {"a.npy", "a.npz", "a.safetensors", "a"}) ExpectError(name, "", "is empty");
}

TEST_F(TensorFileTest, WhatIsNoFileIsAnError) {
  std::unique_ptr<TensorFile> file;
  EXPECT_EQ(TensorFile::Open(Path("missing.npy"), &file).code(), StatusCode::kNotFound);
  Status status = TensorFile::Open(folder_.string(), &file);
  EXPECT_EQ(status.code(), StatusCode::kIoError);
  EXPECT_NE(status.message().find("Is a directory"), std::string::npos) << status.message();
  status = TensorFile::Open("/dev/zero", &file);
  EXPECT_NE(status.message().find("no regular file"), std::string::npos) << status.message();
}

}  // namespace
}  // namespace attnscope::tools

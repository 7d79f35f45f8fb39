// SPDX-License-Identifier: Apache-2.0
//
// Archives that NpzImage makes, as the command's own reader finds them, and, where there is a python3, as Python's
// zipfile and NumPy do. zip64 records are made by a lower limit than four gigabytes, but that of many members.
#include "tools/files/npz_image.h"

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <string>
#include <vector>

#include "tests/support/npz_members.h"
#include "tests/support/temporary_folder.h"

namespace attnscope::tools {
namespace {

using testing_tools::NpzArray;
using testing_tools::ReadNpz;

class NpzImageTest : public testing_tools::TemporaryFolderTest {
 protected:
  static std::string Bytes(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  // Runs a program of Python's over the archive `path`; true also where there is no python3. It says "no numpy" where
  // it needs that.
  static bool PythonAgrees(const std::string& path, const std::string& program) {
    if (std::system("command -v python3 >/dev/null 2>&1") != 0) return true;
    return std::system(("python3 -c '" + program + "' " + path).c_str()) == 0;
  }
};

constexpr const char* kCheckZip =
    "import sys, zipfile\n"
    "archive = zipfile.ZipFile(sys.argv[1])\n"
    "sys.exit(archive.testzip() is not None)";
constexpr const char* kCheckNumpy =
    "import sys\n"
    "try:\n"
    "  import numpy\n"
    "except ImportError:\n"
    "  sys.exit(0)\n"
    "arrays = numpy.load(sys.argv[1])\n"
    "a, b, c = arrays[\"layer0.a\"], arrays[\"b\"], arrays[\"c\"]\n"
    "ok = a.dtype == numpy.float32 and a.shape == (2, 3, 5) and (a.ravel() == numpy.arange(30)).all()\n"
    "ok = ok and b.dtype == numpy.int32 and b.shape == (7,) and (b == -numpy.arange(7)).all()\n"
    "ok = ok and c.dtype == numpy.float64 and c.shape == (1, 1, 4) and (c.ravel() == numpy.arange(4) / 3).all()\n"
    "sys.exit(0 if ok else 1)";

// Three arrays of three types.
void Fill(NpzImage* image, const std::string& path) {
  const size_t a = image->AddArray("layer0.a", NpzType::kFloat32, {2, 3, 5});
  const size_t b = image->AddArray("b", NpzType::kInt32, {7});
  const size_t c = image->AddArray("c", NpzType::kFloat64, {1, 1, 4});
  ASSERT_TRUE(image->Allocate(path).ok());
  for (const size_t array : {a, b, c}) EXPECT_EQ(reinterpret_cast<uintptr_t>(image->Array(array)) % 64, 0u);
  for (int i = 0; i < 30; ++i) static_cast<float*>(image->Array(a))[i] = static_cast<float>(i);
  for (int i = 0; i < 7; ++i) static_cast<int32_t*>(image->Array(b))[i] = -i;
  for (int i = 0; i < 4; ++i) static_cast<double*>(image->Array(c))[i] = i / 3.0;
}

void ExpectArrays(const std::string& bytes) {
  const std::map<std::string, NpzArray> arrays = ReadNpz(bytes);
  ASSERT_EQ(arrays.size(), 3u);
  EXPECT_EQ(arrays.at("layer0.a").descr(), "<f4");
  EXPECT_EQ(arrays.at("layer0.a").shape(), "(2, 3, 5, )");
  EXPECT_EQ(arrays.at("b").descr(), "<i4");
  EXPECT_EQ(arrays.at("b").shape(), "(7, )");
  EXPECT_EQ(arrays.at("c").descr(), "<f8");
  std::vector<float> a(30);
  std::iota(a.begin(), a.end(), 0.0f);
  EXPECT_EQ(arrays.at("layer0.a").As<float>(), a);
  EXPECT_EQ(arrays.at("b").As<int32_t>(), (std::vector<int32_t>{0, -1, -2, -3, -4, -5, -6}));
  EXPECT_EQ(arrays.at("c").As<double>(), (std::vector<double>{0.0, 1 / 3.0, 2 / 3.0, 1.0}));
}

TEST_F(NpzImageTest, ThreeArrays) {
  const std::string path = (folder_ / "three.npz").string();
  NpzImage image;
  Fill(&image, path);
  EXPECT_TRUE(std::filesystem::is_empty(folder_)) << "nothing has a name before it is whole";
  ASSERT_TRUE(image.Write(path).ok());
  ExpectArrays(Bytes(path));
  EXPECT_TRUE(PythonAgrees(path, kCheckZip));
  EXPECT_TRUE(PythonAgrees(path, kCheckNumpy));
}

// Sizes, offsets and the directory's place, as if they were beyond 32 bits: from every limit on.
TEST_F(NpzImageTest, Zip64) {
  const std::string path = (folder_ / "large.npz").string();
  for (const size_t limit : {size_t{0}, size_t{1}, size_t{157}, size_t{200}, size_t{250}, size_t{400}, size_t{700}}) {
    NpzImage image(limit);
    Fill(&image, path);
    ASSERT_TRUE(image.Write(path).ok());
    ExpectArrays(Bytes(path));
    EXPECT_TRUE(PythonAgrees(path, kCheckZip)) << limit;
    EXPECT_TRUE(PythonAgrees(path, kCheckNumpy)) << limit;
  }
}

// More members than 16 bits count.
TEST_F(NpzImageTest, ManyMembers) {
  const std::string path = (folder_ / "many.npz").string();
  constexpr size_t kMembers = 65536;
  NpzImage image;
  for (size_t i = 0; i < kMembers; ++i) image.AddArray("n" + std::to_string(i), NpzType::kInt32, {1});
  ASSERT_TRUE(image.Allocate(path).ok());
  for (size_t i = 0; i < kMembers; ++i) *static_cast<int32_t*>(image.Array(i)) = static_cast<int32_t>(i);
  ASSERT_TRUE(image.Write(path).ok());
  const std::map<std::string, NpzArray> arrays = ReadNpz(Bytes(path));
  ASSERT_EQ(arrays.size(), kMembers);
  for (const size_t i : {size_t{0}, size_t{65534}, size_t{65535}}) {
    EXPECT_EQ(arrays.at("n" + std::to_string(i)).As<int32_t>(), std::vector<int32_t>{static_cast<int32_t>(i)});
  }
  EXPECT_TRUE(PythonAgrees(path, kCheckZip));
}

TEST_F(NpzImageTest, NoArrays) {
  const std::string path = (folder_ / "none.npz").string();
  NpzImage image;
  ASSERT_TRUE(image.Allocate(path).ok());
  ASSERT_TRUE(image.Write(path).ok());
  EXPECT_TRUE(ReadNpz(Bytes(path)).empty());
  EXPECT_TRUE(PythonAgrees(path, kCheckZip));
}

TEST_F(NpzImageTest, Failures) {
  NpzImage nowhere;
  nowhere.AddArray("a", NpzType::kFloat32, {1});
  const Status status = nowhere.Allocate((folder_ / "no_folder/a.npz").string());
  EXPECT_EQ(status.code(), StatusCode::kIoError);
  EXPECT_NE(status.message().find("no_folder/a.npz: cannot create a file in its folder"), std::string::npos)
      << status.message();
  NpzImage huge;
  huge.AddArray("a", NpzType::kFloat32, {size_t{1} << 55});
  const Status too_large = huge.Allocate((folder_ / "a.npz").string());
  EXPECT_EQ(too_large.code(), StatusCode::kIoError);
  EXPECT_NE(too_large.message().find("a.npz: cannot make room for its arrays"), std::string::npos)
      << too_large.message();
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

// A pipe is written to directly.
TEST_F(NpzImageTest, Pipe) {
  const std::string path = (folder_ / "pipe").string();
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  const std::string copy = (folder_ / "copy.npz").string();
  NpzImage image;
  Fill(&image, path);
  ASSERT_EQ(std::system(("cat " + path + " > " + copy + " &").c_str()), 0);
  ASSERT_TRUE(image.Write(path).ok());
  for (int i = 0; i < 200 && Bytes(copy).size() < 1000; ++i) usleep(10000);
  ExpectArrays(Bytes(copy));
}

}  // namespace
}  // namespace attnscope::tools

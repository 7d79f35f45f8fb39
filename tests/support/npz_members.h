// SPDX-License-Identifier: Apache-2.0
//
// The arrays of a .npz file as the command's own reader of archives finds them, with their checksums.
#ifndef ATTNSCOPE_TESTS_SUPPORT_NPZ_MEMBERS_H_
#define ATTNSCOPE_TESTS_SUPPORT_NPZ_MEMBERS_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "tools/files/zip.h"

namespace attnscope::testing_tools {

struct NpzArray {
  std::string header;  // the dictionary
  std::string elements;

  std::string descr() const { return header.substr(header.find("'descr': '") + 10, 3); }
  std::string shape() const {
    const size_t begin = header.find("'shape': ") + 9;
    return header.substr(begin, header.find(')') + 1 - begin);
  }
  template <typename T>
  std::vector<T> As() const {
    std::vector<T> values(elements.size() / sizeof(T));
    std::memcpy(values.data(), elements.data(), values.size() * sizeof(T));
    return values;
  }
};

// By name, without ".npy".
inline std::map<std::string, NpzArray> ReadNpz(const std::string& bytes) {
  std::map<std::string, NpzArray> arrays;
  std::vector<tools::ZipMember> members;
  const tools::Bytes archive(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  const Status status = tools::ReadZipDirectory(archive, &members);
  EXPECT_TRUE(status.ok()) << status.message();
  for (const tools::ZipMember& member : members) {
    EXPECT_TRUE(member.problem.empty()) << member.problem;
    std::string npy(member.size, '\0');
    tools::ZipMemberReader reader(member);
    EXPECT_TRUE(reader.Read(reinterpret_cast<uint8_t*>(npy.data()), npy.size()).ok()) << member.name;
    EXPECT_TRUE(reader.Finish().ok()) << member.name;
    EXPECT_EQ(npy.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8)) << member.name;
    const size_t header = static_cast<uint8_t>(npy[8]) + 256u * static_cast<uint8_t>(npy[9]);
    EXPECT_EQ((10 + header) % 64, 0u);
    EXPECT_EQ(npy[9 + header], '\n');
    EXPECT_TRUE(member.name.ends_with(".npy")) << member.name;
    arrays[member.name.substr(0, member.name.size() - 4)] = {npy.substr(10, header), npy.substr(10 + header)};
  }
  return arrays;
}

}  // namespace attnscope::testing_tools

#endif  // ATTNSCOPE_TESTS_SUPPORT_NPZ_MEMBERS_H_

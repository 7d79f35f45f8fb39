// SPDX-License-Identifier: Apache-2.0
//
// Key profiles like those of a causal model. Included by tests of figures.
#ifndef ATTNSCOPE_TESTS_SUPPORT_KEY_PROFILES_H_
#define ATTNSCOPE_TESTS_SUPPORT_KEY_PROFILES_H_

#include <cstddef>
#include <vector>

#include "attnscope/key_profile.h"

namespace attnscope {

// Layers of eight heads with a sink at key 0, the less the deeper, of which head 3 has the most: 0.62 in layer 0. Later
// keys receive less. Exact on every machine: no function but products, sums and quotients.
inline std::vector<KeyProfile> ExampleProfiles(int layers, size_t keys) {
  std::vector<KeyProfile> profiles;
  for (int l = 0; l < layers; ++l) {
    KeyProfile profile;
    profile.layer = l;
    profile.heads = 8;
    profile.largest_head = (3 + 5 * l) % 8;
    for (size_t key = 0; key < keys; ++key) {
      const double age = 1.0 - static_cast<double>(key) / static_cast<double>(keys);
      const double wave = static_cast<double>(key * static_cast<size_t>(7 + l) % 11) / 11.0;
      const double rest = (0.2 + 0.8 * age) * (0.6 + 0.8 * wave) / static_cast<double>(keys);
      const double sink = 0.62 / (1.0 + 0.2 * static_cast<double>(l));
      profile.mean.push_back(key == 0 ? 0.5 * sink : rest);
      profile.largest.push_back(key == 0 ? sink : 0.5 * rest * (1.0 + wave));
    }
    profiles.push_back(profile);
  }
  return profiles;
}

}  // namespace attnscope

#endif  // ATTNSCOPE_TESTS_SUPPORT_KEY_PROFILES_H_

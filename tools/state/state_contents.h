// SPDX-License-Identifier: Apache-2.0
//
// The names of the numbers that a state holds, and which of those that this version keeps are among them. States of
// other versions may lack some, and may hold others.
#ifndef ATTNSCOPE_TOOLS_STATE_STATE_CONTENTS_H_
#define ATTNSCOPE_TOOLS_STATE_STATE_CONTENTS_H_

#include <array>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "attnscope/top_k.h"
#include "kernels/accumulator/state_layout.h"

namespace attnscope::tools {

// In the order in which a state names them.
enum class NumberList : size_t { kLayerSums, kRowSums, kMatrixSums, kHeadMaxima, kOpenMaxima };
inline constexpr size_t kNumNumberLists = 5;

// How many this version keeps, and the name of each in a state of these masses; empty for masses that it does not have.
size_t NumbersIn(NumberList list);
std::string_view NumberName(NumberList list, size_t index, const TopKValues& top_k);

// Which of them a state has, by the order of this version.
class StateContents {
 public:
  explicit StateContents(const TopKValues& top_k = kDefaultTopK);  // all of a state of these masses

  bool Has(NumberList list, size_t index) const { return has_[static_cast<size_t>(list)][index]; }
  void Set(NumberList list, size_t index, bool has) { has_[static_cast<size_t>(list)][index] = has; }
  // Leaves what both have.
  void KeepCommon(const StateContents& other);
  bool operator==(const StateContents& other) const = default;

 private:
  std::array<std::vector<bool>, kNumNumberLists> has_;
};

// Where the numbers of a file, in its order, stand in this version.
struct NumberMap {
  static constexpr size_t kUnknown = std::numeric_limits<size_t>::max();
  std::array<std::vector<size_t>, kNumNumberLists> places;

  const std::vector<size_t>& Of(NumberList list) const { return places[static_cast<size_t>(list)]; }
};

// The names that a state of these masses has of a list, with a space between two.
std::string NamesText(const StateContents& contents, NumberList list, const TopKValues& top_k);

// The opposite: fills the map's list and the contents'. Returns what is wrong with the names, or nothing.
std::string ReadNames(std::string_view text, NumberList list, const TopKValues& top_k, NumberMap* map,
                      StateContents* contents);

// The names of states of version 1, which did not say them, as version 2 did not say those of open maxima.
std::string_view NamesOfVersion1(NumberList list);

}  // namespace attnscope::tools

#endif  // ATTNSCOPE_TOOLS_STATE_STATE_CONTENTS_H_

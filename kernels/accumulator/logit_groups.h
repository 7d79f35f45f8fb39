// SPDX-License-Identifier: Apache-2.0
//
// The groups of heads of a call's logits, whole, or cut where there are more tasks than groups.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_GROUPS_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_GROUPS_H_

#include <algorithm>
#include <cstddef>

#include "kernels/accumulator/logit_chunks.h"
#include "kernels/accumulator/logit_source.h"

namespace attnscope {

// Groups of all sequences, with all their rows.
class LogitGroups {
 public:
  explicit LogitGroups(const LogitSource& source)
      : LogitGroups(source, source.shape().batch * (source.shape().heads / source.heads_per_group()), 1) {}
  // Cut so that each of so many tasks has heads, as far as there are any. Each part packs its keys anew.
  LogitGroups(const LogitSource& source, size_t tasks) : LogitGroups(source) {
    const size_t parts = std::min(source.heads_per_group(), (tasks + whole_ - 1) / std::max<size_t>(1, whole_));
    *this = LogitGroups(source, whole_, parts);
  }

  size_t size() const { return whole_ * parts_; }
  LogitGroup operator[](size_t index) const {
    const size_t whole = index / parts_;
    const size_t first = index % parts_ * heads_of_part_;
    LogitGroup group;
    group.sequence = whole / groups_;
    group.first_head = whole % groups_ * heads_per_group_ + std::min(first, heads_per_group_);
    group.end_head = whole % groups_ * heads_per_group_ + std::min(first + heads_of_part_, heads_per_group_);
    group.end_row = rows_;
    return group;
  }

 private:
  LogitGroups(const LogitSource& source, size_t whole, size_t parts)
      : heads_per_group_(source.heads_per_group()),
        groups_(source.shape().heads / heads_per_group_),
        rows_(source.shape().queries),
        whole_(whole),
        parts_(std::max<size_t>(1, parts)),
        heads_of_part_((heads_per_group_ + parts_ - 1) / parts_) {}

  size_t heads_per_group_;
  size_t groups_;  // of a sequence
  size_t rows_;
  size_t whole_;  // groups of all sequences
  size_t parts_;  // of each; the last ones may be empty
  size_t heads_of_part_;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_GROUPS_H_

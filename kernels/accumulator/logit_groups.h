// SPDX-License-Identifier: Apache-2.0
//
// The groups of heads of a call's logits, whole, or cut where there are more tasks than groups.
#ifndef ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_GROUPS_H_
#define ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_GROUPS_H_

#include <algorithm>
#include <cstddef>

#include "kernels/accumulator/logit_source.h"
#include "kernels/accumulator/row_chunks.h"

namespace attnscope {

// Groups of all sequences, with all their rows.
class LogitGroups {
 public:
  explicit LogitGroups(const LogitSource& source)
      : heads_(source.shape().heads),
        rows_(source.shape().queries),
        heads_of_bundle_(source.heads_per_group()),
        heads_of_part_(heads_of_bundle_) {
    bundles_ = heads_ / heads_of_bundle_;
    size_ = source.shape().batch * bundles_;
  }
  // Bundles of the groups that are best prepared together, unless that leaves one of so many tasks with less work; cut,
  // where there are fewer groups than tasks, so that each task has heads, as far as there are any. Each part packs its
  // keys anew.
  LogitGroups(const LogitSource& source, size_t tasks) : LogitGroups(source) {
    if (size_ == 0) return;
    const size_t groups = bundles_;
    const size_t together = std::min({source.groups_together(), groups, (size_ + tasks - 1) / tasks});
    bundles_ = (groups + together - 1) / together;
    heads_of_bundle_ *= (groups + bundles_ - 1) / bundles_;
    parts_ = std::min(source.heads_per_group(), std::max<size_t>(1, (tasks + size_ - 1) / size_));
    heads_of_part_ = (heads_of_bundle_ + parts_ - 1) / parts_;
    size_ = source.shape().batch * bundles_ * parts_;
  }

  size_t size() const { return size_; }
  // May be empty.
  RowGroup operator[](size_t index) const {
    const size_t bundle = index / parts_;
    const size_t first = bundle % bundles_ * heads_of_bundle_;
    const size_t end = std::min(first + heads_of_bundle_, heads_);
    RowGroup group;
    group.sequence = bundle / bundles_;
    group.first_head = std::min(first + index % parts_ * heads_of_part_, end);
    group.end_head = std::min(group.first_head + heads_of_part_, end);
    group.end_row = rows_;
    return group;
  }

 private:
  size_t heads_;
  size_t rows_;
  size_t heads_of_bundle_;
  size_t heads_of_part_;
  size_t bundles_;    // of a sequence
  size_t parts_ = 1;  // of each bundle
  size_t size_;       // parts of all sequences
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_ACCUMULATOR_LOGIT_GROUPS_H_

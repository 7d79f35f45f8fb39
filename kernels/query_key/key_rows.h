// SPDX-License-Identifier: Apache-2.0
//
// Where the keys of one sequence and head stand, in one piece or in pages. Included by query_key_product.cc.
#ifndef ATTNSCOPE_KERNELS_QUERY_KEY_KEY_ROWS_H_
#define ATTNSCOPE_KERNELS_QUERY_KEY_KEY_ROWS_H_

#include <cstddef>
#include <cstdint>

#include "attnscope/query_key_view.h"

namespace attnscope {

// Keys are asked for in ascending order.
class KeyRows {
 public:
  KeyRows() = default;  // nothing is set
  KeyRows(const QueryKeyView& view, size_t sequence, size_t kv_head)
      : view_(&view), sequence_(sequence), kv_head_(kv_head), offset_(0), next_page_(0), page_first_(0), page_end_(0) {
    if (has_loader()) return;  // strides may be anything
    offset_ = static_cast<int64_t>(kv_head) * view.key_head_stride;
    if (view.pages == nullptr) offset_ += static_cast<int64_t>(sequence) * view.key_batch_stride;
    if (view.pages == nullptr) page_end_ = view.keys;
  }

  const uint8_t* operator()(size_t key) {
    while (key >= page_end_) {
      page_first_ = page_end_;
      page_end_ += view_->pages[next_page_++].keys;
    }
    const void* data = view_->pages == nullptr ? view_->key_data : view_->pages[next_page_ - 1].data;
    const int64_t offset = offset_ + static_cast<int64_t>(key - page_first_) * view_->key_stride;
    return static_cast<const uint8_t*>(data) + offset * static_cast<int64_t>(ElementBytes(view_->key_type));
  }

  // Where there is a loader, keys come from it alone: key i of [first, first + count) at to + i * head_dim.
  bool has_loader() const { return view_->key_loader.load != nullptr; }
  void Load(size_t first, size_t count, float* to) const {
    view_->key_loader.load(view_->key_loader.context, sequence_, kv_head_, first, count, view_->head_dim, to);
  }

  // Whether the page of the key asked for last holds these too.
  bool HasInPage(size_t first, size_t count) const { return first + count <= page_end_; }
  // Keys from the one asked for last on that stand one stride apart, and no further than its page reaches.
  size_t Run(size_t key) const { return page_end_ - key; }

 private:
  const QueryKeyView* view_;
  size_t sequence_;
  size_t kv_head_;
  int64_t offset_;
  size_t next_page_;
  size_t page_first_;  // keys of the page: [page_first_, page_end_)
  size_t page_end_;
};

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_QUERY_KEY_KEY_ROWS_H_

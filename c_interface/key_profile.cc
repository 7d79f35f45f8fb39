// SPDX-License-Identifier: Apache-2.0
#include "attnscope/key_profile.h"

#include <algorithm>
#include <limits>
#include <string>

#include "c_interface/struct_size.h"

using namespace attnscope;               // NOLINT: this file is all definitions of C functions
using namespace attnscope::c_interface;  // NOLINT

AttnscopeStatus AttnscopeMakeKeyProfile(int64_t layer, const double* column_sums, const double* rows, uint64_t heads,
                                        uint64_t keys, double* mean, double* largest, AttnscopeKeyProfile* out) {
  return Guarded([&]() -> Status {
    if (rows == nullptr) return NullArgument("rows");
    if (heads != 0 && keys > std::numeric_limits<size_t>::max() / sizeof(double) / heads) {
      return {StatusCode::kInvalidArgument, "heads is " + std::to_string(heads) + " and keys is " +
                                                std::to_string(keys) + ", whose product is too large"};
    }
    if (keys != 0 && column_sums == nullptr) return NullArgument("column_sums");
    if (keys != 0 && mean == nullptr) return NullArgument("mean");
    if (keys != 0 && largest == nullptr) return NullArgument("largest");
    KeyProfile profile;
    Status status = MakeKeyProfile(layer, {column_sums, heads * keys}, {rows, heads}, &profile);
    if (!status.ok()) return status;
    AttnscopeKeyProfile filled = {};
    filled.layer = layer;
    filled.heads = profile.heads;
    filled.keys = keys;
    filled.mean = mean;
    filled.largest_head = profile.largest_head;
    filled.largest = profile.largest_head < 0 ? nullptr : largest;
    status = WriteStruct("out", filled, out);
    if (!status.ok()) return status;
    std::copy(profile.mean.begin(), profile.mean.end(), mean);
    std::copy(profile.largest.begin(), profile.largest.end(), largest);
    return {};
  });
}

// SPDX-License-Identifier: Apache-2.0
//
// Views of ggml's tensors, as attnscope/ggml.h makes them.
#include "attnscope/ggml.h"

#include "c_interface/structs.h"

using namespace attnscope;               // NOLINT: this file is all definitions of C functions
using namespace attnscope::c_interface;  // NOLINT

AttnscopeStatus AttnscopeAttentionFromGgml(int32_t ggml_type, const int64_t* ne, const size_t* nb, const void* data,
                                           AttnscopeAttentionView* view) {
  return Guarded([&] {
    AttentionView read;
    Status status = AttentionFromGgml({ggml_type, ne, nb, data}, &read);
    return status.ok() ? WriteStruct("view", c_interface::ToC(read), view) : status;
  });
}

AttnscopeStatus AttnscopeQueriesKeysFromGgml(int32_t query_type, const int64_t* query_ne, const size_t* query_nb,
                                             const void* query_data, int32_t key_type, const int64_t* key_ne,
                                             const size_t* key_nb, const void* key_data, AttnscopeQueryKeyView* view) {
  return Guarded([&] {
    QueryKeyView read;
    Status status =
        QueriesKeysFromGgml({query_type, query_ne, query_nb, query_data}, {key_type, key_ne, key_nb, key_data}, &read);
    return status.ok() ? WriteStruct("view", c_interface::ToC(read), view) : status;
  });
}

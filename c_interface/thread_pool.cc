// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include "c_interface/handles.h"
#include "c_interface/structs.h"

using namespace attnscope;               // NOLINT: this file is all definitions of C functions
using namespace attnscope::c_interface;  // NOLINT

AttnscopeStatus AttnscopeThreadPoolCreate(size_t threads, AttnscopeThreadPool** out) {
  return Guarded([&]() -> Status {
    if (out == nullptr) return NullArgument("out");
    auto pool = std::make_unique<AttnscopeThreadPool>();
    if (Status status = ThreadRunner::Create(threads, &pool->pool); !status.ok()) return status;
    *out = pool.release();
    return {};
  });
}

void AttnscopeThreadPoolDestroy(AttnscopeThreadPool* pool) { delete pool; }

AttnscopeStatus AttnscopeThreadPoolRunner(AttnscopeThreadPool* pool, AttnscopeRunner* out) {
  return Guarded([&]() -> Status {
    if (pool == nullptr) return NullArgument("pool");
    return WriteStruct("out", c_interface::ToC(pool->pool.runner()), out);
  });
}

// SPDX-License-Identifier: Apache-2.0
//
// The k of top-k masses, between Python and C++.
#ifndef ATTNSCOPE_PYTHON_MODULE_TOP_K_H_
#define ATTNSCOPE_PYTHON_MODULE_TOP_K_H_

#include <nanobind/nanobind.h>

#include "attnscope/top_k.h"

namespace attnscope::python {

// Of a sequence of whole numbers; what is no k is left to those who measure by it. Throws TypeError for anything else.
TopKValues TopKOf(nanobind::handle values);

nanobind::tuple TupleOf(const TopKValues& top_k);

}  // namespace attnscope::python

#endif  // ATTNSCOPE_PYTHON_MODULE_TOP_K_H_

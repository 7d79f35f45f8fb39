// SPDX-License-Identifier: Apache-2.0
//
// Validation of the k of top-k masses, and their text in messages.
#ifndef ATTNSCOPE_KERNELS_TOP_K_TOP_K_CHECKS_H_
#define ATTNSCOPE_KERNELS_TOP_K_TOP_K_CHECKS_H_

#include <string>

#include "attnscope/status.h"
#include "attnscope/top_k.h"

namespace attnscope {

// "5, 10, 50"
std::string TextOf(const TopKValues& top_k);

// Ok for 1 to kMaxTopMasses values that ascend within their limits; else an error that names the argument and the
// value.
Status CheckTopK(const std::string& name, const TopKValues& top_k);

}  // namespace attnscope

#endif  // ATTNSCOPE_KERNELS_TOP_K_TOP_K_CHECKS_H_

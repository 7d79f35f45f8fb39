/* SPDX-License-Identifier: Apache-2.0
 *
 * The C interface on 32 heads of uniform attention. */
#include <math.h>
#include <stdio.h>

enum { kQueries = 2, kKeys = 4 };

int main(void) {
  static float weights[32 * kQueries * kKeys];
  const uint64_t queries = kQueries, keys = kKeys;
  for (int i = 0; i < 32 * kQueries * kKeys; ++i) weights[i] = 0.25f;
  // @c_interface@
  return status == ATTNSCOPE_OK && fabs(metrics[ATTNSCOPE_ENTROPY] - log(4.0)) < 1e-6 ? 0 : 1;
}

// SPDX-License-Identifier: Apache-2.0
//
// Times a kernel beside a plain read of the same bytes, so that both see the same machine: all benchmarks of attention
// rows are made of this. Each iteration times, one after the other, the read and the kernel. Counters:
//
//   bytes_per_second  bytes of weights, each read once, by the kernel
//   rows_per_second
//   undisturbed_bytes_per_second   the rate that one call in ten exceeds: the number to compare of two builds in turns
//   of_read           the kernel's rate as a share of the plain read's: the number to compare with another day's
//   over_scalar       how many times faster than the scalar loop that measures everything (float32 only)
//
// Names: <what>/<kind of rows>/<keys>/<type>/<L2 or memory>. L2 benchmarks touch their rows first, untimed, and go on
// to others each time, lest the branch predictor learns one buffer by heart.
#ifndef ATTNSCOPE_BENCH_PAIRED_H_
#define ATTNSCOPE_BENCH_PAIRED_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "attnscope/attention_view.h"
#include "bench/inputs.h"

namespace attnscope::bench {

// Measures rows [first, first + count), each call other ones.
using Kernel = std::function<void(const AttentionRows& rows, size_t first, size_t count)>;

// Registers one benchmark. `make` is called once for each run of it, before anything is timed.
void RegisterPaired(const std::string& what, RowKind kind, ElementType type, size_t keys, bool in_l2,
                    std::function<Kernel(size_t keys)> make);

// Parses the command line and runs what is registered; the exit code of main.
int RunBenchmarks(int argc, char** argv);

}  // namespace attnscope::bench

#endif  // ATTNSCOPE_BENCH_PAIRED_H_

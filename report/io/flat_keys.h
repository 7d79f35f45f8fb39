// SPDX-License-Identifier: Apache-2.0
//
// Dictionaries that trackers have flattened: "attention_stats/0/entropy" as Weights & Biases has it, or with dots, as
// pandas has.
#ifndef ATTNSCOPE_REPORT_IO_FLAT_KEYS_H_
#define ATTNSCOPE_REPORT_IO_FLAT_KEYS_H_

#include <nlohmann/json.hpp>

namespace attnscope {

// Whether an object has "attention_stats", and not null, or keys that begin so. Of steps without statistics some
// trainers write null.
bool HasStatistics(const nlohmann::json& object);

// Nests the flattened groups of a report as they were, where an object lacks "attention_stats" itself. Keys that fit
// nowhere stay as they are. O(length * log(keys)).
void NestFlatKeys(nlohmann::json* object);

}  // namespace attnscope

#endif  // ATTNSCOPE_REPORT_IO_FLAT_KEYS_H_

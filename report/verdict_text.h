// SPDX-License-Identifier: Apache-2.0
//
// Verdicts, and reasons why there is none, in words.
#ifndef ATTNSCOPE_REPORT_VERDICT_TEXT_H_
#define ATTNSCOPE_REPORT_VERDICT_TEXT_H_

#include <string>

#include "attnscope/diagnosis.h"
#include "report/pathologies.h"

namespace attnscope::internal {

// "critical: one-hot collapse in layer 3, head 2: max_row_weight 0.95 is above 0.9", of counts that are bounded by a
// share "invalid_rows 896 of 1024, 87.5 %, is above 1 %". `crossed` is the bound of the verdict.
std::string VerdictMessage(const Verdict& verdict, const Condition& crossed, const MetricValues& values);
// Of a value that its metric cannot have: "entropy -3 is below 0", "entropy is NaN".
std::string BadNumberMessage(const Verdict& verdict);

// "warning: left its baseline in layer 3, head 2: max_row_weight 0.7 is above 0.65, its baseline is 0.5"
std::string DepartureMessage(const Verdict& verdict);

// "needs 16 rows, has 12"
std::string TooLittle(double amount, double least, std::string_view what);
// "12.5 % of the rows are no distributions"
std::string NoDistributions(double share);
// "a learned sink has 88.8 % of the rows"
std::string SinkTakes(double null_mass);
// "its rows are of 4096 keys, those of the baseline of 1024"
std::string OtherKeys(double keys, double baseline_keys);

}  // namespace attnscope::internal

#endif  // ATTNSCOPE_REPORT_VERDICT_TEXT_H_

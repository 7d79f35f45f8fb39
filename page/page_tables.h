// SPDX-License-Identifier: Apache-2.0
//
// The tables of a page.
#ifndef ATTNSCOPE_PAGE_PAGE_TABLES_H_
#define ATTNSCOPE_PAGE_PAGE_TABLES_H_

#include <cstdint>
#include <string>

#include "attnscope/diagnosis.h"
#include "attnscope/report.h"

namespace attnscope::page {

// The id of the row of a layer, or of one of its heads: "l3", "l3h5".
std::string RowId(int64_t layer, int64_t head);

// The verdicts, the worst first. Each row has a link to the row of its layer or head.
void AppendFindings(const Diagnosis& diagnosis, std::string* html);

// A row for each layer and each head, with its worst severity and the values that verdicts are mostly about.
void AppendValues(const Report& report, const Diagnosis& diagnosis, std::string* html);

}  // namespace attnscope::page

#endif  // ATTNSCOPE_PAGE_PAGE_TABLES_H_

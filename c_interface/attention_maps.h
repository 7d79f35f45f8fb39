// SPDX-License-Identifier: Apache-2.0
//
// Maps whose cells are the caller's.
#ifndef ATTNSCOPE_C_INTERFACE_ATTENTION_MAPS_H_
#define ATTNSCOPE_C_INTERFACE_ATTENTION_MAPS_H_

#include <string>

#include "attnscope/attention_map.h"
#include "c_interface/fields.h"
#include "c_interface/struct_size.h"

namespace attnscope::c_interface {

// With a copy of the cells. Errors: those of ReadStruct; kInvalidArgument for more rows or columns than a map may have,
// and cells that are null.
inline Status ReadMap(const std::string& name, const AttnscopeAttentionMap* in, AttentionMap* out) {
  AttnscopeAttentionMap read = {};
  if (Status status = ReadStruct(name.c_str(), in, &read); !status.ok()) return status;
  if (Status status = CheckReserved(name.c_str(), read.reserved); !status.ok()) return status;
  if (read.rows > kMaxMapCells || read.columns > kMaxMapCells) {
    return {StatusCode::kInvalidArgument, name + "->rows is " + std::to_string(read.rows) + " and ->columns is " +
                                              std::to_string(read.columns) + ", each may be at most " +
                                              std::to_string(kMaxMapCells)};
  }
  const size_t cells = read.rows * read.columns;
  if (cells != 0 && read.cells == nullptr) return NullArgument((name + "->cells").c_str());
  out->layer = read.layer;
  out->head = read.head;
  out->queries = read.queries;
  out->keys = read.keys;
  out->rows = read.rows;
  out->columns = read.columns;
  out->cells.assign(read.cells, read.cells + cells);
  return {};
}

}  // namespace attnscope::c_interface

#endif  // ATTNSCOPE_C_INTERFACE_ATTENTION_MAPS_H_

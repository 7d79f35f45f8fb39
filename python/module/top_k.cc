// SPDX-License-Identifier: Apache-2.0
#include "python/module/top_k.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "python/module/errors.h"

namespace attnscope::python {

namespace nb = nanobind;

TopKValues TopKOf(nb::handle values) {
  std::vector<uint32_t> read;
  bool are_numbers = nb::isinstance<nb::sequence>(values) && !nb::isinstance<nb::str>(values);
  for (size_t i = 0; are_numbers && i < nb::len(values); ++i) {
    uint32_t value = 0;
    are_numbers = nb::try_cast(nb::object(values[i]), value);
    read.push_back(value);
  }
  if (!are_numbers) {
    Throw(PyExc_TypeError, std::string("top_k is ") + nb::repr(values).c_str() +
                               ", expected whole numbers from 1 to 1024, such as (5, 10, 50)");
  }
  return TopKValues{std::span<const uint32_t>(read)};
}

nb::tuple TupleOf(const TopKValues& top_k) {
  nb::list values;
  for (const uint32_t k : top_k) values.append(k);
  return nb::tuple(values);
}

}  // namespace attnscope::python

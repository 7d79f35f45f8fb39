// SPDX-License-Identifier: Apache-2.0
//
// attnscope.kernels: the kernels by themselves, over arrays of one to four dimensions whose last one is a row.
#include "attnscope/kernels.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include "attnscope/dlpack.h"
#include "python/module/argument.h"
#include "python/module/errors.h"
#include "python/module/module.h"
#include "python/module/tensor.h"

namespace attnscope::python {
namespace {

using kernels::Rows;

// An array as matrices, [batch, heads] of them, each with rows of one stride.
class Matrices {
 public:
  Matrices(const char* name, nb::handle object, bool copy) : tensor_(name, object, copy) {
    Check(name, internal::ReadDLPack("array", tensor_.dl(), 1, 4, &layout_));
    Check(name, internal::CheckDLPackRows("array", layout_));
  }

  size_t count() const { return layout_.sizes[0] * layout_.sizes[1]; }
  size_t rows() const { return layout_.sizes[2]; }
  size_t columns() const { return layout_.sizes[3]; }

  Rows operator[](size_t matrix) const {
    const auto batch = static_cast<int64_t>(matrix / layout_.sizes[1]);
    const auto head = static_cast<int64_t>(matrix % layout_.sizes[1]);
    const int64_t elements = batch * layout_.strides[0] + head * layout_.strides[1];
    const auto bytes = static_cast<int64_t>(ElementBytes(layout_.type));
    const void* const data =
        layout_.data == nullptr ? nullptr : static_cast<const char*>(layout_.data) + elements * bytes;
    return {data, layout_.type, rows(), columns(), layout_.strides[2]};
  }

  // The array's own, without its last `fewer` dimensions.
  std::vector<size_t> Shape(int fewer) const {
    const int ndim = tensor_.dl().ndim;
    return {layout_.sizes + 4 - ndim, layout_.sizes + 4 - std::min(fewer, ndim)};
  }

  std::string ShapeText() const {
    std::string text;
    for (const size_t size : Shape(0)) text += (text.empty() ? "[" : ", ") + std::to_string(size);
    return text + "]";
  }

  bool HasShapeOf(const Matrices& other) const {
    return std::equal(layout_.sizes, layout_.sizes + 4, other.layout_.sizes) &&
           tensor_.dl().ndim == other.tensor_.dl().ndim;
  }

 private:
  Tensor tensor_;
  internal::DLPackLayout layout_;
};

// An array of NumPy that is being filled.
template <typename T>
class Output {
 public:
  explicit Output(std::vector<size_t> shape) : shape_(std::move(shape)) {
    size_t count = 1;
    for (const size_t size : shape_) {
      if (__builtin_mul_overflow(count, std::max<size_t>(size, 1), &count)) throw std::bad_alloc();
    }
    if (count > SIZE_MAX / sizeof(T)) throw std::bad_alloc();
    data_ = new T[count];
    owner_ = nb::capsule(data_, [](void* p) noexcept { delete[] static_cast<T*>(p); });
  }
  T* data() const { return data_; }
  nb::object Array() const { return nb::cast(nb::ndarray<nb::numpy, T>(data_, shape_.size(), shape_.data(), owner_)); }

 private:
  std::vector<size_t> shape_;
  T* data_ = nullptr;
  nb::capsule owner_;
};

// measure(matrix) for all, without the GIL.
template <typename Measure>
void ForEach(const Matrices& matrices, const Measure& measure) {
  Status status;
  {
    const nb::gil_scoped_release release;
    for (size_t i = 0; i < matrices.count() && status.ok(); ++i) status = measure(i);
  }
  Check(status);
}

using RowKernel = Status (*)(const Rows& rows, double* out);

// A number for each row.
template <RowKernel kKernel>
nb::object OfRows(const char* name, nb::handle array, bool copy) {
  const Matrices matrices(name, array, copy);
  const Output<double> out(matrices.Shape(1));
  ForEach(matrices, [&](size_t i) { return kKernel(matrices[i], out.data() + i * matrices.rows()); });
  return out.Array();
}

using ColumnKernel = Status (*)(const Rows& rows, double* out, size_t* invalid_rows);

// A number for each column of each matrix.
template <ColumnKernel kKernel>
nb::object OfColumns(nb::handle weights, const Argument<bool, "copy">& copy) {
  const Matrices matrices("weights", weights, copy);
  std::vector<size_t> shape = matrices.Shape(2);
  shape.push_back(matrices.columns());
  const Output<double> out(std::move(shape));
  ForEach(matrices, [&](size_t i) { return kKernel(matrices[i], out.data() + i * matrices.columns(), nullptr); });
  return out.Array();
}

nb::object TopKMass(nb::handle weights, const Argument<size_t, "k">& k, const Argument<bool, "copy">& copy) {
  const Matrices matrices("weights", weights, copy);
  const Output<double> out(matrices.Shape(1));
  ForEach(matrices, [&](size_t i) { return kernels::TopKMass(matrices[i], k, out.data() + i * matrices.rows()); });
  return out.Array();
}

int64_t Index(uint32_t index) { return index == kernels::kNoIndex ? -1 : static_cast<int64_t>(index); }

nb::object TopK(nb::handle numbers, const Argument<size_t, "k">& given, const Argument<bool, "copy">& copy) {
  const size_t k = given;
  if (k < 1 || k > kMaxTopK) {
    Throw(PyExc_ValueError, "k is " + std::to_string(k) + ", expected 1 to " + std::to_string(kMaxTopK));
  }
  const Matrices matrices("numbers", numbers, copy);
  std::vector<size_t> shape = matrices.Shape(1);
  shape.push_back(k);
  const Output<float> values(shape);
  const Output<int64_t> indices(shape);
  const size_t per_matrix = matrices.rows() * k;
  std::vector<uint32_t> found(per_matrix);
  ForEach(matrices, [&](size_t i) {
    Status status = kernels::TopK(matrices[i], k, values.data() + i * per_matrix, found.data());
    if (status.ok()) std::transform(found.begin(), found.end(), indices.data() + i * per_matrix, &Index);
    return status;
  });
  return nb::make_tuple(values.Array(), indices.Array());
}

nb::object SoftmaxEntropy(nb::handle logits, const Argument<double, "scale">& scale,
                          const Argument<bool, "copy">& copy) {
  const Matrices matrices("logits", logits, copy);
  const Output<double> entropy(matrices.Shape(1));
  const Output<double> logsumexp(matrices.Shape(1));
  ForEach(matrices, [&](size_t i) {
    kernels::SoftmaxOutputs outputs;
    outputs.entropy_nats = entropy.data() + i * matrices.rows();
    outputs.logsumexp = logsumexp.data() + i * matrices.rows();
    return kernels::SoftmaxEntropy(matrices[i], scale, outputs);
  });
  return nb::make_tuple(entropy.Array(), logsumexp.Array());
}

nb::object SquaredDistance(nb::handle from, nb::handle to, const Argument<bool, "copy">& copy) {
  const Matrices before("from_", from, copy);
  const Matrices after("to", to, copy);
  if (!before.HasShapeOf(after)) {
    Throw(PyExc_ValueError, "from_ has shape " + before.ShapeText() + ", to has " + after.ShapeText());
  }
  const Output<double> out(before.Shape(1));
  ForEach(before,
          [&](size_t i) { return kernels::SquaredDistance(before[i], after[i], out.data() + i * before.rows()); });
  return out.Array();
}

template <RowKernel kKernel>
void BindRowKernel(nb::module_& module, const char* name, const char* doc) {
  module.def(
      name,
      [](nb::handle weights, const Argument<bool, "copy">& copy) { return OfRows<kKernel>("weights", weights, copy); },
      nb::arg("weights").none(), nb::kw_only(), nb::arg("copy") = false, doc);
}

void BindSelections(nb::module_& module) {
  module.def("top_k_mass", &TopKMass, nb::arg("weights").none(), nb::arg("k"), nb::kw_only(), nb::arg("copy") = false,
             "The sum of each row's k largest weights: float64 [...]. k: 1 to 1024.");
  module.def(
      "top_k", &TopK, nb::arg("numbers").none(), nb::arg("k"), nb::kw_only(), nb::arg("copy") = false,
      "Each row's k largest numbers, of any sign, in descending order, equal ones in the order of their columns: "
      "values, float32 [..., k], and their columns, int64 [..., k]. Where a row has fewer columns, or NaN, the "
      "rest, or all, are NaN and -1. k: 1 to 1024.");
}

}  // namespace

void BindKernels(nb::module_& module) {
  BindRowKernel<&kernels::RowEntropy>(module, "row_entropy",
                                      "The entropy of each row, in nats: float64 [...]. -sum w log w.");
  BindRowKernel<&kernels::RowExpEntropy>(module, "row_exp_entropy",
                                         "exp of each row's entropy, its effective rank: float64 [...].");
  BindRowKernel<&kernels::RowMax>(module, "row_max", "The largest weight of each row: float64 [...].");
  BindSelections(module);
  module.def("column_sums", &OfColumns<&kernels::ColumnSums>, nb::arg("weights").none(), nb::kw_only(),
             nb::arg("copy") = false,
             "Sums over each matrix's rows, without invalid ones: float64 [..., columns] of [..., rows, columns].");
  module.def("column_max", &OfColumns<&kernels::ColumnMax>, nb::arg("weights").none(), nb::kw_only(),
             nb::arg("copy") = false,
             "Maxima over each matrix's rows, without invalid ones: float64 [..., columns]; 0 where there is no row.");
  module.def("softmax_entropy", &SoftmaxEntropy, nb::arg("logits").none(), nb::kw_only(), nb::arg("scale") = 1.0,
             nb::arg("copy") = false,
             "Of the softmax of each row of scale * logits: its entropy in nats, and log-sum-exp, float64 [...] each. "
             "-inf is masked; a row of which none is left has entropy NaN and log-sum-exp -inf; one with NaN or +inf "
             "is NaN.");
  module.def(
      "squared_norm",
      [](nb::handle numbers, const Argument<bool, "copy">& copy) {
        return OfRows<&kernels::SquaredNorm>("numbers", numbers, copy);
      },
      nb::arg("numbers").none(), nb::kw_only(), nb::arg("copy") = false,
      "The sum of the squares of each row: float64 [...]. Finite numbers neither overflow nor underflow.");
  module.def("squared_distance", &SquaredDistance, nb::arg("from_").none(), nb::arg("to").none(), nb::kw_only(),
             nb::arg("copy") = false,
             "The sum of the squares of each row's differences: float64 [...]. Both arrays have one type and shape.");
}

}  // namespace attnscope::python

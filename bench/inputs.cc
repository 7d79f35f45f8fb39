// SPDX-License-Identifier: Apache-2.0
#include "bench/inputs.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

namespace attnscope::bench {
namespace {

constexpr size_t kPoolSize = size_t{1} << 20;

// exp of Gaussian logits; rows take windows of it at random places, as drawing every logit would take minutes.
std::vector<float> ExponentialPool(double sigma, std::mt19937_64& random) {
  std::normal_distribution<double> gaussian(0.0, sigma);
  std::vector<float> pool(2 * kPoolSize);
  for (float& value : pool) value = static_cast<float>(std::exp(gaussian(random)));
  return pool;
}

std::vector<float> RealPool() {
  constexpr size_t kHeaderBytes = 128;  // of these .npy files
  std::vector<float> pool;
  while (pool.size() < 2 * kPoolSize) {
    for (const char* name : {"use_long_L0_attn.npy", "use_long_L1_attn.npy"}) {
      std::ifstream file(std::string(ATTNSCOPE_TEST_DATA) + "/" + name, std::ios::binary);
      const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
      if (bytes.size() <= kHeaderBytes) {
        std::fprintf(stderr, "cannot read %s/%s\n", ATTNSCOPE_TEST_DATA, name);
        std::exit(2);
      }
      const size_t begin = pool.size();
      pool.resize(begin + (bytes.size() - kHeaderBytes) / sizeof(float));
      std::memcpy(&pool[begin], &bytes[kHeaderBytes], (pool.size() - begin) * sizeof(float));
    }
  }
  return pool;
}

void FillFromPool(const std::vector<float>& pool, size_t visible, std::mt19937_64& random, std::vector<float>& row) {
  std::fill(row.begin(), row.end(), 0.0f);
  for (size_t begin = 0; begin < visible; begin += kPoolSize) {
    const size_t count = std::min(kPoolSize, visible - begin);
    const size_t from = random() % kPoolSize;
    std::copy_n(&pool[from], count, &row[begin]);
  }
}

void FillRamp(bool ascending, std::mt19937_64& random, std::vector<float>& row) {
  const double slope = 1.0 + static_cast<double>(random() % 1000) * 1e-3;
  for (size_t i = 0; i < row.size(); ++i) {
    const size_t step = ascending ? i : row.size() - 1 - i;
    row[i] = static_cast<float>(1.0 + slope * static_cast<double>(step) / static_cast<double>(row.size()));
  }
}

void Normalise(std::vector<float>& row) {
  double sum = 0.0;
  for (const float value : row) sum += static_cast<double>(value);
  for (float& value : row) value = static_cast<float>(static_cast<double>(value) / sum);
}

// Round to nearest even; weights are at most 1, so nothing overflows.
uint16_t ToBFloat16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return static_cast<uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

uint16_t ToFloat16(float value) {
  int exponent;
  const float mantissa = std::frexp(value, &exponent);
  if (exponent < -13) return static_cast<uint16_t>(std::nearbyint(std::ldexp(value, 24)));
  // A mantissa that rounds up to 2048 carries into the exponent.
  return static_cast<uint16_t>(((exponent + 13) << 10) + static_cast<int>(std::nearbyint(std::ldexp(mantissa, 11))));
}

void StoreRow(const std::vector<float>& row, ElementType type, uint8_t* to) {
  if (type == ElementType::kFloat32) {
    std::memcpy(to, row.data(), row.size() * sizeof(float));
    return;
  }
  for (size_t i = 0; i < row.size(); ++i) {
    const uint16_t half = type == ElementType::kFloat16 ? ToFloat16(row[i]) : ToBFloat16(row[i]);
    std::memcpy(to + i * sizeof(half), &half, sizeof(half));
  }
}

}  // namespace

std::string_view NameOf(RowKind kind) {
  constexpr std::string_view kNames[] = {"softmax1", "softmax4", "real",      "one_hot",
                                         "uniform",  "causal",   "ascending", "descending"};
  return kNames[static_cast<size_t>(kind)];
}

void AttentionRows::Free::operator()(uint8_t* memory) const { std::free(memory); }

std::vector<float> GaussianFloats(uint64_t seed, size_t count) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> gaussian;
  std::vector<float> values(count);
  for (float& value : values) value = gaussian(random);
  return values;
}

AttentionRows::AttentionRows(RowKind kind, ElementType type, size_t rows, size_t keys)
    : type_(type), rows_(rows), keys_(keys) {
  constexpr size_t kPage = 4096;
  bytes_.reset(static_cast<uint8_t*>(std::aligned_alloc(kPage, (bytes() + kPage) / kPage * kPage)));
  std::mt19937_64 random(keys * 8 + static_cast<size_t>(kind));
  std::vector<float> pool;
  if (kind == RowKind::kReal) pool = RealPool();
  if (kind == RowKind::kSoftmax1 || kind == RowKind::kCausal) pool = ExponentialPool(1.0, random);
  if (kind == RowKind::kSoftmax4) pool = ExponentialPool(4.0, random);
  std::vector<float> row(keys);
  for (size_t i = 0; i < rows; ++i) {
    switch (kind) {
      case RowKind::kOneHot:
        std::fill(row.begin(), row.end(), 0.0f);
        row[random() % keys] = 1.0f;
        break;
      case RowKind::kUniform:
        std::fill(row.begin(), row.end(), 1.0f);
        break;
      case RowKind::kAscending:
      case RowKind::kDescending:
        FillRamp(kind == RowKind::kAscending, random, row);
        break;
      default:
        FillFromPool(pool, kind == RowKind::kCausal ? i % keys + 1 : keys, random, row);
    }
    Normalise(row);
    StoreRow(row, type, bytes_.get() + i * keys * ElementBytes(type));
  }
}

}  // namespace attnscope::bench

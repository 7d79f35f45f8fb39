// SPDX-License-Identifier: Apache-2.0
#include "tests/support/row_inputs.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <numbers>

#include "tests/support/npy_file.h"

namespace attnscope::test {
namespace {

// Divides by the sum, as far as float32 goes.
void Normalise(std::span<float> row) {
  double sum = 0.0;
  for (const float weight : row) sum += static_cast<double>(weight);
  if (sum == 0.0) return;
  for (float& weight : row) weight = static_cast<float>(static_cast<double>(weight) / sum);
}

void Softmax(Random& random, double sigma, std::span<float> row) {
  for (float& weight : row) weight = static_cast<float>(std::exp(sigma * random.Normal()));
  Normalise(row);
}

void FillSigma1(Random& random, std::span<float> row) { Softmax(random, 1.0, row); }
void FillSigma4(Random& random, std::span<float> row) { Softmax(random, 4.0, row); }

void FillOneHot(Random& random, std::span<float> row) {
  std::fill(row.begin(), row.end(), 0.0f);
  if (!row.empty()) row[random.Below(row.size())] = 1.0f;
}

void FillNearOneHot(Random& random, std::span<float> row) {
  std::fill(row.begin(), row.end(), 1e-5f / static_cast<float>(row.size()));
  if (!row.empty()) row[random.Below(row.size())] = 1.0f - 1e-5f;
}

void FillUniform(Random&, std::span<float> row) {
  std::fill(row.begin(), row.end(), 1.0f / static_cast<float>(row.size()));
}

void FillAscending(Random&, std::span<float> row) {
  for (size_t i = 0; i < row.size(); ++i) row[i] = static_cast<float>(i + 1);
  Normalise(row);
}

void FillDescending(Random& random, std::span<float> row) {
  FillAscending(random, row);
  std::reverse(row.begin(), row.end());
}

void FillSawtooth(Random&, std::span<float> row) {
  for (size_t i = 0; i < row.size(); ++i) row[i] = static_cast<float>(1 + (i * 7) % 61);
  Normalise(row);
}

void FillSparse(Random& random, std::span<float> row) {
  for (float& weight : row) weight = random.Below(10) == 0 ? static_cast<float>(random.Uniform()) : 0.0f;
  Normalise(row);
}

void FillFewValues(Random& random, std::span<float> row) {
  for (float& weight : row) weight = static_cast<float>(1 + random.Below(3));
  Normalise(row);
}

// Magnitudes from the smallest denormal to 1, so that most weights vanish beside a few.
void FillTiny(Random& random, std::span<float> row) {
  for (float& weight : row) weight = static_cast<float>(std::exp2(-149.0 * random.Uniform()));
  if (!row.empty()) row[random.Below(row.size())] = 0.5f;
}

void FillDenormal(Random& random, std::span<float> row) {
  for (float& weight : row) weight = static_cast<float>(random.Below(1000)) * FLT_TRUE_MIN;
}

void FillCausalPrefix(Random& random, std::span<float> row) {
  std::fill(row.begin(), row.end(), 0.0f);
  FillSigma1(random, row.first((row.size() + 1) / 2));
}

void FillZeros(Random&, std::span<float> row) { std::fill(row.begin(), row.end(), 0.0f); }

// No distribution: the sum is far from 1.
void FillUnnormalised(Random& random, std::span<float> row) {
  FillSigma1(random, row);
  for (float& weight : row) weight *= 1.5f;
}

// Rows of a trained model, laid end to end where more keys are asked for than it had.
void FillReal(Random& random, std::span<float> row) {
  static const NpyFile file = ReadNpy("use_long_L0_attn.npy");
  const size_t keys = file.shape.back();
  for (size_t begin = 0; begin < row.size(); begin += keys) {
    const float* from = file.values.data() + random.Below(file.values.size() / keys) * keys;
    std::copy_n(from, std::min(keys, row.size() - begin), row.begin() + static_cast<std::ptrdiff_t>(begin));
  }
  Normalise(row);
}

constexpr RowInput kRowInputs[] = {
    {"sigma1", FillSigma1},
    {"sigma4", FillSigma4},
    {"one_hot", FillOneHot},
    {"near_one_hot", FillNearOneHot},
    {"uniform", FillUniform},
    {"ascending", FillAscending},
    {"descending", FillDescending},
    {"sawtooth", FillSawtooth},
    {"sparse", FillSparse},
    {"few_values", FillFewValues},
    {"tiny", FillTiny},
    {"denormal", FillDenormal},
    {"causal_prefix", FillCausalPrefix},
    {"zeros", FillZeros},
    {"unnormalised", FillUnnormalised},
    {"real", FillReal},
};

}  // namespace

uint64_t Random::Bits() {
  state_ += 0x9E3779B97F4A7C15u;
  uint64_t bits = state_;
  bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9u;
  bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EBu;
  return bits ^ (bits >> 31);
}

double Random::Normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - Uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * Uniform());
}

std::span<const RowInput> AllRowInputs() { return kRowInputs; }

const RowInput& RowInputOf(const char* name) {
  for (const RowInput& input : kRowInputs) {
    if (std::strcmp(input.name, name) == 0) return input;
  }
  std::abort();
}

std::vector<float> MixedRows(uint64_t seed, size_t rows, size_t keys) {
  Random random(seed);
  std::vector<float> values(rows * keys);
  for (size_t i = 0; i < rows; ++i) {
    AllRowInputs()[random.Below(AllRowInputs().size())].fill(random, std::span(values).subspan(i * keys, keys));
  }
  return values;
}

std::vector<float> Normals(uint64_t seed, size_t count, double sigma, double mean) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(mean + sigma * random.Normal());
  return values;
}

std::vector<float> SoftmaxRows(uint64_t seed, size_t rows, size_t keys, double sigma) {
  Random random(seed);
  std::vector<float> values(rows * keys);
  for (size_t i = 0; i < rows; ++i) Softmax(random, sigma, std::span(values).subspan(i * keys, keys));
  return values;
}

}  // namespace attnscope::test

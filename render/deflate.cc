// SPDX-License-Identifier: Apache-2.0
#include "render/deflate.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#include "render/huffman.h"

namespace attnscope::render {
namespace {

constexpr size_t kMinMatch = 4;  // three bytes are allowed, but seldom pay
constexpr size_t kMaxMatch = 258;
constexpr size_t kWindow = 32768;
constexpr int kHashBits = 15;
constexpr int kMaxChain = 12;      // earlier places that are looked at
constexpr size_t kGoodMatch = 32;  // a match this long is taken without looking at the next byte
// Of what a long match copies, only some places are remembered: plain ground would fill the chains with itself.
constexpr size_t kLongMatch = 64;
constexpr size_t kLongStep = 61;
constexpr size_t kBlockTokens = 32768;
constexpr size_t kEndOfBlock = 256;
constexpr size_t kFirstLength = 257;
constexpr size_t kLiterals = 286;
constexpr size_t kDistances = 30;

// A length or distance as deflate sends it: a symbol and some extra bits.
struct Symbol {
  uint16_t symbol;
  uint8_t extra_bits;
  uint16_t extra;
};

// Both follow one pattern: after the first few, 2^`steps` symbols for each number of extra bits.
constexpr Symbol SymbolOf(uint32_t value, int steps) {
  const uint32_t few = 2U << steps;
  if (value < few) return {static_cast<uint16_t>(value), 0, 0};
  const int extra_bits = static_cast<int>(std::bit_width(value)) - 1 - steps;
  const uint32_t symbol = (static_cast<uint32_t>(extra_bits) << steps) + (value >> extra_bits);
  return {static_cast<uint16_t>(symbol), static_cast<uint8_t>(extra_bits),
          static_cast<uint16_t>(value & ((1U << extra_bits) - 1))};
}

constexpr Symbol LengthSymbol(size_t length) {
  if (length == kMaxMatch) return {285, 0, 0};
  Symbol symbol = SymbolOf(static_cast<uint32_t>(length - 3), 2);
  symbol.symbol = static_cast<uint16_t>(symbol.symbol + kFirstLength);
  return symbol;
}

constexpr Symbol DistanceSymbol(size_t distance) { return SymbolOf(static_cast<uint32_t>(distance - 1), 1); }

// One literal byte (`distance` is zero), or a copy of `value` bytes from `distance` bytes before.
struct Token {
  uint16_t value;
  uint16_t distance;
};

class BitWriter {
 public:
  explicit BitWriter(std::vector<uint8_t>* out) : out_(out) {}

  // The lowest `count` bits, at most 16.
  void Put(uint32_t bits, int count) {
    pending_ |= uint64_t{bits} << used_;
    used_ += count;
    while (used_ >= 8) {
      out_->push_back(static_cast<uint8_t>(pending_ & 0xFF));
      pending_ >>= 8;
      used_ -= 8;
    }
  }
  void Put(const HuffmanCode& code) { Put(code.bits, code.length); }
  void Finish() {
    if (used_ > 0) Put(0, 8 - used_);
  }

 private:
  std::vector<uint8_t>* out_;
  uint64_t pending_ = 0;
  int used_ = 0;
};

// Finds earlier copies of what follows, by chains of places with the same hash of four bytes.
class MatchFinder {
 public:
  explicit MatchFinder(std::span<const uint8_t> bytes) : bytes_(bytes), heads_(size_t{1} << kHashBits, -1) {
    previous_.resize(kWindow, -1);
  }

  struct Match {
    size_t length = 0;
    size_t distance = 0;
  };

  // The longest match at `at` that is longer than `least`, the nearest of equals; length 0 if there is none.
  Match Find(size_t at, size_t least) const {
    Match best = {least, 0};
    const size_t most = std::min(kMaxMatch, bytes_.size() - at);
    if (most < kMinMatch) return {};
    int64_t place = heads_[Hash(at)];
    for (int i = 0; i < kMaxChain && best.length < most; ++i) {
      if (place < 0 || at - static_cast<size_t>(place) > kWindow) break;
      const auto from = static_cast<size_t>(place);
      if (bytes_[from + best.length] == bytes_[at + best.length]) {
        const size_t length = CommonLength(from, at, most);
        if (length > best.length) best = {length, at - from};
      }
      const int64_t older = previous_[from % kWindow];
      if (older >= place) break;  // overwritten by a later place
      place = older;
    }
    return best.distance == 0 || best.length < kMinMatch ? Match{} : best;
  }

  void Insert(size_t at) {
    if (at + kMinMatch > bytes_.size()) return;
    int32_t& head = heads_[Hash(at)];
    previous_[at % kWindow] = head;
    head = static_cast<int32_t>(at);
  }

 private:
  size_t Hash(size_t at) const {
    uint32_t word = 0;  // the same on every byte order
    for (size_t i = 0; i < 4; ++i) word |= uint32_t{bytes_[at + i]} << (8 * i);
    return (word * 2654435761U) >> (32 - kHashBits);
  }

  size_t CommonLength(size_t a, size_t b, size_t most) const {
    size_t length = 0;
    for (; length + 8 <= most; length += 8) {
      if (std::memcmp(&bytes_[a + length], &bytes_[b + length], 8) != 0) break;
    }
    while (length < most && bytes_[a + length] == bytes_[b + length]) ++length;
    return length;
  }

  std::span<const uint8_t> bytes_;
  std::vector<int32_t> heads_;     // the latest place with each hash
  std::vector<int32_t> previous_;  // [kWindow]: for each place, the one before it with the same hash
};

// The lengths of both codes as deflate's header writes them: runs of equal lengths are shortened.
struct HeaderSymbol {
  uint8_t symbol;
  uint8_t extra_bits;
  uint8_t extra;
};

std::vector<HeaderSymbol> ShortenRuns(std::span<const uint8_t> lengths) {
  std::vector<HeaderSymbol> symbols;
  for (size_t i = 0; i < lengths.size();) {
    size_t run = 1;
    while (i + run < lengths.size() && lengths[i + run] == lengths[i]) ++run;
    i += run;
    const uint8_t length = lengths[i - 1];
    if (length != 0) {
      symbols.push_back({length, 0, 0});
      --run;
    }
    while (run >= 3) {
      const size_t part = std::min<size_t>(run, length != 0 ? 6 : 138);
      if (length != 0) {
        symbols.push_back({16, 2, static_cast<uint8_t>(part - 3)});
      } else if (part <= 10) {
        symbols.push_back({17, 3, static_cast<uint8_t>(part - 3)});
      } else {
        symbols.push_back({18, 7, static_cast<uint8_t>(part - 11)});
      }
      run -= part;
    }
    for (; run > 0; --run) symbols.push_back({length, 0, 0});
  }
  return symbols;
}

// In which order the header gives the lengths of the code for lengths.
constexpr std::array<uint8_t, 19> kOrder = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};

// The header of a block with its own codes (RFC 1951, 3.2.7).
void PutCodes(std::span<const HuffmanCode> literals, std::span<const HuffmanCode> distances, BitWriter* writer) {
  std::vector<uint8_t> lengths;
  for (const HuffmanCode& code : literals) lengths.push_back(code.length);
  for (const HuffmanCode& code : distances) lengths.push_back(code.length);
  const std::vector<HeaderSymbol> symbols = ShortenRuns(lengths);
  std::array<uint32_t, 19> counts = {};
  for (const HeaderSymbol& symbol : symbols) ++counts[symbol.symbol];
  const std::vector<HuffmanCode> code = MakeHuffmanCode(counts, 7);
  writer->Put(static_cast<uint32_t>(literals.size() - 257), 5);
  writer->Put(static_cast<uint32_t>(distances.size() - 1), 5);
  writer->Put(static_cast<uint32_t>(kOrder.size() - 4), 4);
  for (const uint8_t symbol : kOrder) writer->Put(code[symbol].length, 3);
  for (const HeaderSymbol& symbol : symbols) {
    writer->Put(code[symbol.symbol]);
    writer->Put(symbol.extra, symbol.extra_bits);
  }
}

void PutBlock(std::span<const Token> tokens, bool is_last, BitWriter* writer) {
  std::array<uint32_t, kLiterals> literal_counts = {};
  std::array<uint32_t, kDistances> distance_counts = {};
  literal_counts[kEndOfBlock] = 1;
  for (const Token& token : tokens) {
    if (token.distance == 0) {
      ++literal_counts[token.value];
    } else {
      ++literal_counts[LengthSymbol(token.value).symbol];
      ++distance_counts[DistanceSymbol(token.distance).symbol];
    }
  }
  // A block without copies still declares one distance: some readers do not take none.
  if (std::all_of(distance_counts.begin(), distance_counts.end(), [](uint32_t n) { return n == 0; })) {
    distance_counts[0] = 1;
  }
  const std::vector<HuffmanCode> literals = MakeHuffmanCode(literal_counts, 15);
  const std::vector<HuffmanCode> distances = MakeHuffmanCode(distance_counts, 15);
  writer->Put(is_last ? 1 : 0, 1);
  writer->Put(2, 2);
  PutCodes(literals, distances, writer);
  for (const Token& token : tokens) {
    if (token.distance == 0) {
      writer->Put(literals[token.value]);
      continue;
    }
    const Symbol length = LengthSymbol(token.value);
    const Symbol distance = DistanceSymbol(token.distance);
    writer->Put(literals[length.symbol]);
    writer->Put(length.extra, length.extra_bits);
    writer->Put(distances[distance.symbol]);
    writer->Put(distance.extra, distance.extra_bits);
  }
  writer->Put(literals[kEndOfBlock]);
}

constexpr uint32_t kAdlerModulus = 65521;
constexpr size_t kAdlerChunk = 5552;  // the most bytes for which the sums fit in 32 bits

uint32_t Adler32(std::span<const uint8_t> bytes) {
  uint32_t a = 1;
  uint32_t b = 0;
  for (size_t begin = 0; begin < bytes.size(); begin += kAdlerChunk) {
    for (const uint8_t byte : bytes.subspan(begin, std::min(kAdlerChunk, bytes.size() - begin))) {
      a += byte;
      b += a;
    }
    a %= kAdlerModulus;
    b %= kAdlerModulus;
  }
  return b << 16 | a;
}

}  // namespace

std::vector<uint8_t> CompressZlib(std::span<const uint8_t> bytes) {
  std::vector<uint8_t> out = {0x78, 0x9C};  // deflate, 32 KiB window
  BitWriter writer(&out);
  MatchFinder finder(bytes);
  std::vector<Token> tokens;
  tokens.reserve(kBlockTokens);
  for (size_t at = 0; at < bytes.size();) {
    MatchFinder::Match match = finder.Find(at, 0);
    finder.Insert(at);
    if (match.length > 0 && match.length < kGoodMatch && at + 1 < bytes.size() &&
        finder.Find(at + 1, match.length).length > 0) {
      match = {};  // the next byte begins a longer match
    }
    if (match.length == 0) {
      tokens.push_back({bytes[at], 0});
      ++at;
    } else {
      tokens.push_back({static_cast<uint16_t>(match.length), static_cast<uint16_t>(match.distance)});
      const size_t step = match.length < kLongMatch ? 1 : kLongStep;
      for (size_t i = 1; i < match.length; i += step) finder.Insert(at + i);
      at += match.length;
    }
    if (tokens.size() == kBlockTokens) {
      PutBlock(tokens, false, &writer);
      tokens.clear();
    }
  }
  PutBlock(tokens, true, &writer);
  writer.Finish();
  const uint32_t checksum = Adler32(bytes);
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(checksum >> shift & 0xFF));
  return out;
}

}  // namespace attnscope::render

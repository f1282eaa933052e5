// From a seed to the same noise as everywhere: Philox-4x32-10, uniforms, Box-Muller normals.
// onnx_models/SEEDS.md is the specification; `--check-seeds onnx_models/seeds.json` holds this file to it.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace seeds {

enum Stream : uint32_t { Z = 0, NOISE = 4 };  // the two that a picture needs; SEEDS.md lists all

// Ten rounds: a counter and a key become four words (Salmon et al., SC 2011).
inline std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, uint32_t key0, uint32_t key1) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53} * counter[0];
    const uint64_t product1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {uint32_t(product1 >> 32) ^ counter[1] ^ key0, uint32_t(product1),
               uint32_t(product0 >> 32) ^ counter[3] ^ key1, uint32_t(product0)};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

// The first `size` words of one sample.
inline std::vector<uint32_t> words(uint32_t seed, uint32_t stream, uint32_t sample, std::size_t size,
                                   uint32_t step = 0, uint32_t layer = 0) {
  std::vector<uint32_t> out;
  out.reserve(size + 3);
  for (uint32_t block = 0; out.size() < size; ++block) {
    const auto four = philox({block, sample, step, layer}, seed, stream);
    out.insert(out.end(), four.begin(), four.end());
  }
  out.resize(size);
  return out;
}

// In [0, 1), exact in float: the upper 24 bits.
inline float uniform(uint32_t word) { return float(word >> 8) / 16777216.0f; }

// Standard normals of one sample: in double until the last rounding.
inline std::vector<float> normals(uint32_t seed, uint32_t stream, uint32_t sample, std::size_t size,
                                  uint32_t step = 0, uint32_t layer = 0) {
  constexpr double PI = 3.14159265358979323846;
  const auto word = words(seed, stream, sample, size + size % 2, step, layer);
  std::vector<float> out(size);
  for (std::size_t n = 0; n < size; n += 2) {
    const double radius = std::sqrt(-2.0 * std::log((word[n] + 0.5) / 4294967296.0));
    const double angle = 2.0 * PI * ((word[n + 1] + 0.5) / 4294967296.0);
    out[n] = float(radius * std::cos(angle));
    if (n + 1 < size) out[n + 1] = float(radius * std::sin(angle));
  }
  return out;
}

}  // namespace seeds

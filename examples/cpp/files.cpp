#include "files.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "json.hpp"

namespace fs = std::filesystem;

const Signature* Graph::input(const std::string& name) const {
  for (const auto& tensor : inputs)
    if (tensor.name == name) return &tensor;
  return nullptr;
}

const Graph* Model::graph(const std::string& role) const {
  for (const auto& graph : graphs)
    if (graph.role == role) return &graph;
  return nullptr;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file || fs::is_directory(path)) throw std::runtime_error(path + " cannot be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

// --- model.json -------------------------------------------------------------------------------------------

namespace {

using json::Value;

std::vector<Signature> signatures(const Value& list) {
  std::vector<Signature> out;
  for (const auto& entry : list.list) {
    Signature tensor;
    tensor.name = entry.get("name", Value::TEXT).text;
    tensor.dtype = entry.get("dtype", Value::TEXT).text;
    tensor.range = entry.get("range", Value::TEXT).text;
    for (const auto& axis : entry.get("shape", Value::LIST).list)
      tensor.shape.push_back(axis.kind == Value::NUMBER ? int64_t(axis.number) : 0);
    out.push_back(tensor);
  }
  return out;
}

Graph graph_of(const std::string& role, const Value& entry, const fs::path& folder) {
  Graph graph;
  graph.role = role;
  graph.file = entry.get("file", Value::TEXT).text;
  const fs::path name(graph.file);
  if (name.is_absolute() || std::find(name.begin(), name.end(), "..") != name.end())
    throw std::runtime_error(graph.file + " lies outside its folder");
  graph.path = (folder / name).string();
  graph.sha256 = entry.get("sha256", Value::TEXT).text;
  graph.tolerance = entry.get("tolerance", Value::NUMBER).number;
  graph.inputs = signatures(entry.get("inputs", Value::LIST));
  graph.outputs = signatures(entry.get("outputs", Value::LIST));
  return graph;
}

}  // namespace

Model load_model(const std::string& name) {
  const fs::path folder = fs::absolute(name).lexically_normal();
  const fs::path path = folder / "model.json";
  if (!fs::is_regular_file(path))
    throw Sentence("There is no model in " + folder.string() + ": name a folder that holds a model.json.");
  Model model;
  model.folder = folder.string();
  try {
    const Value entry = json::read(read_file(path.string()));
    model.id = entry.get("id", Value::TEXT).text;
    if (const Value* seeds = entry.find("seeds")) model.seeds = seeds->text;
    for (const auto& [role, graph] : entry.get("graphs", Value::OBJECT).object)
      model.graphs.push_back(graph_of(role, graph, folder));
  } catch (const std::exception& fault) {
    throw Sentence(path.string() + " cannot be read (" + fault.what() + "): restore it or export the model again.");
  }
  return model;
}

std::vector<Model> load_models(const std::string& directory) {
  std::vector<Model> models;
  if (fs::is_directory(directory))
    for (const auto& entry : fs::directory_iterator(directory))
      if (fs::is_regular_file(entry.path() / "model.json")) models.push_back(load_model(entry.path().string()));
  if (models.empty()) throw Sentence("There is no <id>/model.json in " + directory + ".");
  std::sort(models.begin(), models.end(), [](const Model& a, const Model& b) { return a.id < b.id; });
  return models;
}

// --- sha256 (FIPS 180-4) ----------------------------------------------------------------------------------

namespace {

// The first 32 bits of the fractional part of a root of a prime: where FIPS 180-4's constants come from.
template <typename Root>
std::vector<uint32_t> of_primes(int count, Root root) {
  std::vector<uint32_t> out;
  for (int n = 2; int(out.size()) < count; ++n) {
    bool prime = true;
    for (int d = 2; d * d <= n; ++d) prime = prime && n % d != 0;
    if (!prime) continue;
    const double r = root(double(n));
    out.push_back(uint32_t(std::floor((r - std::floor(r)) * 4294967296.0)));
  }
  return out;
}

uint32_t turned(uint32_t x, int n) { return x >> n | x << (32 - n); }

std::string sha256(std::string message) {
  static const std::vector<uint32_t> k = of_primes(64, [](double n) { return std::cbrt(n); });
  std::vector<uint32_t> state = of_primes(8, [](double n) { return std::sqrt(n); });
  const uint64_t bits = uint64_t(message.size()) * 8;
  message += '\x80';
  while (message.size() % 64 != 56) message += '\0';
  for (int shift = 56; shift >= 0; shift -= 8) message += char(bits >> shift & 255);
  for (std::size_t block = 0; block < message.size(); block += 64) {
    std::array<uint32_t, 64> w{};
    for (std::size_t b = 0; b < 64; ++b) w[b / 4] = w[b / 4] << 8 | uint8_t(message[block + b]);
    for (std::size_t t = 16; t < 64; ++t) {
      const uint32_t s0 = turned(w[t - 15], 7) ^ turned(w[t - 15], 18) ^ w[t - 15] >> 3;
      const uint32_t s1 = turned(w[t - 2], 17) ^ turned(w[t - 2], 19) ^ w[t - 2] >> 10;
      w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    std::vector<uint32_t> h = state;
    for (std::size_t t = 0; t < 64; ++t) {
      const uint32_t s1 = turned(h[4], 6) ^ turned(h[4], 11) ^ turned(h[4], 25);
      const uint32_t choice = (h[4] & h[5]) ^ (~h[4] & h[6]);
      const uint32_t t1 = h[7] + s1 + choice + k[t] + w[t];
      const uint32_t s0 = turned(h[0], 2) ^ turned(h[0], 13) ^ turned(h[0], 22);
      const uint32_t majority = (h[0] & h[1]) ^ (h[0] & h[2]) ^ (h[1] & h[2]);
      h = {t1 + s0 + majority, h[0], h[1], h[2], h[3] + t1, h[4], h[5], h[6]};
    }
    for (std::size_t i = 0; i < 8; ++i) state[i] += h[i];
  }
  std::string out;
  for (const uint32_t word : state)
    for (int shift = 28; shift >= 0; shift -= 4) out += "0123456789abcdef"[word >> shift & 15];
  return out;
}

}  // namespace

void verify(const Model& model, const Graph& graph) {
  std::string content;
  try {
    content = read_file(graph.path);
  } catch (const std::exception&) {
    throw Sentence(graph.file + " of " + model.id + " is missing: restore it or export the model again.");
  }
  if (sha256(content) != graph.sha256)
    throw Sentence(graph.file + " of " + model.id + " is not the file its model.json describes (" +
                   std::to_string(content.size()) +
                   " bytes, another sha256): restore it or export the model again.");
}

// --- test vectors: the fields of TensorProto that exported vectors have ------------------------------------

namespace {

class Message {
 public:
  explicit Message(const std::string& bytes) : bytes_(bytes) {}
  bool done() const { return at_ >= bytes_.size(); }

  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const uint8_t byte = next();
      value |= uint64_t(byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw std::runtime_error("a number without an end");
  }

  std::string block() {
    const uint64_t length = varint();
    if (length > bytes_.size() - at_) throw std::runtime_error("cut short");
    at_ += length;
    return bytes_.substr(at_ - length, length);
  }

  void skip(uint64_t wire) {
    if (wire == 0) varint();
    else if (wire == 2) block();
    else if (wire == 1 || wire == 5)
      for (int n = wire == 1 ? 8 : 4; n > 0; --n) next();
    else throw std::runtime_error("an unknown wire type");
  }

 private:
  const std::string& bytes_;
  std::size_t at_ = 0;

  uint8_t next() {
    if (done()) throw std::runtime_error("cut short");
    return uint8_t(bytes_[at_++]);
  }
};

Tensor tensor_of(const std::string& bytes) {
  constexpr uint64_t FLOAT = 1, INT64 = 7;  // TensorProto.DataType
  Tensor tensor;
  uint64_t type = 0, count = 1;
  std::string raw;
  for (Message message(bytes); !message.done();) {
    const uint64_t key = message.varint(), field = key >> 3, wire = key & 7;
    if (field == 1 && wire == 0) tensor.shape.push_back(int64_t(message.varint()));  // dims
    else if (field == 1 && wire == 2) {  // dims, packed
      const std::string packed = message.block();
      for (Message dims(packed); !dims.done();) tensor.shape.push_back(int64_t(dims.varint()));
    } else if (field == 2 && wire == 0) type = message.varint();
    else if (field == 8 && wire == 2) tensor.name = message.block();
    else if (field == 9 && wire == 2) raw = message.block();
    else message.skip(wire);
  }
  for (const int64_t size : tensor.shape) {
    if (size < 1 || size > (1 << 28)) throw std::runtime_error("an axis of no sensible length");
    count *= uint64_t(size);
    if (count > (1u << 28)) throw std::runtime_error("too many values");
  }
  if (type != FLOAT && type != INT64) throw std::runtime_error("neither float32 nor int64");
  if (raw.size() != count * (type == FLOAT ? 4 : 8)) throw std::runtime_error("cut short");
  // raw_data is little-endian, as is every machine that the two runtimes are built for.
  if (type == FLOAT) {
    tensor.floats.resize(count);
    std::memcpy(tensor.floats.data(), raw.data(), raw.size());
  } else {
    tensor.integers.resize(count);
    std::memcpy(tensor.integers.data(), raw.data(), raw.size());
  }
  return tensor;
}

}  // namespace

std::vector<Tensor> load_vectors(const Model& model, const Graph& graph, bool input) {
  std::vector<Tensor> out;
  for (const auto& expected : input ? graph.inputs : graph.outputs) {
    const std::string name = (input ? "input_" : "output_") + std::to_string(out.size()) + ".pb";
    try {
      const fs::path path = fs::path(model.folder) / "test_data_set_0" / graph.role / name;
      out.push_back(tensor_of(read_file(path.string())));
    } catch (const std::exception&) {
      throw Sentence(name + " of " + model.id + "'s " + graph.role +
                     " is missing or damaged: restore it or export again.");
    }
    out.back().name = expected.name;
  }
  return out;
}

// --- PNG with stored (uncompressed) zlib blocks -------------------------------------------------------------

namespace {

std::string big_endian(uint32_t value) {
  return {char(value >> 24), char(value >> 16 & 255), char(value >> 8 & 255), char(value & 255)};
}

uint32_t crc32(const std::string& bytes) {
  uint32_t crc = 0xFFFFFFFFu;
  for (const char byte : bytes) {
    crc ^= uint8_t(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0u);
  }
  return ~crc;
}

std::string chunk(const std::string& type, const std::string& data) {
  return big_endian(uint32_t(data.size())) + type + data + big_endian(crc32(type + data));
}

std::string stored(const std::string& bytes) {
  constexpr std::size_t LIMIT = 65535;
  std::string out = "\x78\x01";
  for (std::size_t at = 0; at < bytes.size(); at += LIMIT) {
    const std::size_t length = std::min(LIMIT, bytes.size() - at);
    out += char(at + length == bytes.size());
    for (const std::size_t word : {length, ~length}) {
      out += char(word & 255);
      out += char(word >> 8 & 255);
    }
    out.append(bytes, at, length);
  }
  uint32_t a = 1, b = 0;  // Adler-32
  for (const char byte : bytes) {
    a = (a + uint8_t(byte)) % 65521;
    b = (b + a) % 65521;
  }
  return out + big_endian(b << 16 | a);
}

}  // namespace

void save_png(const Tensor& image, const std::string& path) {
  if (image.shape.size() != 4 || (image.shape[1] != 1 && image.shape[1] != 3) || image.floats.empty())
    throw Sentence("The graph's image is not [batch, 1 or 3, height, width]: export the model again.");
  const auto channels = std::size_t(image.shape[1]), height = std::size_t(image.shape[2]);
  const auto width = std::size_t(image.shape[3]);
  std::string rows;
  for (std::size_t y = 0; y < height; ++y) {
    rows += '\0';  // no filter
    for (std::size_t x = 0; x < width; ++x)
      for (std::size_t c = 0; c < channels; ++c) {
        const float value = image.floats[(c * height + y) * width + x];
        rows += char(uint8_t(std::floor(std::clamp(double(value), 0.0, 1.0) * 255.0 + 0.5)));
      }
  }
  std::string header = big_endian(uint32_t(width)) + big_endian(uint32_t(height));
  header += std::string{8, char(channels == 3 ? 2 : 0), 0, 0, 0};
  std::ofstream file(path, std::ios::binary);
  file << "\x89PNG\r\n\x1a\n" << chunk("IHDR", header) << chunk("IDAT", stored(rows)) << chunk("IEND", "");
  if (!file.flush()) throw Sentence(path + " cannot be written.");
}

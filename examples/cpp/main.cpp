// A picture from a seed in OpenVINO or onnxruntime, and the test vectors of every shipped graph. See README.md.
//
//   lineage --model onnx_models/dcgan --seed 42 --out digit.png
//   lineage --check

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <sstream>

#include "files.hpp"
#include "json.hpp"
#include "seeds.hpp"
#include "session.hpp"

namespace {

constexpr int FAILED = 1, UNUSABLE = 2;
constexpr const char* HELP =
    "usage: lineage --model DIR --seed N [--psi X] [--noise-seed N] [--label K] --out FILE.png\n"
    "       lineage --check [--model DIR | --models DIR] [--json] [--time]\n"
    "       lineage --check-seeds onnx_models/seeds.json | --version\n\n"
    "  --model DIR       folder of one model (has a model.json)\n"
    "  --seed N          of z, 0 to 4294967295\n"
    "  --psi X           StyleGAN's truncation, 0 to 1 (default: 0.7)\n"
    "  --noise-seed N    of StyleGAN's noise, 0 to 4294967295 (default: 0)\n"
    "  --label K         class, where one is taken; -1: any (default)\n"
    "  --out FILE.png    the picture to write\n"
    "  --check           run the test vectors instead of making a picture\n"
    "  --models DIR      with --check and no --model: all models there (default: onnx_models)\n"
    "  --json            with --check: a JSON object a line\n"
    "  --time            with --check: milliseconds too, on one thread\n"
    "  --check-seeds F   compare seeds.hpp with the vectors of SEEDS.md\n";

struct Options {
  std::string model, models = "onnx_models", out, seed_vectors;
  std::optional<uint32_t> seed;
  uint32_t noise_seed = 0;
  int64_t label = -1;
  double psi = 0.7;
  bool check = false, json = false, time = false, help = false, version = false;
};

uint32_t seed_of(const std::string& text) {
  const bool digits = !text.empty() && text.size() <= 10 && text.find_first_not_of("0123456789") == std::string::npos;
  const unsigned long long value = digits ? std::strtoull(text.c_str(), nullptr, 10) : ~0ull;
  if (value > 4294967295ull) throw Sentence("A seed is a whole number from 0 to 4294967295, not '" + text + "'.");
  return uint32_t(value);
}

double number_of(const std::string& name, const std::string& text, double low, double high) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end || !(value >= low && value <= high)) {
    std::ostringstream said;
    said << name << " is a number from " << low << " to " << high << ", not '" << text << "'.";
    throw Sentence(said.str());
  }
  return value;
}

Options parse(int count, char** arguments) {
  Options options;
  for (int n = 1; n < count; ++n) {
    const std::string name = arguments[n];
    const auto value = [&]() -> std::string {
      if (++n == count) throw Sentence(name + " needs a value; --help lists the arguments.");
      return arguments[n];
    };
    if (name == "--model") options.model = value();
    else if (name == "--models") options.models = value();
    else if (name == "--out") options.out = value();
    else if (name == "--seed") options.seed = seed_of(value());
    else if (name == "--noise-seed") options.noise_seed = seed_of(value());
    else if (name == "--psi") options.psi = number_of("psi", value(), 0, 1);
    else if (name == "--label") {
      const double label = number_of("label", value(), -1, 1e6);
      if (label != std::floor(label)) throw Sentence("label is a whole number.");
      options.label = int64_t(label);
    } else if (name == "--check-seeds") options.seed_vectors = value();
    else if (name == "--check") options.check = true;
    else if (name == "--json") options.json = true;
    else if (name == "--time") options.time = true;
    else if (name == "--help" || name == "-h") options.help = true;
    else if (name == "--version") options.version = true;
    else throw Sentence("There is no argument " + name + "; --help lists the arguments.");
  }
  return options;
}

// What the runtime said, on one line and without the place of the file on this machine.
std::string reason(const Model& model, const Graph& graph, std::string said) {
  for (std::size_t at; (at = said.find(graph.path)) != std::string::npos;)
    said.replace(at, graph.path.size(), "the file");
  std::string line;
  for (const char c : said)
    if (!std::isspace(static_cast<unsigned char>(c))) line += c;
    else if (!line.empty() && line.back() != ' ') line += ' ';
  const std::string who = runtime_name() + " " + runtime_version();
  return (who + " cannot run " + graph.file + " of " + model.id + ": " + line).substr(0, 200);
}

std::vector<std::string> names_of(const std::vector<Signature>& tensors) {
  std::vector<std::string> names;
  for (const auto& tensor : tensors) names.push_back(tensor.name);
  return names;
}

// --- a picture --------------------------------------------------------------------------------------------

Tensor once(const Model& model, const Graph& graph, const std::vector<Tensor>& inputs, const std::string& output) {
  verify(model, graph);
  try {
    return open_session(graph.path, {output})->run(inputs).at(0);
  } catch (const std::exception& fault) {
    throw Sentence(reason(model, graph, fault.what()));
  }
}

// z [1, size] of the seed and, where the graph takes one, the label [1].
std::vector<Tensor> latent(const Model& model, const Graph& graph, const Options& options) {
  const Signature* z = graph.input("z");
  if (!z || z->shape.size() != 2) throw Sentence(graph.file + " of " + model.id + " takes no z [batch, size].");
  std::vector<Tensor> inputs{
      {"z", {1, z->shape[1]}, seeds::normals(*options.seed, seeds::Z, 0, std::size_t(z->shape[1])), {}}};
  if (graph.input("label")) inputs.push_back({"label", {1}, {}, {options.label}});
  return inputs;
}

// Seed -> noise -> graphs -> float32 [1, channels, height, width] in [0, 1].
Tensor picture(const Model& model, const Options& options) {
  if (!model.seeds.empty())
    throw Sentence("The seeds of " + model.id + " are " + model.seeds + "'s, not those of SEEDS.md.");
  const Graph *mapping = model.graph("mapping"), *synthesis = model.graph("synthesis");
  if (mapping && synthesis) {
    auto inputs = latent(model, *mapping, options);
    const Signature* psi = mapping->input("psi");
    if (!psi || psi->shape.size() != 2) throw Sentence(mapping->file + " of " + model.id + " takes no psi.");
    const auto rows = std::size_t(psi->shape[1]);
    inputs.push_back({"psi", {1, psi->shape[1]}, std::vector<float>(rows, float(options.psi)), {}});
    std::vector<Tensor> styles{once(model, *mapping, inputs, "ws")};
    for (const auto& input : synthesis->inputs) {
      if (input.name.rfind("noise_", 0) != 0) continue;
      auto shape = input.shape;
      shape.at(0) = 1;
      std::size_t size = 1;
      for (const int64_t axis : shape) size *= std::size_t(axis);
      const auto layer = uint32_t(std::strtoul(input.name.c_str() + 6, nullptr, 10));
      styles.push_back({input.name, shape, seeds::normals(options.noise_seed, seeds::NOISE, 0, size, 0, layer), {}});
    }
    return once(model, *synthesis, styles, "image");
  }
  if (const Graph* generate = model.graph("generate"))
    return once(model, *generate, latent(model, *generate, options), "image");
  throw Sentence(model.id + " makes no pictures from a seed: it has no generate graph.");
}

// --- the test vectors -------------------------------------------------------------------------------------

constexpr double INFINITE = HUGE_VAL;

// Largest difference relative to max(1, largest magnitude), or to a StyleGAN picture's standard deviation.
double difference(const Tensor& found, const Tensor& expected, const std::string& role) {
  if (found.shape != expected.shape || found.size() != expected.size()) return INFINITE;
  double apart = 0, largest = 0, sum = 0, squares = 0;
  for (std::size_t n = 0; n < expected.size(); ++n) {
    const double x = expected.at(n), y = found.at(n);
    if (!std::isfinite(x) || !std::isfinite(y)) return INFINITE;
    apart = std::max(apart, std::fabs(y - x));
    largest = std::max(largest, std::fabs(x));
    sum += x;
    squares += x * x;
  }
  const double count = double(expected.size()), mean = sum / count;
  const bool by_deviation =
      (role == "synthesis" && expected.name == "image") || (role == "refine" && expected.name == "picture");
  const double deviation = std::sqrt(std::max(0.0, squares / count - mean * mean));
  return apart / (by_deviation ? std::max(deviation, 1e-6) : std::max(1.0, largest));
}

// The rows of every input again and again, until there are `batch` of them.
std::vector<Tensor> repeated(const std::vector<Tensor>& inputs, int64_t batch) {
  std::vector<Tensor> out;
  for (const auto& input : inputs) {
    Tensor tensor{input.name, input.shape, {}, {}};
    tensor.shape.at(0) = batch;
    const std::size_t row = input.size() / std::size_t(input.shape.at(0));
    for (std::size_t n = 0; n < row * std::size_t(batch); ++n)
      if (input.whole()) tensor.integers.push_back(input.integers[n % input.size()]);
      else tensor.floats.push_back(input.floats[n % input.size()]);
    out.push_back(std::move(tensor));
  }
  return out;
}

// Milliseconds of the fastest of a few runs: what a busy machine adds is not the runtime's.
double fastest(Session& session, const std::vector<Tensor>& inputs) {
  using clock = std::chrono::steady_clock;
  session.run(inputs);
  double best = INFINITE;
  const auto end = clock::now() + std::chrono::milliseconds(300);
  for (int run = 0; run == 0 || (run < 50 && clock::now() < end); ++run) {
    const auto start = clock::now();
    session.run(inputs);
    best = std::min(best, std::chrono::duration<double, std::milli>(clock::now() - start).count());
  }
  return best;
}

struct Row {
  double distance = 0, milliseconds[2] = {0, 0};
  bool timed = false;
  std::string error;
};

Row check(const Model& model, const Graph& graph, bool timed) {
  verify(model, graph);
  const auto inputs = load_vectors(model, graph, true), expected = load_vectors(model, graph, false);
  Row row;
  try {
    const auto session = open_session(graph.path, names_of(graph.outputs));
    const auto found = session->run(inputs);
    for (std::size_t n = 0; n < expected.size(); ++n)
      if (graph.outputs[n].range != "{0, 1}")  // sampled bits: one rounding error turns one
        row.distance = std::max(row.distance, difference(found.at(n), expected[n], graph.role));
    if (row.distance == INFINITE) row.error = "Another shape than expected, or NaN or infinity.";
    if (timed && row.error.empty()) {
      row.milliseconds[0] = fastest(*session, repeated(inputs, 1));
      row.milliseconds[1] = fastest(*session, repeated(inputs, 64));
      row.timed = true;
    }
  } catch (const std::exception& fault) {
    row.error = reason(model, graph, fault.what());
  }
  return row;
}

void print_json(const Model& model, const Graph& graph, const Row& row) {
  const bool failed = !row.error.empty();
  std::printf("{\"model\": %s, \"graph\": %s, \"runtime\": %s, \"version\": %s, \"difference\": ",
              json::quoted(model.id).c_str(), json::quoted(graph.role).c_str(), json::quoted(runtime_name()).c_str(),
              json::quoted(runtime_version()).c_str());
  failed ? std::printf("null") : std::printf("%.9g", row.distance);
  std::printf(", \"tolerance\": %.9g, \"milliseconds\": ", graph.tolerance);
  row.timed ? std::printf("{\"1\": %.6g, \"64\": %.6g}", row.milliseconds[0], row.milliseconds[1]) : std::printf("null");
  std::printf(", \"error\": %s}\n", failed ? json::quoted(row.error).c_str() : "null");
  std::fflush(stdout);
}

void print_line(const Model& model, const Graph& graph, const Row& row) {
  const std::string where = model.id + "/" + graph.role;
  if (!row.error.empty()) {
    std::printf("FAILED %s: %s\n", where.c_str(), row.error.c_str());
    return;
  }
  std::printf("%s %s: %.1e of %.0e allowed", row.distance <= graph.tolerance ? "ok    " : "FAILED", where.c_str(),
              row.distance, graph.tolerance);
  if (row.timed)
    std::printf(", %.2f ms at batch 1, %.2f ms at batch 64", row.milliseconds[0], row.milliseconds[1]);
  std::printf("\n");
  std::fflush(stdout);
}

int check_all(const Options& options) {
  const auto models =
      options.model.empty() ? load_models(options.models) : std::vector<Model>{load_model(options.model)};
  double largest = 0;
  bool failed = false;
  for (const auto& model : models)
    for (const auto& graph : model.graphs) {
      if (graph.inputs.empty()) continue;  // `parameters` returns its own weights: nothing to compare
      const Row row = check(model, graph, options.time);
      failed = failed || !row.error.empty() || row.distance > graph.tolerance;
      if (row.error.empty()) largest = std::max(largest, row.distance);
      options.json ? print_json(model, graph, row) : print_line(model, graph, row);
    }
  if (!options.json)
    std::printf("Largest difference: %.1e (%s %s).\n", largest, runtime_name().c_str(), runtime_version().c_str());
  return failed ? FAILED : 0;
}

// seeds.hpp against the vectors of SEEDS.md: words and uniforms exactly, normals to 1e-6.
int check_seeds(const std::string& path) {
  json::Value vectors;
  try {
    vectors = json::read(read_file(path)).get("vectors", json::Value::LIST);
  } catch (const std::exception& fault) {
    throw Sentence(path + " holds no seed vectors (" + fault.what() + "): name onnx_models/seeds.json.");
  }
  double largest = 0;
  int count = 0;
  for (const auto& vector : vectors.list) {
    const auto field = [&](const char* name) { return uint32_t(vector.get(name, json::Value::NUMBER).number); };
    const std::size_t size = field("size");
    for (uint32_t row = 0; row < field("count"); ++row, ++count) {
      const auto row_of = [&](const char* name) { return vector.get(name, json::Value::LIST).list.at(row).list; };
      const auto words = seeds::words(field("seed"), field("stream"), field("first") + row, size, field("step"),
                                      field("layer"));
      const auto normals = seeds::normals(field("seed"), field("stream"), field("first") + row, size,
                                          field("step"), field("layer"));
      const auto expected = row_of("words"), uniforms = row_of("uniforms"), drawn = row_of("normals");
      for (std::size_t n = 0; n < size; ++n) {
        if (words[n] != expected.at(n).number || seeds::uniform(words[n]) != float(uniforms.at(n).number)) {
          std::printf("FAILED: word %zu of vector %d differs.\n", n, count);
          return FAILED;
        }
        largest = std::max(largest, std::fabs(double(normals[n]) - drawn.at(n).number));
      }
    }
  }
  std::printf("%d rows of words and uniforms equal; largest difference of a normal: %.1e.\n", count, largest);
  return largest < 1e-6 && count > 0 ? 0 : FAILED;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    const Options options = parse(count, arguments);
    if (options.help) {
      std::cout << HELP;
      return 0;
    }
    if (options.version) {
      std::cout << runtime_name() << ' ' << runtime_version() << '\n';
      return 0;
    }
    if (!options.seed_vectors.empty()) return check_seeds(options.seed_vectors);
    if (options.check) return check_all(options);
    if (options.model.empty() || !options.seed || options.out.empty())
      throw Sentence("A picture needs --model DIR, --seed N and --out FILE.png.");
    const Model model = load_model(options.model);
    save_png(picture(model, options), options.out);
    std::cout << model.id << ", seed " << *options.seed << ", by " << runtime_name() << ' ' << runtime_version()
              << ": " << options.out << '\n';
    return 0;
  } catch (const std::exception& fault) {
    std::cerr << fault.what() << '\n';
    return UNUSABLE;
  }
}

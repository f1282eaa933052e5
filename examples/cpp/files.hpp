// The files of a model: model.json, verified graphs, test vectors (TensorProto) - and the PNG that comes out.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

// What a person can act on: main() prints it and ends with exit code 2.
struct Sentence : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A tensor in row-major order; one of the two vectors holds its values.
struct Tensor {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<float> floats;
  std::vector<int64_t> integers;

  bool whole() const { return !integers.empty(); }  // int64 rather than float32
  std::size_t size() const { return whole() ? integers.size() : floats.size(); }
  double at(std::size_t n) const { return whole() ? double(integers[n]) : double(floats[n]); }
};

struct Signature {
  std::string name, dtype, range;
  std::vector<int64_t> shape;  // 0: a dynamic axis
};

struct Graph {
  std::string role, file, path, sha256;
  double tolerance = 0;
  std::vector<Signature> inputs, outputs;

  const Signature* input(const std::string& name) const;  // or nullptr
};

struct Model {
  std::string id, folder, seeds;  // seeds: empty where SEEDS.md is the rule
  std::vector<Graph> graphs;

  const Graph* graph(const std::string& role) const;  // or nullptr
};

// All of these throw Sentence.
std::string read_file(const std::string& path);  // std::runtime_error where it cannot be read
Model load_model(const std::string& folder);
std::vector<Model> load_models(const std::string& directory);  // every <id>/model.json, by id
void verify(const Model& model, const Graph& graph);           // the file's sha256 against model.json's
std::vector<Tensor> load_vectors(const Model& model, const Graph& graph, bool input);

// [1, channels, height, width] in [0, 1] -> 8 bits a channel, grey or RGB.
void save_png(const Tensor& image, const std::string& path);

#include <openvino/openvino.hpp>

#include "session.hpp"

namespace {

class OpenVinoSession : public Session {
 public:
  OpenVinoSession(const std::string& path, const std::vector<std::string>& outputs) : outputs_(outputs) {
    static ov::Core core;
    auto compiled = core.compile_model(core.read_model(path), "CPU", ov::inference_num_threads(1), ov::num_streams(1),
                                       ov::hint::performance_mode(ov::hint::PerformanceMode::LATENCY),
                                       // tied to one core, a thread waits while others idle
                                       ov::hint::enable_cpu_pinning(false),
                                       // else a processor with bfloat16 may leave the tolerance
                                       ov::hint::inference_precision(ov::element::f32));
    request_ = compiled.create_infer_request();
  }

  std::vector<Tensor> run(const std::vector<Tensor>& inputs) override {
    for (const auto& input : inputs) {
      const ov::Shape shape(input.shape.begin(), input.shape.end());
      const auto type = input.whole() ? ov::element::i64 : ov::element::f32;
      const void* values = input.whole() ? static_cast<const void*>(input.integers.data()) : input.floats.data();
      request_.set_tensor(input.name, ov::Tensor(type, shape, const_cast<void*>(values)));  // read only
    }
    request_.infer();
    std::vector<Tensor> found;
    for (const auto& name : outputs_) {
      const ov::Tensor output = request_.get_tensor(name);
      const ov::Shape shape = output.get_shape();
      Tensor tensor{name, {shape.begin(), shape.end()}, {}, {}};
      if (output.get_element_type() == ov::element::i64)
        tensor.integers.assign(output.data<int64_t>(), output.data<int64_t>() + output.get_size());
      else
        tensor.floats.assign(output.data<float>(), output.data<float>() + output.get_size());
      found.push_back(std::move(tensor));
    }
    return found;
  }

 private:
  std::vector<std::string> outputs_;
  ov::InferRequest request_;
};

}  // namespace

std::unique_ptr<Session> open_session(const std::string& path, const std::vector<std::string>& outputs) {
  return std::make_unique<OpenVinoSession>(path, outputs);
}

std::string runtime_name() { return "openvino-cpp"; }

std::string runtime_version() {
  const std::string full = ov::get_openvino_version().buildNumber;  // 2026.4.1-22982-...
  return full.substr(0, full.find('-'));
}

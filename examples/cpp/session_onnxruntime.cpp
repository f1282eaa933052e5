#include <onnxruntime_cxx_api.h>

#include "session.hpp"

namespace {

Ort::SessionOptions one_thread() {
  Ort::SessionOptions options;
  options.SetIntraOpNumThreads(1).SetInterOpNumThreads(1).SetLogSeverityLevel(ORT_LOGGING_LEVEL_FATAL);
  return options;
}

class OnnxRuntimeSession : public Session {
 public:
  OnnxRuntimeSession(const std::string& path, const std::vector<std::string>& outputs)
      : outputs_(outputs), session_(environment(), path.c_str(), one_thread()) {}

  std::vector<Tensor> run(const std::vector<Tensor>& inputs) override {
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    std::vector<Ort::Value> values;
    std::vector<const char*> names, asked;
    for (const auto& input : inputs) {
      names.push_back(input.name.c_str());
      // The runtime reads from these and takes them as writable only in its signature.
      if (input.whole())
        values.push_back(Ort::Value::CreateTensor<int64_t>(memory, const_cast<int64_t*>(input.integers.data()),
                                                           input.size(), input.shape.data(), input.shape.size()));
      else
        values.push_back(Ort::Value::CreateTensor<float>(memory, const_cast<float*>(input.floats.data()),
                                                         input.size(), input.shape.data(), input.shape.size()));
    }
    for (const auto& name : outputs_) asked.push_back(name.c_str());
    auto outputs = session_.Run(Ort::RunOptions{nullptr}, names.data(), values.data(), values.size(), asked.data(),
                                asked.size());
    std::vector<Tensor> found;
    for (std::size_t n = 0; n < outputs.size(); ++n) {
      const auto info = outputs[n].GetTensorTypeAndShapeInfo();
      const std::size_t count = info.GetElementCount();
      Tensor tensor{outputs_[n], info.GetShape(), {}, {}};
      if (info.GetElementType() == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64) {
        const auto* data = outputs[n].GetTensorData<int64_t>();
        tensor.integers.assign(data, data + count);
      } else {
        const auto* data = outputs[n].GetTensorData<float>();
        tensor.floats.assign(data, data + count);
      }
      found.push_back(std::move(tensor));
    }
    return found;
  }

 private:
  static Ort::Env& environment() {
    static Ort::Env env(ORT_LOGGING_LEVEL_FATAL, "lineage");
    return env;
  }

  std::vector<std::string> outputs_;
  Ort::Session session_;
};

}  // namespace

std::unique_ptr<Session> open_session(const std::string& path, const std::vector<std::string>& outputs) {
  return std::make_unique<OnnxRuntimeSession>(path, outputs);
}

std::string runtime_name() { return "onnxruntime-cpp"; }

std::string runtime_version() { return OrtGetApiBase()->GetVersionString(); }

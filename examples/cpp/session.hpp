// All that the program asks of a runtime. session_openvino.cpp and session_onnxruntime.cpp each answer it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "files.hpp"

class Session {
 public:
  virtual ~Session() = default;
  // Named inputs to the outputs asked for in open_session, on one thread. Throws std::exception.
  virtual std::vector<Tensor> run(const std::vector<Tensor>& inputs) = 0;
};

std::unique_ptr<Session> open_session(const std::string& path, const std::vector<std::string>& outputs);
std::string runtime_name();
std::string runtime_version();

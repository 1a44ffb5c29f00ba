//===- ModelDirectory.cpp - A Hugging Face model on disk ------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads config.json and checks that every tensor the architecture needs is
// there with its type and shape, before anything is computed.
//
//===----------------------------------------------------------------------===//

#include "fp4/Model/ModelDirectory.h"
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>

namespace fp4::model {

static Expected<std::string> readFile(const std::string &path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)),
                   std::istreambuf_iterator<char>());
  if (!file || file.bad())
    return Status::error("cannot read '" + path +
                         "': " + std::strerror(errno ? errno : EIO));
  return text;
}

static Status checkTensor(const CheckpointReader &reader,
                          const TensorSpec &spec) {
  Expected<NDArray> tensor = reader.tensor(spec.name);
  if (!tensor.ok())
    return tensor.status();
  DType dtype = tensor->dtype();
  if (dtype != DType::BF16 && dtype != DType::F16 && dtype != DType::F32)
    return Status::error("expected tensor '" + spec.name +
                         "' of BF16, F16 or F32, got " +
                         std::string(dtypeName(dtype)));
  if (tensor->shape() != spec.shape)
    return Status::error("expected tensor '" + spec.name + "' of shape " +
                         shapeString(spec.shape) + ", got " +
                         shapeString(tensor->shape()));
  return Status::success();
}

static Status checkTensors(const CheckpointReader &reader,
                           const std::vector<TensorSpec> &specs) {
  for (const TensorSpec &spec : specs)
    if (Status status = checkTensor(reader, spec); !status.ok())
      return status;
  return Status::success();
}

Expected<ModelDirectory> ModelDirectory::open(const std::string &path) {
  std::string file = path + "/config.json";
  Expected<std::string> text = readFile(file);
  if (!text.ok())
    return text.status();
  Expected<ModelConfig> config = parseModelConfig(*text);
  if (!config.ok())
    return Status::error("'" + file + "': " + config.message());
  Expected<CheckpointReader> reader = CheckpointReader::open(path);
  if (!reader.ok())
    return reader.status();
  Expected<std::optional<QuantizedConfig>> quantized =
      parseQuantizedConfig(*text);
  if (!quantized.ok())
    return Status::error("'" + file + "': " + quantized.message());
  Status status = checkTensors(*reader, outerTensors(*config));
  for (int64_t layer = 0; status.ok() && layer < config->numLayers; ++layer) {
    std::vector<TensorSpec> specs = blockTensors(*config, layer);
    if (*quantized) // the linear layers come first
      for (size_t i = std::size(kLinears); i-- > 0;)
        if (!(*quantized)->ignores(linearName(layer, kLinears[i])))
          specs.erase(specs.begin() + std::ptrdiff_t(i));
    status = checkTensors(*reader, specs);
  }
  if (!status.ok())
    return status;
  ModelDirectory model(path, std::move(*text), std::move(*config),
                       std::move(*reader));
  model.quantizedConfig = *quantized;
  return model;
}

Expected<std::vector<float>>
ModelDirectory::finiteTensor(const std::string &name) const {
  Expected<NDArray> array = reader.tensor(name);
  if (!array.ok())
    return array.status();
  Expected<std::vector<float>> values = array->toFloat32();
  if (!values.ok())
    return Status::error("tensor '" + name + "': " + values.message());
  for (size_t i = 0; i < values->size(); ++i)
    if (!std::isfinite((*values)[i]))
      return Status::error("tensor '" + name +
                           "' has a value that is not "
                           "finite at element " +
                           std::to_string(i));
  return values;
}

Status
ModelDirectory::checkFinite(const std::vector<TensorSpec> &tensors) const {
  for (const TensorSpec &spec : tensors)
    if (Expected<std::vector<float>> values = finiteTensor(spec.name);
        !values.ok())
      return values.status();
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Tokens
//===----------------------------------------------------------------------===//

static bool endsWith(const std::string &text, const std::string &suffix) {
  return text.size() >= suffix.size() &&
         text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}

/// The `index`-th little-endian word of `width` bytes.
static int64_t wordAt(const std::string &bytes, size_t width, size_t index) {
  uint32_t word = 0;
  for (size_t i = 0; i < width; ++i)
    word |= uint32_t(uint8_t(bytes[index * width + i])) << (8 * i);
  return word;
}

Expected<std::vector<int32_t>> readTokens(const std::string &path,
                                          int64_t vocabularySize) {
  size_t width = endsWith(path, ".u16") ? 2 : endsWith(path, ".u32") ? 4 : 0;
  if (width == 0)
    return Status::error("expected a token file called *.u16 or *.u32, got '" +
                         path + "'");
  Expected<std::string> bytes = readFile(path);
  if (!bytes.ok())
    return bytes.status();
  if (bytes->empty() || bytes->size() % width != 0)
    return Status::error("'" + path + "': expected whole tokens of " +
                         std::to_string(width) + " bytes, got " +
                         std::to_string(bytes->size()) + " bytes");
  std::vector<int32_t> tokens(bytes->size() / width);
  for (size_t i = 0; i < tokens.size(); ++i) {
    int64_t token = wordAt(*bytes, width, i);
    if (token >= vocabularySize)
      return Status::error("'" + path + "': token " + std::to_string(token) +
                           " at position " + std::to_string(i) +
                           " is outside the model's vocabulary of " +
                           std::to_string(vocabularySize));
    tokens[i] = static_cast<int32_t>(token);
  }
  return tokens;
}

} // namespace fp4::model

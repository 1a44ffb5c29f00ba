//===- Calibration.cpp - Statistics of the inputs of layers ---------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The program is changed to return the layers' inputs (ExposeLinearInputs),
// compiled and run chunk by chunk, so that memory does not grow with the number
// of rows.
//
//===----------------------------------------------------------------------===//

#include "fp4/Runtime/Host/Calibration.h"
#include "fp4/Dialect/FP4/Transforms/Passes.h"
#include "fp4/Quantization/Hessian.h"
#include "fp4/Runtime/Host/ErrorCollector.h"
#include "fp4/Runtime/Host/HostProgram.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include <algorithm>
#include <cstring>

using namespace mlir;

namespace fp4 {

namespace {
/// One returned value and what has been summed of it.
struct LayerInput {
  std::vector<std::string> layers;
  std::unique_ptr<quantization::HessianAccumulator> accumulator;
  int64_t cols = 0;
};
} // namespace

static Expected<std::vector<LayerInput>>
exposeInputs(ModuleOp module, const std::string &entry) {
  ErrorCollector errors(module.getContext());
  PassManager pm(module.getContext());
  pm.addPass(createInlinerPass());
  ExposeLinearInputsOptions options;
  options.entry = entry;
  pm.addPass(createExposeLinearInputs(options));
  pm.addNestedPass<func::FuncOp>(createCSEPass());
  if (failed(pm.run(module)))
    return errors.toStatus("cannot expose the inputs of the linear layers");

  std::vector<LayerInput> inputs;
  auto func = module.lookupSymbol<func::FuncOp>(entry);
  for (unsigned i = 0; i < func.getNumResults(); ++i) {
    LayerInput input;
    for (Attribute name : func.getResultAttrOfType<ArrayAttr>(i, "fp4.layers"))
      input.layers.push_back(cast<StringAttr>(name).str());
    inputs.push_back(std::move(input));
  }
  return inputs;
}

//===----------------------------------------------------------------------===//
// Chunks
//===----------------------------------------------------------------------===//

static bool isChunked(const HostValueType &type) {
  return !type.shape.empty() && type.shape.front() < 0;
}

/// The number of rows that all chunked inputs have; 0 if there are none.
static Expected<int64_t> countRows(const HostSignature &signature,
                                   const std::vector<NDArray> &inputs) {
  int64_t rows = -1;
  for (size_t i = 0; i < inputs.size() && i < signature.arguments.size(); ++i) {
    if (!isChunked(signature.arguments[i]) || inputs[i].rank() == 0)
      continue;
    int64_t own = inputs[i].shape().front();
    if (rows >= 0 && own != rows)
      return Status::error("expected calibration inputs of equally many rows, "
                           "got " +
                           std::to_string(rows) + " and " +
                           std::to_string(own));
    rows = own;
  }
  return std::max<int64_t>(rows, 0);
}

static NDArray takeRows(const NDArray &array, int64_t first, int64_t count) {
  std::vector<int64_t> shape = array.shape();
  size_t rowBytes = array.byteSize() / static_cast<size_t>(shape.front());
  shape.front() = count;
  NDArray rows(array.dtype(), shape);
  std::memcpy(rows.mutableBytes(),
              array.bytes() + rowBytes * static_cast<size_t>(first),
              rows.byteSize());
  return rows;
}

static std::vector<NDArray> takeChunk(const HostSignature &signature,
                                      const std::vector<NDArray> &inputs,
                                      int64_t first, int64_t count) {
  std::vector<NDArray> chunk;
  for (size_t i = 0; i < inputs.size(); ++i) {
    bool isCut = i < signature.arguments.size() &&
                 isChunked(signature.arguments[i]) && inputs[i].rank() > 0;
    chunk.push_back(isCut ? takeRows(inputs[i], first, count) : inputs[i]);
  }
  return chunk;
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

static Status addValues(LayerInput &input, const NDArray &values) {
  Expected<std::vector<float>> floats = values.toFloat32();
  if (!floats.ok())
    return floats.status();
  input.cols = values.shape().back();
  if (!input.accumulator)
    input.accumulator = std::make_unique<quantization::HessianAccumulator>(
        static_cast<size_t>(input.cols));
  Status status = input.accumulator->add(
      floats->data(), floats->size() / static_cast<size_t>(input.cols));
  if (!status.ok())
    return Status::error("layer '" + input.layers.front() +
                         "': " + status.message());
  return status;
}

static Expected<TensorMap> finish(const std::vector<LayerInput> &inputs) {
  TensorMap hessians;
  for (const LayerInput &input : inputs) {
    Expected<std::vector<float>> hessian = input.accumulator->finish();
    if (!hessian.ok())
      return hessian.status();
    NDArray array = NDArray::fromFloats({input.cols, input.cols}, *hessian);
    for (const std::string &layer : input.layers)
      if (!hessians.emplace(layer, array).second)
        return Status::error("two linear layers are called '" + layer + "'");
  }
  return hessians;
}

Expected<TensorMap> collectHessians(ModuleOp module, const std::string &entry,
                                    const std::vector<NDArray> &inputs,
                                    int64_t chunkRows) {
  Expected<std::vector<LayerInput>> layers = exposeInputs(module, entry);
  if (!layers.ok())
    return layers.status();
  Expected<HostProgram> program = HostProgram::compile(module, entry);
  if (!program.ok())
    return program.status();
  const HostSignature &signature = *program->lookup(entry);
  Expected<int64_t> rows = countRows(signature, inputs);
  if (!rows.ok())
    return rows.status();

  // Without anything to cut there is one run, on the inputs as they are.
  int64_t first = 0;
  do {
    int64_t count = std::min(chunkRows, *rows - first);
    Expected<std::vector<NDArray>> values = program->run(
        entry, count > 0 ? takeChunk(signature, inputs, first, count) : inputs);
    if (!values.ok())
      return values.status();
    for (size_t i = 0; i < values->size(); ++i) {
      Status status = addValues((*layers)[i], (*values)[i]);
      if (!status.ok())
        return status;
    }
    first += chunkRows;
  } while (first < *rows);
  return finish(*layers);
}

} // namespace fp4

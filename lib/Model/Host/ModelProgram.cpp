//===- ModelProgram.cpp - Parts of a model on this CPU --------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles a function of the emitted module once and runs it over batches,
// several at a time.
//
//===----------------------------------------------------------------------===//

#include "fp4/Model/Host/ModelProgram.h"
#include "fp4/Conversion/Passes.h"
#include "fp4/Dialect/FP4/IR/FP4Ops.h"
#include "fp4/InitAllDialects.h"
#include "fp4/Runtime/Host/ErrorCollector.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"
#include <atomic>
#include <cblas.h>
#include <cstring>
#include <limits>
#include <malloc.h>
#include <mutex>
#include <thread>

using namespace mlir;

namespace fp4::model {

/// Lets malloc keep what is freed. The buffers of a block are tens of megabytes
/// that every run allocates anew; mapped and cleared by the kernel each time
/// they took a fifth of the time. One arena lets all threads share what is
/// kept.
static void keepFreedMemory() {
#ifdef __GLIBC__
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
#endif
}

std::unique_ptr<MLIRContext> makeModelContext() {
  keepFreedMemory();
  DialectRegistry registry;
  fp4::registerAllDialects(registry);
  return std::make_unique<MLIRContext>(registry);
}

static Status importLinears(ModuleOp module) {
  ErrorCollector errors(module.getContext());
  PassManager pm(module.getContext());
  pm.addPass(createConvertLinalgToFP4());
  pm.addPass(createCSEPass());
  if (failed(pm.run(module)))
    return errors.toStatus("cannot import the linear layers");
  return Status::success();
}

/// Writes math.exp out as a polynomial (to about 2 ulp), of which the compiler
/// makes vector code, as it cannot of calls of expf.
static Status expandExponentials(ModuleOp module) {
  RewritePatternSet patterns(module.getContext());
  populateMathPolynomialApproximationPatterns(patterns, [](StringRef name) {
    return name == math::ExpOp::getOperationName();
  });
  if (failed(applyPatternsGreedily(module, std::move(patterns))))
    return Status::error("cannot expand the exponentials of the model");
  return Status::success();
}

/// Replaces the parameters by arguments behind those that there are.
static std::vector<std::string> makeArguments(func::FuncOp func) {
  std::vector<std::string> names;
  SmallVector<ParameterOp> parameters(func.getOps<ParameterOp>());
  for (ParameterOp parameter : parameters) {
    names.push_back(parameter.getName().str());
    unsigned index = func.getNumArguments();
    (void)func.insertArgument(index, parameter.getType(), DictionaryAttr(),
                              parameter.getLoc());
    parameter.replaceAllUsesWith(func.getArgument(index));
    parameter.erase();
  }
  return names;
}

Expected<ModelProgram> ModelProgram::compile(MLIRContext &context,
                                             const std::string &text,
                                             const ModuleRewrite &rewrite) {
  OwningOpRef<ModuleOp> module;
  {
    ErrorCollector errors(&context);
    module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      return errors.toStatus("cannot parse the model's own text");
  }
  Status status = rewrite ? importLinears(*module) : Status::success();
  if (status.ok() && rewrite)
    status = rewrite(*module);
  if (status.ok())
    status = expandExponentials(*module);
  if (!status.ok())
    return status;
  func::FuncOp func = *module->getOps<func::FuncOp>().begin();
  std::string entry = func.getName().str();
  std::vector<std::string> names = makeArguments(func);
  HostOptions options;
  options.useBLAS = true;
  Expected<HostProgram> program = HostProgram::compile(*module, entry, options);
  if (!program.ok())
    return program.status();
  return ModelProgram(std::move(*program), entry, std::move(names));
}

Expected<std::vector<NDArray>>
ModelProgram::run(std::vector<NDArray> inputs,
                  const std::vector<NDArray> &values) const {
  inputs.insert(inputs.end(), values.begin(), values.end());
  return program.run(entry, inputs);
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

/// "model.layers.0.x" as it is called in layer `layer`; other names as they
/// are.
static std::string nameInLayer(const std::string &name, int64_t layer) {
  constexpr llvm::StringLiteral prefix = "model.layers.";
  StringRef rest = name;
  if (!rest.consume_front(prefix))
    return name;
  return (prefix + Twine(layer) +
          rest.drop_until([](char c) { return c == '.'; }))
      .str();
}

Expected<std::vector<NDArray>> gatherParameters(const ModelProgram &program,
                                                const ModelDirectory &model,
                                                int64_t layer,
                                                const Parameters &overrides) {
  std::vector<NDArray> values;
  std::vector<TensorSpec> used;
  for (const std::string &parameter : program.parameters()) {
    std::string name = nameInLayer(parameter, layer);
    if (auto it = overrides.find(name); it != overrides.end()) {
      values.push_back(it->second);
      continue;
    }
    Expected<NDArray> tensor = model.tensor(name);
    if (!tensor.ok())
      return tensor.status();
    values.push_back(*tensor);
    used.push_back({name, tensor->shape()});
  }
  if (Status status = model.checkFinite(used); !status.ok())
    return status;
  return values;
}

//===----------------------------------------------------------------------===//
// Batches
//===----------------------------------------------------------------------===//

Batches makeTokenBatches(const std::vector<int32_t> &tokens, size_t sequences,
                         size_t length, size_t perBatch) {
  assert(sequences * length <= tokens.size() && "too few tokens");
  Batches batches;
  for (size_t first = 0; first < sequences; first += perBatch) {
    size_t count = std::min(perBatch, sequences - first);
    NDArray batch(DType::I32, {int64_t(count), int64_t(length)});
    std::memcpy(batch.mutableBytes(), tokens.data() + first * length,
                batch.byteSize());
    batches.push_back(std::move(batch));
  }
  return batches;
}

namespace {
/// Sets the threads of OpenBLAS for a while; 0 leaves them.
class BlasThreads {
public:
  explicit BlasThreads(int count) : before(openblas_get_num_threads()) {
    if (count)
      openblas_set_num_threads(count);
  }
  ~BlasThreads() { openblas_set_num_threads(before); }

private:
  int before;
};
} // namespace

Status forEachInParallel(size_t count, unsigned threads,
                         const std::function<Status(size_t)> &step,
                         const Progress &progress) {
  std::atomic<size_t> next{0};
  std::mutex mutex;
  size_t finished = 0;
  Status failure = Status::success();
  auto work = [&] {
    for (size_t i = next++; i < count; i = next++) {
      Status status = step(i);
      std::lock_guard<std::mutex> lock(mutex);
      if (!status.ok()) {
        failure = failure.ok() ? status : failure;
        next = count;
        return;
      }
      if (progress)
        progress(++finished);
    }
  };
  // OpenBLAS would use all cores for each of them.
  BlasThreads single(threads > 1 ? 1 : 0);
  std::vector<std::thread> workers;
  for (unsigned i = 1; i < threads && i < count; ++i)
    workers.emplace_back(work);
  work();
  for (std::thread &worker : workers)
    worker.join();
  return failure;
}

Status runBatches(const ModelProgram &program,
                  const std::vector<NDArray> &parameters, Batches &batches,
                  unsigned threads, const Progress &progress) {
  return forEachInParallel(
      batches.size(), threads,
      [&](size_t i) -> Status {
        Expected<std::vector<NDArray>> results =
            program.run(batches[i], parameters);
        if (!results.ok())
          return results.status();
        batches[i] = std::move(results->front());
        return Status::success();
      },
      progress);
}

} // namespace fp4::model

//===- Runtime.cpp - Running modules through C ----------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Implements fp4-c/Runtime.h over Runtime/Host.
//
//===----------------------------------------------------------------------===//

#include "fp4-c/Runtime.h"
#include "Arrays.h"
#include "Module.h"
#include "Text.h"
#include "fp4/Runtime/Host/Calibration.h"
#include "fp4/Runtime/Host/HostProgram.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace fp4;

//===----------------------------------------------------------------------===//
// Arrays
//===----------------------------------------------------------------------===//

void fp4ArraysDestroy(FP4Arrays *arrays) { delete arrays; }

size_t fp4ArraysGetSize(const FP4Arrays *arrays) {
  return arrays->arrays.size();
}

FP4Array fp4ArraysGet(const FP4Arrays *arrays, size_t index) {
  const NDArray &array = arrays->arrays[index];
  return {dtypeName(array.dtype()).data(), array.shape().size(),
          array.shape().data(), array.bytes()};
}

const char *fp4ArraysGetName(const FP4Arrays *arrays, size_t index) {
  return arrays->names.empty() ? "" : arrays->names[index].c_str();
}

Expected<std::vector<NDArray>> capi::viewArrays(const FP4Array *arrays,
                                                size_t count) {
  std::vector<NDArray> views;
  for (const FP4Array &array : ArrayRef(arrays, count)) {
    std::optional<DType> dtype = parseDType(array.dtype);
    if (!dtype)
      return Status::error("unknown dtype '" + std::string(array.dtype) + "'");
    std::vector<int64_t> shape(array.shape, array.shape + array.rank);
    Expected<size_t> size = byteSizeOf(*dtype, shape);
    if (!size.ok())
      return size.status();
    std::shared_ptr<const uint8_t> bytes(
        static_cast<const uint8_t *>(array.data), [](const uint8_t *) {});
    views.push_back(NDArray::view(*dtype, std::move(shape), std::move(bytes)));
  }
  return views;
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

struct FP4Program {
  std::shared_ptr<MLIRContext> context;
  HostProgram program;
  const HostSignature *signature;
};

/// Stores the message of a failure and returns null.
static std::nullptr_t failWith(char **error, const Status &status) {
  capi::fail(error, status.message());
  return nullptr;
}

/// Lowering changes a module, so it gets a copy.
static OwningOpRef<ModuleOp> cloneModule(const FP4Module *module) {
  ModuleOp op = *module->op;
  return op.clone();
}

FP4Program *fp4ProgramCompile(const FP4Module *module, const char *entry,
                              char **error) {
  OwningOpRef<ModuleOp> copy = cloneModule(module);
  Expected<HostProgram> program = HostProgram::compile(*copy, entry);
  if (!program.ok())
    return failWith(error, program.status());
  const HostSignature *signature = program->lookup(entry);
  if (!signature)
    return failWith(error, Status::error("the module has no public function "
                                         "called '" +
                                         std::string(entry) + "'"));
  capi::succeed(error);
  return new FP4Program{module->context, std::move(*program), signature};
}

void fp4ProgramDestroy(FP4Program *program) { delete program; }

size_t fp4ProgramGetNumArguments(const FP4Program *program) {
  return program->signature->arguments.size();
}

FP4Array fp4ProgramGetArgumentType(const FP4Program *program, size_t index) {
  const HostValueType &type = program->signature->arguments[index];
  return {dtypeName(type.dtype).data(), type.shape.size(), type.shape.data(),
          nullptr};
}

FP4Arrays *fp4ProgramRun(const FP4Program *program, const FP4Array *arguments,
                         size_t numArguments, char **error) {
  Expected<std::vector<NDArray>> inputs =
      capi::viewArrays(arguments, numArguments);
  if (!inputs.ok())
    return failWith(error, inputs.status());
  Expected<std::vector<NDArray>> results =
      program->program.run(program->signature->name, *inputs);
  if (!results.ok())
    return failWith(error, results.status());
  capi::succeed(error);
  return new FP4Arrays{std::move(*results), {}};
}

FP4Arrays *fp4CollectHessians(const FP4Module *module, const char *entry,
                              const FP4Array *inputs, size_t numInputs,
                              char **error) {
  Expected<std::vector<NDArray>> arrays = capi::viewArrays(inputs, numInputs);
  if (!arrays.ok())
    return failWith(error, arrays.status());
  OwningOpRef<ModuleOp> copy = cloneModule(module);
  Expected<TensorMap> hessians = collectHessians(*copy, entry, *arrays);
  if (!hessians.ok())
    return failWith(error, hessians.status());
  auto result = std::make_unique<FP4Arrays>();
  for (auto &[name, hessian] : *hessians) {
    result->names.push_back(name);
    result->arrays.push_back(hessian);
  }
  capi::succeed(error);
  return result.release();
}

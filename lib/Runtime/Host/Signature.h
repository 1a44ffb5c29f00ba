//===- Signature.h - What compiled functions take and give ------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Private to Runtime/Host: from memref types to array types, and the memory
// layout of MLIR's C interface.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_RUNTIME_HOST_SIGNATURE_H
#define FP4_LIB_RUNTIME_HOST_SIGNATURE_H

#include "fp4/Runtime/Host/HostProgram.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace fp4 {

/// The signature of a bufferized function.
Expected<HostSignature> getSignature(mlir::func::FuncOp func);

/// `array` as the bytes that compiled code reads for `type`, after a check of
/// dtype and shape. `what` names the argument in the error.
Expected<NDArray> toArgument(const NDArray &array, const HostValueType &type,
                             const std::string &what);

/// A memref descriptor: allocated pointer, aligned pointer, offset, sizes,
/// strides (mlir/docs/TargetLLVMIR.md, "Ranked MemRef Types").
std::vector<int64_t> makeDescriptor(const void *data,
                                    const std::vector<int64_t> &shape);

/// The struct that a wrapper fills with all results, member by member.
class ResultLayout {
public:
  explicit ResultLayout(const std::vector<HostValueType> &results);

  size_t byteSize() const { return size; }
  /// Takes ownership of the buffers that `storage` points to.
  std::vector<NDArray> takeResults(const uint8_t *storage) const;

private:
  const std::vector<HostValueType> &results;
  std::vector<size_t> offsets;
  size_t size = 0;
};

} // namespace fp4

#endif // FP4_LIB_RUNTIME_HOST_SIGNATURE_H

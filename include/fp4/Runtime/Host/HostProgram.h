//===- HostProgram.h - MLIR programs compiled for this CPU ------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles a module of fp4 and linalg on tensors in this process and runs its
// public functions on arrays. It is the executable meaning of the fp4 dialect,
// the reference for every other device.
//
// Types of arguments and results: a tensor is an array; a float or integer is
// an array of shape []; a microscaled tensor is two or three values in a row,
// its codes (i8, one per element), its scale codes (i8) and, if the format has
// one, its tensor scale (f32). Tensors of 4- and 6-bit elements are arrays of
// one code per byte; packed F4 and F6 arrays are accepted for them.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_RUNTIME_HOST_HOSTPROGRAM_H
#define FP4_RUNTIME_HOST_HOSTPROGRAM_H

#include "fp4/TensorIO/NDArray.h"
#include "mlir/IR/BuiltinOps.h"
#include <memory>
#include <string>
#include <vector>

namespace fp4 {

/// One argument or result: `shape` has -1 where a dimension is dynamic.
struct HostValueType {
  DType dtype;
  std::vector<int64_t> shape;
  bool isScalar;
  /// Bits of a code if the elements are narrower than a byte, else 0.
  unsigned codeBits;
};

/// "tensor<?x64xF32>", for messages.
std::string toString(const HostValueType &type);

struct HostSignature {
  std::string name;
  std::vector<HostValueType> arguments;
  std::vector<HostValueType> results;
};

struct HostOptions {
  /// Whether float32 matrix products call OpenBLAS: much faster, and the sums
  /// are the same but for the order of addition.
  bool useBLAS = false;
  /// Libraries that define functions which the module only declares.
  std::vector<std::string> sharedLibs;
};

class HostProgram {
public:
  /// Compiles `module`, which is lowered in place; if it has a function called
  /// `entry`, only that one and what it calls. The context must outlive the
  /// program: large constants are used where they are, not copied.
  static Expected<HostProgram> compile(mlir::ModuleOp module,
                                       const std::string &entry = {},
                                       const HostOptions &options = {});
  HostProgram(HostProgram &&) noexcept;
  ~HostProgram();

  /// The signature of a public function; null if there is none of that name.
  const HostSignature *lookup(const std::string &entry) const;

  /// Fails if number, types or shapes of `arguments` differ from the signature.
  Expected<std::vector<NDArray>>
  run(const std::string &entry, const std::vector<NDArray> &arguments) const;

private:
  struct State;
  explicit HostProgram(std::unique_ptr<State> state);

  std::unique_ptr<State> state;
};

} // namespace fp4

#endif // FP4_RUNTIME_HOST_HOSTPROGRAM_H

//===- Manifest.h - What an artifact says of itself -------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// manifest.json of an artifact (docs/Manifest.md), read and checked.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_RUNTIME_ARTIFACT_MANIFEST_H
#define FP4_RUNTIME_ARTIFACT_MANIFEST_H

#include "fp4/Emulator/PTX/TensorMap.h"
#include "fp4/Runtime/Device/Device.h"
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fp4::runtime {

/// Values of the symbols in sizes: kernel arguments that hold a size.
using Sizes = std::map<std::string, int64_t>;

/// ceil(value / tile), with a number or the value of a symbol.
struct Size {
  int64_t number = 0;
  std::string symbol; // empty: `number`
  int64_t tile = 1;

  bool isStatic() const { return symbol.empty(); }
};

/// Fails if the symbol has no value yet.
Expected<int64_t> evaluateSize(const Size &size, const Sizes &sizes);

struct TensorMapDescription {
  std::vector<Size> shape; // in elements, innermost first
  /// All that cuTensorMapEncodeTiled takes but address and shape.
  ptx::TensorMapParams params;
};

struct KernelArgument {
  enum class Kind { Pointer, TensorMap, Value, Workspace };

  std::string name;
  Kind kind = Kind::Pointer;
  /// As MLIR prints it: "f4E2M1FN", "f32", ... "i32" of a value. The workspace
  /// has neither type nor shape.
  std::string type;
  std::vector<Size> shape;
  TensorMapDescription map;

  /// Whether a launch names an array for it.
  bool isArray() const {
    return kind == Kind::Pointer || kind == Kind::TensorMap;
  }
};

/// What a kernel computes, for whoever checks or replaces it: `kind` chooses
/// the function (Meaning.h), the fields are its parameters.
struct Meaning {
  std::string kind; // empty if the manifest says nothing
  std::map<std::string, std::string> fields;

  /// A field, or "".
  std::string field(const std::string &name) const;
};

struct KernelDescription {
  std::string name;
  std::vector<KernelArgument> arguments;
  /// The grid has as many blocks as the product of these in x, y and z.
  std::vector<Size> grid[3];
  /// Blocks do not loop: exactly that many have to be launched.
  bool hasExactGrid = false;
  /// Blocks that a multiprocessor has room for: more of them would wait.
  uint32_t blocksPerMultiprocessor = 1;
  ptx::Dim3 block;
  ptx::Dim3 cluster = {0, 0, 0};
  uint32_t dynamicSharedBytes = 0;
  /// The product is the bytes of scratch memory; empty: none.
  std::vector<Size> workspace;
  bool startsEarly = false;
  Meaning meaning;

  /// Null if there is none of that name.
  const KernelArgument *findArgument(const std::string &name) const;
};

/// Where the value of an argument comes from, or goes to.
struct ArgumentSource {
  enum class Kind { Weight, Input, Output, Buffer };

  Kind kind;
  std::string name;
};

/// A kernel that runs in place of a launch's where a size is small enough.
struct KernelAlternative {
  size_t kernel; // index in Manifest::kernels
  Size size;
  int64_t atMost;
};

struct LaunchDescription {
  size_t kernel; // index in Manifest::kernels
  std::string layer;
  std::map<std::string, ArgumentSource> arguments;
  /// The first whose size is at most its limit runs, else `kernel`. All take
  /// the same arguments.
  std::vector<KernelAlternative> alternatives;
};

/// The kernel of a launch for `sizes`.
Expected<size_t> chooseKernel(const LaunchDescription &launch,
                              const Sizes &sizes);

struct Manifest {
  std::string target;
  std::string ptxFile;
  std::string weightsFile;
  std::vector<KernelDescription> kernels;
  std::vector<LaunchDescription> launches;
};

/// Checks everything that a launch relies on; the error names the place, as in
/// "kernels[0].block".
Expected<Manifest> parseManifest(std::string_view text);

} // namespace fp4::runtime

#endif // FP4_RUNTIME_ARTIFACT_MANIFEST_H

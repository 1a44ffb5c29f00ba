//===- Context.h - The emulated GPU behind the CUDA runtime ----*- C++ -*--===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the functions of the CUDA runtime API share: the program's modules, the
// emulated device, its memory and the last error. Everything happens at once,
// in the order of the calls; a stream is only a handle.
//
// The environment sets what a program cannot:
//   FP4_CUDA_ARCH     compute capability, "sm_120"; default: the highest of
//                     the program's PTX
//   FP4_CUDA_SMS      multiprocessors that the device claims to have (8)
//   FP4_CUDA_ASYNC    late (default), early or random
//   FP4_CUDA_SEED     LaunchOptions::seed
//   FP4_CUDA_THREADS  host threads, LaunchOptions::threads
//   FP4_CUDA_TRACE    1: a line per launch on stderr
//   FP4_CUDA_DUMP_PTX a folder for the PTX that is used: traps name its lines
//   FP4_CUDA_ALLOW_UNINITIALIZED  1: LaunchOptions::trapUninitialized is off
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_EMULATOR_CUDA_CONTEXT_H
#define FP4_LIB_EMULATOR_CUDA_CONTEXT_H

#include "FatBinary.h"
#include "fp4/Emulator/PTX/Emulator.h"
#include <cuda_runtime_api.h>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace fp4::cuda {

/// One fat binary of the program; parsed when something of it is used.
struct Image {
  FatBinary binary;
  /// What is wrong with it, if anything.
  std::string problem;
  std::optional<ptx::Module> module;
};

/// A __global__ function, known by the address of its host stub.
struct Kernel {
  Image *image = nullptr;
  std::string name;
  int maxDynamicShared = 48 * 1024;
};

struct Symbol {
  Image *image = nullptr;
  std::string name;
  size_t size = 0;
  /// __managed__: where the program keeps the pointer.
  void **managed = nullptr;
};

class Context {
public:
  /// The process's only one; never destroyed, since programs unregister late.
  static Context &get();

  std::recursive_mutex mutex;
  ptx::Device device;
  ptx::LaunchOptions options;
  std::map<const void *, Kernel> kernels;
  std::map<const void *, Symbol> symbols;
  /// Managed and pinned memory, with its size.
  std::map<void *, size_t> mapped;
  cudaError_t lastError = cudaSuccess;
  /// What a kernel trapped with: as on a GPU, the launch has succeeded by then,
  /// and every later call returns this.
  cudaError_t broken = cudaSuccess;

  Image *addImage(const void *fatBinary);
  /// 120 for sm_120: FP4_CUDA_ARCH or the highest PTX of the program.
  unsigned arch() const;
  unsigned multiprocessors() const { return smCount; }
  /// The image's module, parsed at the first call.
  Expected<const ptx::Module *> module(Image &image);
  Expected<ptx::KernelInfo> info(Kernel &kernel);
  Expected<uint64_t> address(Symbol &symbol);

  /// Prints `status`, if it is an error, and remembers `code`.
  cudaError_t report(const Status &status, cudaError_t code);
  cudaError_t fail(cudaError_t code);
  /// What a call returns that failed with `code` unless a kernel trapped.
  cudaError_t status(cudaError_t code = cudaSuccess) const {
    return broken != cudaSuccess ? broken : code;
  }

  cudaError_t launch(const void *function, const ptx::LaunchConfig &config,
                     void **arguments);
  /// Launches a kernel of `module`. Each of `arguments` points to a value.
  cudaError_t launch(const ptx::Module &module, const ptx::KernelInfo &kernel,
                     int maxDynamicShared, const ptx::LaunchConfig &config,
                     void **arguments);

private:
  Context();
  /// Writes the PTX of `image` to FP4_CUDA_DUMP_PTX.
  Status dump(const Image &image, const std::string &text) const;

  std::vector<std::unique_ptr<Image>> images;
  unsigned chosenArch = 0;
  unsigned smCount = 8;
  bool trace = false;
  std::string dumpFolder;
};

/// Holds the context's lock during one API call.
struct Locked {
  Context &context = Context::get();
  std::lock_guard<std::recursive_mutex> lock{context.mutex};
  Context *operator->() { return &context; }
};

} // namespace fp4::cuda

#endif // FP4_LIB_EMULATOR_CUDA_CONTEXT_H

//===- Context.cpp - The emulated GPU behind the CUDA runtime -------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads the environment, chooses the PTX of every fat binary, and launches.
//
//===----------------------------------------------------------------------===//

#include "Context.h"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace fp4::cuda {

Context &Context::get() {
  static Context *context = new Context;
  return *context;
}

static unsigned long environmentNumber(const char *name, unsigned long value) {
  const char *text = std::getenv(name);
  if (!text)
    return value;
  char *end = nullptr;
  unsigned long number = std::strtoul(text, &end, 10);
  if (end != text && !*end)
    return number;
  std::fprintf(stderr, "fp4-cuda: %s='%s' is not a number; using %lu\n", name,
               text, value);
  return value;
}

Context::Context() {
  smCount = std::max(1ul, environmentNumber("FP4_CUDA_SMS", smCount));
  options.seed = environmentNumber("FP4_CUDA_SEED", 0);
  options.threads = environmentNumber("FP4_CUDA_THREADS", 0);
  trace = environmentNumber("FP4_CUDA_TRACE", 0);
  if (const char *folder = std::getenv("FP4_CUDA_DUMP_PTX"))
    dumpFolder = folder;
  options.trapUninitialized =
      !environmentNumber("FP4_CUDA_ALLOW_UNINITIALIZED", 0);
  options.output = [](std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
  };
  if (const char *arch = std::getenv("FP4_CUDA_ARCH")) {
    const char *digits = arch + std::strcspn(arch, "0123456789");
    chosenArch = unsigned(std::strtoul(digits, nullptr, 10));
    if (chosenArch < 70)
      std::fprintf(stderr, "fp4-cuda: FP4_CUDA_ARCH='%s' is not like sm_120\n",
                   arch);
  }
  if (const char *mode = std::getenv("FP4_CUDA_ASYNC")) {
    std::string_view text = mode;
    if (text == "early")
      options.async = ptx::AsyncMode::Early;
    else if (text == "random")
      options.async = ptx::AsyncMode::Random;
    else if (text != "late")
      std::fprintf(stderr,
                   "fp4-cuda: FP4_CUDA_ASYNC='%s' is not late, early or "
                   "random; using late\n",
                   mode);
  }
}

cudaError_t Context::fail(cudaError_t code) {
  if (code != cudaSuccess)
    lastError = code;
  return status(code);
}

cudaError_t Context::report(const Status &status, cudaError_t code) {
  if (status.ok())
    return this->status();
  std::fprintf(stderr, "fp4-cuda: %s\n", status.message().c_str());
  return fail(code);
}

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

Image *Context::addImage(const void *fatBinary) {
  auto image = std::make_unique<Image>();
  Expected<FatBinary> binary = readFatBinary(fatBinary);
  if (binary.ok())
    image->binary = std::move(*binary);
  else
    image->problem = binary.message();
  images.push_back(std::move(image));
  return images.back().get();
}

unsigned Context::arch() const {
  if (chosenArch >= 70)
    return chosenArch;
  unsigned highest = 0;
  for (const auto &image : images)
    for (const FatBinary::Ptx &ptx : image->binary.ptx)
      highest = std::max(highest, ptx.arch);
  return highest ? highest : 120;
}

Status Context::dump(const Image &image, const std::string &text) const {
  size_t index = 0;
  while (images[index].get() != &image)
    ++index;
  std::string path = dumpFolder + "/" + std::to_string(index) + ".ptx";
  std::ofstream file(path);
  file << text.c_str();
  return file.flush() ? Status::success()
                      : Status::error("cannot write " + path);
}

Expected<const ptx::Module *> Context::module(Image &image) {
  if (image.module)
    return &*image.module;
  if (!image.problem.empty())
    return Status::error(image.problem);
  const FatBinary::Ptx *best = nullptr;
  for (const FatBinary::Ptx &ptx : image.binary.ptx)
    if (ptx.arch <= arch() && (!best || ptx.arch > best->arch))
      best = &ptx;
  std::string device = std::to_string(arch());
  if (!best) {
    image.problem = "the program has no PTX for sm_" + device +
                    "; compile it with -gencode arch=compute_" + device +
                    "a,code=compute_" + device + "a";
    return Status::error(image.problem);
  }
  if (!dumpFolder.empty())
    if (Status status = dump(image, best->text); !status.ok())
      return status;
  Expected<ptx::Module> module = ptx::Module::parse(best->text);
  if (!module.ok()) {
    image.problem = "PTX of the program: " + module.message();
    return Status::error(image.problem);
  }
  image.module = std::move(*module);
  return &*image.module;
}

Expected<ptx::KernelInfo> Context::info(Kernel &kernel) {
  Expected<const ptx::Module *> parsed = module(*kernel.image);
  if (!parsed.ok())
    return parsed.status();
  return (*parsed)->kernel(kernel.name);
}

Expected<uint64_t> Context::address(Symbol &symbol) {
  Expected<const ptx::Module *> parsed = module(*symbol.image);
  if (!parsed.ok())
    return parsed.status();
  return device.symbolAddress(**parsed, symbol.name);
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

static std::string text(const ptx::Dim3 &dim) {
  return std::to_string(dim.x) + "x" + std::to_string(dim.y) + "x" +
         std::to_string(dim.z);
}

cudaError_t Context::launch(const void *function,
                            const ptx::LaunchConfig &config, void **arguments) {
  auto found = kernels.find(function);
  if (found == kernels.end())
    return fail(cudaErrorInvalidDeviceFunction);
  Kernel &kernel = found->second;
  Expected<ptx::KernelInfo> about = info(kernel);
  if (!about.ok())
    return report(about.status(), cudaErrorNoKernelImageForDevice);
  return launch(*kernel.image->module, *about, kernel.maxDynamicShared, config,
                arguments);
}

cudaError_t Context::launch(const ptx::Module &module,
                            const ptx::KernelInfo &kernel, int maxDynamicShared,
                            const ptx::LaunchConfig &config, void **arguments) {
  if (broken != cudaSuccess)
    return broken;
  if (config.dynamicSharedBytes > uint32_t(maxDynamicShared))
    return report(
        Status::error("launch of " + kernel.name + ": " +
                      std::to_string(config.dynamicSharedBytes) +
                      " bytes of dynamic shared memory, but "
                      "cudaFuncAttributeMaxDynamicSharedMemorySize allows " +
                      std::to_string(maxDynamicShared)),
        cudaErrorInvalidValue);
  Status possible =
      device.checkLaunch(module, kernel.name, config, kernel.paramBytes);
  if (!possible.ok())
    return report(possible, cudaErrorInvalidConfiguration);
  std::vector<uint8_t> params(kernel.paramBytes);
  for (size_t i = 0; i < kernel.params.size(); ++i)
    std::memcpy(&params[kernel.params[i].offset], arguments[i],
                kernel.params[i].size);
  auto start = std::chrono::steady_clock::now();
  Expected<ptx::Statistics> done = device.launch(
      module, kernel.name, config, params.data(), params.size(), options);
  if (!done.ok()) {
    (void)report(done.status(), cudaSuccess);
    bool isAssertion =
        done.message().find(": assertion '") != std::string::npos;
    broken = isAssertion ? cudaErrorAssert : cudaErrorLaunchFailure;
    return cudaSuccess;
  }
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  if (trace)
    std::fprintf(stderr,
                 "fp4-cuda: %.120s grid %s block %s: %.2f s, %llu "
                 "warp-instructions, %llu multiply-adds\n",
                 kernel.name.c_str(), text(config.grid).c_str(),
                 text(config.block).c_str(), took.count(),
                 (unsigned long long)done->warpInstructions,
                 (unsigned long long)done->mmaMultiplyAdds);
  return cudaSuccess;
}

} // namespace fp4::cuda

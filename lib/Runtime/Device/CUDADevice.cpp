//===- CUDADevice.cpp - NVIDIA GPUs ---------------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The driver API behind the interface. Every call makes the device's context
// current first, so objects may move between threads.
//
//===----------------------------------------------------------------------===//

#include "CUDADriver.h"
#include "fp4/Runtime/Device/Device.h"
#include <algorithm>
#include <array>
#include <cstring>

namespace fp4::runtime {

namespace {
/// The primary context of a GPU.
struct CUDAContext {
  const cuda::Driver &driver;
  cuda::DeviceID device = 0;
  cuda::Context handle = nullptr;

  explicit CUDAContext(const cuda::Driver &driver) : driver(driver) {}
  CUDAContext(const CUDAContext &) = delete;
  ~CUDAContext() {
    if (handle)
      driver.primaryCtxRelease(device);
  }
  void enter() const { driver.ctxSetCurrent(handle); }
};
using ContextPtr = std::shared_ptr<CUDAContext>;

class CUDABuffer final : public Buffer {
public:
  CUDABuffer(ContextPtr context, cuda::DeviceAddress place, size_t bytes)
      : context(std::move(context)), place(place), bytes(bytes) {}
  ~CUDABuffer() override {
    context->enter();
    context->driver.memFree(place);
  }
  uint64_t address() const override { return place; }
  size_t size() const override { return bytes; }

private:
  ContextPtr context;
  cuda::DeviceAddress place;
  size_t bytes;
};

struct LoadedModule {
  ContextPtr context;
  cuda::ModuleHandle handle;
  std::string file;

  LoadedModule(ContextPtr context, cuda::ModuleHandle handle, std::string file)
      : context(std::move(context)), handle(handle), file(std::move(file)) {}
  LoadedModule(const LoadedModule &) = delete;
  ~LoadedModule() {
    context->enter();
    context->driver.moduleUnload(handle);
  }
};

class CUDAKernel final : public Kernel {
public:
  CUDAKernel(std::shared_ptr<LoadedModule> module, cuda::Function function,
             std::string title)
      : function(function), module(std::move(module)), title(std::move(title)) {
    // Fails with CUDA_ERROR_INVALID_VALUE behind the last parameter.
    ParameterSlot slot;
    while (this->module->context->driver.funcGetParamInfo(
               function, slots.size(), &slot.offset, &slot.size) == 0)
      slots.push_back(slot);
  }
  const std::string &name() const override { return title; }
  const std::vector<ParameterSlot> &parameters() const override {
    return slots;
  }
  /// Raises the limits that a launch of this shape exceeds.
  Status prepare(const LaunchShape &shape) const;

  const cuda::Function function;

private:
  std::shared_ptr<LoadedModule> module;
  std::string title;
  std::vector<ParameterSlot> slots;
};

class CUDAModule final : public Module {
public:
  explicit CUDAModule(std::shared_ptr<LoadedModule> module)
      : module(std::move(module)) {}

  Expected<std::unique_ptr<Kernel>> kernel(const std::string &name) override {
    const CUDAContext &context = *module->context;
    context.enter();
    cuda::Function function = nullptr;
    Status status =
        context.driver.check(context.driver.moduleGetFunction(
                                 &function, module->handle, name.c_str()),
                             "cuModuleGetFunction", name.c_str());
    if (!status.ok())
      return Status::error(module->file + ": " + status.message());
    return std::unique_ptr<Kernel>(
        std::make_unique<CUDAKernel>(module, function, name));
  }
  Expected<uint64_t> symbolAddress(const std::string &name) override {
    const CUDAContext &context = *module->context;
    context.enter();
    cuda::DeviceAddress address = 0;
    size_t bytes = 0;
    Status status = context.driver.check(
        context.driver.moduleGetGlobal(&address, &bytes, module->handle,
                                       name.c_str()),
        "cuModuleGetGlobal", name.c_str());
    if (!status.ok())
      return Status::error(module->file + ": " + status.message());
    return uint64_t(address);
  }

private:
  std::shared_ptr<LoadedModule> module;
};

class CUDAEvent final : public Event {
public:
  CUDAEvent(ContextPtr context, cuda::EventHandle handle)
      : handle(handle), context(std::move(context)) {}
  ~CUDAEvent() override {
    context->enter();
    context->driver.eventDestroy(handle);
  }
  Status synchronize() override {
    context->enter();
    return context->driver.check(context->driver.eventSynchronize(handle),
                                 "cuEventSynchronize");
  }
  Expected<double> millisecondsSince(const Event &start) const override {
    const auto *other = dynamic_cast<const CUDAEvent *>(&start);
    if (!other)
      return Status::error("expected two recorded events of one device");
    context->enter();
    float elapsed = 0;
    Status status = context->driver.check(
        context->driver.eventElapsedTime(&elapsed, other->handle, handle),
        "cuEventElapsedTime");
    if (!status.ok())
      return status;
    return double(elapsed);
  }

  const cuda::EventHandle handle;

private:
  ContextPtr context;
};

class CUDAStream final : public Stream {
public:
  CUDAStream(ContextPtr context, cuda::StreamHandle handle)
      : context(std::move(context)), driver(this->context->driver),
        handle(handle) {}
  ~CUDAStream() override {
    context->enter();
    driver.streamDestroy(handle);
  }
  Status copyToDevice(uint64_t address, const void *source,
                      size_t bytes) override {
    context->enter();
    return driver.check(driver.memcpyToDevice(address, source, bytes, handle),
                        "cuMemcpyHtoDAsync");
  }
  Status copyToHost(void *destination, uint64_t address,
                    size_t bytes) override {
    context->enter();
    return driver.check(
        driver.memcpyToHost(destination, address, bytes, handle),
        "cuMemcpyDtoHAsync");
  }
  Status fill(uint64_t address, uint8_t value, size_t bytes) override {
    context->enter();
    return driver.check(driver.memset(address, value, bytes, handle),
                        "cuMemsetD8Async");
  }
  Status launch(Kernel &kernel, const LaunchShape &shape,
                const std::vector<uint8_t> &parameters) override;
  Status record(Event &event) override;
  Status wait(Event &event) override;
  Status synchronize() override {
    context->enter();
    return driver.check(driver.streamSynchronize(handle),
                        "cuStreamSynchronize");
  }

private:
  ContextPtr context;
  const cuda::Driver &driver;
  cuda::StreamHandle handle;
};

class CUDADevice final : public Device {
public:
  CUDADevice(ContextPtr context, std::string title, unsigned processors)
      : context(std::move(context)), title(std::move(title)),
        processors(processors) {}
  std::string description() const override { return title; }
  unsigned multiprocessors() const override { return processors; }
  bool runsPTX() const override { return true; }

  Expected<std::unique_ptr<Buffer>> allocate(size_t bytes) override;
  Expected<std::unique_ptr<Module>>
  loadModule(const std::string &ptx, const std::string &name) override;
  Expected<std::unique_ptr<Stream>> createStream() override;
  Expected<std::unique_ptr<Event>> createEvent() override;
  Expected<ptx::TensorMap>
  encodeTensorMap(const ptx::TensorMapParams &params) override;

private:
  ContextPtr context;
  std::string title;
  unsigned processors;
};
} // namespace

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

Status CUDAKernel::prepare(const LaunchShape &shape) const {
  const cuda::Driver &driver = module->context->driver;
  constexpr uint32_t kDefaultSharedBytes = 48 * 1024;
  constexpr uint64_t kPortableCluster = 8;
  if (shape.dynamicSharedBytes > kDefaultSharedBytes) {
    Status status = driver.check(
        driver.funcSetAttribute(function, cuda::kMaxDynamicSharedBytes,
                                int(shape.dynamicSharedBytes)),
        "cuFuncSetAttribute", "MAX_DYNAMIC_SHARED_SIZE_BYTES");
    if (!status.ok())
      return Status::error(
          "kernel '" + title + "' with " +
          std::to_string(shape.dynamicSharedBytes) +
          " bytes of dynamic shared memory: " + status.message());
  }
  if (shape.cluster.count() <= kPortableCluster)
    return Status::success();
  return driver.check(
      driver.funcSetAttribute(function, cuda::kNonPortableCluster, 1),
      "cuFuncSetAttribute", "NON_PORTABLE_CLUSTER_SIZE_ALLOWED");
}

Status CUDAStream::launch(Kernel &kernel, const LaunchShape &shape,
                          const std::vector<uint8_t> &parameters) {
  auto *native = dynamic_cast<CUDAKernel *>(&kernel);
  if (!native)
    return Status::error("kernel '" + kernel.name() +
                         "' belongs to another device");
  if (parameters.size() != kernel.parameterBytes())
    return Status::error("launch of " + kernel.name() + ": got " +
                         std::to_string(parameters.size()) +
                         " bytes of parameters, expected " +
                         std::to_string(kernel.parameterBytes()));
  context->enter();
  if (Status status = native->prepare(shape); !status.ok())
    return status;
  std::array<cuda::LaunchAttribute, 2> attributes{};
  unsigned count = 0;
  if (shape.cluster.count() != 0) {
    cuda::LaunchAttribute &attribute = attributes[count++];
    attribute.id = cuda::kClusterDimension;
    attribute.clusterDim[0] = shape.cluster.x;
    attribute.clusterDim[1] = shape.cluster.y;
    attribute.clusterDim[2] = shape.cluster.z;
  }
  if (shape.startsEarly) {
    cuda::LaunchAttribute &attribute = attributes[count++];
    attribute.id = cuda::kProgrammaticStream;
    attribute.allowsEarlyStart = 1;
  }
  cuda::LaunchConfig config{shape.grid.x,
                            shape.grid.y,
                            shape.grid.z,
                            shape.block.x,
                            shape.block.y,
                            shape.block.z,
                            shape.dynamicSharedBytes,
                            handle,
                            attributes.data(),
                            count};
  // CU_LAUNCH_PARAM_BUFFER_POINTER, _SIZE and _END.
  size_t bytes = parameters.size();
  void *extra[] = {reinterpret_cast<void *>(1),
                   const_cast<uint8_t *>(parameters.data()),
                   reinterpret_cast<void *>(2), &bytes, nullptr};
  return driver.check(driver.launchKernel(&config, native->function, nullptr,
                                          bytes ? extra : nullptr),
                      "cuLaunchKernelEx", kernel.name().c_str());
}

Status CUDAStream::record(Event &event) {
  auto *native = dynamic_cast<CUDAEvent *>(&event);
  if (!native)
    return Status::error("the event belongs to another device");
  context->enter();
  return driver.check(driver.eventRecord(native->handle, handle),
                      "cuEventRecord");
}

Status CUDAStream::wait(Event &event) {
  auto *native = dynamic_cast<CUDAEvent *>(&event);
  if (!native)
    return Status::error("the event belongs to another device");
  context->enter();
  return driver.check(driver.streamWaitEvent(handle, native->handle, 0),
                      "cuStreamWaitEvent");
}

//===----------------------------------------------------------------------===//
// The device
//===----------------------------------------------------------------------===//

Expected<std::unique_ptr<Buffer>> CUDADevice::allocate(size_t bytes) {
  context->enter();
  cuda::DeviceAddress address = 0;
  Status status = context->driver.check(
      context->driver.memAlloc(&address, std::max<size_t>(bytes, 1)),
      "cuMemAlloc", (std::to_string(bytes) + " bytes").c_str());
  if (!status.ok())
    return status;
  return std::unique_ptr<Buffer>(
      std::make_unique<CUDABuffer>(context, address, bytes));
}

/// The log in one line: a Status is one.
static std::string joinLines(const char *log) {
  std::string text(log);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.pop_back();
  for (char &c : text)
    c = c == '\n' ? ';' : c;
  return text;
}

Expected<std::unique_ptr<Module>>
CUDADevice::loadModule(const std::string &ptx, const std::string &name) {
  context->enter();
  std::array<char, 8192> log{};
  int options[] = {cuda::kJITErrorLog, cuda::kJITErrorLogBytes};
  void *values[] = {log.data(), reinterpret_cast<void *>(log.size() - 1)};
  cuda::ModuleHandle handle = nullptr;
  Status status = context->driver.check(
      context->driver.moduleLoad(&handle, ptx.c_str(), 2, options, values),
      "cuModuleLoadDataEx", name.c_str());
  if (!status.ok()) {
    std::string text = joinLines(log.data());
    return Status::error(name + ": " + status.message() +
                         (text.empty() ? "" : ": " + text));
  }
  return std::unique_ptr<Module>(std::make_unique<CUDAModule>(
      std::make_shared<LoadedModule>(context, handle, name)));
}

Expected<std::unique_ptr<Stream>> CUDADevice::createStream() {
  context->enter();
  constexpr unsigned kNonBlocking = 1; // CU_STREAM_NON_BLOCKING
  cuda::StreamHandle handle = nullptr;
  Status status = context->driver.check(
      context->driver.streamCreate(&handle, kNonBlocking), "cuStreamCreate");
  if (!status.ok())
    return status;
  return std::unique_ptr<Stream>(std::make_unique<CUDAStream>(context, handle));
}

Expected<std::unique_ptr<Event>> CUDADevice::createEvent() {
  context->enter();
  cuda::EventHandle handle = nullptr;
  Status status = context->driver.check(context->driver.eventCreate(&handle, 0),
                                        "cuEventCreate");
  if (!status.ok())
    return status;
  return std::unique_ptr<Event>(std::make_unique<CUDAEvent>(context, handle));
}

Expected<ptx::TensorMap>
CUDADevice::encodeTensorMap(const ptx::TensorMapParams &params) {
  if (params.rank < 1 || params.rank > 5)
    return Status::error("tensor map: the rank is not in 1..5");
  context->enter();
  alignas(128) ptx::TensorMap map{}; // as CUtensorMap of CUDA 13
  constexpr int kNoInterleave = 0;
  Status status = context->driver.check(
      context->driver.tensorMapEncode(
          map.data(), int(params.type), params.rank,
          reinterpret_cast<void *>(params.globalAddress),
          params.globalDim.data(), params.globalStrides.data(),
          params.boxDim.data(), params.elementStrides.data(), kNoInterleave,
          int(params.swizzle), int(params.l2Promotion), int(params.nanFill)),
      "cuTensorMapEncodeTiled");
  if (!status.ok())
    return status;
  return map;
}

Expected<std::shared_ptr<Device>> openCUDA(int ordinal) {
  Expected<const cuda::Driver *> loaded = cuda::Driver::get();
  if (!loaded.ok())
    return loaded.status();
  const cuda::Driver &driver = **loaded;
  auto context = std::make_shared<CUDAContext>(driver);
  std::array<char, 256> name{};
  int version = 0, processors = 0;
  Status status = driver.check(driver.deviceGet(&context->device, ordinal),
                               "cuDeviceGet", std::to_string(ordinal).c_str());
  if (status.ok())
    status =
        driver.check(driver.primaryCtxRetain(&context->handle, context->device),
                     "cuDevicePrimaryCtxRetain");
  if (status.ok())
    status = driver.check(
        driver.deviceGetName(name.data(), name.size() - 1, context->device),
        "cuDeviceGetName");
  if (status.ok())
    status = driver.check(driver.deviceGetAttribute(&processors,
                                                    cuda::kMultiprocessorCount,
                                                    context->device),
                          "cuDeviceGetAttribute");
  if (status.ok())
    status =
        driver.check(driver.driverGetVersion(&version), "cuDriverGetVersion");
  if (!status.ok())
    return status;
  std::string title = std::string(name.data()) + ", driver for CUDA " +
                      std::to_string(version / 1000) + "." +
                      std::to_string(version % 1000 / 10);
  return std::shared_ptr<Device>(
      std::make_shared<CUDADevice>(context, title, unsigned(processors)));
}

} // namespace fp4::runtime

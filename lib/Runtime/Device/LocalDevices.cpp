//===- LocalDevices.cpp - The emulator and the host -----------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Both do their work in this process, at once: a stream has nothing to wait
// for, and an event is a moment of the steady clock.
//
//===----------------------------------------------------------------------===//

#include "fp4/Runtime/Device/Device.h"
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <thread>

namespace fp4::runtime {

static std::string hexText(uint64_t value) {
  static const char *digits = "0123456789abcdef";
  std::string text;
  for (; value; value >>= 4)
    text.insert(text.begin(), digits[value & 15]);
  return "0x" + (text.empty() ? "0" : text);
}

//===----------------------------------------------------------------------===//
// Events
//===----------------------------------------------------------------------===//

namespace {
class LocalEvent final : public Event {
public:
  Status synchronize() override { return Status::success(); }
  Expected<double> millisecondsSince(const Event &start) const override {
    const auto *other = dynamic_cast<const LocalEvent *>(&start);
    if (!other || !isRecorded || !other->isRecorded)
      return Status::error("expected two recorded events of one device");
    return std::chrono::duration<double, std::milli>(time - other->time)
        .count();
  }
  void record() {
    time = std::chrono::steady_clock::now();
    isRecorded = true;
  }

private:
  std::chrono::steady_clock::time_point time;
  bool isRecorded = false;
};

/// What the streams of both devices share.
class LocalStream : public Stream {
public:
  Status record(Event &event) override {
    auto *local = dynamic_cast<LocalEvent *>(&event);
    if (!local)
      return Status::error("the event belongs to another device");
    local->record();
    return Status::success();
  }
  Status wait(Event &) override { return Status::success(); }
  Status synchronize() override { return Status::success(); }
};
} // namespace

//===----------------------------------------------------------------------===//
// The emulator
//===----------------------------------------------------------------------===//

namespace {
struct EmulatorState {
  ptx::Device device;
  ptx::LaunchOptions options;
  ptx::Statistics statistics;
};
using EmulatorStatePtr = std::shared_ptr<EmulatorState>;

class EmulatedBuffer final : public Buffer {
public:
  EmulatedBuffer(EmulatorStatePtr state, uint64_t place, size_t bytes)
      : state(std::move(state)), place(place), bytes(bytes) {}
  ~EmulatedBuffer() override {
    // The address came from `allocate`, so freeing it cannot fail.
    (void)state->device.free(place).ok();
  }
  uint64_t address() const override { return place; }
  size_t size() const override { return bytes; }

private:
  EmulatorStatePtr state;
  uint64_t place;
  size_t bytes;
};

class EmulatedKernel final : public Kernel {
public:
  EmulatedKernel(EmulatorStatePtr state, ptx::Module module,
                 const ptx::KernelInfo &info)
      : state(std::move(state)), module(std::move(module)), title(info.name) {
    for (const ptx::KernelParam &param : info.params)
      slots.push_back({param.offset, param.size});
  }
  const std::string &name() const override { return title; }
  const std::vector<ParameterSlot> &parameters() const override {
    return slots;
  }

  Status launch(const LaunchShape &shape,
                const std::vector<uint8_t> &parameters) {
    ptx::LaunchConfig config{shape.grid, shape.block, shape.cluster,
                             shape.dynamicSharedBytes};
    config.programmatic = shape.startsEarly;
    Expected<ptx::Statistics> done =
        state->device.launch(module, title, config, parameters.data(),
                             parameters.size(), state->options);
    if (!done.ok())
      return done.status();
    state->statistics.merge(*done);
    return Status::success();
  }

private:
  EmulatorStatePtr state;
  ptx::Module module;
  std::string title;
  std::vector<ParameterSlot> slots;
};

class EmulatedModule final : public Module {
public:
  EmulatedModule(EmulatorStatePtr state, ptx::Module module, std::string file)
      : state(std::move(state)), module(std::move(module)),
        file(std::move(file)) {}

  Expected<std::unique_ptr<Kernel>> kernel(const std::string &name) override {
    Expected<ptx::KernelInfo> info = module.kernel(name);
    if (!info.ok())
      return Status::error(file + ": " + info.message());
    return std::unique_ptr<Kernel>(
        std::make_unique<EmulatedKernel>(state, module, *info));
  }
  Expected<uint64_t> symbolAddress(const std::string &name) override {
    Expected<uint64_t> address = state->device.symbolAddress(module, name);
    if (!address.ok())
      return Status::error(file + ": " + address.message());
    return *address;
  }

private:
  EmulatorStatePtr state;
  ptx::Module module;
  std::string file;
};

class EmulatedStream final : public LocalStream {
public:
  explicit EmulatedStream(EmulatorStatePtr state) : state(std::move(state)) {}

  Status copyToDevice(uint64_t address, const void *source,
                      size_t bytes) override {
    return state->device.copyIn(address, source, bytes);
  }
  Status copyToHost(void *destination, uint64_t address,
                    size_t bytes) override {
    return state->device.copyOut(destination, address, bytes);
  }
  Status fill(uint64_t address, uint8_t value, size_t bytes) override {
    std::vector<uint8_t> values(bytes, value);
    return state->device.copyIn(address, values.data(), bytes);
  }
  Status launch(Kernel &kernel, const LaunchShape &shape,
                const std::vector<uint8_t> &parameters) override {
    auto *emulated = dynamic_cast<EmulatedKernel *>(&kernel);
    if (!emulated)
      return Status::error("kernel '" + kernel.name() +
                           "' belongs to another device");
    return emulated->launch(shape, parameters);
  }

private:
  EmulatorStatePtr state;
};

class EmulatedDevice final : public Device {
public:
  explicit EmulatedDevice(const ptx::LaunchOptions &options)
      : state(std::make_shared<EmulatorState>()) {
    state->options = options;
  }
  std::string description() const override { return "PTX emulator"; }
  unsigned multiprocessors() const override {
    unsigned cores = std::thread::hardware_concurrency();
    return cores ? cores : 1;
  }
  bool runsPTX() const override { return true; }

  Expected<std::unique_ptr<Buffer>> allocate(size_t bytes) override {
    Expected<uint64_t> address =
        state->device.allocate(std::max<size_t>(bytes, 1));
    if (!address.ok())
      return address.status();
    return std::unique_ptr<Buffer>(
        std::make_unique<EmulatedBuffer>(state, *address, bytes));
  }
  Expected<std::unique_ptr<Module>>
  loadModule(const std::string &ptx, const std::string &name) override {
    Expected<ptx::Module> module = ptx::Module::parse(ptx);
    if (!module.ok())
      return Status::error(name + ": " + module.message());
    return std::unique_ptr<Module>(
        std::make_unique<EmulatedModule>(state, *module, name));
  }
  Expected<std::unique_ptr<Stream>> createStream() override {
    return std::unique_ptr<Stream>(std::make_unique<EmulatedStream>(state));
  }
  Expected<std::unique_ptr<Event>> createEvent() override {
    return std::unique_ptr<Event>(std::make_unique<LocalEvent>());
  }
  Expected<ptx::TensorMap>
  encodeTensorMap(const ptx::TensorMapParams &params) override {
    return ptx::encodeTensorMap(params);
  }
  const ptx::Statistics *statistics() const override {
    return &state->statistics;
  }

private:
  EmulatorStatePtr state;
};
} // namespace

std::shared_ptr<Device> openEmulator(const ptx::LaunchOptions &options) {
  return std::make_shared<EmulatedDevice>(options);
}

//===----------------------------------------------------------------------===//
// The host
//===----------------------------------------------------------------------===//

namespace {
/// Sizes of the live allocations by address, so that a stray copy is an error
/// here as it is elsewhere.
using HostMemory = std::shared_ptr<std::map<uint64_t, size_t>>;

class HostBuffer final : public Buffer {
public:
  HostBuffer(HostMemory memory, void *data, size_t bytes)
      : memory(std::move(memory)), data(data), bytes(bytes) {
    this->memory->emplace(address(), bytes);
  }
  ~HostBuffer() override {
    memory->erase(address());
    std::free(data);
  }
  uint64_t address() const override {
    return reinterpret_cast<uintptr_t>(data);
  }
  size_t size() const override { return bytes; }

private:
  HostMemory memory;
  void *data;
  size_t bytes;
};

class HostStream final : public LocalStream {
public:
  explicit HostStream(HostMemory memory) : memory(std::move(memory)) {}

  Status copyToDevice(uint64_t address, const void *source,
                      size_t bytes) override {
    Status status = checkRange(address, bytes);
    if (status.ok() && bytes)
      std::memcpy(reinterpret_cast<void *>(address), source, bytes);
    return status;
  }
  Status copyToHost(void *destination, uint64_t address,
                    size_t bytes) override {
    Status status = checkRange(address, bytes);
    if (status.ok() && bytes)
      std::memcpy(destination, reinterpret_cast<const void *>(address), bytes);
    return status;
  }
  Status fill(uint64_t address, uint8_t value, size_t bytes) override {
    Status status = checkRange(address, bytes);
    if (status.ok() && bytes)
      std::memset(reinterpret_cast<void *>(address), value, bytes);
    return status;
  }
  Status launch(Kernel &kernel, const LaunchShape &,
                const std::vector<uint8_t> &) override {
    return Status::error("kernel '" + kernel.name() +
                         "' belongs to another device");
  }

private:
  Status checkRange(uint64_t address, size_t bytes) const {
    auto it = memory->upper_bound(address);
    if (it != memory->begin()) {
      --it;
      uint64_t offset = address - it->first;
      if (offset <= it->second && bytes <= it->second - offset)
        return Status::success();
    }
    return Status::error("copy of " + std::to_string(bytes) + " bytes at " +
                         hexText(address) + " is not inside of a buffer");
  }

  HostMemory memory;
};

class HostDevice final : public Device {
public:
  std::string description() const override { return "host"; }
  unsigned multiprocessors() const override {
    unsigned cores = std::thread::hardware_concurrency();
    return cores ? cores : 1;
  }
  bool runsPTX() const override { return false; }

  Expected<std::unique_ptr<Buffer>> allocate(size_t bytes) override {
    constexpr size_t kAlign = 256;
    size_t rounded =
        (std::max<size_t>(bytes, 1) + kAlign - 1) / kAlign * kAlign;
    void *data =
        rounded < bytes ? nullptr : std::aligned_alloc(kAlign, rounded);
    if (!data)
      return Status::error("no " + std::to_string(bytes) +
                           " bytes of host memory");
    return std::unique_ptr<Buffer>(
        std::make_unique<HostBuffer>(memory, data, bytes));
  }
  Expected<std::unique_ptr<Module>>
  loadModule(const std::string &, const std::string &name) override {
    return Status::error(name + ": the host runs no PTX; the emulator does");
  }
  Expected<std::unique_ptr<Stream>> createStream() override {
    return std::unique_ptr<Stream>(std::make_unique<HostStream>(memory));
  }
  Expected<std::unique_ptr<Event>> createEvent() override {
    return std::unique_ptr<Event>(std::make_unique<LocalEvent>());
  }
  Expected<ptx::TensorMap>
  encodeTensorMap(const ptx::TensorMapParams &) override {
    return Status::error("the host has no tensor maps");
  }

private:
  HostMemory memory = std::make_shared<std::map<uint64_t, size_t>>();
};
} // namespace

std::shared_ptr<Device> openHost() { return std::make_shared<HostDevice>(); }

} // namespace fp4::runtime

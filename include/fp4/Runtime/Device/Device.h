//===- Device.h - One interface to all devices ------------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Memory, modules, kernels, streams and events of a GPU, of the PTX emulator,
// or of the host, which has memory and streams but runs no PTX:
//
//   auto device = openDevice("emulator");
//   auto module = (*device)->loadModule(ptx, "kernels.ptx");
//   auto kernel = (*module)->kernel("add");
//   auto x = (*device)->allocate(bytes);
//   auto stream = (*device)->createStream();
//   (*stream)->copyToDevice((*x)->address(), data, bytes);
//   (*stream)->launch(**kernel, shape, parameters);
//   (*stream)->copyToHost(result, (*x)->address(), bytes);
//   Status status = (*stream)->synchronize();
//
// Nothing here throws or prints. Every object keeps its device alive. An error
// of a GPU names the call of the driver, its answer and, for a module, the file
// and the log of the JIT compiler. Objects of one device may be used by one
// thread at a time.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_RUNTIME_DEVICE_DEVICE_H
#define FP4_RUNTIME_DEVICE_DEVICE_H

#include "fp4/Emulator/PTX/Emulator.h"
#include "fp4/Emulator/PTX/TensorMap.h"
#include <memory>
#include <string>
#include <vector>

namespace fp4::runtime {

/// How a kernel is launched. The PTX entry has the last word on what is legal.
struct LaunchShape {
  ptx::Dim3 grid;
  ptx::Dim3 block;
  /// Zeros: what the entry's .reqnctapercluster says, else 1 x 1 x 1.
  ptx::Dim3 cluster = {0, 0, 0};
  uint32_t dynamicSharedBytes = 0;
  /// Programmatic dependent launch: the kernel may start before the one in
  /// front of it ends and waits with griddepcontrol.wait. The emulator runs
  /// launches one after the other; ptx::LaunchOptions::strict asks for the
  /// wait.
  bool startsEarly = false;
};

/// Device memory, freed with the object; 256-byte aligned, of undefined
/// contents.
class Buffer {
public:
  virtual ~Buffer();
  virtual uint64_t address() const = 0;
  virtual size_t size() const = 0;
};

/// Where a parameter lies in the parameter block.
struct ParameterSlot {
  size_t offset;
  size_t size;
};

/// An entry of a module. Keeps the module loaded.
class Kernel {
public:
  virtual ~Kernel();
  virtual const std::string &name() const = 0;
  virtual const std::vector<ParameterSlot> &parameters() const = 0;
  /// Bytes of the parameter block: the end of the last slot.
  size_t parameterBytes() const;
};

class Module {
public:
  virtual ~Module();
  virtual Expected<std::unique_ptr<Kernel>> kernel(const std::string &name) = 0;
  /// The address of a .global or .const variable.
  virtual Expected<uint64_t> symbolAddress(const std::string &name) = 0;
};

/// A point in a stream.
class Event {
public:
  virtual ~Event();
  /// Waits until the device has reached the point.
  virtual Status synchronize() = 0;
  /// Time between two recorded events of one device, by the device's clock;
  /// the emulator and the host take the time of this CPU.
  virtual Expected<double> millisecondsSince(const Event &start) const = 0;
};

/// Work in order. A failure is reported by the call that causes it or by a
/// later one, at the latest by `synchronize`. Host memory of a copy must stay
/// as it is until the stream is synchronized.
class Stream {
public:
  virtual ~Stream();
  virtual Status copyToDevice(uint64_t address, const void *source,
                              size_t bytes) = 0;
  virtual Status copyToHost(void *destination, uint64_t address,
                            size_t bytes) = 0;
  virtual Status fill(uint64_t address, uint8_t value, size_t bytes) = 0;
  /// `parameters` is the parameter block, of Kernel::parameterBytes bytes.
  virtual Status launch(Kernel &kernel, const LaunchShape &shape,
                        const std::vector<uint8_t> &parameters) = 0;
  virtual Status record(Event &event) = 0;
  /// What follows in this stream waits for `event`.
  virtual Status wait(Event &event) = 0;
  virtual Status synchronize() = 0;
};

class Device {
public:
  virtual ~Device();
  /// "NVIDIA H200, driver for CUDA 13.0", "PTX emulator", "host".
  virtual std::string description() const = 0;
  virtual unsigned multiprocessors() const = 0;
  /// Whether `loadModule` takes PTX.
  virtual bool runsPTX() const = 0;

  virtual Expected<std::unique_ptr<Buffer>> allocate(size_t bytes) = 0;
  /// `name` is the file that the text came from, for messages.
  virtual Expected<std::unique_ptr<Module>>
  loadModule(const std::string &ptx, const std::string &name) = 0;
  virtual Expected<std::unique_ptr<Stream>> createStream() = 0;
  virtual Expected<std::unique_ptr<Event>> createEvent() = 0;
  /// The object that a kernel takes by value, by the rules of
  /// cuTensorMapEncodeTiled.
  virtual Expected<ptx::TensorMap>
  encodeTensorMap(const ptx::TensorMapParams &params) = 0;

  /// What all launches so far did; null where nobody counts.
  virtual const ptx::Statistics *statistics() const { return nullptr; }
};

/// The emulator; `options` hold for every launch.
std::shared_ptr<Device>
openEmulator(const ptx::LaunchOptions &options = ptx::LaunchOptions());

/// Memory and streams of this process. What runs on it is in Runtime/Host (MLIR
/// modules) and Runtime/Artifact (kernels by their meaning).
std::shared_ptr<Device> openHost();

/// GPU number `ordinal` through libcuda.so.1. The error says why there is none.
Expected<std::shared_ptr<Device>> openCUDA(int ordinal = 0);

/// "cuda", "emulator" or "host".
Expected<std::shared_ptr<Device>> openDevice(const std::string &name);

} // namespace fp4::runtime

#endif // FP4_RUNTIME_DEVICE_DEVICE_H

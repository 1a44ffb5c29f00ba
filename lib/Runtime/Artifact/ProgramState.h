//===- ProgramState.h - Programs and runs on a device -----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What ArtifactProgram and ArtifactRun hold.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_RUNTIME_ARTIFACT_PROGRAMSTATE_H
#define FP4_LIB_RUNTIME_ARTIFACT_PROGRAMSTATE_H

#include "fp4/Runtime/Artifact/Artifact.h"

namespace fp4::runtime {

/// An array in device memory.
struct DeviceArray {
  std::shared_ptr<Buffer> buffer;
  DType dtype;
  std::vector<int64_t> shape;
};
using DeviceArrays = std::map<std::string, DeviceArray>;

/// One launch, ready to go.
struct BoundLaunch {
  const LaunchDescription *description;
  const KernelDescription *kernel;
  Kernel *entry = nullptr; // null where the device runs no PTX
  LaunchShape shape;
  std::vector<uint8_t> parameters;
  Sizes sizes;
  /// Arrays by argument name.
  DeviceArrays arrays;
  std::shared_ptr<Buffer> workspace; // null if the kernel needs none
};

struct ArtifactProgram::State {
  Artifact artifact;
  std::shared_ptr<Device> device;
  std::unique_ptr<Stream> stream;
  std::unique_ptr<Module> module;
  std::map<std::string, std::unique_ptr<Kernel>> entries;
  DeviceArrays weights;

  Expected<DeviceArray> upload(const NDArray &array) const;
  Expected<DeviceArray> allocate(DType dtype, std::vector<int64_t> shape) const;
  Expected<NDArray> download(const DeviceArray &array) const;
};

struct ArtifactRun::State {
  std::shared_ptr<const ArtifactProgram::State> program;
  std::vector<BoundLaunch> launches;
  DeviceArrays inputs, buffers, outputs;
  std::unique_ptr<Event> start, end;
  double milliseconds = 0;

  /// Fills in `launches[index]`.
  Status prepare(size_t index);
  Status findArrays(BoundLaunch &launch);
  Status makeWorkspace(BoundLaunch &launch);
  Status launch(BoundLaunch &launch);
  Expected<KernelOperands> operandsOf(const BoundLaunch &launch) const;
};

} // namespace fp4::runtime

#endif // FP4_LIB_RUNTIME_ARTIFACT_PROGRAMSTATE_H

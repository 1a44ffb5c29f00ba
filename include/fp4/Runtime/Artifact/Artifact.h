//===- Artifact.h - Running what fp4-compile wrote --------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An artifact is a directory of PTX, weights and a manifest
// (docs/Manifest.md). To run one:
//
//   auto artifact = Artifact::open("layer.fp4");
//   auto program = ArtifactProgram::load(*artifact, device);
//   auto run = program->bind({{"x", array}});
//   Status status = run->execute();
//   auto results = run->outputs();
//
// On a device that runs no PTX (the host) every launch computes what its kernel
// means (Meaning.h) in double precision.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_RUNTIME_ARTIFACT_ARTIFACT_H
#define FP4_RUNTIME_ARTIFACT_ARTIFACT_H

#include "fp4/Runtime/Artifact/Manifest.h"
#include "fp4/Runtime/Artifact/Meaning.h"
#include "fp4/TensorIO/Safetensors.h"

namespace fp4::runtime {

/// An array that an artifact takes or gives.
struct ProgramValue {
  std::string name;
  /// As in the manifest; packed elements ("f4E2M1FN") are bytes in memory, two
  /// elements each.
  std::string type;
  DType dtype;
  /// In memory: the last dimension of packed elements is in bytes.
  std::vector<Size> shape;
};

/// "f32 [rows, 512]", for messages.
std::string toString(const ProgramValue &value);

/// The files of an artifact, read and checked against each other. Cheap to
/// copy.
class Artifact {
public:
  static Expected<Artifact> open(const std::string &directory);

  const Manifest &manifest() const { return contents->manifest; }
  const std::string &ptx() const { return contents->ptx; }
  /// The PTX file with its directory, for messages.
  const std::string &ptxPath() const { return contents->ptxPath; }
  Expected<NDArray> weight(const std::string &name) const {
    return contents->weights.tensor(name);
  }
  /// What a caller provides and gets, in the order of first use.
  const std::vector<ProgramValue> &inputs() const { return contents->inputs; }
  const std::vector<ProgramValue> &outputs() const { return contents->outputs; }

private:
  struct Contents {
    Manifest manifest;
    std::string ptx, ptxPath;
    SafetensorsFile weights;
    std::vector<ProgramValue> inputs, outputs;
  };

  static Status collectValues(Contents &contents);

  std::shared_ptr<const Contents> contents;
};

/// One launch of a run, against what its kernel means on the same inputs.
struct LaunchCheck {
  std::string layer, kernel, argument;
  OutputError error;
};

/// An artifact on a device with its inputs in device memory.
class ArtifactRun {
public:
  ArtifactRun(ArtifactRun &&) noexcept;
  ~ArtifactRun();

  /// Runs all launches in order and waits for the last. May be repeated.
  Status execute();
  /// Time of the last `execute` between the first and the last launch, by the
  /// device's clock.
  double milliseconds() const;
  /// The outputs after `execute`, by name.
  Expected<TensorMap> outputs();
  /// Computes every launch once more by its meaning, from the inputs that the
  /// device had, and compares. Needs `execute` before it.
  Expected<std::vector<LaunchCheck>> check();

private:
  friend class ArtifactProgram;
  struct State;
  explicit ArtifactRun(std::unique_ptr<State> state);

  std::unique_ptr<State> state;
};

/// An artifact on a device with its weights in device memory.
class ArtifactProgram {
public:
  static Expected<ArtifactProgram> load(const Artifact &artifact,
                                        std::shared_ptr<Device> device);

  /// Fails if an input is missing, unknown or of another type or shape.
  /// Dynamic sizes follow from the shapes of the inputs.
  Expected<ArtifactRun> bind(const TensorMap &inputs) const;

  struct State;

private:
  std::shared_ptr<const State> state;
};

} // namespace fp4::runtime

#endif // FP4_RUNTIME_ARTIFACT_ARTIFACT_H

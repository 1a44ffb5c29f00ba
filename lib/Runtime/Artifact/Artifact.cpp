//===- Artifact.cpp - The files of an artifact ----------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Opens a directory that fp4-compile wrote and checks that manifest, PTX and
// weights belong together.
//
//===----------------------------------------------------------------------===//

#include "fp4/Runtime/Artifact/Artifact.h"
#include <fstream>
#include <iterator>

namespace fp4::runtime {

static Expected<std::string> readText(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)),
                   std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad())
    return Status::error("cannot read '" + path + "'");
  return text;
}

/// The place of a file that the manifest names; never outside of the artifact.
static Expected<std::string> fileOf(const std::string &directory,
                                    const std::string &name) {
  if (name.empty() || name == ".." || name.find('/') != std::string::npos)
    return Status::error(directory +
                         "/manifest.json: expected the name of a "
                         "file in the artifact, got '" +
                         name + "'");
  return directory + "/" + name;
}

std::string toString(const ProgramValue &value) {
  std::string text = value.type + " [";
  for (size_t i = 0; i < value.shape.size(); ++i) {
    const Size &size = value.shape[i];
    text += i ? ", " : "";
    if (size.isStatic())
      text += std::to_string(size.number);
    else
      text += size.tile == 1 ? size.symbol
                             : "ceil(" + size.symbol + "/" +
                                   std::to_string(size.tile) + ")";
  }
  return text + "]";
}

/// The array behind an argument, as it lies in memory.
static Expected<ProgramValue> describe(const std::string &name,
                                       const KernelArgument &argument) {
  Expected<DType> dtype = dtypeOfType(argument.type);
  if (!dtype.ok())
    return Status::error("argument '" + argument.name +
                         "': " + dtype.message());
  ProgramValue value{name, argument.type, *dtype, argument.shape};
  unsigned bits = *bitsOfType(argument.type);
  if (bits < 8) {
    if (value.shape.empty() || !value.shape.back().isStatic() ||
        value.shape.back().number * bits % 8 != 0)
      return Status::error("argument '" + argument.name +
                           "': expected the last dimension of packed elements "
                           "to fill whole bytes");
    value.shape.back().number = value.shape.back().number * bits / 8;
  }
  return value;
}

static bool contains(const std::vector<ProgramValue> &values,
                     const std::string &name) {
  for (const ProgramValue &value : values)
    if (value.name == name)
      return true;
  return false;
}

/// Collects inputs and outputs, and checks that every weight is there.
Status Artifact::collectValues(Contents &contents) {
  for (const LaunchDescription &launch : contents.manifest.launches) {
    const KernelDescription &kernel = contents.manifest.kernels[launch.kernel];
    for (const KernelArgument &argument : kernel.arguments) {
      if (argument.kind == KernelArgument::Kind::Workspace)
        continue;
      const ArgumentSource &source = launch.arguments.at(argument.name);
      using Kind = ArgumentSource::Kind;
      if (argument.kind == KernelArgument::Kind::Value) {
        if (source.kind != Kind::Input)
          return Status::error("launch '" + launch.layer +
                               "': expected the "
                               "value '" +
                               argument.name + "' to come from an input");
        continue;
      }
      Expected<ProgramValue> value = describe(source.name, argument);
      if (!value.ok())
        return value.status();
      if (source.kind == Kind::Weight &&
          !contents.weights.contains(source.name))
        return Status::error("launch '" + launch.layer + "': no weight '" +
                             source.name + "'");
      if (source.kind == Kind::Input && !contains(contents.inputs, source.name))
        contents.inputs.push_back(*value);
      if (source.kind == Kind::Output) {
        if (contains(contents.outputs, source.name))
          return Status::error("launch '" + launch.layer + "': output '" +
                               source.name + "' is written twice");
        contents.outputs.push_back(*value);
      }
    }
  }
  return Status::success();
}

Expected<Artifact> Artifact::open(const std::string &directory) {
  std::string path = directory;
  while (path.size() > 1 && path.back() == '/')
    path.pop_back();
  std::string manifestPath = path + "/manifest.json";
  Expected<std::string> text = readText(manifestPath);
  if (!text.ok())
    return text.status();
  Expected<Manifest> manifest = parseManifest(*text);
  if (!manifest.ok())
    return Status::error(manifestPath + ": " + manifest.message());
  Expected<std::string> ptxPath = fileOf(path, manifest->ptxFile);
  if (!ptxPath.ok())
    return ptxPath.status();
  Expected<std::string> ptx = readText(*ptxPath);
  if (!ptx.ok())
    return ptx.status();
  Expected<std::string> weightsPath = fileOf(path, manifest->weightsFile);
  if (!weightsPath.ok())
    return weightsPath.status();
  Expected<SafetensorsFile> weights = SafetensorsFile::open(*weightsPath);
  if (!weights.ok())
    return weights.status();

  auto contents = std::make_shared<Contents>(
      Contents{*manifest, *ptx, *ptxPath, *weights, {}, {}});
  Artifact artifact;
  if (Status status = collectValues(*contents); !status.ok())
    return Status::error(manifestPath + ": " + status.message());
  artifact.contents = std::move(contents);
  return artifact;
}

} // namespace fp4::runtime

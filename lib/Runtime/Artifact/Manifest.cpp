//===- Manifest.cpp - What an artifact says of itself ---------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads manifest.json (docs/Manifest.md). The first field that is not as
// expected is named with its path.
//
//===----------------------------------------------------------------------===//

#include "fp4/Runtime/Artifact/Manifest.h"
#include <algorithm>
#include <nlohmann/json.hpp>

using nlohmann::json;

namespace fp4::runtime {

Expected<int64_t> evaluateSize(const Size &size, const Sizes &sizes) {
  int64_t value = size.number;
  if (!size.isStatic()) {
    auto it = sizes.find(size.symbol);
    if (it == sizes.end())
      return Status::error("the size '" + size.symbol + "' is not known");
    value = it->second;
  }
  return value / size.tile + (value % size.tile != 0);
}

Expected<size_t> chooseKernel(const LaunchDescription &launch,
                              const Sizes &sizes) {
  for (const KernelAlternative &alternative : launch.alternatives) {
    Expected<int64_t> size = evaluateSize(alternative.size, sizes);
    if (!size.ok())
      return size.status();
    if (*size <= alternative.atMost)
      return alternative.kernel;
  }
  return launch.kernel;
}

std::string Meaning::field(const std::string &name) const {
  auto it = fields.find(name);
  return it == fields.end() ? "" : it->second;
}

const KernelArgument *
KernelDescription::findArgument(const std::string &name) const {
  for (const KernelArgument &argument : arguments)
    if (argument.name == name)
      return &argument;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {
/// A value of the document with its path. The first thing that is not as
/// expected goes to `error`; after that, reads return empty values.
class Node {
public:
  Node(const json &value, std::string path, std::string &error)
      : value(value), path(std::move(path)), error(error) {}

  /// A missing key is an error, and reads as null.
  Node operator[](const char *key) const {
    if (!has(key))
      complain(std::string("expected a field '") + key + "'");
    return at(key);
  }
  bool has(const char *key) const {
    return value.is_object() && value.contains(key);
  }
  std::vector<Node> elements() const {
    std::vector<Node> nodes;
    if (!value.is_array())
      complain("expected an array");
    else
      for (size_t i = 0; i < value.size(); ++i)
        nodes.emplace_back(value[i], path + "[" + std::to_string(i) + "]",
                           error);
    return nodes;
  }
  std::vector<std::pair<std::string, Node>> items() const {
    std::vector<std::pair<std::string, Node>> nodes;
    if (!value.is_object())
      complain("expected an object");
    else
      for (auto it = value.begin(); it != value.end(); ++it)
        nodes.emplace_back(it.key(), Node(*it, path + "." + it.key(), error));
    return nodes;
  }
  std::string text() const {
    if (value.is_string())
      return value.get<std::string>();
    complain("expected a string");
    return "";
  }
  int64_t integer(int64_t low, int64_t high) const {
    if (value.is_number_integer() && value >= low && value <= high)
      return value.get<int64_t>();
    complain("expected a number from " + std::to_string(low) + " to " +
             std::to_string(high));
    return low;
  }
  bool isText() const { return value.is_string(); }
  bool isNumber() const { return value.is_number(); }
  bool isObject() const { return value.is_object(); }
  bool isTrue() const { return value.is_boolean() && value.get<bool>(); }
  /// A string as it is, anything else as JSON.
  std::string anything() const { return isText() ? text() : value.dump(); }
  void complain(const std::string &what) const {
    if (error.empty())
      error =
          (path.empty() ? "" : path + ": ") + what +
          (value.is_null() || value.is_structured() ? ""
                                                    : ", got " + value.dump());
  }

private:
  Node at(const char *key) const {
    static const json nothing;
    return Node(has(key) ? value[key] : nothing,
                path.empty() ? key : path + "." + key, error);
  }

  const json &value;
  std::string path;
  std::string &error;
};
} // namespace

static constexpr int64_t kMaxSize = int64_t(1) << 40;

static Size readSize(const Node &node) {
  Size size;
  if (node.isObject()) {
    size = readSize(node["size"]);
    size.tile = node["tile"].integer(1, kMaxSize);
  } else if (node.isText()) {
    size.symbol = node.text();
  } else {
    size.number = node.integer(0, kMaxSize);
  }
  return size;
}

static std::vector<Size> readSizes(const Node &node) {
  std::vector<Size> sizes;
  for (const Node &element : node.elements())
    sizes.push_back(readSize(element));
  return sizes;
}

static ptx::Dim3 readDim3(const Node &node) {
  uint32_t dims[3] = {1, 1, 1};
  std::vector<Node> elements = node.elements();
  if (elements.empty() || elements.size() > 3)
    node.complain("expected one to three numbers");
  for (size_t i = 0; i < std::min<size_t>(elements.size(), 3); ++i)
    dims[i] = uint32_t(elements[i].integer(1, 1 << 16));
  return {dims[0], dims[1], dims[2]};
}

/// The position of a word in `words`, which follow an enumeration of the
/// driver API.
static unsigned readWord(const Node &node,
                         const std::vector<std::string> &words) {
  std::string word = node.text(), known;
  for (unsigned i = 0; i < words.size(); ++i) {
    if (words[i] == word)
      return i;
    known += (known.empty() ? "" : ", ") + words[i];
  }
  node.complain("expected one of " + known);
  return 0;
}

static TensorMapDescription readTensorMap(const Node &node) {
  TensorMapDescription map;
  ptx::TensorMapParams &params = map.params;
  params.type = ptx::TensorMapType(readWord(
      node["data_type"],
      {"uint8", "uint16", "uint32", "int32", "uint64", "int64", "float16",
       "float32", "float64", "bfloat16", "float32_ftz", "tfloat32",
       "tfloat32_ftz", "16u4_align8b", "16u4_align16b", "16u6_align16b"}));
  map.shape = readSizes(node["shape"]);
  std::vector<Node> strides = node["strides"].elements();
  std::vector<Node> box = node["box"].elements();
  std::vector<Node> steps = node["element_strides"].elements();
  size_t rank = map.shape.size();
  if (rank < 1 || rank > 5 || box.size() != rank || steps.size() != rank ||
      strides.size() + 1 != rank) {
    node.complain("expected a shape of 1 to 5 sizes, as many in box and "
                  "element_strides, one less in strides");
    return map;
  }
  params.rank = unsigned(rank);
  for (size_t i = 0; i < rank; ++i) {
    params.boxDim[i] = uint32_t(box[i].integer(1, 256));
    params.elementStrides[i] = uint32_t(steps[i].integer(1, 8));
    if (i > 0)
      params.globalStrides[i - 1] =
          uint64_t(strides[i - 1].integer(0, kMaxSize));
  }
  readWord(node["interleave"], {"none"});
  params.swizzle = ptx::TensorMapSwizzle(
      readWord(node["swizzle"], {"none", "32B", "64B", "128B", "128B_atom_32B",
                                 "128B_atom_32B_flip_8B", "128B_atom_64B"}));
  params.l2Promotion =
      uint8_t(readWord(node["l2_promotion"], {"none", "64B", "128B", "256B"}));
  params.nanFill = readWord(node["fill"], {"zero", "nan"}) == 1;
  return map;
}

static KernelArgument readArgument(const Node &node) {
  KernelArgument argument;
  argument.name = node["name"].text();
  argument.kind = KernelArgument::Kind(
      readWord(node["kind"], {"pointer", "tensor_map", "value", "workspace"}));
  if (argument.kind == KernelArgument::Kind::Workspace)
    return argument;
  argument.type = node["type"].text();
  if (argument.kind != KernelArgument::Kind::Value)
    argument.shape = readSizes(node["shape"]);
  if (argument.kind == KernelArgument::Kind::TensorMap)
    argument.map = readTensorMap(node["tensor_map"]);
  return argument;
}

static Meaning readMeaning(const Node &node) {
  Meaning meaning;
  meaning.kind = node["kind"].text();
  for (const auto &[name, field] : node.items())
    meaning.fields[name] = field.anything();
  return meaning;
}

static KernelDescription readKernel(const Node &node) {
  KernelDescription kernel;
  kernel.name = node["name"].text();
  for (const Node &argument : node["arguments"].elements())
    kernel.arguments.push_back(readArgument(argument));
  Node grid = node["grid"];
  kernel.grid[0] = readSizes(grid["x"]);
  if (grid.has("y"))
    kernel.grid[1] = readSizes(grid["y"]);
  if (grid.has("z"))
    kernel.grid[2] = readSizes(grid["z"]);
  kernel.hasExactGrid = grid.has("exact") && grid["exact"].isTrue();
  if (node.has("blocks_per_multiprocessor"))
    kernel.blocksPerMultiprocessor =
        uint32_t(node["blocks_per_multiprocessor"].integer(1, 32));
  kernel.block = readDim3(node["block"]);
  if (node.has("cluster"))
    kernel.cluster = readDim3(node["cluster"]);
  kernel.dynamicSharedBytes =
      uint32_t(node["dynamic_shared_memory"].integer(0, 1 << 20));
  if (node.has("workspace") && !node["workspace"].isNumber())
    kernel.workspace = readSizes(node["workspace"]);
  kernel.startsEarly =
      node.has("programmatic_launch") && node["programmatic_launch"].isTrue();
  if (node.has("meaning"))
    kernel.meaning = readMeaning(node["meaning"]);
  return kernel;
}

static ArgumentSource readSource(const Node &node) {
  static const char *const kinds[] = {"weight", "input", "output", "buffer"};
  for (size_t i = 0; i < std::size(kinds); ++i)
    if (node.has(kinds[i]))
      return {ArgumentSource::Kind(i), node[kinds[i]].text()};
  node.complain("expected an object with a field weight, input, output or "
                "buffer");
  return {ArgumentSource::Kind::Input, ""};
}

/// The index of the kernel that `node` names.
static size_t readKernelName(const Node &node, const Manifest &manifest) {
  std::string name = node.text();
  for (size_t i = 0; i < manifest.kernels.size(); ++i)
    if (manifest.kernels[i].name == name)
      return i;
  node.complain("expected the name of a kernel");
  return manifest.kernels.size();
}

/// What a launch names of a kernel's arguments.
static std::vector<std::string> namesOf(const KernelDescription &kernel) {
  std::vector<std::string> names;
  for (const KernelArgument &argument : kernel.arguments)
    if (argument.kind != KernelArgument::Kind::Workspace)
      names.push_back(argument.name);
  return names;
}

static KernelAlternative readAlternative(const Node &node,
                                         const KernelDescription &first,
                                         const Manifest &manifest) {
  KernelAlternative alternative;
  alternative.kernel = readKernelName(node["kernel"], manifest);
  alternative.size = readSize(node["size"]);
  alternative.atMost = node["at_most"].integer(0, kMaxSize);
  if (alternative.kernel < manifest.kernels.size() &&
      namesOf(manifest.kernels[alternative.kernel]) != namesOf(first))
    node["kernel"].complain("expected a kernel with the arguments of '" +
                            first.name + "'");
  return alternative;
}

static LaunchDescription readLaunch(const Node &node,
                                    const Manifest &manifest) {
  LaunchDescription launch{0, node["layer"].text(), {}, {}};
  launch.kernel = readKernelName(node["kernel"], manifest);
  if (launch.kernel == manifest.kernels.size())
    return launch;
  const KernelDescription &kernel = manifest.kernels[launch.kernel];
  Node sources = node["arguments"];
  for (const std::string &name : namesOf(kernel))
    launch.arguments.emplace(name, readSource(sources[name.c_str()]));
  if (node.has("alternatives"))
    for (const Node &alternative : node["alternatives"].elements())
      launch.alternatives.push_back(
          readAlternative(alternative, kernel, manifest));
  return launch;
}

static Manifest readManifest(const Node &root) {
  Manifest manifest;
  if (root["format"].text() != "fp4-kernels")
    root["format"].complain("expected \"fp4-kernels\"");
  root["format_version"].integer(1, 1);
  manifest.target = root["target"].text();
  manifest.ptxFile = root["ptx"]["file"].text();
  manifest.weightsFile = root["weights"].text();
  for (const Node &kernel : root["kernels"].elements())
    manifest.kernels.push_back(readKernel(kernel));
  for (const Node &launch : root["launches"].elements())
    manifest.launches.push_back(readLaunch(launch, manifest));
  return manifest;
}

Expected<Manifest> parseManifest(std::string_view text) {
  json document = json::parse(text.begin(), text.end(), nullptr,
                              /*allow_exceptions=*/false);
  if (document.is_discarded() || !document.is_object())
    return Status::error("expected a JSON object");
  std::string error;
  Manifest manifest = readManifest(Node(document, "", error));
  if (!error.empty())
    return Status::error(error);
  return manifest;
}

} // namespace fp4::runtime

//===- HardwareCases.cpp - What emulator and GPU both run -----------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HardwareCases.h"
#include "HardwareOperands.h"
#include "PTXFile.h"
#include "fp4/Emulator/PTX/TensorMap.h"
#include <algorithm>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>

namespace fp4::ptx::testing {

using Words = std::vector<std::string>;

static std::string trim(const std::string &text) {
  size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos)
    return "";
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

static Words split(const std::string &text, char separator) {
  Words parts;
  std::istringstream stream(text);
  std::string part;
  while (std::getline(stream, part, separator))
    parts.push_back(trim(part));
  return parts;
}

/// The fields of a table line: "d|p" in a body does not separate.
static Words splitFields(const std::string &text) {
  Words fields;
  size_t from = 0;
  for (size_t at; (at = text.find(" | ", from)) != std::string::npos;
       from = at + 3)
    fields.push_back(trim(text.substr(from, at - from)));
  fields.push_back(trim(text.substr(from)));
  return fields;
}

static std::string replaceAll(std::string text, const std::string &from,
                              const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos;
       at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

static unsigned bytesOf(const std::string &type) {
  if (type == "pred")
    return 4;
  size_t x = type.rfind("x4");
  if (x != std::string::npos)
    return 4;
  x = type.rfind("x2");
  if (x != std::string::npos) {
    std::string part = type.substr(0, x);
    return part.rfind('m') != std::string::npos ? 2 : bytesOf(part) * 2;
  }
  size_t digit = type.find_first_of("0123456789");
  unsigned bits =
      digit == std::string::npos ? 0 : unsigned(std::stoul(type.substr(digit)));
  return type[0] == 'e' ? 1 : bits / 8;
}

/// "mid:f32*4" is four operands.
static std::vector<OperandSpec> parseOperands(const std::string &text) {
  std::vector<OperandSpec> specs;
  for (const std::string &item : split(text, ' ')) {
    if (item.empty() || item == "-")
      continue;
    OperandSpec spec;
    size_t colon = item.find(':'), star = item.find('*');
    if (colon != std::string::npos)
      spec.choice = item.substr(0, colon);
    size_t start = colon == std::string::npos ? 0 : colon + 1;
    spec.type =
        item.substr(start, star == std::string::npos ? star : star - start);
    spec.size = bytesOf(spec.type);
    unsigned count = star == std::string::npos
                         ? 1
                         : unsigned(std::stoul(item.substr(star + 1)));
    specs.insert(specs.end(), count, spec);
  }
  return specs;
}

//===----------------------------------------------------------------------===//
// Input and output
//===----------------------------------------------------------------------===//

std::vector<uint8_t> HardwareCase::makeInput() const {
  std::vector<uint8_t> bytes;
  uint64_t seed = hashOf(name);
  for (unsigned j = 0; j < operands.size(); ++j)
    for (unsigned i = 0; i < tuples; ++i) {
      unsigned index = operands[j].choice == "warp" ? i / 32 : i;
      uint64_t value =
          operandValue(operands[j], j, index, mix(seed ^ mix(index * 64 + j)));
      for (unsigned k = 0; k < operands[j].size; ++k)
        bytes.push_back(uint8_t(value >> (8 * k)));
    }
  return operands.empty() ? fixedInput : bytes;
}

std::vector<uint8_t> HardwareCase::clearedOutput() const {
  std::vector<uint8_t> bytes(outputBytes());
  static const uint8_t pattern[] = {0xEF, 0xBE, 0xAD, 0xDE};
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = pattern[i % 4];
  return bytes;
}

size_t HardwareCase::outputBytes() const {
  size_t bytes = 0;
  for (const ResultSpec &result : results)
    bytes += result.size * size_t(tuples);
  return bytes;
}

double HardwareCase::tolerance(const std::string &setting) const {
  auto found = settings.find(setting);
  return found == settings.end() ? 0 : std::stod(found->second);
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

static unsigned registerBits(unsigned size) {
  return size <= 2 ? 16 : size * 8;
}

static std::string loadOperand(unsigned j, const OperandSpec &spec,
                               size_t offset) {
  std::string n = std::to_string(j), at = std::to_string(offset);
  unsigned bits = registerBits(spec.size);
  std::string load = spec.size == 1 ? "u8" : "b" + std::to_string(bits);
  std::string text = "  .reg .b" + std::to_string(bits) + " %a" + n +
                     ";\n  mad.wide.u32 %p, %i, " + std::to_string(spec.size) +
                     ", %in;\n";
  if (spec.type != "pred")
    return text + "  ld.global." + load + " %a" + n + ", [%p+" + at + "];\n";
  return "  .reg .pred %a" + n + ";\n  mad.wide.u32 %p, %i, 4, %in;\n" +
         "  ld.global.b32 %t, [%p+" + at + "];\n  setp.ne.u32 %a" + n +
         ", %t, 0;\n";
}

static std::string storeResult(unsigned j, const ResultSpec &spec,
                               size_t offset) {
  std::string n = std::to_string(j), value = "%d" + n, text;
  if (spec.type == "pred") {
    text = "  selp.u32 %t, 1, 0, %d" + n + ";\n";
    value = "%t";
  }
  return text + "  mad.wide.u32 %p, %i, " + std::to_string(spec.size) +
         ", %out;\n  st.global.b" + std::to_string(spec.size * 8) + " [%p+" +
         std::to_string(offset) + "], " + value + ";\n";
}

static std::string makeKernel(const HardwareCase &c, const std::string &body) {
  std::string text =
      ".version 9.0\n.target sm_90a\n.address_size 64\n"
      ".visible .entry test(.param .u64 in, .param .u64 out" +
      std::string(c.settings.count("map") ? ", .param .align 64 .b8 map[128]"
                                          : "") +
      ") {\n"
      "  .reg .b64 %in, %out, %p, %mem;\n"
      "  .reg .b32 %i, %t, %lane, %sm;\n";
  bool usesShared = body.find("%sm") != std::string::npos ||
                    body.find("scratch") != std::string::npos;
  bool usesMemory = body.find("%mem") != std::string::npos;
  if (usesShared)
    text += "  .shared .align 1024 .b8 scratch[16384];\n";
  for (unsigned j = 0; j < c.results.size(); ++j)
    text += c.results[j].type == "pred"
                ? "  .reg .pred %d" + std::to_string(j) + ";\n"
                : "  .reg .b" + std::to_string(c.results[j].size * 8) + " %d" +
                      std::to_string(j) + ";\n";
  text += "  ld.param.u64 %in, [in];\n  ld.param.u64 %out, [out];\n"
          "  mov.u32 %i, %ctaid.x;\n  mov.u32 %t, %tid.x;\n"
          "  and.b32 %lane, %t, 31;\n";
  if (usesShared)
    text += "  mov.u32 %sm, scratch;\n  shr.u32 %t, %t, 5;\n"
            "  mad.lo.u32 %sm, %t, 1024, %sm;\n  mov.u32 %t, %tid.x;\n";
  text += "  mad.lo.u32 %i, %i, " + std::to_string(c.block) + ", %t;\n";
  size_t offset = 0;
  for (unsigned j = 0; j < c.operands.size(); ++j) {
    text += loadOperand(j, c.operands[j], offset);
    offset += c.operands[j].size * size_t(c.tuples);
  }
  // Scratch in global memory: the first result's own place.
  if (usesMemory)
    text += "  mad.wide.u32 %mem, %i, " + std::to_string(c.results[0].size) +
            ", %out;\n";
  text += "  " + body + "\n";
  offset = 0;
  for (unsigned j = 0; j < c.results.size(); ++j) {
    text += storeResult(j, c.results[j], offset);
    offset += c.results[j].size * size_t(c.tuples);
  }
  return text + "  ret;\n}\n";
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

/// "a{x,y}" becomes "ax" and "ay"; braces of register lists hold a '%'.
static Words expandBraces(const std::string &text) {
  for (size_t open = text.find('{'); open != std::string::npos;
       open = text.find('{', open + 1)) {
    size_t close = text.find('}', open);
    std::string inside = text.substr(open + 1, close - open - 1);
    if (inside.find('%') != std::string::npos)
      continue;
    Words all;
    // A trailing empty choice counts.
    for (const std::string &choice : split(inside + ",", ',')) {
      std::string one = text.substr(0, open) + choice + text.substr(close + 1);
      for (const std::string &expanded : expandBraces(one))
        all.push_back(expanded);
    }
    return all;
  }
  return {text};
}

static std::string defaultBody(const std::string &name, const HardwareCase &c) {
  std::string body = name + " %d0";
  for (unsigned j = 0; j < c.operands.size(); ++j)
    body += ", %a" + std::to_string(j);
  return body + ";";
}

static HardwareCase makeCase(const std::string &name, const Words &fields,
                             const std::map<std::string, std::string> &sets) {
  HardwareCase c;
  c.name = name;
  c.settings = sets;
  for (const OperandSpec &spec : parseOperands(fields[1]))
    c.results.push_back({spec.type, spec.size < 2 ? 4 : spec.size});
  c.operands = parseOperands(fields[2]);
  if (auto found = sets.find("tuples"); found != sets.end())
    c.tuples = unsigned(std::stoul(found->second));
  c.grid = c.tuples / c.block;
  std::string body = fields.size() > 3 ? fields[3] : "-";
  // The opcode ends where a '/' begins a remark.
  c.ptx = makeKernel(c, body == "-" ? defaultBody(name, c) : body);
  return c;
}

/// One line: `name | results | operands | body | settings`. $T and $U in it
/// stand for the elements of the settings T and U, braces for alternatives.
static Status addTableLine(const std::string &line,
                           std::vector<HardwareCase> &cases) {
  Words fields = splitFields(line);
  if (fields.size() < 3)
    return Status::error("expected name | results | operands");
  std::map<std::string, std::string> settings;
  if (fields.size() > 4)
    for (const std::string &item : split(fields[4], ' '))
      if (size_t equal = item.find('='); equal != std::string::npos)
        settings[item.substr(0, equal)] = item.substr(equal + 1);
  Words ts = split(settings["T"], ','), us = split(settings["U"], ',');
  settings.erase("T");
  settings.erase("U");
  if (ts.empty())
    ts.push_back("");
  if (!us.empty() && us.size() != ts.size())
    return Status::error("expected as many types in U as in T");
  for (size_t k = 0; k < ts.size(); ++k) {
    std::string bound = fields[0];
    for (size_t f = 1; f < std::min<size_t>(fields.size(), 4); ++f)
      bound += " | " + fields[f];
    bound = replaceAll(bound, "$T", ts[k]);
    if (!us.empty())
      bound = replaceAll(bound, "$U", us[k]);
    for (const std::string &name : expandBraces(splitFields(bound)[0])) {
      Words own = splitFields(replaceAll(bound, "$N", name));
      cases.push_back(makeCase(name, own, settings));
    }
  }
  return Status::success();
}

static Expected<std::string> readFile(const std::string &path) {
  std::ifstream file(path);
  if (!file.good())
    return Status::error("cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// A file of test/Emulator/PTX, unless sm_90a lacks what it needs or it is to
/// fail.
static std::optional<HardwareCase> fileCase(const std::string &name,
                                            std::string text) {
  Expectation expectation = parseExpectation(text);
  for (const char *key : {"trap", "error", "late-differs", "zeroed"})
    if (expectation.has(key))
      return std::nullopt;
  size_t at = text.find(".target sm_") + 11;
  size_t end = text.find_first_not_of("0123456789", at);
  if (std::stoul(text.substr(at, end - at)) > 90)
    return std::nullopt;
  // An H200 runs sm_90a, and all that came before.
  text.replace(at, text.find_first_of("\n,", at) - at, "90a");
  at = text.find(".version ") + 9;
  text.replace(at, text.find('\n', at) - at, "9.0");
  HardwareCase c;
  c.name = "file/" + name;
  c.ptx = text;
  c.settings = expectation.settings;
  c.block = expectation.number("block", 1);
  c.grid = expectation.number("grid", 1);
  c.cluster = expectation.number("cluster", 0);
  c.sharedBytes = expectation.number("shared", 0);
  c.tuples = unsigned(std::max<size_t>(expectation.out.size(), 64));
  c.results.push_back({"b32", 4});
  c.fixedInput.resize(std::max<size_t>(expectation.in.size(), 1) * 4);
  if (!expectation.in.empty())
    std::memcpy(c.fixedInput.data(), expectation.in.data(),
                expectation.in.size() * 4);
  return c;
}

Expected<std::vector<HardwareCase>> loadHardwareCases(const std::string &dir) {
  std::vector<HardwareCase> cases;
  Expected<std::string> table = readFile(dir + "/cases.txt");
  if (!table.ok())
    return table.status();
  std::istringstream stream(*table);
  std::string line;
  for (unsigned number = 1; std::getline(stream, line); ++number) {
    if (trim(line).empty() || line[0] == '#')
      continue;
    Status status = addTableLine(line, cases);
    if (!status.ok())
      return Status::error("cases.txt, line " + std::to_string(number) + ": " +
                           status.message());
  }
  for (const std::string &name : listPTXFiles(dir + "/../PTX")) {
    Expected<std::string> text = readFile(dir + "/../PTX/" + name);
    if (!text.ok())
      return text.status();
    if (std::optional<HardwareCase> c = fileCase(name, *text))
      cases.push_back(*c);
  }
  std::sort(cases.begin(), cases.end(),
            [](const HardwareCase &a, const HardwareCase &b) {
              return a.name < b.name;
            });
  for (size_t i = 1; i < cases.size(); ++i)
    if (cases[i].name == cases[i - 1].name)
      return Status::error("two cases are called " + cases[i].name);
  return cases;
}

//===----------------------------------------------------------------------===//
// The emulator
//===----------------------------------------------------------------------===//

/// The tensor map of the setting "map" over the given addresses.
static Expected<TensorMap> mapOf(const HardwareCase &c, uint64_t in,
                                 uint64_t out) {
  Words fields = split(c.settings.at("map"), ':');
  if (fields.size() != 6)
    return Status::error("a map has six fields");
  TensorMapParams params;
  params.globalAddress = fields[0] == "in" ? in : out;
  params.type = TensorMapType(std::stoul(fields[1]));
  Words dims = split(fields[2], 'x'), strides = split(fields[3], 'x'),
        box = split(fields[4], 'x');
  params.rank = unsigned(dims.size());
  for (size_t i = 0; i < dims.size(); ++i) {
    params.globalDim[i] = std::stoul(dims[i]);
    params.boxDim[i] = uint32_t(std::stoul(box[i]));
    if (i)
      params.globalStrides[i - 1] = std::stoul(strides[i - 1]);
  }
  params.swizzle = TensorMapSwizzle(std::stoul(fields[5]));
  return encodeTensorMap(params);
}

Expected<std::vector<uint8_t>> runHardwareCase(const HardwareCase &c,
                                               const LaunchOptions &options) {
  Expected<Module> module = Module::parse(c.ptx);
  if (!module.ok())
    return module.status();
  Device device;
  std::vector<uint8_t> input = c.makeInput(), output = c.clearedOutput();
  Expected<uint64_t> in = device.allocate(input.size());
  Expected<uint64_t> out = device.allocate(output.size());
  if (!in.ok() || !out.ok())
    return Status::error("cannot allocate");
  for (auto [address, bytes] : {std::pair(*in, &input), {*out, &output}})
    if (Status status = device.copyIn(address, bytes->data(), bytes->size());
        !status.ok())
      return status;
  LaunchConfig config;
  config.block.x = c.block;
  config.grid.x = c.grid;
  if (c.cluster)
    config.cluster = {c.cluster, 1, 1};
  config.dynamicSharedBytes = c.sharedBytes;
  // Three parameters: two pointers and a map at the next multiple of 64.
  std::vector<uint8_t> params(c.settings.count("map") ? 192 : 16);
  std::memcpy(params.data(), &*in, 8);
  std::memcpy(params.data() + 8, &*out, 8);
  if (c.settings.count("map")) {
    Expected<TensorMap> map = mapOf(c, *in, *out);
    if (!map.ok())
      return map.status();
    std::memcpy(params.data() + 64, map->data(), map->size());
  }
  Expected<Statistics> stats = device.launch(
      *module, "test", config, params.data(), params.size(), options);
  if (!stats.ok())
    return stats.status();
  if (Status status = device.copyOut(output.data(), *out, output.size());
      !status.ok())
    return status;
  return output;
}

} // namespace fp4::ptx::testing

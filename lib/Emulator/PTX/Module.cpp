//===- Module.cpp - What a module has -------------------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parsing behind the public interface, and what launches ask of kernels.
//
//===----------------------------------------------------------------------===//

#include "Module.h"
#include "Memory.h"
#include "Parser.h"
#include <algorithm>

namespace fp4::ptx {

Expected<Module> Module::parse(std::string_view text) {
  auto data = std::make_shared<ModuleData>();
  // NVIDIA's tools end the text with a null character.
  data->text = std::string(text.substr(0, text.find('\0')));
  Expected<std::vector<Token>> tokens = tokenize(data->text);
  if (!tokens.ok())
    return tokens.status();
  if (Status status = Parser(*data, std::move(*tokens)).run(); !status.ok())
    return status;
  Module module;
  module.contents = std::move(data);
  return module;
}

unsigned Module::target() const { return contents->target; }

std::vector<const Function *> reachable(const ModuleData &module,
                                        const Function &kernel) {
  std::vector<const Function *> found = {&kernel};
  for (size_t i = 0; i < found.size(); ++i)
    for (uint32_t index : found[i]->referencedFunctions) {
      const Function *callee = module.functions[index].get();
      if (std::find(found.begin(), found.end(), callee) == found.end())
        found.push_back(callee);
    }
  return found;
}

uint32_t layoutShared(const ModuleData &module, const Function &kernel,
                      std::vector<uint64_t> *address) {
  std::vector<uint32_t> used;
  for (const Function *function : reachable(module, kernel))
    used.insert(used.end(), function->referencedVariables.begin(),
                function->referencedVariables.end());
  std::sort(used.begin(), used.end());
  used.erase(std::unique(used.begin(), used.end()), used.end());
  uint64_t end = kSharedBase;
  uint64_t dynamicAlign = 16;
  for (uint32_t index : used) {
    const Variable &variable = module.variables[index];
    if (variable.space != Space::SharedCTA)
      continue;
    if (variable.isDynamic) {
      dynamicAlign = std::max(dynamicAlign, variable.align);
      continue;
    }
    end = (end + variable.align - 1) / variable.align * variable.align;
    if (address)
      (*address)[index] = end;
    end += variable.size;
  }
  end = (end + dynamicAlign - 1) / dynamicAlign * dynamicAlign;
  if (address)
    for (uint32_t index : used)
      if (module.variables[index].isDynamic)
        (*address)[index] = end;
  return uint32_t(std::min<uint64_t>(end, ~0u));
}

KernelInfo describe(const ModuleData &module, const Function &kernel) {
  KernelInfo info;
  info.name = kernel.name;
  for (const Param &param : kernel.params) {
    info.params.push_back({param.name, param.offset, param.size, param.align});
    info.paramBytes = param.offset + param.size;
  }
  info.staticSharedBytes = layoutShared(module, kernel, nullptr) - kSharedBase;
  info.maxThreads = kernel.maxThreads;
  info.requiredThreads = kernel.requiredThreads;
  info.clusterDims = kernel.clusterDims;
  return info;
}

std::vector<KernelInfo> Module::kernels() const {
  std::vector<KernelInfo> infos;
  for (const auto &function : contents->functions)
    if (function->isEntry && function->isDefined)
      infos.push_back(describe(*contents, *function));
  return infos;
}

Status noKernel(std::string_view name) {
  return Status::error("the module has no kernel '" + std::string(name) + "'");
}

Expected<KernelInfo> Module::kernel(std::string_view name) const {
  for (const auto &function : contents->functions)
    if (function->isEntry && function->isDefined && function->name == name)
      return describe(*contents, *function);
  return noKernel(name);
}

Status noVariable(std::string_view name) {
  return Status::error("the module has no global variable '" +
                       std::string(name) + "'");
}

Expected<uint64_t> Module::variableBytes(std::string_view name) const {
  for (const Variable &variable : contents->variables)
    if (variable.name == name &&
        (variable.space == Space::Global || variable.space == Space::Const))
      return variable.size;
  return noVariable(name);
}

} // namespace fp4::ptx

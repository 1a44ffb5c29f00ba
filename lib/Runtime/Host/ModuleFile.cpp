//===- ModuleFile.cpp - A module with its argument names ------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The parser records where each block argument stands in the text.
//
//===----------------------------------------------------------------------===//

#include "fp4/Runtime/Host/ModuleFile.h"
#include "fp4/Runtime/Host/ErrorCollector.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/AsmParser/AsmParserState.h"
#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;

namespace fp4 {

static std::vector<std::string> readNames(const AsmParserState &parserState,
                                          func::FuncOp func) {
  std::vector<std::string> names;
  const auto *block = parserState.getBlockDef(&func.front());
  if (!block)
    return names;
  for (const AsmParserState::SMDefinition &argument : block->arguments) {
    SMRange range = argument.loc;
    StringRef text(range.Start.getPointer(),
                   range.End.getPointer() - range.Start.getPointer());
    text.consume_front("%");
    names.push_back(text.str());
  }
  return names;
}

Expected<ModuleFile> ModuleFile::parse(const std::string &path,
                                       MLIRContext &context) {
  std::string error;
  std::unique_ptr<llvm::MemoryBuffer> buffer = openInputFile(path, &error);
  if (!buffer)
    return Status::error(error);
  auto sources = std::make_shared<llvm::SourceMgr>();
  sources->AddNewSourceBuffer(std::move(buffer), SMLoc());

  ErrorCollector errors(&context);
  ParserConfig config(&context);
  ModuleFile file;
  const llvm::MemoryBuffer *main =
      sources->getMemoryBuffer(sources->getMainFileID());
  if (isBytecode(*main)) {
    // Blobs of bytecode may point into the buffer, which they keep alive.
    file.module = parseSourceFile<ModuleOp>(sources, config);
    return file.module ? Expected<ModuleFile>(std::move(file))
                       : errors.toStatus("cannot read the bytecode");
  }

  Block block;
  AsmParserState parserState;
  if (failed(parseAsmSourceFile(*sources, &block, config, &parserState)))
    return errors.toStatus("cannot parse the module");
  file.module = detail::constructContainerOpForParserIfNecessary<ModuleOp>(
      &block, &context, FileLineColLoc::get(&context, path, 0, 0));
  if (!file.module)
    return errors.toStatus("expected a module");
  for (auto func : file.module->getOps<func::FuncOp>())
    if (!func.isExternal())
      file.argumentNames[func.getName().str()] = readNames(parserState, func);
  return file;
}

Expected<std::string> ModuleFile::findEntry(const std::string &name) {
  std::vector<std::string> names;
  for (auto func : module->getOps<func::FuncOp>())
    if (func.isPublic() && !func.isExternal())
      names.push_back(func.getName().str());
  if (names.empty())
    return Status::error("the module has no public function to run");
  std::string wanted = name.empty() ? "main" : name;
  if (llvm::is_contained(names, wanted))
    return wanted;
  if (name.empty() && names.size() == 1)
    return names.front();
  std::string known = llvm::join(names, ", ");
  if (name.empty())
    return Status::error("expected an entry to be named, one of: " + known);
  return Status::error("no entry called '" + name + "'; there is: " + known);
}

std::vector<std::string>
ModuleFile::getArgumentNames(const std::string &function) const {
  auto found = argumentNames.find(function);
  return found == argumentNames.end() ? std::vector<std::string>()
                                      : found->second;
}

Expected<size_t> findArgument(const std::vector<std::string> &names,
                              const std::string &name) {
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i] == name)
      return i;
  size_t position;
  if (!StringRef(name).getAsInteger(10, position))
    return position;
  std::string known;
  for (const std::string &argument : names)
    known += (known.empty() ? "" : ", ") + argument;
  return Status::error(
      "no argument called '" + name + "'" +
      (known.empty() ? "; arguments go by number" : "; there is: " + known));
}

} // namespace fp4

//===- Compiler.cpp - Modules and passes through C ------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Implements fp4-c/Compiler.h. Each module has its own context, so that
// programs need not think about which objects share one.
//
//===----------------------------------------------------------------------===//

#include "fp4-c/Compiler.h"
#include "DiagnosticText.h"
#include "Module.h"
#include "Text.h"
#include "fp4-c/Dialect/FP4.h"
#include "fp4/InitAllDialects.h"
#include "fp4/Target/PTX.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;
using namespace fp4;

static const DialectRegistry &getRegistry() {
  static const DialectRegistry registry = [] {
    DialectRegistry all;
    fp4::registerAllDialects(all);
    fp4::registerPTXTranslation(all);
    return all;
  }();
  return registry;
}

//===----------------------------------------------------------------------===//
// Parsing
//===----------------------------------------------------------------------===//

/// Runs `parse` in the context of a new module; null if it gives no module.
static FP4Module *
parseModule(llvm::function_ref<OwningOpRef<ModuleOp>(llvm::SourceMgr &,
                                                     const ParserConfig &)>
                parse,
            char **diagnostics) {
  auto module = std::make_unique<FP4Module>(getRegistry());
  capi::DiagnosticText text(module->context.get());
  module->op = parse(text.getSources(), ParserConfig(module->context.get()));
  text.moveTo(diagnostics);
  return module->op ? module.release() : nullptr;
}

FP4Module *fp4ModuleParse(const char *source, size_t length, const char *name,
                          char **diagnostics) {
  return parseModule(
      [&](llvm::SourceMgr &sources, const ParserConfig &config) {
        // The parser needs a terminating null, which the caller's buffer may
        // lack; bytecode needs alignment, which a copy has.
        sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(
                                       StringRef(source, length), name),
                                   SMLoc());
        return parseSourceFile<ModuleOp>(sources, config);
      },
      diagnostics);
}

FP4Module *fp4ModuleParseFile(const char *path, char **diagnostics) {
  return parseModule(
      [&](llvm::SourceMgr &sources, const ParserConfig &config) {
        return parseSourceFile<ModuleOp>(path, sources, config);
      },
      diagnostics);
}

void fp4ModuleDestroy(FP4Module *module) { delete module; }

//===----------------------------------------------------------------------===//
// Passes
//===----------------------------------------------------------------------===//

/// Accepts "builtin.module(a,b)" and "a,b".
static LogicalResult parsePipeline(StringRef pipeline, PassManager &passes,
                                   raw_ostream &errors) {
  pipeline = pipeline.trim();
  StringRef inner = pipeline;
  if (inner.consume_front("builtin.module(") && inner.consume_back(")"))
    pipeline = inner;
  return parsePassPipeline(pipeline, passes, errors);
}

bool fp4ModuleRun(FP4Module *module, const char *pipeline, char **diagnostics) {
  fp4RegisterAllPasses();
  PassManager passes(module->context.get());
  std::string errors;
  llvm::raw_string_ostream errorStream(errors);
  if (failed(parsePipeline(pipeline, passes, errorStream)))
    return capi::fail(diagnostics, StringRef(errors).trim());

  // Constants live in the context, so the copy is small.
  OwningOpRef<ModuleOp> copy = module->op->clone();
  capi::DiagnosticText text(module->context.get());
  LogicalResult result = passes.run(*copy);
  text.moveTo(diagnostics);
  if (failed(result))
    return false;
  module->op = std::move(copy);
  return true;
}

//===----------------------------------------------------------------------===//
// Printing
//===----------------------------------------------------------------------===//

char *fp4ModulePrint(const FP4Module *module, size_t elideAbove) {
  OpPrintingFlags flags;
  if (elideAbove != 0) {
    flags.elideLargeElementsAttrs(elideAbove);
    flags.elideLargeResourceString(elideAbove);
  }
  std::string text;
  llvm::raw_string_ostream stream(text);
  ModuleOp op = *module->op;
  op.print(stream, flags);
  return capi::copyText(text);
}

char *fp4ModuleToBytecode(const FP4Module *module, size_t *length) {
  std::string bytes;
  llvm::raw_string_ostream stream(bytes);
  ModuleOp op = *module->op;
  // Without a requested version the newest is written, which cannot fail.
  (void)writeBytecodeToFile(op, stream);
  *length = bytes.size();
  return capi::copyText(bytes);
}

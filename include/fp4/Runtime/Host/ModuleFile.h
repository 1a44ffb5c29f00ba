//===- ModuleFile.h - A module with its argument names ----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parses a module (text or bytecode) for running: errors come back as a Status,
// and the names that function arguments have in the text are kept, since the
// IR forgets them.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_RUNTIME_HOST_MODULEFILE_H
#define FP4_RUNTIME_HOST_MODULEFILE_H

#include "fp4/Status/Status.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <map>
#include <string>
#include <vector>

namespace fp4 {

class ModuleFile {
public:
  static Expected<ModuleFile> parse(const std::string &path,
                                    mlir::MLIRContext &context);

  mlir::ModuleOp getModule() { return *module; }
  /// The public function called `name`; if that is empty, "main" or else the
  /// only one. The error lists the names there are.
  Expected<std::string> findEntry(const std::string &name);
  /// Names of a function's arguments without the percent sign; empty for
  /// bytecode.
  std::vector<std::string> getArgumentNames(const std::string &function) const;

private:
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::map<std::string, std::vector<std::string>> argumentNames;
};

/// The position of `name` in `names`, or the position that a decimal number
/// gives.
Expected<size_t> findArgument(const std::vector<std::string> &names,
                              const std::string &name);

} // namespace fp4

#endif // FP4_RUNTIME_HOST_MODULEFILE_H

//===- ErrorCollector.h - MLIR diagnostics as a Status ----------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For code that calls MLIR and reports with Status.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_RUNTIME_HOST_ERRORCOLLECTOR_H
#define FP4_RUNTIME_HOST_ERRORCOLLECTOR_H

#include "fp4/Status/Status.h"
#include "mlir/IR/Diagnostics.h"

namespace fp4 {

/// Keeps the first error that MLIR reports while this object lives, as one line
/// "file:line:column: message", and lets nothing be printed.
class ErrorCollector {
public:
  explicit ErrorCollector(mlir::MLIRContext *context)
      : handler(context, [this](mlir::Diagnostic &diagnostic) {
          add(diagnostic);
          return mlir::success();
        }) {}

  /// The error, or `otherwise` if none was reported.
  Status toStatus(const char *otherwise) const {
    return Status::error(text.empty() ? otherwise : text);
  }

private:
  void add(mlir::Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error ||
        !text.empty())
      return;
    llvm::raw_string_ostream stream(text);
    mlir::Location loc = diagnostic.getLocation();
    if (auto place = loc->findInstanceOf<mlir::FileLineColLoc>())
      stream << place.getFilename().getValue() << ":" << place.getLine() << ":"
             << place.getColumn() << ": ";
    stream << diagnostic;
  }

  std::string text;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace fp4

#endif // FP4_RUNTIME_HOST_ERRORCOLLECTOR_H

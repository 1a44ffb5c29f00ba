//===- DiagnosticText.h - Diagnostics as a string ---------------*- C++ -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Collects what a context reports, in the form of mlir-opt, for the caller of
// the C API.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_LIB_CAPI_DIAGNOSTICTEXT_H
#define FP4_LIB_CAPI_DIAGNOSTICTEXT_H

#include "Text.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

namespace fp4::capi {

/// Collects the diagnostics of a context while it lives.
class DiagnosticText {
public:
  explicit DiagnosticText(mlir::MLIRContext *context)
      : handler(sources, context, stream) {}

  llvm::SourceMgr &getSources() { return sources; }

  /// Hands the text to the caller of the C API; null if there is none.
  void moveTo(char **diagnostics) {
    if (diagnostics)
      *diagnostics = text.empty() ? nullptr : copyText(text);
  }

private:
  std::string text;
  llvm::raw_string_ostream stream{text};
  llvm::SourceMgr sources;
  mlir::SourceMgrDiagnosticHandler handler;
};

} // namespace fp4::capi

#endif // FP4_LIB_CAPI_DIAGNOSTICTEXT_H

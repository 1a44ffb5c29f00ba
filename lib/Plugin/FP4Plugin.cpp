//===- FP4Plugin.cpp - fp4 for a stock mlir-opt ---------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The entry points that mlir-opt looks for in a plugin library:
//
//   mlir-opt --load-dialect-plugin=lib/FP4Plugin.so
//            --pass-pipeline='builtin.module(...)' in.mlir
//
// One flag is enough: loading the dialects registers the passes and pipelines
// too. mlir-opt parses its command line before it loads plugins, so passes are
// reached through --pass-pipeline only, not through flags of their own.
//
//===----------------------------------------------------------------------===//

#include "fp4/InitAllDialects.h"
#include "fp4/InitAllPasses.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/Config/llvm-config.h"

/// Both entry points come here if both flags are given, and a pass may be
/// registered only once.
static void registerPassesOnce() {
  static const bool registered = [] {
    fp4::registerAllPasses();
    return true;
  }();
  (void)registered;
}

extern "C" LLVM_ATTRIBUTE_WEAK mlir::DialectPluginLibraryInfo
mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "FP4", LLVM_VERSION_STRING,
          [](mlir::DialectRegistry *registry) {
            fp4::registerAllDialects(*registry);
            registerPassesOnce();
          }};
}

extern "C" LLVM_ATTRIBUTE_WEAK mlir::PassPluginLibraryInfo
mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "FP4", LLVM_VERSION_STRING,
          [] { registerPassesOnce(); }};
}

// RUN: %cc_capi %s -o %t && %t | FileCheck %s

#include "fp4-c/Compiler.h"
#include <stdio.h>
#include <string.h>

static const char twoRotations[] =
    "func.func @f(%x: tensor<4x32xf32>) -> tensor<4x32xf32> {\n"
    "  %0 = fp4.hadamard %x block 16 : tensor<4x32xf32>\n"
    "  %1 = fp4.hadamard %0 block 16 : tensor<4x32xf32>\n"
    "  return %1 : tensor<4x32xf32>\n"
    "}\n";

static void show(const char *name, FP4Module *module) {
  char *text = fp4ModulePrint(module, 0);
  printf("%s:\n%s\n", name, text);
  fp4StringFree(text);
}

static void testRun(void) {
  char *diagnostics = NULL;
  FP4Module *module = fp4ModuleParse(twoRotations, strlen(twoRotations),
                                     "two.mlir", &diagnostics);
  printf("parsed %d %d\n", module != NULL, diagnostics == NULL);
  // CHECK: parsed 1 1
  bool ok = fp4ModuleRun(module, "func.func(canonicalize)", &diagnostics);
  printf("ran %d %d\n", ok, diagnostics == NULL);
  // CHECK: ran 1 1
  show("canonicalized", module);
  // CHECK-LABEL: canonicalized:
  // CHECK:         func.func @f(%[[X:.*]]: tensor<4x32xf32>)
  // CHECK-NEXT:      return %[[X]]
  ok = fp4ModuleRun(module, "builtin.module(cse,canonicalize)", NULL);
  printf("anchored %d\n", ok);
  // CHECK: anchored 1

  size_t length;
  char *bytecode = fp4ModuleToBytecode(module, &length);
  printf("bytecode %.4s\n", bytecode);
  // CHECK: bytecode ML{{.}}R
  FP4Module *copy = fp4ModuleParse(bytecode, length, "copy", NULL);
  show("from bytecode", copy);
  // CHECK-LABEL: from bytecode:
  // CHECK:         func.func @f
  fp4StringFree(bytecode);
  fp4ModuleDestroy(copy);
  fp4ModuleDestroy(module);
}

static void testErrors(void) {
  char *diagnostics = NULL;
  const char source[] = "func.func @f(%x: tensor<4x48xf32>) {\n"
                        "  %0 = fp4.hadamard %x block 48 : tensor<4x48xf32>\n"
                        "  return\n}\n";
  FP4Module *module =
      fp4ModuleParse(source, strlen(source), "bad.mlir", &diagnostics);
  printf("bad %d\n%s\n", module != NULL, diagnostics);
  // CHECK: bad 0
  // CHECK-NEXT: bad.mlir:2:8: error: 'fp4.hadamard' op expected 'block' to be a
  // power of two in 2..1024, got 48 CHECK-NEXT: %0 = fp4.hadamard %x block 48
  fp4StringFree(diagnostics);

  module = fp4ModuleParseFile("does-not-exist.mlir", &diagnostics);
  printf("file %d %s\n", module != NULL, diagnostics);
  // CHECK: file 0 {{.*}}does-not-exist.mlir
  fp4StringFree(diagnostics);

  module = fp4ModuleParse(twoRotations, strlen(twoRotations), "two.mlir", NULL);
  bool ok = fp4ModuleRun(module, "no-such-pass", &diagnostics);
  printf("pipeline %d %s\n", ok, diagnostics);
  // CHECK: pipeline 0 {{.*}}'no-such-pass' does not refer to a registered pass
  fp4StringFree(diagnostics);
  fp4ModuleDestroy(module);
  fp4ModuleDestroy(NULL);
}

// The first pass changes the module and the second fails, since nothing says
// how a Hadamard transform is bufferized: nothing happened.
static void testFailingPass(void) {
  char *diagnostics = NULL;
  const char source[] =
      "func.func @f(%x: tensor<4x32xf32>, %a: index) -> index {\n"
      "  %0 = arith.constant 0 : index\n"
      "  %1 = arith.addi %a, %0 : index\n"
      "  %2 = fp4.hadamard %x block 16 : tensor<4x32xf32>\n"
      "  bufferization.dealloc_tensor %2 : tensor<4x32xf32>\n"
      "  return %1 : index\n"
      "}\n";
  FP4Module *module =
      fp4ModuleParse(source, strlen(source), "f.mlir", &diagnostics);
  bool ok =
      fp4ModuleRun(module, "canonicalize,one-shot-bufferize", &diagnostics);
  printf("failing %d\n%s\n", ok, diagnostics);
  // CHECK: failing 0
  // CHECK-NEXT: f.mlir:4:8: error: op was not bufferized
  fp4StringFree(diagnostics);
  show("unchanged", module);
  // CHECK-LABEL: unchanged:
  // CHECK:         arith.addi
  fp4ModuleDestroy(module);
}

int main(void) {
  testRun();
  testErrors();
  testFailingPass();
  return 0;
}

// RUN: rm -rf %t.fp4
// RUN: %cc_capi %s -o %t && %t %t.fp4 | FileCheck %s
// RUN: ls %t.fp4 | FileCheck --check-prefix=FILES %s

#include "fp4-c/Compiler.h"
#include <stdio.h>
#include <string.h>

static const char linear[] =
    "func.func @main(%x: tensor<128x256xf32>) -> tensor<128x128xf32> {\n"
    "  %w = arith.constant dense<0.5> : tensor<128x256xf32>\n"
    "  %y = fp4.matmul %x, %w\n"
    "      : tensor<128x256xf32>, tensor<128x256xf32> -> tensor<128x128xf32>\n"
    "  return %y : tensor<128x128xf32>\n"
    "}\n";

static FP4Module *parse(void) {
  return fp4ModuleParse(linear, strlen(linear), "linear.mlir", NULL);
}

static void testNames(void) {
  printf("first phase %s, end %d\n", fp4PhaseGetName(0),
         fp4PhaseGetName(100) == NULL);
  // CHECK: first phase input, end 1
}

static void testPTX(const FP4CompileOptions *options) {
  FP4Module *module = parse();
  char *ptx = fp4ModuleCompileToPTX(module, options, NULL);
  printf("mma %d\n", ptx && strstr(ptx, "kind::mxf4nvf4.block_scale") != NULL);
  // CHECK: mma 1
  fp4StringFree(ptx);
  fp4ModuleDestroy(module);
}

static void testPhase(const FP4CompileOptions *options) {
  FP4Module *module = parse();
  bool ok = fp4ModuleCompileTo(module, options, "quantize", NULL);
  char *text = fp4ModulePrint(module, 16);
  printf("quantize %d %d\n", ok, strstr(text, "fp4.quantize") != NULL);
  // CHECK: quantize 1 1
  fp4StringFree(text);
  fp4ModuleDestroy(module);
}

static void testErrors(const FP4CompileOptions *defaults) {
  FP4Module *module = parse();
  FP4CompileOptions options = *defaults;
  char *diagnostics = NULL;
  bool ok = fp4ModuleCompileTo(module, &options, "end", &diagnostics);
  printf("phase %d: %s\n", ok, diagnostics);
  // CHECK: phase 0: unknown phase 'end', expected one of input, rotate, fuse
  fp4StringFree(diagnostics);
  options.target = "sm_80";
  char *ptx = fp4ModuleCompileToPTX(module, &options, &diagnostics);
  printf("target %d: %s\n", ptx != NULL, diagnostics);
  // CHECK: target 0: unsupported target 'sm_80'; supported: sm_90a
  fp4StringFree(diagnostics);
  fp4ModuleDestroy(module);
}

int main(int argc, char **argv) {
  testNames();
  FP4CompileOptions options = fp4CompileOptionsGetDefault();
  options.algorithm = "rtn";
  testPTX(&options);
  testPhase(&options);
  testErrors(&options);
  FP4Module *module = parse();
  bool ok =
      argc == 2 && fp4ModuleCompileToArtifact(module, &options, argv[1], NULL);
  printf("artifact %d\n", ok);
  // CHECK: artifact 1
  // FILES: kernels.sm_120a.ptx
  // FILES: manifest.json
  // FILES: weights.safetensors
  fp4ModuleDestroy(module);
  return 0;
}

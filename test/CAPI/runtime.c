// RUN: %cc_capi %s -o %t && %t | FileCheck %s

#include "fp4-c/Runtime.h"
#include <stdio.h>
#include <string.h>

static const char linear[] =
    "func.func @main(%x: tensor<?x32xf32>) -> tensor<?x8xf32> {\n"
    "  %w = arith.constant dense<0.5> : tensor<8x32xf32>\n"
    "  %y = fp4.matmul %x, %w {fp4.layer = \"fc\"}\n"
    "      : tensor<?x32xf32>, tensor<8x32xf32> -> tensor<?x8xf32>\n"
    "  return %y : tensor<?x8xf32>\n"
    "}\n";

static void testRun(const FP4Module *module, const FP4Array *input) {
  FP4Program *program = fp4ProgramCompile(module, "main", NULL);
  FP4Array type = fp4ProgramGetArgumentType(program, 0);
  printf("arguments %zu: %s %d x %d\n", fp4ProgramGetNumArguments(program),
         type.dtype, (int)type.shape[0], (int)type.shape[1]);
  // CHECK: arguments 1: F32 -1 x 32
  FP4Arrays *results = fp4ProgramRun(program, input, 1, NULL);
  FP4Array y = fp4ArraysGet(results, 0);
  printf("results %zu: %s %d x %d of %g, name '%s'\n",
         fp4ArraysGetSize(results), y.dtype, (int)y.shape[0], (int)y.shape[1],
         ((const float *)y.data)[15], fp4ArraysGetName(results, 0));
  // 32 * 1 * 0.5 = 16.
  // CHECK: results 1: F32 2 x 8 of 16, name ''
  fp4ArraysDestroy(results);

  char *error = NULL;
  FP4Array bad = *input;
  bad.dtype = "F128";
  results = fp4ProgramRun(program, &bad, 1, &error);
  printf("dtype %d: %s\n", results != NULL, error);
  // CHECK: dtype 0: unknown dtype 'F128'
  fp4StringFree(error);
  results = fp4ProgramRun(program, NULL, 0, &error);
  printf("count %d: %s\n", results != NULL, error);
  // CHECK: count 0: expected 1 inputs for 'main', got 0
  fp4StringFree(error);
  fp4ProgramDestroy(program);
}

static void testHessians(const FP4Module *module, const FP4Array *input) {
  FP4Arrays *hessians = fp4CollectHessians(module, "main", input, 1, NULL);
  FP4Array h = fp4ArraysGet(hessians, 0);
  printf("hessian %s %d x %d of %g\n", fp4ArraysGetName(hessians, 0),
         (int)h.shape[0], (int)h.shape[1], ((const float *)h.data)[33]);
  // Ones give X^T X / rows = 1 everywhere.
  // CHECK: hessian fc 32 x 32 of 1
  fp4ArraysDestroy(hessians);
}

int main(void) {
  char *error = NULL;
  FP4Module *module = fp4ModuleParse(linear, strlen(linear), "l.mlir", NULL);
  float ones[64];
  for (int i = 0; i < 64; ++i)
    ones[i] = 1;
  const int64_t shape[] = {2, 32};
  FP4Array input = {"F32", 2, shape, ones};
  testRun(module, &input);
  testHessians(module, &input);
  FP4Program *program = fp4ProgramCompile(module, "absent", &error);
  printf("entry %d: %s\n", program != NULL, error);
  // CHECK: entry 0: the module has no public function called 'absent'
  fp4StringFree(error);
  fp4ModuleDestroy(module);
  return 0;
}

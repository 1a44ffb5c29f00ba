// RUN: %cc_capi %s -o %t && %t | FileCheck %s

#include "fp4-c/Quantization.h"
#include <math.h>
#include <stdio.h>

enum { rows = 4, cols = 64, tokens = 256 };

// Inputs whose neighbours are correlated: that is what GPTQ makes use of.
static void fillInputs(float *inputs, float *weights) {
  uint32_t state = 1;
  for (int i = 0; i < tokens * cols; ++i) {
    state = state * 1664525u + 1013904223u;
    float noise = (float)(state >> 8) / 8388608.0f - 1.0f;
    inputs[i] = noise + (i % cols ? 0.9f * inputs[i - 1] : 0.0f);
  }
  for (int i = 0; i < rows * cols; ++i) {
    state = state * 1664525u + 1013904223u;
    weights[i] = (float)(state >> 8) / 8388608.0f - 1.0f;
  }
}

int main(void) {
  static float inputs[tokens * cols], weights[rows * cols], matrix[cols * cols];
  fillInputs(inputs, weights);
  FP4BlockFormat format;
  fp4BlockFormatParse("nvfp4", &format, NULL);

  char *error = NULL;
  FP4Hessian *hessian = fp4HessianCreate(cols);
  fp4HessianFinish(hessian, matrix, &error);
  printf("empty: %s\n", error);
  // CHECK: empty: {{.+}}
  fp4StringFree(error);
  bool ok = fp4HessianAdd(hessian, inputs, tokens, NULL) &&
            fp4HessianFinish(hessian, matrix, NULL);
  printf("hessian %d symmetric %d\n", ok, matrix[1] == matrix[cols]);
  // CHECK: hessian 1 symmetric 1
  inputs[5] = NAN;
  fp4HessianAdd(hessian, inputs, 1, &error);
  printf("nan: %s\n", error);
  // CHECK: nan: {{.+}}
  fp4StringFree(error);
  fp4HessianDestroy(hessian);

  static uint8_t codes[rows * cols], scales[rows * cols / 16];
  float tensorScale;
  FP4WeightReport report;
  ok = fp4QuantizeWeight("gptq", &format, weights, rows, cols, matrix, codes,
                         scales, &tensorScale, &report, NULL);
  printf("gptq %d better %d rotation %zu\n", ok,
         report.objective < report.objectiveRTN, report.hadamardBlock);
  // CHECK: gptq 1 better 1 rotation 0
  ok = fp4QuantizeWeight("mr-gptq", &format, weights, rows, cols, matrix, codes,
                         scales, &tensorScale, &report, NULL);
  printf("mr-gptq %d better %d rotation %zu\n", ok,
         report.objective < report.objectiveRTN, report.hadamardBlock);
  // CHECK: mr-gptq 1 better 1 rotation 16

  fp4QuantizeWeight("gptq", &format, weights, rows, cols, NULL, codes, scales,
                    &tensorScale, NULL, &error);
  printf("no hessian: %s\n", error);
  // CHECK: no hessian: {{.+}}
  fp4StringFree(error);
  fp4QuantizeWeight("best", &format, weights, rows, cols, NULL, codes, scales,
                    &tensorScale, NULL, &error);
  printf("preset: %s\n", error);
  // CHECK: preset: {{.*}}'best'{{.*}}mr-gptq
  fp4StringFree(error);
  return 0;
}

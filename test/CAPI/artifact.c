// An artifact through C, on the emulator.
// RUN: rm -rf %t && mkdir %t
// RUN: fp4-compile %S/../Tools/fp4-compile/layer.mlir --algorithm=rtn \
// RUN:   --format=mxfp4 -o %t/layer.fp4
// RUN: %cc_capi %s -o %t/run && %t/run %t/layer.fp4 | FileCheck %s

#include "fp4-c/Artifact.h"
#include <stdio.h>

int main(int argc, char **argv) {
  char *error = NULL;
  FP4Artifact *artifact = fp4ArtifactLoad(argv[argc - 1], "emulator", &error);
  if (!artifact) {
    printf("%s\n", error);
    return 1;
  }
  for (size_t i = 0; i < fp4ArtifactGetNumInputs(artifact); ++i) {
    FP4Array type = fp4ArtifactGetInputType(artifact, i);
    printf("%s: %s %d x %d, rank %zu\n", fp4ArtifactGetInputName(artifact, i),
           type.dtype, (int)type.shape[0], (int)type.shape[1], type.rank);
  }
  // CHECK: arg0: F32 -1 x 256, rank 2

  static float x[3 * 256];
  for (size_t i = 0; i < sizeof x / sizeof *x; ++i)
    x[i] = 1;
  const int64_t shape[] = {3, 256};
  FP4Array inputs[] = {{"F32", 2, shape, x}};
  FP4Arrays *results = fp4ArtifactRun(artifact, inputs, 1, true, &error);
  if (!results) {
    printf("%s\n", error);
    return 1;
  }
  FP4Array out = fp4ArraysGet(results, 0);
  printf("%s: %s %d x %d of %g\n", fp4ArraysGetName(results, 0), out.dtype,
         (int)out.shape[0], (int)out.shape[1],
         ((const float *)out.data)[3 * 128 - 1]);
  // 256 products of 1.0 and 0.5.
  // CHECK-NEXT: out: F32 3 x 128 of 128
  fp4ArraysDestroy(results);

  results = fp4ArtifactRun(artifact, inputs, 0, false, &error);
  printf("%d: %s\n", results != NULL, error);
  // CHECK-NEXT: 0: expected 1 inputs, got 0
  fp4StringFree(error);
  fp4ArtifactDestroy(artifact);
  artifact = fp4ArtifactLoad(argv[0], "emulator", &error);
  printf("%d: %s\n", artifact != NULL, error);
  // CHECK-NEXT: 0: cannot read '{{.*}}manifest.json'
  fp4StringFree(error);
  return 0;
}

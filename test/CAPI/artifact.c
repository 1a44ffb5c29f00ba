// An artifact through C, on the emulator.
// RUN: rm -rf %t && mkdir %t
// RUN: fp4-compile %S/../Tools/fp4-compile/layer.mlir --algorithm=rtn \
// RUN:   --format=mxfp4 -o %t/layer.fp4
// RUN: %cc_capi %s -o %t/run && %t/run %t/layer.fp4 | FileCheck %s

#include "fp4-c/Artifact.h"
#include <stdio.h>
#include <string.h>

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
  // CHECK: lhs: U8 -1 x 128, rank 2
  // CHECK-NEXT: lhs_scales: F8_E8M0 -1 x 2, rank 5

  static unsigned char elements[3 * 128], scales[2 * 512];
  memset(elements, 0x22, sizeof elements);
  memset(scales, 127, sizeof scales);
  const int64_t shape[] = {3, 128}, scaleShape[] = {1, 2, 32, 4, 4};
  FP4Array inputs[] = {{"U8", 2, shape, elements},
                       {"F8_E8M0", 5, scaleShape, scales}};
  FP4Arrays *results = fp4ArtifactRun(artifact, inputs, 2, true, &error);
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

  results = fp4ArtifactRun(artifact, inputs, 1, false, &error);
  printf("%d: %s\n", results != NULL, error);
  // CHECK-NEXT: 0: expected 2 inputs, got 1
  fp4StringFree(error);
  fp4ArtifactDestroy(artifact);
  artifact = fp4ArtifactLoad(argv[0], "emulator", &error);
  printf("%d: %s\n", artifact != NULL, error);
  // CHECK-NEXT: 0: cannot read '{{.*}}manifest.json'
  fp4StringFree(error);
  return 0;
}

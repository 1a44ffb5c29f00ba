//===- Artifact.h - Running what fp4-compile wrote ----------------*- C -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Artifacts (docs/Manifest.md) on a GPU, on the PTX emulator, or on the host by
// what their kernels mean.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_C_ARTIFACT_H
#define FP4_C_ARTIFACT_H

#include "fp4-c/Runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/// An artifact on a device, with its weights in device memory.
typedef struct FP4Artifact FP4Artifact;

/// `device` is "cuda", "emulator" or "host". Returns null on failure.
FP4_CAPI_EXPORTED FP4Artifact *
fp4ArtifactLoad(const char *path, const char *device, char **error);
FP4_CAPI_EXPORTED void fp4ArtifactDestroy(FP4Artifact *artifact);

FP4_CAPI_EXPORTED size_t fp4ArtifactGetNumInputs(const FP4Artifact *artifact);
/// The name of an input; valid as long as `artifact`.
FP4_CAPI_EXPORTED const char *
fp4ArtifactGetInputName(const FP4Artifact *artifact, size_t index);
/// dtype and shape of an input, -1 where a size is open; valid until the next
/// call for `artifact`. Packed 4-bit elements are "U8", two to a byte, the even
/// one low.
FP4_CAPI_EXPORTED FP4Array fp4ArtifactGetInputType(const FP4Artifact *artifact,
                                                   size_t index);

/// Runs all launches on `numInputs` arrays, in the order of the inputs, and
/// returns the outputs with their names. With `check`, fails if a launch
/// differs from what its kernel means, computed independently in double
/// precision, by more than the bound of float32 accumulation.
FP4_CAPI_EXPORTED FP4Arrays *fp4ArtifactRun(const FP4Artifact *artifact,
                                            const FP4Array *inputs,
                                            size_t numInputs, bool check,
                                            char **error);

#ifdef __cplusplus
}
#endif

#endif // FP4_C_ARTIFACT_H

//===- FP4.h - The dialect in mlir-c terms ------------------------*- C -*-===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Registration, attributes and types of the fp4 dialect for programs that use
// MLIR's C API. Link libFP4.so for both: it exports the mlir* functions that
// Debian ships as static archives only.
//
//===----------------------------------------------------------------------===//

#ifndef FP4_C_DIALECT_FP4_H
#define FP4_C_DIALECT_FP4_H

#include "fp4-c/Numerics.h"
#include "mlir-c/IR.h"

#ifdef __cplusplus
extern "C" {
#endif

MLIR_DECLARE_CAPI_DIALECT_REGISTRATION(FP4, fp4);

/// Registers the fp4 dialects and every upstream one.
FP4_CAPI_EXPORTED void fp4RegisterAllDialects(MlirDialectRegistry registry);

/// Registers the fp4 passes, pipelines and every upstream pass, for
/// mlirParsePassPipeline. May be called more than once.
FP4_CAPI_EXPORTED void fp4RegisterAllPasses(void);

/// #fp4.format<...>. Returns a null attribute, with a diagnostic on `context`,
/// if the block is illegal.
FP4_CAPI_EXPORTED MlirAttribute fp4FormatAttrGet(MlirContext context,
                                                 const FP4BlockFormat *format);
FP4_CAPI_EXPORTED bool fp4AttributeIsAFormat(MlirAttribute attribute);
FP4_CAPI_EXPORTED FP4BlockFormat
fp4FormatAttrGetBlockFormat(MlirAttribute attribute);

/// !fp4.tensor<...>; a dimension may be mlirShapedTypeGetDynamicSize(). Returns
/// a null type, with a diagnostic at `location`, if the block does not divide
/// the shape.
FP4_CAPI_EXPORTED MlirType
fp4MicroscaledTensorTypeGetChecked(MlirLocation location, intptr_t rank,
                                   const int64_t *shape, MlirAttribute format);
FP4_CAPI_EXPORTED bool fp4TypeIsAMicroscaledTensor(MlirType type);
FP4_CAPI_EXPORTED intptr_t fp4MicroscaledTensorTypeGetRank(MlirType type);
FP4_CAPI_EXPORTED int64_t fp4MicroscaledTensorTypeGetDimSize(MlirType type,
                                                             intptr_t dim);
FP4_CAPI_EXPORTED MlirAttribute
fp4MicroscaledTensorTypeGetFormat(MlirType type);
/// The plain tensors that fp4.unpack gives.
FP4_CAPI_EXPORTED MlirType
fp4MicroscaledTensorTypeGetElementsType(MlirType type);
FP4_CAPI_EXPORTED MlirType fp4MicroscaledTensorTypeGetScalesType(MlirType type);

#ifdef __cplusplus
}
#endif

#endif // FP4_C_DIALECT_FP4_H

// RUN: %cc_capi %s -o %t && %t 2>&1 | FileCheck %s

#include "fp4-c/Dialect/FP4.h"
#include "mlir-c/BuiltinTypes.h"
#include "mlir-c/Diagnostics.h"
#include "mlir-c/Pass.h"
#include <stdio.h>

static MlirLogicalResult printDiagnostic(MlirDiagnostic diagnostic,
                                         void *userData);

static void print(MlirStringRef text, void *userData) {
  (void)userData;
  printf("%.*s", (int)text.length, text.data);
}

static MlirLogicalResult printDiagnostic(MlirDiagnostic diagnostic,
                                         void *userData) {
  printf("diagnostic: ");
  mlirDiagnosticPrint(diagnostic, print, userData);
  printf("\n");
  return mlirLogicalResultSuccess();
}

static void show(const char *name, MlirType type) {
  printf("%s: ", name);
  mlirTypePrint(type, print, NULL);
  printf("\n");
}

static void testTypes(MlirContext context) {
  FP4BlockFormat format;
  fp4BlockFormatParse("nvfp4", &format, NULL);
  MlirAttribute attribute = fp4FormatAttrGet(context, &format);
  FP4BlockFormat back = fp4FormatAttrGetBlockFormat(attribute);
  printf("attribute %d block %u\n", fp4AttributeIsAFormat(attribute),
         back.blockCols);
  // CHECK: attribute 1 block 16

  MlirLocation location = mlirLocationUnknownGet(context);
  int64_t shape[] = {mlirShapedTypeGetDynamicSize(), 64};
  MlirType type =
      fp4MicroscaledTensorTypeGetChecked(location, 2, shape, attribute);
  show("type", type);
  // CHECK: type: !fp4.tensor<?x64, #fp4.nvfp4>
  printf("is a tensor %d rank %d cols %d\n", fp4TypeIsAMicroscaledTensor(type),
         (int)fp4MicroscaledTensorTypeGetRank(type),
         (int)fp4MicroscaledTensorTypeGetDimSize(type, 1));
  // CHECK: is a tensor 1 rank 2 cols 64
  printf(
      "same format %d\n",
      mlirAttributeEqual(attribute, fp4MicroscaledTensorTypeGetFormat(type)));
  // CHECK: same format 1
  show("elements", fp4MicroscaledTensorTypeGetElementsType(type));
  // CHECK: elements: tensor<?x64xf4E2M1FN>
  show("scales", fp4MicroscaledTensorTypeGetScalesType(type));
  // CHECK: scales: tensor<?x4xf8E4M3FN>
  printf("index is a tensor %d\n",
         fp4TypeIsAMicroscaledTensor(mlirIndexTypeGet(context)));
  // CHECK: index is a tensor 0
}

static void testIllegal(MlirContext context) {
  FP4BlockFormat format;
  fp4BlockFormatParse("mxfp4", &format, NULL);
  MlirAttribute attribute = fp4FormatAttrGet(context, &format);
  int64_t shape[] = {4, 40};
  MlirType type = fp4MicroscaledTensorTypeGetChecked(
      mlirLocationUnknownGet(context), 2, shape, attribute);
  printf("null type %d\n", mlirTypeIsNull(type));
  // CHECK: diagnostic: expected dimension 1 to be a multiple of the block size
  // 32, got 40 CHECK: null type 1
  format.blockCols = 3;
  printf("null attribute %d\n",
         mlirAttributeIsNull(fp4FormatAttrGet(context, &format)));
  // CHECK: diagnostic: expected block columns to be a power of two in 4..1024,
  // got 3 CHECK: null attribute 1
}

static void testPasses(MlirContext context) {
  fp4RegisterAllPasses();
  fp4RegisterAllPasses();
  MlirPassManager passes = mlirPassManagerCreate(context);
  MlirLogicalResult parsed = mlirParsePassPipeline(
      mlirPassManagerGetAsOpPassManager(passes),
      mlirStringRefCreateFromCString("builtin.module(canonicalize)"), print,
      NULL);
  printf("pipeline %d\n", mlirLogicalResultIsSuccess(parsed));
  // CHECK: pipeline 1
  mlirPassManagerDestroy(passes);
}

int main(void) {
  MlirDialectRegistry registry = mlirDialectRegistryCreate();
  fp4RegisterAllDialects(registry);
  MlirContext context =
      mlirContextCreateWithRegistry(registry, /*threadingEnabled=*/false);
  mlirContextAttachDiagnosticHandler(context, printDiagnostic, NULL, NULL);
  mlirDialectHandleLoadDialect(mlirGetDialectHandle__fp4__(), context);
  testTypes(context);
  testIllegal(context);
  testPasses(context);
  mlirContextDestroy(context);
  mlirDialectRegistryDestroy(registry);
  return 0;
}

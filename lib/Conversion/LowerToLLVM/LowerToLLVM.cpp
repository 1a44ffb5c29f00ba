//===- LowerToLLVM.cpp - From fp4 on tensors to the LLVM dialect ----------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Upstream passes in an order that works for what FP4ToLinalg produces.
//
//===----------------------------------------------------------------------===//

#include "fp4/Conversion/LowerToLLVM.h"
#include "ExpandDynamicShapes.h"
#include "fp4/Conversion/Passes.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Bufferization/Pipelines/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

void fp4::buildBufferizePipeline(OpPassManager &pm) {
  pm.addPass(createConvertFP4ToLinalg());
  pm.addNestedPass<func::FuncOp>(createConvertElementwiseToLinalgPass());
  pm.addPass(createCSEPass());
  pm.addPass(bufferization::createEmptyTensorEliminationPass());

  bufferization::OneShotBufferizePassOptions options;
  options.bufferizeFunctionBoundaries = true;
  // A loop may yield what it computed into a new buffer.
  options.allowReturnAllocsFromLoops = true;
  // Contiguous memrefs at function boundaries: innermost strides are known to
  // be 1, and loops over them vectorize.
  options.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  pm.addPass(bufferization::createOneShotBufferizePass(options));
  bufferization::buildBufferDeallocationPipeline(pm);
  pm.addPass(createCSEPass());
}

void fp4::buildBuffersToLLVMPipeline(OpPassManager &pm) {
  // Before functions of libm are declared, which have no wrappers.
  pm.addNestedPass<func::FuncOp>(LLVM::createLLVMRequestCWrappersPass());
  pm.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
  pm.addPass(createConvertBufferizationToMemRefPass());
  pm.addNestedPass<func::FuncOp>(createExpandDynamicShapes());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());
  // Functions of libm only where LLVM has no intrinsic (erf).
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createConvertMathToLibmPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
}

void fp4::buildLowerToLLVMPipeline(OpPassManager &pm) {
  buildBufferizePipeline(pm);
  buildBuffersToLLVMPipeline(pm);
}

void fp4::registerLowerToLLVMPipeline() {
  PassPipelineRegistration<>(
      "fp4-lower-to-llvm",
      "Lower fp4 and linalg on tensors to the LLVM dialect, for the CPU",
      buildLowerToLLVMPipeline);
}

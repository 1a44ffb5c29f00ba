//===- Phases.cpp - The phases of compilation, one list -------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which passes make up each phase. What a pass does is documented with it.
//
//===----------------------------------------------------------------------===//

#include "fp4/Pipelines/Phases.h"
#include "fp4/Conversion/Passes.h"
#include "fp4/Dialect/FP4/Transforms/Passes.h"
#include "fp4/Quantization/Presets.h"
#include "fp4/Target/Passes.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using fp4::CompileOptions;
using fp4::Phase;
namespace numerics = fp4::numerics;

static void addCleanup(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

static void buildInput(OpPassManager &pm, const CompileOptions &options) {
  pm.addPass(fp4::createConvertLinalgToFP4());
  if (!options.weights.empty())
    pm.addPass(fp4::createLoadParameters({options.weights}));
  addCleanup(pm);
}

static void buildRotate(OpPassManager &pm, const CompileOptions &options) {
  if (int64_t block = fp4::getRotationBlock(options))
    pm.addPass(fp4::createInsertRotations({block}));
}

static void buildFuse(OpPassManager &pm, const CompileOptions &) {
  // The quantization reads weights through their rotation, row by row; folding
  // it into float32 constants first would double the memory for nothing.
  pm.addPass(fp4::createFuseRotations({/*foldConstants=*/false}));
  addCleanup(pm);
}

/// Empty, the pass's own default, for formats without a better rule.
static std::string getActivationScaleRule(StringRef formatName) {
  std::optional<numerics::BlockFormat> format =
      numerics::parseBlockFormat(std::string_view(formatName));
  if (!format)
    return "";
  for (numerics::ScaleRule rule :
       {numerics::ScaleRule::Even, numerics::ScaleRule::FourOverSix})
    if (numerics::isScaleRuleLegal(rule, *format))
      return std::string(numerics::scaleRuleName(rule));
  return "";
}

static void buildQuantize(OpPassManager &pm, const CompileOptions &options) {
  fp4::QuantizeWeightsOptions weights;
  weights.algorithm = options.algorithm;
  weights.format = options.format;
  weights.hessians = options.hessians;
  pm.addPass(fp4::createQuantizeWeights(weights));
  if (options.activations != "none") {
    fp4::QuantizeActivationsOptions activations;
    activations.format =
        options.activations.empty() ? options.format : options.activations;
    activations.scaleRule = options.activationScaleRule.empty()
                                ? getActivationScaleRule(activations.format)
                                : options.activationScaleRule;
    pm.addPass(fp4::createQuantizeActivations(activations));
    pm.addPass(fp4::createFormRotateQuantize());
  }
  addCleanup(pm);
}

static void buildLayout(OpPassManager &pm, const CompileOptions &options) {
  pm.addPass(fp4::createPrepackWeights({options.target}));
}

static void buildGPU(OpPassManager &pm, const CompileOptions &options) {
  fp4::ConvertFP4ToFP4GPUOptions kernels;
  kernels.target = options.target;
  kernels.requireKernels = true;
  kernels.computeTensorScales = true;
  pm.addPass(fp4::createConvertFP4ToFP4GPU(kernels));
}

static void buildNVVM(OpPassManager &pm, const CompileOptions &options) {
  pm.addPass(fp4::createConvertFP4GPUToNVVM({options.target}));
  OpPassManager &device = pm.nest<mlir::gpu::GPUModuleOp>();
  addCleanup(device);
  device.addPass(createSCFToControlFlowPass());
  ConvertToLLVMPassOptions toLLVM;
  toLLVM.filterDialects = {"arith", "cf", "math"};
  device.addPass(createConvertToLLVMPass(toLLVM));
  addCleanup(device);
  device.addPass(fp4::createCheckGPULegality());
}

static constexpr Phase phases[] = {
    {"input", "linear layers recognized, weights loaded", buildInput},
    {"rotate", "Hadamard rotations inserted on both sides of each matmul",
     buildRotate},
    {"fuse", "rotations folded into weights or moved", buildFuse},
    {"quantize", "weights and activations in the block format", buildQuantize},
    {"layout", "weights and scales laid out as kernels read them", buildLayout},
    {"gpu", "a kernel for each matmul, with its schedule", buildGPU},
    {"nvvm", "kernels in the instructions of the target", buildNVVM},
    {"ptx", "PTX text", nullptr},
};

namespace fp4 {

int64_t getRotationBlock(const CompileOptions &options) {
  if (options.rotation >= 0)
    return options.rotation;
  std::optional<numerics::BlockFormat> format =
      numerics::parseBlockFormat(options.format);
  if (!format)
    return 0; // The quantization reports it.
  Expected<quantization::Preset> preset =
      quantization::findPreset(options.algorithm, *format);
  return preset.ok() ? preset->hadamardBlock : 0;
}

llvm::ArrayRef<Phase> getPhases() { return phases; }

const Phase *findPhase(llvm::StringRef name) {
  const Phase *phase =
      llvm::find_if(phases, [&](const Phase &p) { return p.name == name; });
  return phase == std::end(phases) ? nullptr : phase;
}

} // namespace fp4

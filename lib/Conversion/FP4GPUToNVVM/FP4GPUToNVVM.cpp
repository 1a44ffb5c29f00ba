//===- FP4GPUToNVVM.cpp - Kernels to gpu.module and NVVM ------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The pass: one gpu.module for all kernels of the module, lowered by the
// family of the target. Control flow and arithmetic stay scf and arith; MLIR's
// own passes take them further.
//
//===----------------------------------------------------------------------===//

#include "Activation/ActivationPlan.h"
#include "Families.h"
#include "fp4/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

using namespace mlir;

namespace fp4 {
#define GEN_PASS_DEF_CONVERTFP4GPUTONVVM
#include "fp4/Conversion/Passes.h.inc"
} // namespace fp4

using namespace fp4::gpu;

namespace {
struct ConvertFP4GPUToNVVM
    : fp4::impl::ConvertFP4GPUToNVVMBase<ConvertFP4GPUToNVVM> {
  using ConvertFP4GPUToNVVMBase::ConvertFP4GPUToNVVMBase;
  void runOnOperation() override;

private:
  mlir::gpu::GPUModuleOp createDeviceModule(const GPUArch &arch);
};
} // namespace

/// An empty gpu.module for `arch` at the end of the module.
mlir::gpu::GPUModuleOp
ConvertFP4GPUToNVVM::createDeviceModule(const GPUArch &arch) {
  auto builder = OpBuilder::atBlockEnd(getOperation().getBody());
  // The verifier's table of tcgen05 operations lacks sm_103a; ours
  // (--fp4-check-gpu-legality) has it.
  auto target = NVVM::NVVMTargetAttr::get(
      &getContext(), /*O=*/3, "nvptx64-nvidia-cuda", arch.name,
      "+ptx" + std::to_string(arch.ptxVersion), /*flags=*/nullptr,
      /*files=*/nullptr, /*verifyTarget=*/false);
  auto device =
      mlir::gpu::GPUModuleOp::create(builder, getOperation().getLoc(),
                                     "kernels", builder.getArrayAttr(target));
  (*getOperation())
      .setAttr(mlir::gpu::GPUDialect::getContainerModuleAttrName(),
               builder.getUnitAttr());
  return device;
}

static LogicalResult lowerKernel(KernelOp kernel, const GPUArch &arch,
                                 Operation *device) {
  if (isActivationKernel(kernel)) {
    FailureOr<ActivationPlan> plan = planActivation(kernel, arch);
    if (failed(plan))
      return failure();
    lowerActivation(*plan, device);
    return success();
  }
  if (isDequantizeKernel(kernel))
    return lowerDequantizeKernel(kernel, device);
  if (isDecodeKernel(kernel))
    return lowerDecodeKernel(kernel, arch, device);
  if (arch.family == GPUFamily::SM90)
    return kernel.emitOpError()
           << "expected an fp4gpu.mma_decode for " << arch.name;
  FailureOr<KernelPlan> plan = planKernel(kernel, arch);
  if (failed(plan))
    return failure();
  return arch.family == GPUFamily::SM120 ? lowerToSM120(*plan, device)
                                         : lowerToSM100(*plan, device);
}

void ConvertFP4GPUToNVVM::runOnOperation() {
  ModuleOp module = getOperation();
  auto kernels = llvm::to_vector(module.getOps<KernelOp>());
  if (kernels.empty())
    return;
  const GPUArch *arch = findGPUArch(target);
  if (!arch) {
    module.emitError() << "unsupported target '" << target
                       << "'; supported: " << listGPUArchs();
    return signalPassFailure();
  }
  if (Operation *clash = module.lookupSymbol("kernels")) {
    clash->emitError("expected no symbol 'kernels' ahead of the module of "
                     "device code");
    return signalPassFailure();
  }
  mlir::gpu::GPUModuleOp device = createDeviceModule(*arch);
  for (KernelOp kernel : kernels) {
    if (failed(lowerKernel(kernel, *arch, device)))
      return signalPassFailure();
    ++numLowered;
  }
  auto nest = [&](SymbolRefAttr kernel) -> Attribute {
    return SymbolRefAttr::get(
        device.getSymNameAttr(),
        FlatSymbolRefAttr::get(kernel.getLeafReference()));
  };
  module.walk([&](LaunchOp launch) {
    // Another one's kernels are for a run of the pass on that one.
    if (launch->getParentOfType<ModuleOp>() != module)
      return;
    launch.setKernelAttr(cast<SymbolRefAttr>(nest(launch.getKernelAttr())));
    if (ArrayAttr others = launch.getAlternativesAttr())
      launch.setAlternativesAttr(ArrayAttr::get(
          &getContext(),
          llvm::map_to_vector(others.getAsRange<SymbolRefAttr>(), nest)));
  });
  for (KernelOp kernel : kernels)
    kernel.erase();
  // The GPU has exp2, but neither these functions nor a library of them.
  RewritePatternSet patterns(&getContext());
  populateMathPolynomialApproximationPatterns(patterns);
  walkAndApplyPatterns(device, std::move(patterns));
}

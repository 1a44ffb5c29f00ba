//===- EmitPTX.cpp - NVVM to PTX in this process --------------------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// MLIR to LLVM IR to the NVPTX backend, optimized at O3. No file and no other
// process takes part.
//
//===----------------------------------------------------------------------===//

#include "fp4/Target/PTX.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;

extern "C" {
void LLVMInitializeNVPTXTarget();
void LLVMInitializeNVPTXTargetInfo();
void LLVMInitializeNVPTXTargetMC();
void LLVMInitializeNVPTXAsmPrinter();
}

void fp4::registerPTXTranslation(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerGPUDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

static const llvm::Target *lookupNVPTX(std::string &error) {
  static bool isInitialized = [] {
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    return true;
  }();
  (void)isInitialized;
  return llvm::TargetRegistry::lookupTarget(llvm::Triple("nvptx64-nvidia-cuda"),
                                            error);
}

static std::unique_ptr<llvm::TargetMachine>
createMachine(NVVM::NVVMTargetAttr target, std::string &error) {
  const llvm::Target *nvptx = lookupNVPTX(error);
  if (!nvptx)
    return nullptr;
  return std::unique_ptr<llvm::TargetMachine>(nvptx->createTargetMachine(
      llvm::Triple(target.getTriple()), target.getChip(), target.getFeatures(),
      llvm::TargetOptions(), std::nullopt, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
}

static std::string generate(llvm::Module &module,
                            llvm::TargetMachine &machine) {
  llvm::SmallString<0> text;
  llvm::raw_svector_ostream os(text);
  llvm::legacy::PassManager passes;
  machine.addPassesToEmitFile(passes, os, nullptr,
                              llvm::CodeGenFileType::AssemblyFile);
  passes.run(module);
  return std::string(text);
}

FailureOr<std::string> fp4::emitPTX(mlir::gpu::GPUModuleOp device) {
  auto target = cast<NVVM::NVVMTargetAttr>(device.getTargetsAttr()[0]);
  std::string error;
  std::unique_ptr<llvm::TargetMachine> machine = createMachine(target, error);
  if (!machine)
    return device.emitError() << "no NVPTX backend in this LLVM: " << error;
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module =
      translateModuleToLLVMIR(device, context, "kernels");
  if (!module)
    return failure();
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  auto optimize =
      makeOptimizingTransformer(/*optLevel=*/3, /*sizeLevel=*/0, machine.get());
  if (llvm::Error failed = optimize(module.get()))
    return device.emitError()
           << "LLVM optimization failed: " << llvm::toString(std::move(failed));
  return generate(*module, *machine);
}

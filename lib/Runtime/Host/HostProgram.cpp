//===- HostProgram.cpp - MLIR programs compiled for this CPU --------------===//
//
// Part of the fp4 project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lowers a module with the pipelines of LowerToLLVM.h and compiles it with
// MLIR's ExecutionEngine. Between the two pipelines the large constants are
// taken out: the compiled code refers to them by symbols, which are defined as
// the addresses where the bytes already are.
//
//===----------------------------------------------------------------------===//

#include "fp4/Runtime/Host/HostProgram.h"
#include "HostBLAS.h"
#include "MemrefCopy.h"
#include "Signature.h"
#include "fp4/Conversion/LowerToLLVM.h"
#include "fp4/Conversion/Passes.h"
#include "fp4/Dialect/FP4/IR/ConstantData.h"
#include "fp4/Runtime/Host/ErrorCollector.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;

namespace fp4 {

namespace {
/// A constant that compiled code finds by the name of its symbol.
struct DetachedConstant {
  std::string name;
  const char *bytes;
};
} // namespace

struct HostProgram::State {
  std::vector<HostSignature> entries;
  /// Copies of constants whose own bytes are not aligned.
  std::vector<std::vector<char>> alignedCopies;
  std::vector<DetachedConstant> constants;
  std::unique_ptr<ExecutionEngine> engine;
};

HostProgram::HostProgram(std::unique_ptr<State> state)
    : state(std::move(state)) {}
HostProgram::HostProgram(HostProgram &&) noexcept = default;
HostProgram::~HostProgram() = default;

//===----------------------------------------------------------------------===//
// Compilation
//===----------------------------------------------------------------------===//

static LogicalResult runPipeline(ModuleOp module,
                                 void (*build)(OpPassManager &)) {
  PassManager pm(module.getContext());
  build(pm);
  return pm.run(module);
}

/// Leaves only `entry` for others to call, if there is such a function; the
/// rest is then dead or private.
static void restrictToEntry(ModuleOp module, const std::string &entry) {
  auto chosen = module.lookupSymbol<func::FuncOp>(entry);
  if (!chosen || !chosen.isPublic())
    return;
  for (auto func : module.getOps<func::FuncOp>())
    if (func != chosen)
      func.setPrivate();
}

/// Arguments may be mapped files, so nothing may be computed in place in them.
static void protectArguments(ModuleOp module) {
  Attribute no = BoolAttr::get(module.getContext(), false);
  for (auto func : module.getOps<func::FuncOp>())
    if (func.isPublic() && !func.isExternal())
      for (unsigned i = 0; i < func.getNumArguments(); ++i)
        if (isa<RankedTensorType>(func.getArgument(i).getType()))
          func.setArgAttr(
              i, bufferization::BufferizationDialect::kWritableAttrName, no);
}

/// Replaces the values of large globals by declarations.
static void detachConstants(ModuleOp module,
                            std::vector<DetachedConstant> &constants,
                            std::vector<std::vector<char>> &alignedCopies) {
  for (auto global : module.getOps<memref::GlobalOp>()) {
    auto value =
        dyn_cast_if_present<ElementsAttr>(global.getInitialValueAttr());
    if (!value)
      continue;
    std::optional<ArrayRef<char>> bytes = getRawBytes(value);
    if (!bytes || static_cast<int64_t>(bytes->size()) <= kInlineConstantBytes)
      continue;
    // Eight is the alignment of the widest element.
    if (reinterpret_cast<uintptr_t>(bytes->data()) % 8 != 0) {
      alignedCopies.emplace_back(bytes->begin(), bytes->end());
      bytes = alignedCopies.back();
    }
    constants.push_back({global.getSymName().str(), bytes->data()});
    global.removeInitialValueAttr();
    // Bufferization promised 64 for the copy that it would have made.
    global.removeAlignmentAttr();
    SymbolTable::setSymbolVisibility(global, SymbolTable::Visibility::Public);
  }
}

static Expected<std::vector<HostSignature>> collectEntries(ModuleOp module) {
  std::vector<HostSignature> entries;
  for (auto func : module.getOps<func::FuncOp>()) {
    if (!func.isPublic() || func.isExternal())
      continue;
    Expected<HostSignature> signature = getSignature(func);
    if (!signature.ok())
      return signature.status();
    entries.push_back(std::move(*signature));
  }
  return entries;
}

static std::string takeMessage(llvm::Error error) {
  return "the CPU compiler failed: " + llvm::toString(std::move(error));
}

/// Compiles a module of the LLVM dialect.
static Expected<std::unique_ptr<ExecutionEngine>>
makeEngine(ModuleOp module, const std::vector<DetachedConstant> &constants,
           const std::vector<std::string> &sharedLibs) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());

  // One target machine tells the optimizer what vectors there are, the other
  // belongs to the engine.
  auto builder = llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!builder)
    return Status::error(takeMessage(builder.takeError()));
  auto forOptimizer = builder->createTargetMachine();
  if (!forOptimizer)
    return Status::error(takeMessage(forOptimizer.takeError()));
  auto forEngine = builder->createTargetMachine();
  if (!forEngine)
    return Status::error(takeMessage(forEngine.takeError()));

  auto transformer = makeOptimizingTransformer(/*optLevel=*/3, /*sizeLevel=*/0,
                                               forOptimizer->get());
  llvm::SmallVector<StringRef> libraries(sharedLibs.begin(), sharedLibs.end());
  ExecutionEngineOptions options;
  options.sharedLibPaths = libraries;
  options.transformer = transformer;
  options.enableGDBNotificationListener = false;
  options.enablePerfNotificationListener = false;
  auto engine = ExecutionEngine::create(module, options, std::move(*forEngine));
  if (!engine)
    return Status::error(takeMessage(engine.takeError()));
  (*engine)->registerSymbols([&](llvm::orc::MangleAndInterner intern) {
    llvm::orc::SymbolMap symbols;
    symbols[intern("memrefCopy")] = {
        llvm::orc::ExecutorAddr::fromPtr(&memrefCopy),
        llvm::JITSymbolFlags::Exported | llvm::JITSymbolFlags::Callable};
    for (const DetachedConstant &constant : constants)
      symbols[intern(constant.name)] = {
          llvm::orc::ExecutorAddr::fromPtr(constant.bytes),
          llvm::JITSymbolFlags::Exported};
    symbols[intern(kHostSgemmSymbol)] = {
        llvm::orc::ExecutorAddr::fromPtr(&hostSgemm),
        llvm::JITSymbolFlags::Exported};
    return symbols;
  });
  return std::move(*engine);
}

Expected<HostProgram> HostProgram::compile(ModuleOp module,
                                           const std::string &entry,
                                           const HostOptions &options) {
  auto state = std::make_unique<State>();
  restrictToEntry(module, entry);
  {
    ErrorCollector errors(module.getContext());
    auto convert = [](OpPassManager &pm) {
      pm.addPass(createSymbolDCEPass());
      pm.addPass(createConvertFP4ToLinalg());
    };
    if (failed(runPipeline(module, convert)))
      return errors.toStatus("cannot lower the module for the host");
    protectArguments(module);
    if (failed(runPipeline(module, buildBufferizePipeline)))
      return errors.toStatus("cannot bufferize the module");
    Expected<std::vector<HostSignature>> entries = collectEntries(module);
    if (!entries.ok())
      return entries.status();
    state->entries = std::move(*entries);
    detachConstants(module, state->constants, state->alignedCopies);
    auto callBLAS = [](OpPassManager &pm) {
      pm.addPass(createConvertLinalgToBLAS());
    };
    if (options.useBLAS && failed(runPipeline(module, callBLAS)))
      return errors.toStatus("cannot call BLAS from the module");
    if (failed(runPipeline(module, buildBuffersToLLVMPipeline)))
      return errors.toStatus("cannot lower the module to LLVM");
  }
  auto engine = makeEngine(module, state->constants, options.sharedLibs);
  if (!engine.ok())
    return engine.status();
  state->engine = std::move(*engine);
  return HostProgram(std::move(state));
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

const HostSignature *HostProgram::lookup(const std::string &entry) const {
  for (const HostSignature &signature : state->entries)
    if (signature.name == entry)
      return &signature;
  return nullptr;
}

/// The arguments as compiled code reads them.
static Expected<std::vector<NDArray>>
prepareArguments(const HostSignature &signature,
                 const std::vector<NDArray> &arguments) {
  if (arguments.size() != signature.arguments.size())
    return Status::error("expected " +
                         std::to_string(signature.arguments.size()) +
                         " inputs for '" + signature.name + "', got " +
                         std::to_string(arguments.size()));
  std::vector<NDArray> prepared;
  for (size_t i = 0; i < arguments.size(); ++i) {
    Expected<NDArray> array = toArgument(arguments[i], signature.arguments[i],
                                         "input " + std::to_string(i));
    if (!array.ok())
      return array.status();
    prepared.push_back(*array);
  }
  return prepared;
}

Expected<std::vector<NDArray>>
HostProgram::run(const std::string &entry,
                 const std::vector<NDArray> &arguments) const {
  const HostSignature *signature = lookup(entry);
  if (!signature)
    return Status::error("the program has no function called '" + entry + "'");
  Expected<std::vector<NDArray>> arrays =
      prepareArguments(*signature, arguments);
  if (!arrays.ok())
    return arrays.status();

  // A packed call takes the address of each value. Tensors are pointers to
  // descriptors, and so is the struct of results, which comes first; but a
  // single scalar result is returned, to the address that comes last.
  ResultLayout layout(signature->results);
  std::vector<uint8_t> storage(layout.byteSize());
  void *storagePointer = storage.data();
  bool returnsScalar =
      signature->results.size() == 1 && signature->results[0].isScalar;
  std::vector<std::vector<int64_t>> descriptors;
  std::vector<void *> pointers;
  for (const NDArray &array : *arrays)
    descriptors.push_back(makeDescriptor(array.bytes(), array.shape()));
  for (std::vector<int64_t> &descriptor : descriptors)
    pointers.push_back(descriptor.data());

  llvm::SmallVector<void *> slots;
  if (!signature->results.empty() && !returnsScalar)
    slots.push_back(&storagePointer);
  for (size_t i = 0; i < pointers.size(); ++i)
    slots.push_back(signature->arguments[i].isScalar
                        ? const_cast<uint8_t *>((*arrays)[i].bytes())
                        : static_cast<void *>(&pointers[i]));
  if (returnsScalar)
    slots.push_back(storagePointer);

  llvm::Error error =
      state->engine->invokePacked("_mlir_ciface_" + entry, slots);
  if (error)
    return Status::error(takeMessage(std::move(error)));
  return layout.takeResults(storage.data());
}

} // namespace fp4

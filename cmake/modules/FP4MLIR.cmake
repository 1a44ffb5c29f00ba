# Finds Debian's LLVM/MLIR 22 and wraps it in one interface target.
#
# Only the shared libraries are linked. Naming an archive such as MLIRIR would
# give a plugin a second copy of MLIR (docs/Architecture.md, "Linking").

find_package(MLIR 22.1 REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)

separate_arguments(fp4_llvm_definitions NATIVE_COMMAND "${LLVM_DEFINITIONS}")
add_library(FP4MLIRDylib INTERFACE)
target_include_directories(FP4MLIRDylib SYSTEM INTERFACE
  ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
target_compile_options(FP4MLIRDylib INTERFACE ${fp4_llvm_definitions})
target_link_libraries(FP4MLIRDylib INTERFACE MLIR LLVM)
install(TARGETS FP4MLIRDylib EXPORT FP4Targets)

# TableGen reads our own include tree too.
include_directories(${PROJECT_SOURCE_DIR}/include SYSTEM ${MLIR_INCLUDE_DIRS})

# One precompiled header for all MLIR libraries: parsing these headers is most
# of the build time. It is a clang feature here: GCC's would take over a gigabyte.
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  add_library(FP4PCH OBJECT ${PROJECT_SOURCE_DIR}/cmake/modules/FP4PCH.cpp)
  target_link_libraries(FP4PCH PRIVATE FP4CompileOptions FP4MLIRDylib)
  target_compile_options(FP4PCH PRIVATE -fno-exceptions)
  target_precompile_headers(FP4PCH PRIVATE
    <mlir/Dialect/Arith/IR/Arith.h>
    <mlir/Dialect/Func/IR/FuncOps.h>
    <mlir/Dialect/Linalg/IR/Linalg.h>
    <mlir/Dialect/Tensor/IR/Tensor.h>
    <mlir/IR/BuiltinOps.h>
    <mlir/IR/DialectImplementation.h>
    <mlir/IR/DialectResourceBlobManager.h>
    <mlir/IR/OpImplementation.h>
    <mlir/IR/PatternMatch.h>
    <mlir/Pass/Pass.h>
    <mlir/Pass/PassManager.h>
    <mlir/Transforms/GreedyPatternRewriteDriver.h>)
endif()

function(fp4_use_precompiled_headers target)
  if(TARGET FP4PCH)
    target_precompile_headers(${target} REUSE_FROM FP4PCH)
  endif()
endfunction()

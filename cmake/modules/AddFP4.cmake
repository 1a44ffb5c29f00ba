# Thin wrappers, so that a folder's CMakeLists.txt reads as a list of files.

# add_fp4_library(NAME sources... LINK libs...)
# A static library of an LLVM-free layer.
function(add_fp4_library name)
  cmake_parse_arguments(ARG "" "" "LINK;PRIVATE_LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  add_library(FP4::${name} ALIAS ${name})
  target_include_directories(${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${name}
    PUBLIC ${ARG_LINK}
    PRIVATE $<BUILD_INTERFACE:FP4CompileOptions> ${ARG_PRIVATE_LINK})
  install(TARGETS ${name} EXPORT FP4Targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
endfunction()

# add_fp4_mlir_library(NAME sources... LINK libs... DEPENDS tablegen-targets...)
# A static library over MLIR headers. It names no MLIR archive: the MLIR and
# LLVM dylibs come in once, through FP4MLIRDylib, and never as .a files.
function(add_fp4_mlir_library name)
  cmake_parse_arguments(ARG "" "" "LINK;PRIVATE_LINK;DEPENDS" ${ARGN})
  add_fp4_library(${name} ${ARG_UNPARSED_ARGUMENTS}
    LINK FP4MLIRDylib ${ARG_LINK} PRIVATE_LINK ${ARG_PRIVATE_LINK})
  target_compile_options(${name} PRIVATE -fno-exceptions)
  fp4_use_precompiled_headers(${name})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# add_fp4_tool(NAME sources... LINK libs...)
function(add_fp4_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE FP4CompileOptions ${ARG_LINK})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# add_fp4_unittest(NAME sources... LINK libs...)
# A Google Test binary, registered with ctest as one test per binary.
function(add_fp4_unittest name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE
    FP4CompileOptions ${ARG_LINK} GTest::gtest GTest::gtest_main Threads::Threads)
  add_test(NAME ${name} COMMAND ${name})
endfunction()

# fp4_compile_as_mlir(TARGET)
# Compiles an executable as the MLIR libraries are. The precompiled header is
# built with -fPIC, and clang insists on the same flag where CMake would pass
# -fPIE.
function(fp4_compile_as_mlir name)
  target_link_libraries(${name} PRIVATE FP4MLIRDylib)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE -fno-exceptions -fPIC)
  fp4_use_precompiled_headers(${name})
endfunction()

# add_fp4_mlir_tool(NAME sources... LINK libs...)
# A tool over MLIR headers.
function(add_fp4_mlir_tool name)
  add_fp4_tool(${name} ${ARGN})
  fp4_compile_as_mlir(${name})
endfunction()

# add_fp4_mlir_unittest(NAME sources... LINK libs...)
# A Google Test binary over MLIR headers.
function(add_fp4_mlir_unittest name)
  add_fp4_unittest(${name} ${ARGN})
  fp4_compile_as_mlir(${name})
endfunction()

# add_fp4_mlir_shared_library(NAME SHARED|MODULE sources... LINK libs...
#                             EXPORTS version-script)
# A library that other programs load. It contains our layers and names the MLIR
# dylib as needed; only the symbols of the version script are visible.
function(add_fp4_mlir_shared_library name kind)
  cmake_parse_arguments(ARG "" "EXPORTS" "LINK" ${ARGN})
  add_library(${name} ${kind} ${ARG_UNPARSED_ARGUMENTS})
  set(exports ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_EXPORTS})
  target_link_libraries(${name}
    PRIVATE $<BUILD_INTERFACE:FP4CompileOptions> FP4MLIRDylib ${ARG_LINK})
  target_compile_options(${name} PRIVATE -fno-exceptions)
  target_link_options(${name} PRIVATE
    LINKER:--version-script=${exports} ${FP4_NO_UNDEFINED})
  set_target_properties(${name} PROPERTIES LINK_DEPENDS ${exports})
  fp4_use_precompiled_headers(${name})
  install(TARGETS ${name} EXPORT FP4Targets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endfunction()

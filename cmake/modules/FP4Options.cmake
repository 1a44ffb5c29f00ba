# Compiler flags shared by every target, kept as one interface library so that
# a consumer of the install tree does not inherit our warning policy.

add_library(FP4CompileOptions INTERFACE)
target_compile_options(FP4CompileOptions INTERFACE
  -Wall -Wextra -Wno-unused-parameter
  # Fused multiply-add would change the rounding that Numerics promises.
  -ffp-contract=off
  $<$<BOOL:${FP4_ENABLE_WERROR}>:-Werror>)
target_include_directories(FP4CompileOptions INTERFACE
  ${PROJECT_SOURCE_DIR}/include ${PROJECT_BINARY_DIR}/include)
if(FP4_SANITIZERS)
  target_compile_options(FP4CompileOptions INTERFACE
    -fsanitize=${FP4_SANITIZERS} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(FP4CompileOptions INTERFACE -fsanitize=${FP4_SANITIZERS})
endif()

# Shared libraries lack no symbol; those of the sanitizers come with the program.
set(FP4_NO_UNDEFINED LINKER:--no-undefined)
if(FP4_SANITIZERS)
  set(FP4_NO_UNDEFINED)
endif()

# The fuzzers see which branches of the libraries an input takes.
if(FP4_ENABLE_FUZZERS)
  target_compile_options(FP4CompileOptions INTERFACE -fsanitize=fuzzer-no-link)
endif()

find_program(FP4_LLD NAMES ld.lld-22 ld.lld)
if(FP4_LLD AND CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  add_link_options(--ld-path=${FP4_LLD})
endif()

find_program(FP4_CCACHE ccache)
if(FP4_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Precompiled headers need the sloppiness; hash_dir=false and base_dir let
  # several worktrees share one cache.
  set(launcher ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} ${FP4_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
endif()

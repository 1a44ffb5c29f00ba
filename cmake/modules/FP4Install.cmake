# What `cmake --install` adds to the targets that the add_fp4_* functions name:
# headers with their TableGen files and generated parts, and the CMake package.

include(CMakePackageConfigHelpers)
set(fp4_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/fp4)

install(DIRECTORY include/fp4 include/fp4-c
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h" PATTERN "*.td" PATTERN "*.def")
if(FP4_ENABLE_MLIR)
  install(DIRECTORY ${PROJECT_BINARY_DIR}/include/fp4
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.inc"
    PATTERN "CMakeFiles" EXCLUDE)
endif()

install(EXPORT FP4Targets NAMESPACE FP4:: DESTINATION ${fp4_package_dir})
configure_package_config_file(cmake/modules/FP4Config.cmake.in FP4Config.cmake
  INSTALL_DESTINATION ${fp4_package_dir})
write_basic_package_version_file(FP4ConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/FP4Config.cmake
  ${PROJECT_BINARY_DIR}/FP4ConfigVersion.cmake
  DESTINATION ${fp4_package_dir})

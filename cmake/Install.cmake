# Installs two components, which are also the two Debian packages: protoc-gen-messi (the plugin) and libmessi-dev (everything that a
# build with messi reads, and the history checker for its tests).

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

if(MESSI_BUILD_PLUGIN)
  install(TARGETS protoc-gen-messi RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT plugin)
endif()

if(MESSI_BUILD_RUNTIME)
  # Sources only, so nothing below depends on the architecture.
  set(config_dir "${CMAKE_INSTALL_DATADIR}/cmake/messi")
  set(pc_dir "${CMAKE_INSTALL_DATADIR}/pkgconfig")

  install(DIRECTORY runtime/messi
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT runtime FILES_MATCHING PATTERN "*.h" PATTERN "messi*.cc" PATTERN "options.proto")
  install(PROGRAMS runtime/python/src/messi_runtime/check_history.py
    DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT runtime RENAME messi-check-history)
  # Apart: a target cannot be imported without those that it links.
  install(TARGETS messi EXPORT messi-targets)
  install(TARGETS messi_views EXPORT messi-views-targets)
  foreach(targets IN ITEMS messi-targets messi-views-targets)
    install(EXPORT ${targets} NAMESPACE messi:: DESTINATION "${config_dir}" COMPONENT runtime)
  endforeach()

  configure_package_config_file(cmake/messi-config.cmake.in messi-config.cmake
    INSTALL_DESTINATION "${config_dir}" PATH_VARS CMAKE_INSTALL_BINDIR CMAKE_INSTALL_INCLUDEDIR)
  # Before 1.0 a minor release may break programs: doc/versions.md.
  write_basic_package_version_file(messi-config-version.cmake
    COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
  install(FILES
    "${PROJECT_BINARY_DIR}/messi-config.cmake" "${PROJECT_BINARY_DIR}/messi-config-version.cmake"
    cmake/MessiCares.cmake cmake/MessiCompiled.cmake cmake/MessiDepfile.cmake
    cmake/MessiGenerate.cmake cmake/MessiOptions.cmake cmake/MessiTls.cmake
    DESTINATION "${config_dir}" COMPONENT runtime)

  string(REGEX REPLACE "[^/]+" ".." prefix_from_pc_dir "${pc_dir}")
  foreach(package messi messi-tls messi-views)
    configure_file(cmake/${package}.pc.in ${package}.pc @ONLY)
    install(FILES "${PROJECT_BINARY_DIR}/${package}.pc" DESTINATION "${pc_dir}" COMPONENT runtime)
  endforeach()
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "The messi authors <messi@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION devel)
set(CPACK_COMPONENTS_ALL)

if(MESSI_BUILD_PLUGIN)
  list(APPEND CPACK_COMPONENTS_ALL plugin)
  set(CPACK_DEBIAN_PLUGIN_PACKAGE_NAME protoc-gen-messi)
  set(CPACK_DEBIAN_PLUGIN_PACKAGE_SHLIBDEPS ON)
  set(CPACK_DEBIAN_PLUGIN_PACKAGE_RECOMMENDS protobuf-compiler)
  set(CPACK_COMPONENT_PLUGIN_DESCRIPTION "Compiler plugin of messi
 protoc-gen-messi is run by protoc and writes client and server classes for the protocol that a .proto file describes.")
endif()

if(MESSI_BUILD_RUNTIME)
  list(APPEND CPACK_COMPONENTS_ALL runtime)
  set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME libmessi-dev)
  set(CPACK_DEBIAN_RUNTIME_PACKAGE_ARCHITECTURE all)
  set(CPACK_DEBIAN_RUNTIME_PACKAGE_DEPENDS "libprotobuf-dev, libabsl-dev, libc-ares-dev, protobuf-compiler")
  set(CPACK_DEBIAN_RUNTIME_PACKAGE_RECOMMENDS "protoc-gen-messi (= ${PROJECT_VERSION})")
  set(CPACK_DEBIAN_RUNTIME_PACKAGE_SUGGESTS "libssl-dev, python3")
  set(CPACK_COMPONENT_RUNTIME_DESCRIPTION "Headers of messi
 What the code that protoc-gen-messi generates includes, with files for CMake and pkg-config.")
endif()

include(CPack)

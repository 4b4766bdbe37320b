# Finds protobuf, Abseil, c-ares and threads: as targets of the enclosing project, by package configuration files, or (protobuf on
# Debian) by CMake's own find module.

# The targets found here are also needed where an enclosing project calls messi_generate().
set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL TRUE)

if(MESSI_STATIC_PLUGIN)
  set(Protobuf_USE_STATIC_LIBS ON)
endif()

if(NOT TARGET protobuf::libprotobuf)
  # Since release 22 protobuf's link line carries Abseil, and only its configuration files know how.
  find_package(Protobuf CONFIG QUIET)
  if(NOT Protobuf_FOUND)
    find_package(Protobuf 3.21 MODULE REQUIRED)
  endif()
endif()

if(MESSI_BUILD_RUNTIME)
  find_package(Threads REQUIRED)
  if(NOT TARGET absl::status)
    find_package(absl CONFIG REQUIRED)
  endif()
  include("${CMAKE_CURRENT_LIST_DIR}/MessiCares.cmake")
endif()

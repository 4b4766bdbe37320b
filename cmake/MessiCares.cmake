# c-ares::cares, which looks up names: a target of the enclosing project, c-ares' own package configuration file, or the header and
# library that Debian installs without one.

if(NOT TARGET c-ares::cares)
  find_package(c-ares CONFIG QUIET)
endif()
if(NOT TARGET c-ares::cares)
  find_path(CARES_INCLUDE_DIR ares.h)
  find_library(CARES_LIBRARY cares)
  mark_as_advanced(CARES_INCLUDE_DIR CARES_LIBRARY)
  if(NOT CARES_INCLUDE_DIR OR NOT CARES_LIBRARY)
    message(FATAL_ERROR "c-ares was not found: install libc-ares-dev, or set CARES_INCLUDE_DIR and CARES_LIBRARY")
  endif()
  add_library(c-ares::cares UNKNOWN IMPORTED GLOBAL)
  set_target_properties(c-ares::cares PROPERTIES
    IMPORTED_LOCATION "${CARES_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${CARES_INCLUDE_DIR}")
endif()

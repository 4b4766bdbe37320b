# Settings for the developers of messi only. A project that uses messi gets none of them.

# Our own targets link messi_warnings privately.
add_library(messi_warnings INTERFACE)
target_compile_options(messi_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)

if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  find_program(CCACHE_PROGRAM ccache)
  if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # Several clones share what one of them has compiled.
    set(CMAKE_CXX_COMPILER_LAUNCHER env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1 "${CCACHE_PROGRAM}")
    # It keeps nothing that is compiled with precompiled headers. They are quicker where it is new: see test/run.
    set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON CACHE BOOL "Compile the tests without precompiled headers")
  endif()
endif()

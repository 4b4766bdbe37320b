# messi::compiled: the runtime, compiled once instead of in every file that includes it. It is built in the project that uses it,
# with that project's flags, as the kind of library that BUILD_SHARED_LIBS says. A project that does not use it does not build it. A
# target that links it also gets the definition that takes the code out of the headers. Link it with all targets of a program
# that use messi, or with none.
#
# MESSI_COMPILED_SOURCE names messi.cc, which is elsewhere in an installation.

if(NOT TARGET messi::compiled)
  add_library(messi_compiled EXCLUDE_FROM_ALL "${MESSI_COMPILED_SOURCE}")
  add_library(messi::compiled ALIAS messi_compiled)
  target_compile_definitions(messi_compiled PUBLIC MESSI_COMPILED)
  target_link_libraries(messi_compiled PUBLIC messi::messi)
  set_target_properties(messi_compiled PROPERTIES OUTPUT_NAME messi POSITION_INDEPENDENT_CODE ON)
endif()

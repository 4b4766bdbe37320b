# messi::options: protobuf's C++ code for messi/options.proto, for protos that import it. It is built in the project that uses it, with
# that project's protobuf; a project that does not use it does not build it. messi_generate() links it where it is needed.
#
# MESSI_OPTIONS_DIR names the folder that messi/options.proto is in. With messages=views, only that is needed.

set_property(GLOBAL PROPERTY MESSI_OPTIONS_DIR "${MESSI_OPTIONS_DIR}")
if(NOT TARGET messi::options AND TARGET protobuf::libprotobuf)
  _messi_find_protoc(messi_protoc)
  if(messi_protoc)
    set(messi_options_out "${CMAKE_CURRENT_BINARY_DIR}/messi_options")
    file(MAKE_DIRECTORY "${messi_options_out}")
    add_custom_command(
      OUTPUT "${messi_options_out}/messi/options.pb.cc" "${messi_options_out}/messi/options.pb.h"
      COMMAND "${messi_protoc}" "-I${MESSI_OPTIONS_DIR}" "--cpp_out=${messi_options_out}" "${MESSI_OPTIONS_DIR}/messi/options.proto"
      DEPENDS "${MESSI_OPTIONS_DIR}/messi/options.proto"
      COMMENT "Generating messi/options.pb.h"
      VERBATIM)
    add_library(messi_options STATIC EXCLUDE_FROM_ALL "${messi_options_out}/messi/options.pb.cc")
    add_library(messi::options ALIAS messi_options)
    target_include_directories(messi_options SYSTEM PUBLIC "${messi_options_out}")
    target_link_libraries(messi_options PUBLIC protobuf::libprotobuf)
    set_target_properties(messi_options PROPERTIES POSITION_INDEPENDENT_CODE ON)
    unset(messi_options_out)
  endif()
  unset(messi_protoc)
endif()

# messi_generate(TARGET <target> PROTOS <file>... [IMPORT_DIRS <dir>...] [OPTIONS <option>...] [RUNTIME <library>])
#
# Runs protoc on each file for protobuf's C++ code and for messi's, compiles the result into the target, and links the
# target with messi::messi:
#
#   add_executable(chat_server main.cc)
#   messi_generate(TARGET chat_server PROTOS chat.proto OPTIONS side=server)
#
# IMPORT_DIRS   protoc's import path, by default the current source directory. Every file must be below one of them. The path of
#               its header begins there: IMPORT_DIRS proto, PROTOS proto/a/chat.proto -> "a/chat.messi.h".
# OPTIONS       for protoc-gen-messi; `protoc-gen-messi --help` lists them. With messages=views, protobuf's C++ code is not needed,
#               and not generated.
# RUNTIME       what the target is linked with, by default messi::messi. With messages=views it may be messi::views, which brings
#               neither libprotobuf nor Abseil.
#
# Files are generated again when a proto, one of its imports, protoc or the plugin changes.

# These policies hold for the function, whatever release of CMake the calling project asks for. With an old CMP0116 Ninja would
# misread protoc's dependency files and generate everything each time.
cmake_policy(VERSION 3.22...3.31)

function(messi_generate)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "TARGET;RUNTIME" "PROTOS;IMPORT_DIRS;OPTIONS")
  if(arg_UNPARSED_ARGUMENTS)
    _messi_unknown("${arg_UNPARSED_ARGUMENTS}")
  endif()
  # CMake takes an unknown keyword for a value of the keyword before.
  foreach(value IN LISTS arg_TARGET arg_RUNTIME arg_PROTOS arg_IMPORT_DIRS arg_OPTIONS)
    if(value MATCHES "^[A-Z][A-Z_]+$" AND NOT value STREQUAL arg_TARGET AND NOT EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${value}")
      _messi_unknown("${value}")
    endif()
  endforeach()
  if(NOT CMAKE_CXX_COMPILER_LOADED)
    message(FATAL_ERROR "messi_generate: what is generated is C++, and this project has no C++; "
      "write project(${PROJECT_NAME} CXX), or enable_language(CXX)")
  endif()
  if(NOT TARGET "${arg_TARGET}")
    message(FATAL_ERROR "messi_generate: TARGET names no target: '${arg_TARGET}'")
  endif()
  if(NOT arg_PROTOS)
    message(FATAL_ERROR "messi_generate: PROTOS is empty for ${arg_TARGET}")
  endif()
  foreach(option IN LISTS arg_OPTIONS)
    if(NOT option MATCHES "^[a-z_]+=")
      message(FATAL_ERROR "messi_generate: OPTIONS has '${option}'; options are written name=value, such as side=client")
    endif()
  endforeach()

  if(NOT arg_IMPORT_DIRS)
    set(arg_IMPORT_DIRS .)
  endif()
  set(import_dirs)
  set(import_flags)
  foreach(dir IN LISTS arg_IMPORT_DIRS)
    get_filename_component(dir "${dir}" ABSOLUTE)
    list(APPEND import_dirs "${dir}")
    list(APPEND import_flags "-I${dir}")
  endforeach()

  # A folder per target: two targets of one directory may generate the same file with different options.
  set(out_dir "${CMAKE_CURRENT_BINARY_DIR}/${arg_TARGET}.messi")
  file(MAKE_DIRECTORY "${out_dir}")
  set(extension .messi.h)
  if("${arg_OPTIONS}" MATCHES "header_extension=([^,;]+)")
    set(extension "${CMAKE_MATCH_1}")
  endif()
  set(has_views FALSE)
  if("${arg_OPTIONS}" MATCHES "(^|[;,])messages=views")
    set(has_views TRUE)
  endif()
  if(NOT arg_RUNTIME)
    set(arg_RUNTIME messi::messi)
  elseif(arg_RUNTIME STREQUAL "messi::views" AND NOT has_views)
    message(FATAL_ERROR "messi_generate: RUNTIME messi::views has no libprotobuf, which messages are without OPTIONS messages=views")
  endif()
  list(TRANSFORM arg_OPTIONS PREPEND "--messi_opt=")
  _messi_find_tools(protoc plugin)

  foreach(proto IN LISTS arg_PROTOS)
    get_filename_component(proto "${proto}" ABSOLUTE)
    get_source_file_property(is_generated "${proto}" GENERATED)
    if(NOT is_generated AND (NOT EXISTS "${proto}" OR IS_DIRECTORY "${proto}"))
      message(FATAL_ERROR "messi_generate: PROTOS names a file that does not exist: ${proto}")
    endif()
    set(options_flags)
    if(NOT is_generated)
      file(STRINGS "${proto}" imports_options REGEX "^ *import .*\"messi/options\\.proto\"")
      if(imports_options)
        get_property(options_dir GLOBAL PROPERTY MESSI_OPTIONS_DIR)
        set(options_flags "-I${options_dir}")
        if(NOT has_views)
          target_link_libraries("${arg_TARGET}" PUBLIC messi::options)
        endif()
      endif()
    endif()
    _messi_import_path(import_path "${proto}" "${import_dirs}")
    string(REGEX REPLACE "\\.proto$" "" stem "${import_path}")
    set(outputs "${out_dir}/${stem}${extension}")
    set(cpp_out)
    if(NOT has_views)
      list(APPEND outputs "${out_dir}/${stem}.pb.cc" "${out_dir}/${stem}.pb.h")
      set(cpp_out "--cpp_out=${out_dir}")
    endif()
    # Ninja expects the first output to be the first in protoc's dependency file, which is sorted.
    list(SORT outputs)
    add_custom_command(
      OUTPUT ${outputs}
      COMMAND "${protoc}" "--plugin=protoc-gen-messi=${plugin}" ${import_flags} ${options_flags}
              ${cpp_out} "--messi_out=${out_dir}" ${arg_OPTIONS}
              "--dependency_out=${out_dir}/${stem}.d" "${proto}"
      COMMAND "${CMAKE_COMMAND}" "-DDEPFILE=${out_dir}/${stem}.d" -P "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/MessiDepfile.cmake"
      DEPENDS "${proto}" "${protoc}" "${plugin}"
      DEPFILE "${out_dir}/${stem}.d"
      COMMENT "Generating ${stem}${extension}"
      VERBATIM)
    target_sources("${arg_TARGET}" PRIVATE ${outputs})
    # protobuf's generated code has warnings that its users cannot fix (36 narrows the sizes of maps).
    if(NOT has_views)
      set_source_files_properties("${out_dir}/${stem}.pb.cc" TARGET_DIRECTORY "${arg_TARGET}" PROPERTIES COMPILE_OPTIONS -w)
    endif()
  endforeach()

  # SYSTEM for the same reason.
  target_include_directories("${arg_TARGET}" SYSTEM PUBLIC "$<BUILD_INTERFACE:${out_dir}>")
  target_link_libraries("${arg_TARGET}" PUBLIC "${arg_RUNTIME}")
endfunction()

function(_messi_unknown argument)
  message(FATAL_ERROR "messi_generate: unknown argument ${argument}; known are TARGET, PROTOS, IMPORT_DIRS, OPTIONS and RUNTIME")
endfunction()

# The name that protoc has for the file: its path below the first import directory that holds it.
function(_messi_import_path result proto import_dirs)
  foreach(dir IN LISTS import_dirs)
    file(RELATIVE_PATH path "${dir}" "${proto}")
    if(NOT path MATCHES "^\\.\\.(/|$)")
      set(${result} "${path}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "messi_generate: ${proto} is not below any of IMPORT_DIRS: ${import_dirs}")
endfunction()

# Finds both as programs of this machine. In a cross build the target system has others.
function(_messi_find_tools protoc_result plugin_result)
  _messi_find_protoc(protoc)
  if(NOT protoc)
    message(FATAL_ERROR "messi_generate: protoc was not found; set Protobuf_PROTOC_EXECUTABLE")
  endif()

  if(MESSI_PROTOC_GEN_MESSI_EXECUTABLE)
    set(plugin "${MESSI_PROTOC_GEN_MESSI_EXECUTABLE}")
  elseif(TARGET messi::protoc-gen-messi)
    set(plugin "$<TARGET_FILE:messi::protoc-gen-messi>")
  else()
    message(FATAL_ERROR "messi_generate: protoc-gen-messi was not found; "
      "set MESSI_PROTOC_GEN_MESSI_EXECUTABLE to one that runs on this machine")
  endif()

  set(${protoc_result} "${protoc}" PARENT_SCOPE)
  set(${plugin_result} "${plugin}" PARENT_SCOPE)
endfunction()

# Empty if there is none.
function(_messi_find_protoc result)
  if(Protobuf_PROTOC_EXECUTABLE)
    set(${result} "${Protobuf_PROTOC_EXECUTABLE}" PARENT_SCOPE)
  elseif(TARGET protobuf::protoc)
    set(${result} "$<TARGET_FILE:protobuf::protoc>" PARENT_SCOPE)
  else()
    set(${result} "" PARENT_SCOPE)
  endif()
endfunction()

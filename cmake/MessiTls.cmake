# messi::tls: TLS on OpenSSL 3, for what links it; nothing else includes or links OpenSSL. messi::compiled_tls is the same for
# programs that link messi::compiled.
#
# MESSI_COMPILED_SOURCE names messi.cc; messi_tls.cc is beside it.

if(NOT TARGET OpenSSL::SSL)
  find_package(OpenSSL 3.0 REQUIRED)
endif()

if(NOT TARGET messi::tls)
  add_library(messi_tls INTERFACE)
  add_library(messi::tls ALIAS messi_tls)
  target_link_libraries(messi_tls INTERFACE messi::messi OpenSSL::SSL OpenSSL::Crypto)

  get_filename_component(messi_tls_folder "${MESSI_COMPILED_SOURCE}" DIRECTORY)
  add_library(messi_compiled_tls EXCLUDE_FROM_ALL "${messi_tls_folder}/messi_tls.cc")
  add_library(messi::compiled_tls ALIAS messi_compiled_tls)
  target_link_libraries(messi_compiled_tls PUBLIC messi::compiled PRIVATE OpenSSL::SSL OpenSSL::Crypto)
  set_target_properties(messi_compiled_tls PROPERTIES OUTPUT_NAME messi_tls POSITION_INDEPENDENT_CODE ON)
  unset(messi_tls_folder)
endif()

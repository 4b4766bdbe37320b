# A "toolchain" that is this machine's: a Release is compiled as if there were no build type.
set(CMAKE_CXX_FLAGS_RELEASE "" CACHE STRING "")

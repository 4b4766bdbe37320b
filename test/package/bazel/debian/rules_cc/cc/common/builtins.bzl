"""What Bazel 4 has built in, by another name: a file cannot define the name that it reads."""

builtin_cc_common = cc_common
builtin_cc_info = CcInfo

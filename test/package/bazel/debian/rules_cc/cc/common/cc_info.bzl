"""The provider that Bazel 4 has built in."""

load(":builtins.bzl", "builtin_cc_info")

CcInfo = builtin_cc_info

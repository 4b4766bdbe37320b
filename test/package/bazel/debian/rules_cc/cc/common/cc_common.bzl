"""The module that Bazel 4 has built in."""

load(":builtins.bzl", "builtin_cc_common")

cc_common = builtin_cc_common

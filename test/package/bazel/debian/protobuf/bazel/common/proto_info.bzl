"""The provider that Bazel 4 has built in."""

load(":builtins.bzl", "builtin_proto_info")

ProtoInfo = builtin_proto_info

"""What Bazel 4 has built in, by another name: a file cannot define the name that it reads."""

builtin_proto_info = ProtoInfo

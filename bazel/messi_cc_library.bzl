"""messi_cc_library(): a C++ library with the code that protoc-gen-messi generates for a proto_library."""

load("@com_google_protobuf//bazel:cc_proto_library.bzl", "cc_proto_library")
load("@com_google_protobuf//bazel/common:proto_info.bzl", "ProtoInfo")
load("@rules_cc//cc/common:cc_common.bzl", "cc_common")
load("@rules_cc//cc/common:cc_info.bzl", "CcInfo")

def messi_cc_library(name, deps, options = [], **kwargs):
    """Generates and compiles both protobuf's and messi's code for one proto_library.

    The header of chat.proto in package a/b of the workspace is "a/b/chat.messi.h".

    Args:
      name: the name of the library.
      deps: one proto_library.
      options: for protoc-gen-messi; `protoc-gen-messi --help` lists them.
      **kwargs: attributes that all rules have, such as visibility.
    """
    cc_proto_library(
        name = name + "_cc_proto",
        deps = deps,
        **kwargs
    )
    _messi_headers(
        name = name,
        cc_proto = ":" + name + "_cc_proto",
        options = options,
        protos = deps,
        **kwargs
    )

def _messi_headers_impl(ctx):
    headers = []
    cc_infos = [ctx.attr.cc_proto[CcInfo], ctx.attr._runtime[CcInfo]]
    for dep in ctx.attr.protos:
        for source in dep[ProtoInfo].direct_sources:
            header, include_dir = _generate(ctx, dep[ProtoInfo], source)
            headers.append(header)
            cc_infos.append(CcInfo(compilation_context = cc_common.create_compilation_context(
                headers = depset([header]),
                includes = depset([include_dir]),
            )))
    return [
        DefaultInfo(files = depset(headers)),
        cc_common.merge_cc_infos(cc_infos = cc_infos),
    ]

_messi_headers = rule(
    implementation = _messi_headers_impl,
    attrs = {
        "cc_proto": attr.label(mandatory = True, providers = [CcInfo]),
        "options": attr.string_list(),
        "protos": attr.label_list(mandatory = True, providers = [ProtoInfo]),
        "_plugin": attr.label(
            default = Label("//plugin:protoc-gen-messi"),
            cfg = "exec",
            executable = True,
        ),
        "_protoc": attr.label(
            default = Label("@com_google_protobuf//:protoc"),
            cfg = "exec",
            executable = True,
        ),
        "_runtime": attr.label(default = Label("//runtime:messi"), providers = [CcInfo]),
    },
    provides = [CcInfo],
)

def _generate(ctx, proto_info, source):
    import_path = _import_path(source, proto_info.proto_source_root)
    stem = import_path[:-len(".proto")]

    # In a folder of its own, so that the header's path ends in the path that the proto is imported by, whatever
    # strip_import_prefix and import_prefix do to that.
    name = stem + _extension(ctx.attr.options)
    header = ctx.actions.declare_file("_messi/{}/{}".format(ctx.label.name, name))
    include_dir = header.path[:-len("/" + name)]

    # From the sources: descriptor sets hold no comments, and no positions for error messages.
    args = ctx.actions.args()
    args.add(ctx.executable._plugin, format = "--plugin=protoc-gen-messi=%s")
    args.add(include_dir, format = "--messi_out=%s")
    args.add_all(ctx.attr.options, format_each = "--messi_opt=%s")
    args.add_all(proto_info.transitive_proto_path, map_each = _import_flag)
    args.add(source)
    ctx.actions.run(
        arguments = [args],
        executable = ctx.executable._protoc,
        inputs = proto_info.transitive_sources,
        mnemonic = "MessiGenerate",
        outputs = [header],
        progress_message = "Generating " + name,
        tools = [ctx.executable._plugin],
    )
    return header, include_dir

def _import_path(source, root):
    for prefix in [root, source.root.path, source.owner.workspace_root]:
        if prefix and source.path.startswith(prefix + "/"):
            return source.path[len(prefix) + 1:]
    return source.path

def _extension(options):
    for option in ",".join(options).split(","):
        if option.startswith("header_extension="):
            return option[len("header_extension="):]
    return ".messi.h"

def _import_flag(root):
    return "-I" + (root or ".")

# Bazel for the tests: in a home of its own, with results shared between them, and leaving no server behind.

needs_bazel() {
  if ! command -v bazel > /dev/null || [ ! -d /usr/share/bazel/rules/proto ]; then
    skip "there is no Bazel of Debian's; apt-get install bazel-bootstrap bazel-rules-java bazel-rules-proto"
  fi
}

with_bazel_home() {
  fresh_home
  cat > "$HOME/.bazelrc" << EOF
startup --batch
build --disk_cache=$MESSI_BUILD_DIR/package/bazel-cache
build --jobs=2 --host_compilation_mode=fastbuild --nosandbox_debug --noshow_progress
build --cxxopt=-std=c++17 --host_cxxopt=-std=c++17
EOF
}

# Read by every test of this folder. From ctest they get
#
#   MESSI_SOURCE_DIR, MESSI_BUILD_DIR   the project, and a build of it
#   MESSI_PLUGIN                        the protoc-gen-messi of that build
#   MESSI_TOOLS_DIR                     where npm_tools has put buf and other releases of protoc

set -euo pipefail

name=$(basename "$0")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$MESSI_BUILD_DIR/package/$name${1:+-$1}
rm -rf "$work"
mkdir -p "$work"

# The sources, where the pages say that they are.
messi=$MESSI_BUILD_DIR/package/messi
ln -sfn "$MESSI_SOURCE_DIR" "$messi"

# What consumers build is much the same from one test to another, so ccache shall know it again: the sources have one path for all of
# them, and what a test has made itself has a path that is relative to its folder.
if command -v ccache > /dev/null; then
  CCACHE_DIR=$(ccache --get-config cache_dir)
  export CCACHE_DIR CCACHE_BASEDIR=$work CCACHE_NOHASHDIR=1 CMAKE_CXX_COMPILER_LAUNCHER=ccache
fi
# For the same reason a Release is not optimised: how the plugin is built is looked at, not how fast it is.
export CMAKE_TOOLCHAIN_FILE=$here/not_optimised.cmake

# clang++ takes half the time of g++ for that. Command lines on the pages say g++ themselves.
export CXX=clang++

# What a developer's shell may hold must not help the consumer.
unset CMAKE_PREFIX_PATH PKG_CONFIG_PATH messi_DIR messi_ROOT

fail() { echo "FAILED: $*" >&2; exit 1; }
skip() { echo "SKIPPED: $*"; exit 77; }

fresh_home() {
  export HOME=$work-home
  forget_home
  mkdir "$HOME"
}

# What Bazel leaves there is large, and read-only.
forget_home() {
  [ ! -e "$work-home" ] || chmod -R u+w "$work-home"
  rm -rf "$work-home"
}

# says <words> <file>: also where the words are broken into lines. Not a pipe: grep -q leaves at the first match, and with
# pipefail the writer's SIGPIPE would then count as a failure.
says() { grep -qF -- "$1" <(tr -s ' \n' ' ' < "$2") || { cat "$2"; fail "there is no '$1'"; }; }

# quietly <command>...: shows what it said only if it fails.
quietly() {
  "$@" > "$work/log" 2>&1 || { cat "$work/log"; fail "$*"; }
}

# build_consumer <generator> <cmake argument>...: configures, builds and runs consumer/ in $work/consumer.
build_consumer() {
  local generator=$1
  shift
  quietly cmake -G "$generator" -S "$here/consumer" -B "$work/consumer" "$@"
  quietly cmake --build "$work/consumer" --parallel 2
  "$work/consumer/consumer"
}

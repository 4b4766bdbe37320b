# Runs programs and checks what they print; sourced by the demo and by test/integration.
#
#   act <name> <command>...   starts a program
#   say <name> <line>         types a line
#   hear <name> <pattern>     shows the next line that it prints, which must match
#   await <name> <pattern>    shows what it prints up to a line that matches
#   hush <name>               ends its input
#   ends <name> [<status>]    shows the rest of what it prints; it must end by itself, with that status (0)
#   send <signal> <name>      sends it a signal
#
# $heard is the last line that was heard. If something does not come within $patience seconds, the script ends with status 1.
# The script kills the programs that still run when it ends.

set -euo pipefail

patience=30
heard=''
stage=$(mktemp -d)
declare -A pids=() typing=() hearing=()
trap 'leave_stage 2> /dev/null' EXIT

leave_stage() {
  rm -rf "$stage"
  [ ${#pids[@]} -eq 0 ] || kill -9 "${pids[@]}" || true
}

fail() { echo "FAILED: $*"; exit 1; }

act() {
  local name=$1 in out in_end out_end fd
  shift
  mkfifo "$stage/in" "$stage/out"
  # Open both ends first: opening one end of a pipe waits for the other.
  exec {in}<> "$stage/in" {in_end}< "$stage/in" {out_end}<> "$stage/out" {out}< "$stage/out"
  rm "$stage/in" "$stage/out"
  (
    for fd in "$in" "$out" "${typing[@]}" "${hearing[@]}"; do exec {fd}>&-; done
    exec "$@" <&"$in_end" >&"$out_end" 2>&1 {in_end}<&- {out_end}>&-
  ) &
  pids[$name]=$!
  typing[$name]=$in
  hearing[$name]=$out
  exec {in_end}<&- {out_end}>&-
}

say() {
  printf '  %6s > %s\n' "$1" "$2"
  printf '%s\n' "$2" >&"${typing[$1]}"
}

hear() {
  next_line "$1" || fail "$1 printed nothing more; expected: $2"
  # shellcheck disable=SC2053 # it is a pattern
  [[ $heard == $2 ]] || fail "$1 printed something else; expected: $2"
}

await() {
  local until=$((SECONDS + patience))
  # shellcheck disable=SC2053 # it is a pattern
  while ((SECONDS <= until)) && next_line "$1"; do
    [[ $heard == $2 ]] && return
  done
  fail "$1 has not printed: $2"
}

next_line() {
  IFS= read -r -t "$patience" -u "${hearing[$1]}" heard || return
  printf '  %6s | %s\n' "$1" "$heard"
}

hush() {
  local fd=${typing[$1]}
  exec {fd}>&-
  unset "typing[$1]"
}

ends() {
  local name=$1 wanted=${2:-0} until=$((SECONDS + patience)) status=0
  while ((SECONDS <= until)) && next_line "$name"; do :; done
  ! kill -0 "${pids[$name]}" 2> /dev/null || ((SECONDS <= until)) || fail "$name has not ended"
  wait "${pids[$name]}" 2> /dev/null || status=$?
  unset "pids[$name]"
  [ "$status" -eq "$wanted" ] || fail "$name ended with status $status instead of $wanted"
}

send() { kill -"$1" "${pids[$2]}"; }

#!/usr/bin/env bash
# Tests the Compose stack end to end: its first start, files, stops, crashes and power cuts. Needs a
# Docker engine and Compose v2; removes everything that it creates.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: tests/compose/run.sh [TEST...]

Builds and starts the stack under its own name and on its own ports, then runs each test_* function of
the files beside this one, or only the named ones. Each test uses the stack as the previous test left it.
MONGO_VERSION and CONFLUENT_VERSION choose other servers, as in .env.example.
TEXT
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
# shellcheck source=tests/compose/lib.sh
source "$here/lib.sh"
# shellcheck source=tests/compose/stack_tests.sh
source "$here/stack_tests.sh"
# shellcheck source=tests/compose/restart_tests.sh
source "$here/restart_tests.sh"
# shellcheck source=tests/compose/volume_tests.sh
source "$here/volume_tests.sh"
# shellcheck source=tests/compose/monitoring_tests.sh
source "$here/monitoring_tests.sh"

# Every other test needs these.
readonly first_tests=(test_the_stack_comes_up_by_one_command test_with_no_file_the_sample_arrives_whole)

chosen_tests() {  # chosen_tests [TEST...]: prints first_tests and the named tests, or all tests if none is named
  local name
  if (( $# == 0 )); then
    sed -n 's/^\(test_[a-z_]*\)() {$/\1/p' "$here"/{stack,monitoring,restart,volume}_tests.sh
    return
  fi
  printf '%s\n' "${first_tests[@]}"
  for name in "$@"; do
    name=test_${name#test_}
    if [[ " ${first_tests[*]} " != *" $name "* ]]; then echo "$name"; fi
  done
}

main() {
  local tests begun
  mapfile -t tests < <(chosen_tests "$@")
  trap clean_up EXIT
  prepare
  for current in "${tests[@]}"; do
    begun=$SECONDS
    "$current"
    say "ok $((SECONDS - begun)) s  ${current//_/ }"
  done
  say "${#tests[@]} tests passed in $SECONDS s"
}

case "${1:-}" in
  -h | --help) usage; rm -rf "$work" ;;
  *) main "$@" ;;
esac

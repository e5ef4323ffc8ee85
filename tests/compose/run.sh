#!/usr/bin/env bash
# The Compose stack, end to end and for real: what a newcomer sees, and what a rough operator does
# to it. Needs a Docker engine and Compose v2; leaves nothing behind.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: tests/compose/run.sh [TEST...]

Builds and starts the stack under a name and on ports of its own, then runs each test_* function of
this file, or only those named. Each builds on the stack that the one before left.
MONGO_VERSION and CONFLUENT_VERSION choose other servers, as in .env.example.
TEXT
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
readonly root work
readonly sample_rows=50000
readonly header=InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
current=preparing expected=0

say() { printf '%(%H:%M:%S)T compose: %s\n' -1 "$*" >&2; }
fail() { say "FAILED in $current: $*"; exit 1; }
compose() { docker compose "$@"; }
quietly() { "$@" >"$work/output" 2>&1 || { tail -n 30 "$work/output" >&2; return 1; }; }

free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)); (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}

prepare() {
  chmod 755 "$work" && mkdir -m 755 "$work/data"
  cd "$root"
  export COMPOSE_PROJECT_NAME="retail-test-$$" COMPOSE_DISABLE_ENV_FILE=1 COMPOSE_ANSI=never
  export RETAIL_DATA_DIR="$work/data"
  KAFKA_PORT=$(free_port) MONGO_PORT=$(free_port) DASHBOARD_PORT=$(free_port)
  export KAFKA_PORT MONGO_PORT DASHBOARD_PORT
}

clean_up() {
  local status=$?
  if (( status != 0 )); then
    compose ps --all >&2 || true
    compose logs --no-color --tail 15 kafka setup producer processor dashboard >&2 || true
  fi
  compose down --volumes --remove-orphans --rmi local >/dev/null 2>&1 || true
  rm -rf "$work"
  exit "$status"
}

up() { quietly compose up --detach --wait --wait-timeout 300 "$@"; }

ask() {  # ask EXPRESSION: what MongoDB answers to the reader
  compose exec -T -e HOME=/dev/null mongodb mongosh --quiet --norc \
    'mongodb://retail_reader:dev-only-reader@127.0.0.1:27017/retail_db?authSource=retail_db' \
    --eval "print($1)" 2>/dev/null | tail -n 1
}

rows() { ask 'db.transactions.countDocuments({}) + db.quarantine.countDocuments({})'; }

# Every kind with its number of rows and its exact money, and what is in quarantine.
totals() {
  # shellcheck disable=SC2016  # the dollars are MongoDB's
  ask 'JSON.stringify([
    db.transactions.aggregate([{$group: {_id: "$kind", n: {$sum: 1}, money: {$sum: "$TotalAmount"}}},
      {$sort: {_id: 1}}]).toArray().map(k => [k._id, k.n, String(k.money)]),
    db.quarantine.countDocuments({})])'
}

eventually() {  # eventually SECONDS VALUE COMMAND...: until the command's output is the value
  local seconds=$1 value=$2 deadline=$((SECONDS + $1)) got=''
  shift 2
  while (( SECONDS < deadline )); do
    got=$("$@" || true)
    if [[ "$got" == "$value" ]]; then return; fi
    sleep 2
  done
  fail "after $seconds s '$*' says '$got', not '$value'"
}

# drop_file NAME ROWS: good rows, like no other file's, since the same content is the same source.
drop_file() {
  local row
  { echo "$header"
    for (( row = 1; row <= $2; row++ )); do
      echo "${expected}${row},85123A,LANTERN OF ${1%.csv},2,2011-06-0$((row % 9 + 1)) 10:30:00,2.55,17850,Testland"
    done; } >"$work/$1"
  chmod 644 "$work/$1" && mv "$work/$1" "$work/data/$1"
  expected=$((expected + $2))
}

all_arrived() { eventually "${1:-120}" "$expected" rows; }

test_the_stack_comes_up_by_one_command() {
  up --build
  [[ "$(compose ps --all --format '{{.Service}} {{.ExitCode}}' | grep '^setup')" == 'setup 0' ]] ||
    fail 'the set-up step has not ended well'
}

test_env_example_changes_nothing() {
  local own=(-u RETAIL_DATA_DIR -u KAFKA_PORT -u MONGO_PORT -u DASHBOARD_PORT -u MONGO_VERSION
    -u CONFLUENT_VERSION -u COMPOSE_DISABLE_ENV_FILE)
  env "${own[@]}" docker compose --env-file /dev/null config |
    grep -Ev '^ +[A-Z_]+: null$' >"$work/without"
  env "${own[@]}" docker compose --env-file .env.example config >"$work/with"
  # With the file, settings that are left to the programs otherwise are passed on: with their defaults.
  if grep -Fxv -f "$work/with" "$work/without" >&2; then fail '.env.example has other defaults'; fi
}

test_with_no_file_the_sample_arrives_whole() {
  expected=$sample_rows
  all_arrived 180
}

test_a_dropped_file_appears() {
  drop_file good.csv 7
  printf '%s\n' "$header" '800001,22423,BROKEN,many,2011-06-01 10:30:00,1.00,,Testland' >"$work/data/bad.csv"
  expected=$((expected + 1))
  all_arrived
  [[ "$(ask 'db.transactions.countDocuments({Country: "Testland"})')" == 7 ]] ||
    fail 'the good rows are not all stored'
}

test_the_dashboard_answers_on_this_machine() {
  local answer
  exec 3<>"/dev/tcp/127.0.0.1/$DASHBOARD_PORT"
  printf 'GET /_stcore/health HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
  answer=$(cat <&3)
  exec 3>&-
  [[ "$answer" == *' 200 '*ok ]] || fail "the dashboard answers: $answer"
}

test_kafka_and_mongodb_can_be_reached_from_this_machine() {
  local image
  image=$(docker inspect --format '{{.Image}}' "$(compose ps --quiet producer)")
  docker run --rm -i --network host --env "K=$KAFKA_PORT" --env "M=$MONGO_PORT" "$image" python - <<'PY'
import os
from kafka import KafkaConsumer
from pymongo import MongoClient

consumer = KafkaConsumer("retail_transactions", bootstrap_servers=f"127.0.0.1:{os.environ['K']}",
                         auto_offset_reset="earliest", consumer_timeout_ms=20_000)
assert next(iter(consumer)).value, "no record"
monitor = f"mongodb://retail_monitor:dev-only-monitor@127.0.0.1:{os.environ['M']}/?authSource=retail_db"
assert MongoClient(monitor).retail_db.transactions.find_one(), "no document"
nobody = MongoClient("127.0.0.1", int(os.environ["M"]))
try:
    nobody.retail_db.transactions.find_one()
except Exception as error:
    assert "auth" in str(error), error
else:
    raise SystemExit("MongoDB lets anybody in")
PY
}

test_containers_are_locked_down() {
  local service id facts
  for service in producer processor dashboard; do
    id=$(compose ps --quiet "$service")
    [[ "$(compose exec -T "$service" id -u)" != 0 ]] || fail "$service runs as root"
    if compose exec -T "$service" touch /app/x 2>/dev/null; then fail "$service can write to /app"; fi
    if compose exec -T "$service" python -m pip --version 2>/dev/null; then fail "$service has pip"; fi
    facts=$(docker inspect --format '{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}}' "$id")
    [[ "$facts" == 'true [ALL]' ]] || fail "$service: $facts"
  done
  for id in $(compose ps --all --quiet); do
    [[ "$(docker inspect --format '{{.HostConfig.Memory}}' "$id")" -gt 0 ]] || fail "$id: no memory limit"
    facts=$(docker inspect --format '{{range .NetworkSettings.Ports}}{{range .}}{{.HostIp}} {{end}}{{end}}' "$id")
    [[ -z "${facts//127.0.0.1 /}" ]] || fail "$id listens on $facts"
  done
}

test_a_heartbeat_that_stops_makes_the_processor_unhealthy() {
  compose exec -T processor retail health processor --max-age 30 >/dev/null
  if compose exec -T -e HEARTBEAT_FILE=/tmp/nobody processor retail health processor 2>/dev/null; then
    fail 'a processor with no heartbeat is called healthy'
  fi
}

test_staging_refuses_the_development_passwords() {
  local answer
  if answer=$(RETAIL_ENV=staging compose run --rm --no-deps -T users 2>&1); then
    fail 'staging takes the development passwords'
  fi
  [[ "$answer" == *MONGO_ROOT_PASSWORD*MONGO_MONITOR_PASSWORD* ]] || fail "it only says: $answer"
  if RETAIL_ENV=staging compose run --rm --no-deps -T dashboard retail setup 2>/dev/null; then
    fail 'a program starts in staging with a development password'
  fi
}

test_a_new_password_is_taken_over() {
  export MONGO_WRITER_PASSWORD=of-my-own
  up
  drop_file new-password.csv 2
  all_arrived
}

test_three_processors_share_the_work() {
  up --no-recreate --scale processor=3
  drop_file shared.csv 9
  all_arrived
  up --no-recreate --scale processor=1
}

test_down_and_up_keeps_every_row() {
  local before
  before=$(totals)
  quietly compose down
  up
  [[ "$(totals)" == "$before" ]] || fail "the totals were $before, now $(totals)"
  drop_file after-down.csv 3
  all_arrived
}

test_killed_and_up_again_it_goes_on() {
  local before
  before=$(totals)
  quietly compose kill
  up
  [[ "$(totals)" == "$before" ]] || fail "the totals were $before, now $(totals)"
  drop_file after-kill.csv 3
  all_arrived
}

sent() {  # how many records lie in the transactions topic, over all partitions
  compose exec -T kafka bash -c 'KAFKA_HEAP_OPTS=-Xmx96m kafka-get-offsets --bootstrap-server \
    kafka:29092 --topic retail_transactions' 2>/dev/null | awk -F: '{n += $3} END {print n}'
}

# Records that only Kafka has must survive the loss of ZooKeeper's volume.
test_a_lost_zookeeper_volume_is_explained_and_mended() {
  local before
  quietly compose stop processor
  before=$(sent)
  drop_file unread.csv 4
  eventually 60 $((before + 4)) sent
  quietly compose down
  rm "$work/data/unread.csv"
  docker volume rm "${COMPOSE_PROJECT_NAME}_zookeeper-data" "${COMPOSE_PROJECT_NAME}_zookeeper-log" >/dev/null
  if up 2>/dev/null; then fail 'the stack starts on volumes that do not belong together'; fi
  grep -q 'CLUSTER ID MISMATCH.*' < <(compose logs kafka) || fail 'the mismatch is not explained'
  quietly ./scripts/mend-kafka.sh
  all_arrived
  quietly ./scripts/mend-kafka.sh --check
}

test_a_lost_kafka_volume_is_explained_and_mended() {
  local before
  before=$(totals)
  quietly compose down
  docker volume rm "${COMPOSE_PROJECT_NAME}_kafka-data" >/dev/null
  if up 2>/dev/null; then fail 'the stack starts on volumes that do not belong together'; fi
  grep -q "KAFKA'S VOLUME IS EMPTY" < <(compose logs kafka) || fail 'the loss is not explained'
  quietly ./scripts/mend-kafka.sh
  drop_file after-mend.csv 2
  all_arrived
  [[ "$(totals)" != "$before" ]] || fail 'nothing new has arrived'
}

main() {
  local tests=("$@") begun
  if (( $# == 0 )); then
    mapfile -t tests < <(sed -n 's/^\(test_[a-z_]*\)() {$/\1/p' "${BASH_SOURCE[0]}")
  fi
  trap clean_up EXIT
  prepare
  for current in "${tests[@]}"; do
    begun=$SECONDS
    "test_${current#test_}"
    say "ok $((SECONDS - begun)) s  ${current//_/ }"
  done
  say "${#tests[@]} tests passed in $SECONDS s"
}

case "${1:-}" in
  -h | --help) usage; rm -rf "$work" ;;
  *) main "$@" ;;
esac

# shellcheck shell=bash
# The stack starts, files arrive, and access is restricted.
# shellcheck disable=SC2154  # lib.sh sets what is not set here

readonly sample_rows=50000

test_the_stack_comes_up_by_one_command() {
  up
  [[ "$(compose ps --all --format '{{.Service}} {{.ExitCode}}' | grep '^setup')" == 'setup 0' ]] ||
    fail 'the set-up step has failed'
}

test_each_image_is_built_by_one_service() {
  local twice
  # Builds run concurrently, and on a machine without the image the second export of one name fails.
  twice=$(compose --profile tools config --format json | python3 -c '
import collections, json, sys
services = json.load(sys.stdin)["services"].values()
built = collections.Counter(each["image"] for each in services if "build" in each and "image" in each)
print(*(image for image, times in built.items() if times > 1))')
  [[ -z "$twice" ]] || fail "more than one service builds $twice"
}

test_env_example_changes_nothing() {
  local own=(-u RETAIL_DATA_DIR -u KAFKA_PORT -u MONGO_PORT -u DASHBOARD_PORT -u MONGO_VERSION
    -u CONFLUENT_VERSION -u COMPOSE_DISABLE_ENV_FILE -u MONGO_ROOT_PASSWORD -u MONGO_WRITER_PASSWORD
    -u MONGO_READER_PASSWORD -u MONGO_MONITOR_PASSWORD -u MONGO_SETUP_PASSWORD -u COMPOSE_PROJECT_NAME)
  env "${own[@]}" docker compose --env-file /dev/null config |
    grep -Ev '^ +[A-Z_]+: null$' >"$work/without"
  env "${own[@]}" docker compose --env-file .env.example config >"$work/with"
  # With the file, Compose passes more settings to the programs: with their defaults.
  if grep -Fxv -f "$work/with" "$work/without" >&2; then fail '.env.example has other defaults'; fi
  grep -qx 'name: retail' "$work/without" || fail 'the name of the stack follows from the folder'
}

test_the_data_folder_is_a_path_and_must_exist() {
  local answer
  # shellcheck disable=SC2088  # Compose is to expand it
  grep -qF "source: $HOME/exports" < <(RETAIL_DATA_DIR='~/exports' compose config producer) ||
    fail 'the ~ is not the home folder'
  if answer=$(RETAIL_DATA_DIR=exports compose run --rm --no-deps -T retail 2>&1); then
    fail 'a data folder that is missing is not an error'
  fi
  [[ "$answer" == *"path does not exist: $PWD/exports"* && ! -e exports ]] || fail "it only prints: $answer"
}

test_with_no_file_the_sample_arrives_whole() {
  # shellcheck disable=SC2034  # lib.sh reads them
  expected=$sample_rows only_sample=yes
  all_arrived 180
}

no_sample_logged() { compose logs producer | grep -c 'no sample is streamed: other data' || true; }

test_a_dropped_file_replaces_the_sample() {
  drop_file good.csv 7
  all_arrived
  [[ "$(ask 'db.transactions.countDocuments({Country: "Testland"})')" == 7 ]] ||
    fail 'not all valid rows are stored'
}

test_a_folder_that_was_emptied_gets_no_sample() {
  drop_file archived.csv 3
  all_arrived
  mkdir "$work/archive"
  quietly compose stop producer
  mv "$data"/*.csv "$work/archive/"
  up --no-recreate
  eventually 60 1 no_sample_logged
  all_arrived
  mv "$work"/archive/*.csv "$data/"
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
  docker run --rm -i --network host --env "K=$KAFKA_PORT" --env "M=$MONGO_PORT" \
    --env "P=$MONGO_MONITOR_PASSWORD" "$image" python - <<'PY'
import os
from kafka import KafkaConsumer
from pymongo import MongoClient

consumer = KafkaConsumer("retail_transactions", bootstrap_servers=f"127.0.0.1:{os.environ['K']}",
                         auto_offset_reset="earliest", consumer_timeout_ms=20_000)
assert next(iter(consumer)).value, "no record"
monitor = MongoClient("127.0.0.1", int(os.environ["M"]), username="retail_monitor",
                      password=os.environ["P"], authSource="retail_db")
assert monitor.retail_db.transactions.find_one(), "no document"
nobody = MongoClient("127.0.0.1", int(os.environ["M"]))
try:
    nobody.retail_db.transactions.find_one()
except Exception as error:
    assert "auth" in str(error), error
else:
    raise SystemExit("MongoDB needs no password")
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

# Everybody who may use Docker sees what `docker inspect` shows, and it ends up in bug reports.
test_no_password_is_shown_by_docker() {
  local id ids images
  mapfile -t ids < <(compose --profile tools ps --all --quiet)
  mapfile -t images < <(docker inspect --format '{{.Image}}' "${ids[@]}" | sort --unique)
  { docker inspect "${ids[@]}" "${images[@]}"
    for id in "${images[@]}"; do docker image history --no-trunc "$id"; done
    for id in $(compose ps --quiet); do docker top "$id" -eo pid,args; done; } >"$work/shown"
  # The beginning of each password of these tests, which is the same as text and as JSON.
  if grep --only-matching 'MONGO_[A-Z]*_PASSWORD=.*\|[a-z]* ключ+/@%40' "$work/shown" >&2; then
    fail 'docker shows a password'
  fi
  grep -q mongo_reader_password < <(compose exec -T dashboard ls /run/secrets/reader) || fail 'no secret is there'
  if compose exec -T dashboard ls /run/secrets/writer 2>/dev/null; then
    fail "the dashboard can read the processor's password"
  fi
}

# A power cut deletes what is only in memory. No test can show that while the machine stays on.
test_what_kafka_acknowledges_is_on_disk() {
  local topic
  for topic in retail_transactions{,.dlq,.manifests}; do
    grep -q ' flush.messages=1 ' < <(compose exec -T -e KAFKA_HEAP_OPTS=-Xmx96m kafka kafka-configs \
      --bootstrap-server kafka:29092 --describe --all --entity-type topics --entity-name "$topic") ||
      fail "$topic is not flushed at each acknowledgement"
  done
}

test_a_heartbeat_that_stops_makes_the_processor_unhealthy() {
  compose exec -T processor retail health processor --max-age 30 >/dev/null
  if compose exec -T -e HEARTBEAT_FILE=/tmp/nobody processor retail health processor 2>/dev/null; then
    fail 'a processor without a heartbeat is reported as healthy'
  fi
}

test_staging_refuses_the_development_passwords() {
  local answer
  local -x MONGO_ROOT_PASSWORD=dev-only-root MONGO_MONITOR_PASSWORD=dev-only-monitor
  if answer=$(RETAIL_ENV=staging compose run --rm -T passwords 2>&1); then
    fail 'staging accepts the development passwords'
  fi
  [[ "$answer" == *MONGO_MONITOR_PASSWORD*MONGO_ROOT_PASSWORD* ]] || fail "it only prints: $answer"
  if RETAIL_ENV=staging compose run --rm --no-deps -T --env MONGO_READER_PASSWORD=dev-only-reader \
    dashboard retail setup 2>/dev/null; then
    fail 'a program starts in staging with a development password'
  fi
}

test_another_checkout_is_refused_the_data() {
  local answer other="$work/другой клон"
  copy_checkout "$other"
  if answer=$(cd "$other" && compose run --rm --no-deps -T users 2>&1); then
    fail "another checkout can use this one's data"
  fi
  [[ "$answer" == *'мой проект/___'*'другой клон'*COMPOSE_PROJECT_NAME*RETAIL_TAKE_OVER=yes* ]] ||
    fail "it only prints: $answer"
  # Like a move, and back; the next up shows that docker compose works from any folder.
  (cd "$other" && RETAIL_TAKE_OVER=yes quietly compose run --rm --no-deps -T users) ||
    fail 'a checkout that was moved is locked out'
  (cd / && RETAIL_TAKE_OVER=yes quietly compose -f "$checkout/docker-compose.yml" run --rm --no-deps -T users)
}

test_the_retail_service_lists_a_broken_row() {
  printf '%s\n' "$header" '800001,22423,BROKEN,many,2011-06-01 10:30:00,1.00,,Testland' >"$data/bad.csv"
  expect_more 1
  all_arrived
  grep -q '"name":"bad.csv"' < <(retail dlq list --source bad.csv --json) || fail 'bad.csv is not listed'
}

test_the_next_up_applies_a_new_password() {
  export MONGO_WRITER_PASSWORD='%2B of my own: $$'
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

#!/usr/bin/env bash
# Repairs a Compose stack whose Kafka and ZooKeeper volumes no longer belong together.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: scripts/repair-kafka.sh [--check]

Kafka's volume and ZooKeeper's have the same cluster id. If one of them is removed or replaced
without the other, the broker can't start. This script finds out which of the two happened, repairs
the stack and starts it again. It never changes MongoDB's data.

  ZooKeeper's volume was lost   every record in Kafka and every committed offset is kept
  Kafka's volume was lost       the records in it are lost; those that were stored are in MongoDB

In both cases the producer then sends the files of ./data again, because the topics are new to it.
A row's id comes from its file, so no row is counted twice.

  --check   only report: exit 0 if nothing needs repair, 1 if something does

COMPOSE_PROJECT_NAME, COMPOSE_FILE and .env apply, as they do to docker compose.
TEXT
}

say() { printf '\n== %s\n' "$*" >&2; }

in_broker_container() {
  docker compose run --rm --no-deps -T kafka bash /opt/retail/kafka-volume.sh "$@"
}

# The set-up step creates the topics again, with as many partitions as the volume has.
ensure_topics() {
  local topic kept options=()
  topic=$(docker compose run --rm --no-deps -T setup python -c \
    'from retail_pipeline.settings import load_settings; print(load_settings().kafka_topic)')
  kept=$(in_broker_container partitions "$topic")
  if (( kept > 0 )); then options=(-e "KAFKA_PARTITIONS=$kept"); fi
  docker compose run --rm -T "${options[@]}" setup
}

main() {
  cd "$(dirname "${BASH_SOURCE[0]}")/.."
  docker compose up --detach --wait --no-recreate zookeeper
  if [[ "${1:-}" == --check ]]; then
    in_broker_container check && echo 'nothing needs repair'
    return
  fi
  say 'stopping the containers that use Kafka'
  docker compose stop producer processor kafka
  say 'comparing the volumes'
  in_broker_container repair
  say 'starting Kafka, and creating its topics'
  docker compose up --detach --wait kafka
  ensure_topics
  say 'starting the rest'
  docker compose up --detach --wait
  say 'repaired'
}

case "${1:-}" in
  '' | --check) main "$@" ;;
  -h | --help) usage ;;
  *) usage >&2; exit 2 ;;
esac

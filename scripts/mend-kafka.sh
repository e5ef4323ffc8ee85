#!/usr/bin/env bash
# Mend a Compose stack whose Kafka and ZooKeeper volumes no longer belong together.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: scripts/mend-kafka.sh [--check]

Kafka's volume and ZooKeeper's carry the same cluster id. When one of them is removed or replaced
without the other, the broker can't start. This finds out which of the two happened, mends it, and
starts the stack again. MongoDB's data is never touched.

  ZooKeeper's volume was lost   every record in Kafka and every committed offset is kept
  Kafka's volume was lost       the records in it are gone; those that were stored are in MongoDB

In both cases the producer then sends the files of ./data once more, since the topics are new to it;
a row's id is decided by its file, so nothing is counted twice.

  --check   only say whether there is something to mend: exit 0 when there is not, 1 when there is

COMPOSE_PROJECT_NAME, COMPOSE_FILE and .env are respected, as by docker compose.
TEXT
}

say() { printf '\n== %s\n' "$*" >&2; }

in_broker_container() {
  docker compose run --rm --no-deps -T kafka bash /opt/retail/kafka-volume.sh "$@"
}

# The topics are made again by the one step that knows them, with as many partitions as were kept.
make_topics() {
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
    in_broker_container check && echo 'nothing to mend'
    return
  fi
  say 'stopping what uses Kafka'
  docker compose stop producer processor kafka
  say 'comparing the volumes'
  in_broker_container mend
  say 'starting Kafka, and making its topics'
  docker compose up --detach --wait kafka
  make_topics
  say 'starting the rest'
  docker compose up --detach --wait
  say 'mended'
}

case "${1:-}" in
  '' | --check) main "$@" ;;
  -h | --help) usage ;;
  *) usage >&2; exit 2 ;;
esac

#!/usr/bin/env bash
# Mend a Compose stack whose Kafka and ZooKeeper volumes no longer belong together.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: scripts/mend-kafka.sh [--check]

Kafka's volume and ZooKeeper's carry the same cluster id. When one of them is removed or replaced
without the other, the broker can't start. This finds out which of the two happened, mends it, and
starts the stack again. MongoDB's data is never touched.

  ZooKeeper's volume was lost   every record in Kafka and every committed offset is kept: nothing is
                                sent again, nothing is lost
  Kafka's volume was lost       the records in it are gone; the producer forgets what it has sent and
                                sends the files in ./data again; row ids are decided by the file, so
                                nothing is counted twice

  --check   only say whether there is something to mend: exit 0 when there is not, 1 when there is

COMPOSE_PROJECT_NAME, COMPOSE_FILE and .env are respected, as by docker compose.
TEXT
}

say() { printf '\n== %s\n' "$*" >&2; }

in_broker_container() {
  docker compose run --rm --no-deps -T kafka bash /opt/retail/kafka-volume.sh "$1"
}

forget_checkpoints() {
  local project volume
  project=$(docker compose config | sed -n 's/^name: //p')
  docker compose rm --stop --force producer
  volume=$(docker volume ls --quiet --filter "label=com.docker.compose.project=$project" \
    --filter label=com.docker.compose.volume=producer-state)
  if [[ -n "$volume" ]]; then docker volume rm "$volume" >/dev/null; fi
}

main() {
  local found
  cd "$(dirname "${BASH_SOURCE[0]}")/.."
  docker compose up --detach --wait --no-recreate zookeeper
  if [[ "${1:-}" == --check ]]; then
    in_broker_container check && echo 'nothing to mend'
    return
  fi
  say 'stopping what uses Kafka'
  docker compose stop producer processor kafka
  say 'comparing the volumes'
  found=$(in_broker_container mend | tail -n 1)
  if [[ "$found" == empty-volume ]]; then
    say 'making the producer forget what it has sent'
    forget_checkpoints
  fi
  say 'starting Kafka'
  docker compose up --detach --wait kafka
  say 'making the topics whose records were kept'
  docker compose exec -T kafka bash /opt/retail/kafka-volume.sh topics
  say 'starting the rest'
  docker compose up --detach --wait
  say 'mended'
}

case "${1:-}" in
  '' | --check) main "$@" ;;
  -h | --help) usage ;;
  *) usage >&2; exit 2 ;;
esac

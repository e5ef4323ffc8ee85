#!/usr/bin/env bash
# Runs inside the broker's container. Kafka's volume and ZooKeeper's must belong together. If they
# don't, this script says so before the broker fails, and repairs it without losing a record.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: kafka-volume.sh start | check | repair | partitions TOPIC

  start       wait for ZooKeeper and until a dead broker's node expires, check, start the broker
  check       exit 0 if the volume and ZooKeeper belong together, 1 with the reason if they don't
  repair      make them belong together; the broker must be stopped (scripts/repair-kafka.sh does it all)
  partitions  print how many partitions of TOPIC the volume has
TEXT
}

readonly zookeeper=${KAFKA_ZOOKEEPER_CONNECT:-zookeeper:2181}
readonly volume=/var/lib/kafka/data
readonly broker=${KAFKA_BROKER_ID:-1}
readonly jars=/usr/share/java/kafka

say() { printf 'kafka-volume: %s\n' "$*" >&2; }

# zk COMMAND...: runs one command of ZooKeeper and prints the answer.
zk() {
  timeout 60 java -Xmx64m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$jars/*" \
    org.apache.zookeeper.ZooKeeperMain -server "$zookeeper" "$@" 2>&1
}

zookeeper_cluster() {  # prints ZooKeeper's cluster id, or nothing; 1 if ZooKeeper does not answer
  local answer
  answer=$(zk get /cluster/id) || true
  case "$answer" in
    *'"id":"'*) sed -n 's/.*"id":"\([^"]*\)".*/\1/p' <<<"$answer" ;;
    *'Node does not exist'*) ;;
    *) return 1 ;;
  esac
}

volume_cluster() {  # prints the volume's cluster id, or nothing
  if [[ -f "$volume/meta.properties" ]]; then
    sed -n 's/^cluster\.id=//p' "$volume/meta.properties"
  fi
}

topic_folders() {  # prints the volume's folders of records, without those of Kafka's own topics
  local folder
  for folder in "$volume"/*/; do
    folder=$(basename "$folder")
    if [[ "$folder" != __* && "$folder" =~ -[0-9]+$ ]]; then echo "$folder"; fi
  done
}

children() { zk ls "$1" | sed -n 's/^\[\(.*\)\]$/\1/p'; }

# verdict: "together", "other-cluster" (the volume belongs to another cluster than ZooKeeper) or
# "empty-volume" (ZooKeeper has topics whose records are gone); 1 if ZooKeeper does not answer.
verdict() {
  local here there
  here=$(volume_cluster)
  there=$(zookeeper_cluster) || return 1
  if [[ -n "$here" && "$here" != "$there" ]]; then
    echo other-cluster
  elif [[ -z "$here$(topic_folders)" && -n "$there" && -n "$(children /brokers/topics)" ]]; then
    echo empty-volume
  else
    echo together
  fi
}

explain() {
  case "$1" in
    other-cluster)
      say "CLUSTER ID MISMATCH: Kafka's volume belongs to cluster '$(volume_cluster)', ZooKeeper" \
        "to '$(zookeeper_cluster || true)'. One of the two volumes was removed or replaced without" \
        "the other, and the broker can't start." ;;
    empty-volume)
      say "KAFKA'S VOLUME IS EMPTY, but ZooKeeper has topics: Kafka's volume was removed without" \
        "ZooKeeper's. Records that were not stored yet are lost, and must be sent again." ;;
  esac
  say "MongoDB's data is not affected. To repair Kafka, run on the host: ./scripts/repair-kafka.sh"
}

check() {
  local found
  if ! found=$(verdict); then
    say "ZooKeeper at $zookeeper does not answer"
    return 2
  fi
  if [[ "$found" != together ]]; then
    explain "$found"
    return 1
  fi
}

# A connection to a container that vanishes just then would be waited for without end.
zookeeper_serves() {
  # shellcheck disable=SC2016  # the inner shell expands its own arguments
  timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/$2" && printf srvr >&3 && grep -q "^Mode: " <&3' \
    zookeeper_serves "${zookeeper%:*}" "${zookeeper##*:}" 2>/dev/null
}

# After a hard stop of the whole machine the containers start in any order. Before ZooKeeper answers,
# nobody can know whose volume this is, nor whether a dead broker's node still exists.
wait_for_zookeeper() {
  local second
  for second in {0..120}; do
    if zookeeper_serves; then return; fi
    if (( second == 0 )); then say "waiting for ZooKeeper at $zookeeper"; fi
    sleep 1
  done
}

# A killed broker's node stays in ZooKeeper until its session expires. A new broker that finds the
# node there gives up.
wait_for_dead_brokers_node() {
  local second
  for second in {0..60..2}; do
    [[ " $(children /brokers/ids | tr -d ',') " == *" $broker "* ]] || return 0
    if (( second == 0 )); then
      say "ZooKeeper still holds broker $broker's node from a hard stop: waiting for it to expire"
    fi
    sleep 2
  done
}

start() {
  local status=0
  wait_for_zookeeper
  if [[ -f "$volume/meta.properties" && ! -f "$volume/.kafka_cleanshutdown" ]]; then
    wait_for_dead_brokers_node
  fi
  check || status=$?
  if (( status == 1 )); then exit 1; fi
  exec /etc/confluent/docker/run
}

# Keeps the records and removes what ties them to the lost cluster: its id, and the topics' ids.
# Producer ids start above all that the lost cluster assigned. Otherwise the broker would take a new
# producer's first batches for an old producer's duplicates, and drop them.
adopt_records() {
  local first block
  first=$(( $(date +%s) * 1000 ))
  block="{\"version\":1,\"broker\":$broker,\"block_start\":\"$first\",\"block_end\":\"$((first + 999))\"}"
  if [[ "$(zk get /latest_producer_id_block || true)" == *'Node does not exist'* ]]; then
    zk create /latest_producer_id_block "$block" >/dev/null
  else
    zk set /latest_producer_id_block "$block" >/dev/null
  fi
  if [[ "$(zk get /latest_producer_id_block)" != *"$first"* ]]; then
    say 'ZooKeeper did not accept the first producer id; nothing was changed in the volume'
    exit 1
  fi
  rm -f "$volume"/*/partition.metadata "$volume"/*/leader-epoch-checkpoint
  rm -f "$volume/meta.properties"
  say "the records in Kafka's volume are kept, and now belong to ZooKeeper's cluster"
}

forget_topics() {
  local node
  for node in /brokers/topics /config/topics /admin/delete_topics /cluster; do
    zk deleteall "$node" >/dev/null || true
  done
  if [[ -n "$(children /brokers/topics || true)" ]]; then
    say 'ZooKeeper did not delete its topics'
    exit 1
  fi
  say 'the topics whose records are gone are deleted from ZooKeeper'
}

repair() {
  local found
  found=$(verdict) || { say "ZooKeeper at $zookeeper does not answer"; exit 2; }
  case "$found" in
    other-cluster) adopt_records ;;
    empty-volume) forget_topics ;;
    together) say 'nothing needs repair: the volume and ZooKeeper belong together' ;;
  esac
}

partitions() { topic_folders | sed 's/-[0-9]*$//' | grep -Fxc -- "$1" || true; }

case "${1:-}" in
  start | check | repair) "$1" ;;
  partitions) partitions "${2:?TOPIC is missing}" ;;
  -h | --help) usage ;;
  *) usage >&2; exit 2 ;;
esac

# shellcheck shell=bash
# The volumes of Kafka and ZooKeeper belong together. If one is lost, the broker explains it, and
# scripts/repair-kafka.sh repairs it.
# shellcheck disable=SC2154  # lib.sh sets what is not set here

# Rows that are already stored would be sent again, which proves nothing and takes long.
forget_large_files() { find "$data" -name '*.csv' -size +1M -delete; }

sent() {  # prints the number of records in all partitions of the transactions topic
  compose exec -T kafka bash -c 'KAFKA_HEAP_OPTS=-Xmx96m kafka-get-offsets --bootstrap-server \
    kafka:29092 --topic retail_transactions' 2>/dev/null | awk -F: '{n += $3} END {print n}'
}

# Records that are only in Kafka must survive the loss of ZooKeeper's volume.
test_a_lost_zookeeper_volume_is_explained_and_repaired() {
  local before
  forget_large_files
  quietly compose stop processor
  before=$(sent)
  drop_file unread.csv 4
  eventually 180 $((before + 4)) sent
  quietly compose down
  rm "$data/unread.csv"
  docker volume rm "${COMPOSE_PROJECT_NAME}_zookeeper-data" "${COMPOSE_PROJECT_NAME}_zookeeper-log" >/dev/null
  if up 2>/dev/null; then fail 'the stack starts on volumes that do not belong together'; fi
  grep -q 'CLUSTER ID MISMATCH.*' < <(compose logs kafka) || fail 'the mismatch is not explained'
  quietly ./scripts/repair-kafka.sh
  all_arrived
  quietly ./scripts/repair-kafka.sh --check
}

test_a_lost_kafka_volume_is_explained_and_repaired() {
  local before
  forget_large_files
  before=$(totals)
  quietly compose down
  docker volume rm "${COMPOSE_PROJECT_NAME}_kafka-data" >/dev/null
  if up 2>/dev/null; then fail 'the stack starts on volumes that do not belong together'; fi
  grep -q "KAFKA'S VOLUME IS EMPTY" < <(compose logs kafka) || fail 'the loss is not explained'
  quietly ./scripts/repair-kafka.sh
  drop_file after-repair.csv 2
  all_arrived
  [[ "$(totals)" != "$before" ]] || fail 'nothing new has arrived'
}

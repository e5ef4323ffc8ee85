# shellcheck shell=bash
# A container that stops in the middle of a stream recovers by itself; no row is lost or doubled.
# shellcheck disable=SC2154  # lib.sh sets what is not set here

year=2011 file='' ledger='' fault=0
readonly services=6

# Writes a file whose rows are all in one year, and a ledger of the expected result: rows and money by
# kind, and the number of broken rows. The ledger is computed independently of the pipeline.
write_year() {  # write_year FILE YEAR ROWS LEDGER
  awk -v header="$header" -v year="$2" -v rows="$3" -v ledger="$4" '
    function money(pence, sign) {
      if (pence < 0) { sign = "-"; pence = -pence }
      return sprintf("%s%d.%02d0", sign, int(pence / 100), pence % 100)
    }
    BEGIN {
      print header
      for (row = 1; row <= rows; row++) {
        pence = 100 + row % 900; quantity = 1 + row % 7; invoice = year int(row / 5)
        if (row % 50 == 0) { kind = "cancellation"; invoice = "C" invoice; quantity = -1 }
        else if (row % 70 == 0) { kind = "adjustment"; quantity = -3 }
        else kind = "sale"
        if (row % 1000 == 1) { broken++; quantity = "many" } else { n[kind]++; sum[kind] += quantity * pence }
        printf "%s,%d,LANTERN,%s,%d-%02d-%02d 10:30:00,%s,17850,Testland\n", invoice, \
          10000 + row % 3000, quantity, year, row % 12 + 1, row % 28 + 1, money(pence)
      }
      printf "adjustment %d %s, cancellation %d %s, sale %d %s, quarantine %d\n", n["adjustment"], \
        money(sum["adjustment"]), n["cancellation"], money(sum["cancellation"]), n["sale"], \
        money(sum["sale"]), broken >ledger
    }' >"$1"
}

# stream NAME: drops such a file, for a new year, and returns while about half of it is stored.
stream() {
  local rows=80000
  year=$((year + 1)) file=$1.csv
  write_year "$work/$file" "$year" "$rows" "$work/ledger"
  ledger=$(<"$work/ledger")
  chmod 644 "$work/$file" && mv "$work/$file" "$data/$file"
  expect_more "$rows"
  # One command waits in the server, so that the fault follows the answer within a moment.
  ask "(() => { for (let i = 0; i < 3000 && db.transactions.countDocuments($(rows_of_the_year)) < 5000; i++)
    sleep(50) })()" >/dev/null
  fault=$SECONDS
}

rows_of_the_year() { echo "{InvoiceDate: {\$gte: ISODate('$year-01-01'), \$lt: ISODate('$((year + 1))-01-01')}}"; }
of_the_stream() { totals "$(rows_of_the_year)" "{name: '$file'}"; }

# Checks that the fault came in the middle of the stream; otherwise the test would prove nothing. It
# counts by the rows' own times, since some faults stop nothing and a query takes seconds on a busy machine.
was_in_the_middle() {
  local stored='' deadline=$((SECONDS + 300)) by_then
  by_then="{\$and: [$(rows_of_the_year), {stored_at: {\$lt: new Date($(date +%s%3N))}}]}"
  until [[ "$stored" =~ ^[0-9]+$ ]]; do
    (( SECONDS < deadline )) || fail 'MongoDB does not come back'
    stored=$(ask "db.transactions.countDocuments($by_then)" || true)
  done
  (( 5000 <= stored && stored < 75000 )) || fail "the fault came with $stored rows stored: not in the middle"
}

# Prints the longest time without a stored row, in seconds.
standstill() {
  ask "(() => { const at = db.transactions.distinct('stored_at', $(rows_of_the_year)).map(Number).sort();
    return (Math.max(...at.slice(1).map((t, i) => t - at[i])) / 1000).toFixed(1) })()"
}

healthy() { compose ps --format '{{.Health}}' | grep -cx healthy || true; }

kafka_logged() { grep -q "$1" < <(compose logs --since "$((SECONDS - fault))s" kafka); }

# Waits until each row of the stream and of all earlier ones is stored once, and all services are healthy.
comes_back_whole() {
  eventually 600 "$ledger" of_the_stream
  say "  whole $((SECONDS - fault)) s after the fault; no row stored for $(standstill) s"
  all_arrived
  eventually 300 "$services" healthy
  say "  all healthy $((SECONDS - fault)) s after the fault"
  quietly retail reconcile --quick --wait 300 || fail 'reconcile finds that they differ'
}

# Kills processes as a crash or a power cut would. Docker is not involved, so only restart policies help.
kill_from_outside() {  # kill_from_outside [SERVICE...]: all at the same moment
  local image pids
  image=$(docker inspect --format '{{.Image}}' "$(compose ps --quiet producer)")
  mapfile -t pids < <(compose ps --quiet "$@" | xargs docker inspect --format '{{.State.Pid}}')
  (( ${#pids[@]} > 0 )) && [[ " ${pids[*]} " != *' 0 '* ]] || fail "not all of it runs: ${pids[*]}"
  # shellcheck disable=SC2016  # the inner shell's arguments
  docker run --rm --pid host --network none --user 0 "$image" \
    sh -c 'kill -KILL "$@"' sh "${pids[@]}"
}

test_down_and_up_in_the_middle_keeps_every_row() {
  local up
  stream down
  quietly compose down
  up & up=$!
  was_in_the_middle
  wait "$up"
  comes_back_whole
}

test_killed_in_the_middle_and_up_again_it_goes_on() {
  local up
  stream kill
  quietly compose kill
  up & up=$!
  was_in_the_middle
  wait "$up"
  comes_back_whole
}

# Nobody runs `up`: every container starts by itself, in any order.
test_after_a_power_cut_in_the_middle_the_stack_recovers_by_itself() {
  stream power-cut
  kill_from_outside
  was_in_the_middle
  comes_back_whole
  if kafka_logged 'does not answer'; then fail 'the broker did not wait for ZooKeeper'; fi
}

# ZooKeeper keeps running and keeps the dead broker's node: here for longer than a broker needs to start
# on any machine.
test_a_killed_broker_comes_back_though_zookeeper_holds_its_node() {
  KAFKA_ZOOKEEPER_SESSION_TIMEOUT_MS=40000 up
  stream kafka
  kill_from_outside kafka
  was_in_the_middle
  comes_back_whole
  kafka_logged 'ZooKeeper still holds broker' || fail 'no node was left to wait for'
}

test_a_killed_zookeeper_comes_back() {
  stream zookeeper
  kill_from_outside zookeeper
  was_in_the_middle
  comes_back_whole
}

test_a_killed_mongod_comes_back() {
  stream mongodb
  kill_from_outside mongodb
  was_in_the_middle
  comes_back_whole
}

# Files, Kafka, MongoDB and rollups, row by row.
test_after_all_of_it_the_proof_is_clean() {
  quietly retail reconcile --wait 300 '/data/*.csv' ||
    fail 'reconcile finds that they differ'
}

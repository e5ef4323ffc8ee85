# shellcheck shell=bash
# The profile `monitoring`, without Grafana, whose image some registries lack.
# shellcheck disable=SC2154  # lib.sh sets what is not set here

monitoring() { compose --profile monitoring "$@"; }

prometheus() {  # prometheus QUERY: prints the values of its series, in order of their size
  monitoring exec -T prometheus promtool query instant http://127.0.0.1:9090 "$1" | sed -E 's/.*=> ([^ ]+) .*/\1/' |
    sort --general-numeric-sort | xargs
}

firing() {  # prints the names of the alerts that Alertmanager has
  monitoring exec -T alertmanager amtool --no-version-check --alertmanager.url=http://127.0.0.1:9093 \
    --output=json alert query | python3 -c 'import json, sys
print(*sorted({each["labels"]["alertname"] for each in json.load(sys.stdin)}))'
}

test_prometheus_finds_every_processor_and_only_the_watchdog_fires() {
  local series
  quietly monitoring up --detach --wait --wait-timeout 200 --scale processor=3 \
    exporter prometheus alertmanager processor
  # The exporter, the producer, three processors and the dashboard.
  eventually 60 '1 1 1 1 1 1' prometheus up
  eventually 60 0 prometheus 'sum(retail_partition_lag_records)'
  eventually 120 RetailWatchdog firing
  series=$(prometheus 'sum(scrape_samples_scraped)')
  say "  $series series of 6 partitions and 3 processors"
  (( series <= 500 )) || fail "there are $series series"
  quietly monitoring rm --force --stop exporter prometheus alertmanager
  up --no-recreate --scale processor=1
}

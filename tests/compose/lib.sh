# shellcheck shell=bash
# Shared by the tests of the Compose stack: start and stop it, query it, and write files for it.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
readonly root work data="$work/мои данные" checkout="$work/мой проект/___"
readonly header=InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
current=preparing expected=0 reason='' only_sample=''

say() { printf '%(%H:%M:%S)T compose: %s\n' -1 "$*" >&2; }
fail() { reason=$*; exit 1; }
compose() { docker compose "$@"; }
quietly() { "$@" >"$work/output" 2>&1 || { tail -n 30 "$work/output" >&2; return 1; }; }

# Copies the checkout as under a strict umask: only its owner can read it.
copy_checkout() (  # copy_checkout FOLDER
  umask 077
  mkdir -p "$1"
  git -C "$root" ls-files -z --cached --others --exclude-standard |
    tar -C "$root" --null --files-from - --ignore-failed-read --create |
    tar -C "$1" --no-same-permissions --extract
)

# Sets a proxy where nothing listens in Docker's client configuration, which every container inherits.
proxy_in_docker_configuration() {
  DOCKER_HOST=$(docker context inspect --format '{{.Endpoints.docker.Host}}')
  mkdir "$work/docker"
  find "${DOCKER_CONFIG:-$HOME/.docker}" -mindepth 1 -maxdepth 1 ! -name config.json \
    -exec ln -s {} "$work/docker" \; 2>/dev/null || true
  printf '{"proxies": {"default": {"httpProxy": "%s", "httpsProxy": "%s", "allProxy": "%s"}}}' \
    http://127.0.0.1:9 http://127.0.0.1:9 socks5://127.0.0.1:9 >"$work/docker/config.json"
  export DOCKER_HOST DOCKER_CONFIG="$work/docker"
}

free_port() {
  local port
  while port=$((20000 + RANDOM % 12000)); (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}

# Prepares an environment with difficult settings: umask, names of folders, passwords, a proxy.
prepare() {
  local role
  chmod 755 "$work" && mkdir -m 755 "$data"
  copy_checkout "$checkout"
  cd "$checkout" || exit
  export COMPOSE_PROJECT_NAME="retail-test-$$" COMPOSE_DISABLE_ENV_FILE=1 COMPOSE_ANSI=never
  export RETAIL_DATA_DIR="$data"
  for role in ROOT WRITER READER MONITOR SETUP; do
    export "MONGO_${role}_PASSWORD=${role,,} ключ+/@%40:#\$HOME'\"\\&?=[]"
  done
  KAFKA_PORT=$(free_port) MONGO_PORT=$(free_port) DASHBOARD_PORT=$(free_port)
  PROMETHEUS_PORT=$(free_port) ALERTMANAGER_PORT=$(free_port)
  export KAFKA_PORT MONGO_PORT DASHBOARD_PORT PROMETHEUS_PORT ALERTMANAGER_PORT
  # Before there is a proxy, since the build fetches packages.
  quietly compose --profile tools build
  quietly compose --profile monitoring build exporter prometheus alertmanager
  proxy_in_docker_configuration
}

clean_up() {
  local status=$?
  if (( status != 0 )); then
    compose ps --all >&2 || true
    compose logs --no-color --tail 15 passwords mongodb kafka users setup producer processor dashboard >&2 || true
  fi
  compose --profile tools --profile monitoring down --volumes --remove-orphans --rmi local >/dev/null 2>&1 || true
  docker image ls --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" |
    xargs --no-run-if-empty docker image rm --force >/dev/null 2>&1 || true
  rm -rf "$work"
  # The last line, below the logs.
  if (( status != 0 )); then say "FAILED in $current${reason:+: $reason}"; fi
  exit "$status"
}

up() { quietly compose up --detach --wait --wait-timeout 300 "$@"; }

retail() { compose run --rm -T retail "$@"; }

ask() {  # ask EXPRESSION: prints its value in MongoDB, as the reader
  compose exec -T -e HOME=/dev/null mongodb mongosh --quiet --norc 'mongodb://127.0.0.1:27017/retail_db' \
    --username retail_reader --password "$MONGO_READER_PASSWORD" --authenticationDatabase retail_db \
    --eval "print($1)" 2>/dev/null | tail -n 1
}

rows() { ask 'db.transactions.countDocuments({}) + db.quarantine.countDocuments({})'; }

# Prints the number of rows and the exact money of each kind, and the number of rows in quarantine: of all
# rows, or of those that two conditions select. Adding 0.000 gives the money three decimals.
totals() {  # totals [TRANSACTIONS QUARANTINE]
  local transactions=${1:-'{}'} quarantine=${2:-'{}'}
  # shellcheck disable=SC2016  # the dollars are MongoDB's
  ask 'db.transactions.aggregate([{$match: '"$transactions"'},
      {$group: {_id: "$kind", n: {$sum: 1}, money: {$sum: {$add: ["$TotalAmount", NumberDecimal("0.000")]}}}}, {$sort: {_id: 1}},
    ]).toArray().map(k => `${k._id} ${k.n} ${k.money}, `).join("") +
    `quarantine ${db.quarantine.countDocuments('"$quarantine"')}`'
}

eventually() {  # eventually SECONDS VALUE COMMAND...: waits until the command's output is the value
  local seconds=$1 value=$2 deadline=$((SECONDS + $1)) got=''
  shift 2
  while (( SECONDS < deadline )); do
    got=$("$@" || true)
    if [[ "$got" == "$value" ]]; then return; fi
    sleep 2
  done
  fail "after $seconds s '$*' prints '$got', not '$value'"
}

# drop_file NAME ROWS: drops a file of valid rows. Its content is unique, since equal content is one source.
drop_file() {
  local row
  { echo "$header"
    for (( row = 1; row <= $2; row++ )); do
      echo "${expected}${row},85123A,LANTERN OF ${1%.csv},2,2011-06-0$((row % 9 + 1)) 10:30:00,2.55,17850,Testland"
    done; } >"$work/$1"
  chmod 644 "$work/$1" && mv "$work/$1" "$data/$1"
  expect_more "$2"
}

# expect_more ROWS: expects that many more rows. The first row of other data replaces the sample.
expect_more() {
  if [[ -n "$only_sample" ]]; then expected=0 only_sample=''; fi
  expected=$((expected + $1))
}

all_arrived() { eventually "${1:-120}" "$expected" rows; }

#!/usr/bin/env bash
# Runs in a container of the mongo image at every start of the stack: updates MongoDB's users to what
# init-mongo.js and .env say now. The image itself runs init-mongo.js only on an empty volume.
set -euo pipefail

readonly marker=/data/db/retail-checkout

# Prints the checkout's folder as the engine knows it; it does not depend on where docker compose is
# called from. /proc writes blanks as octal numbers.
checkout_folder() {
  local fields
  while read -r -a fields; do
    if [[ "${fields[4]}" == /checkout/docker ]]; then printf '%b' "${fields[3]%/docker}"; fi
  done </proc/self/mountinfo
}

# Two checkouts with one project name would stream into each other's data.
refuse_another_checkout() {
  local here owner=''
  here=$(checkout_folder)
  if [[ -f "$marker" ]]; then owner=$(<"$marker"); fi
  if [[ -n "$owner" && "$owner" != "$here" && "${RETAIL_TAKE_OVER:-}" != yes ]]; then
    echo "mongo-users: the data of the stack '$COMPOSE_PROJECT_NAME' belongs to the checkout in '$owner'," \
      "and this one is in '$here'. For a stack of its own, set COMPOSE_PROJECT_NAME and other ports in" \
      '.env. If the checkout was moved, run once: RETAIL_TAKE_OVER=yes docker compose up' >&2
    exit 2
  fi
  printf '%s\n' "$here" >"$marker"
}

refuse_another_checkout
exec mongosh --quiet --norc mongodb://mongodb:27017/admin \
  --eval 'db.auth("root", fs.readFileSync("/run/secrets/root/mongo_root_password", "utf8"))' \
  --file /docker-entrypoint-initdb.d/init-mongo.js

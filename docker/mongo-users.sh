#!/usr/bin/env bash
# Runs in a container of the mongo image at every start of the stack: brings MongoDB's users to what
# init-mongo.js and .env say now. The image itself runs init-mongo.js on an empty volume only.
set -euo pipefail

refuse_development_passwords() {
  local name found=()
  [[ "${RETAIL_ENV:-development}" != development ]] || return 0
  for name in "${!MONGO_@}"; do
    if [[ "$name" == *_PASSWORD && "${!name}" == dev-only* ]]; then
      found+=("${name/MONGO_INITDB_ROOT/MONGO_ROOT}")
    fi
  done
  if (( ${#found[@]} > 0 )); then
    echo "mongo-users: RETAIL_ENV=$RETAIL_ENV refuses the development defaults; set in .env: ${found[*]}" >&2
    exit 2
  fi
}

refuse_development_passwords
exec mongosh --quiet --norc mongodb://mongodb:27017/admin \
  --eval 'db.auth("root", process.env.MONGO_INITDB_ROOT_PASSWORD)' \
  --file /docker-entrypoint-initdb.d/init-mongo.js

#!/usr/bin/env bash
# Runs in a container of the mongo image at every start of the stack: copies each secret of .env into the volume
# of those who need it. `docker inspect` shows a container's environment, and not what is in a volume.
set -euo pipefail

readonly given=/run/given secrets=/run/secrets

refuse_development_passwords() {
  local file name found=()
  [[ "${RETAIL_ENV:-development}" != development ]] || return 0
  for file in "$given"/*/mongo_*; do
    name=${file##*/}
    if [[ "$(<"$file")" == dev-only* ]]; then found+=("${name^^}"); fi
  done
  if (( ${#found[@]} > 0 )); then
    echo "passwords: RETAIL_ENV=$RETAIL_ENV refuses the development defaults; set in .env: ${found[*]}" >&2
    exit 2
  fi
}

# Programs that read a secret from a file remove blanks at its ends.
refuse_outer_blanks() {
  local file name
  for file in "$given"/*/mongo_*; do
    name=${file##*/}
    if [[ "$(<"$file")" =~ ^[[:space:]]|[[:space:]]$ ]]; then
      echo "passwords: ${name^^} starts or ends with a blank: set one in .env that does not" >&2
      exit 2
    fi
  done
}

copy() {
  local file target
  for file in "$given"/*/*; do
    target=$secrets${file#"$given"}
    # A running program sees the old file or the new one, and never a part.
    install -m 444 "$file" "$target.new"
    mv -f "$target.new" "$target"
  done
}

refuse_development_passwords
refuse_outer_blanks
copy

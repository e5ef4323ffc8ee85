#!/usr/bin/env bash
# Checks whether the whole pipeline is well: retail health, with the same options and exit status.
# ./health-check.sh --help explains them. Without Python it runs the check in a container of the stack.
set -euo pipefail

folder=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

if [[ -x $folder/.venv/bin/retail ]]; then
  exec "$folder/.venv/bin/retail" health "$@"
elif command -v retail >/dev/null; then
  exec retail health "$@"
elif command -v docker >/dev/null && docker compose version >/dev/null 2>&1; then
  exec docker compose --project-directory "$folder" run --rm --no-TTY retail health "$@"
fi

text="retail is not installed: run \`make demo\` in $folder once, or install Docker with Compose"
echo "health-check.sh: $text" >&2
for option in "$@"; do
  if [[ $option == --json ]]; then
    escaped=${text//\\/\\\\}
    printf '{"status": "could not run", "exit_status": 3, "error": "%s"}\n' "${escaped//\"/\\\"}"
    break
  fi
done
exit 3

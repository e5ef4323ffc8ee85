#!/bin/sh
# Writes Alertmanager's configuration from the environment, since Alertmanager reads none, and starts it. The
# image has no other shell than sh.
set -eu
umask 077

usage() {
  cat <<'TEXT'
usage: alertmanager.sh FOLDER [OPTION...]

Writes FOLDER/alertmanager.yml and the secrets that it names, as files that only this user can read. With
options (of Alertmanager) it then starts Alertmanager. The settings are ALERT_SLACK_URL, ALERT_EMAIL_TO,
ALERT_EMAIL_FROM, ALERT_SMTP_SERVER, ALERT_SMTP_USER, ALERT_SMTP_PASSWORD and ALERT_SMTP_TLS; .env.example
explains them.
TEXT
}

say() { printf 'alertmanager: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
quoted() { printf "'"; printf '%s' "$1" | sed "s/'/''/g"; printf "'"; }  # quoted TEXT: as YAML has it
secret() { printf '%s' "$2" >"$folder/$1"; quoted "$folder/$1"; }  # secret NAME TEXT: prints the file's path

take_secrets() {  # in Compose they are in files: docker inspect shows the environment
  if [ -d /run/secrets/alert ]; then
    ALERT_SLACK_URL=$(cat /run/secrets/alert/alert_slack_url)
    ALERT_SMTP_PASSWORD=$(cat /run/secrets/alert/alert_smtp_password)
  fi
}

check_settings() {
  case "${ALERT_SMTP_TLS:=yes}" in
    yes) tls=true ;;
    no) tls=false ;;
    *) fail "ALERT_SMTP_TLS is yes or no, not '$ALERT_SMTP_TLS'" ;;
  esac
  if [ -n "${ALERT_EMAIL_TO:-}" ] && [ -z "${ALERT_SMTP_SERVER:-}" ]; then
    fail 'ALERT_EMAIL_TO is set and ALERT_SMTP_SERVER is not: set it to the host and port of an SMTP server'
  fi
  if [ -n "${ALERT_SMTP_USER:-}" ] && [ -z "${ALERT_SMTP_PASSWORD:-}" ]; then
    fail 'ALERT_SMTP_USER is set and ALERT_SMTP_PASSWORD is not'
  fi
  if [ -z "${ALERT_SLACK_URL:-}${ALERT_EMAIL_TO:-}" ]; then
    say 'no alert is sent: set ALERT_SLACK_URL or ALERT_EMAIL_TO (.env.example explains them)'
  fi
}

routes() {
  cat <<'YAML'
# One message for all alerts of a check of `retail health`. Nobody is notified of the watchdog, which always fires.
route:
  receiver: people
  group_by: [check]
  group_wait: 10s
  group_interval: 30s
  repeat_interval: 4h
  routes:
    - receiver: nobody
      matchers: ['severity = "none"']
receivers:
  - name: nobody
  - name: people
YAML
}

slack() {
  printf '    slack_configs:\n'
  printf '      - api_url_file: '; secret slack-url "$ALERT_SLACK_URL"
  cat <<'YAML'

        send_resolved: true
        color: '{{ if eq .Status "resolved" }}good{{ else }}danger{{ end }}'
        title: '{{ template "retail.title" . }}'
        title_link: '{{ .ExternalURL }}'
        fallback: '{{ template "retail.title" . }}'
        text: '{{ template "retail.text" . }}'
YAML
}

email() {
  printf '    email_configs:\n'
  printf '      - to: '; quoted "$ALERT_EMAIL_TO"
  printf '\n        from: '; quoted "${ALERT_EMAIL_FROM:-retail-alerts@localhost}"
  printf '\n        smarthost: '; quoted "$ALERT_SMTP_SERVER"
  printf '\n        require_tls: %s\n' "$tls"
  if [ -n "${ALERT_SMTP_USER:-}" ]; then
    printf '        auth_username: '; quoted "$ALERT_SMTP_USER"
    printf '\n        auth_password_file: '; secret smtp-password "$ALERT_SMTP_PASSWORD"
    printf '\n'
  fi
  cat <<'YAML'
        send_resolved: true
        headers: {Subject: '{{ template "retail.title" . }}'}
        html: ''
        text: '{{ template "retail.text" . }}'
YAML
}

texts() {
  cat <<'TEMPLATE'
{{ define "retail.title" }}{{ .Status }}: {{ range $i, $each := or .Alerts.Firing .Alerts }}{{ if $i }}, {{ end }}{{ .Labels.alertname }}{{ end }}{{ end }}
{{ define "retail.text" }}{{ range .Alerts }}{{ .Status }}: {{ .Labels.alertname }} ({{ .Labels.severity }})
{{ .Annotations.summary }}
Impact: {{ .Annotations.impact }}
Causes: {{ .Annotations.causes }}
Actions: {{ .Annotations.actions }}
Runbook: {{ .Annotations.runbook }}
Since: {{ .StartsAt }}{{ if eq .Status "resolved" }}, until {{ .EndsAt }}{{ end }}

{{ end }}{{ end }}
TEMPLATE
}

configuration() {
  routes
  if [ -n "${ALERT_SLACK_URL:-}" ]; then slack; fi
  if [ -n "${ALERT_EMAIL_TO:-}" ]; then email; fi
  printf 'templates: ['; quoted "$folder/retail.tmpl"; printf ']\n'
}

main() {
  folder=$1
  shift
  mkdir -p "$folder"
  take_secrets
  check_settings
  texts >"$folder/retail.tmpl"
  configuration >"$folder/alertmanager.yml"
  if [ $# = 0 ]; then return; fi
  unset ALERT_SLACK_URL ALERT_SMTP_PASSWORD
  program=$(command -v alertmanager || command -v prometheus-alertmanager) ||
    fail 'alertmanager is not installed'
  exec "$program" "--config.file=$folder/alertmanager.yml" "$@"
}

case "${1:---help}" in
  -h | --help) usage ;;
  *) main "$@" ;;
esac

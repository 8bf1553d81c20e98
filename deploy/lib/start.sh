# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # names shared with deploy/run
# From an empty folder to a running instance, in the order in which deploy/run calls the steps.
# Reads what deploy/run made of its options, and $bin, the folder of the programs.

prepare_folders() {
    local log
    mkdir -p "$data"/{run,logs,secrets}
    chmod 700 "$data/secrets" "$data/run" "$data/logs"
    # The server's user must get through to its cluster, and to nothing else.
    if is_root; then chmod a+x "$data"; else chmod 700 "$data"; fi
    rm -f "$data/local.env"
    [[ -e $data/read-switches.yaml ]] || printf 'default: projections\n' >"$data/read-switches.yaml"
    for log in "$data"/logs/*.log; do
        [[ ! -e $log ]] || (($(stat -c %s "$log") < 64 * 1024 * 1024)) || mv "$log" "$log.1"
    done
    for log in "${services[@]}" supervisor postgres; do
        : >>"$data/logs/$log.log"
        log_began[$log]=$(stat -c %s "$data/logs/$log.log")
    done
}

# What this start has written to a log: an earlier run's last line would mislead.
declare -A log_began=()
log_of() { tail -c "+$((log_began[$1] + 1))" "$data/logs/$1.log"; }

last_words() {
    local line
    line=$(log_of "$1" | tail -n 1)
    printf '%s\n' "${line:-it has said nothing, see $data/logs}"
}

# Sets $cluster, $server_bin and $administrator, the URL of the database.
start_own_server() {
    local password port
    cluster=$(place_cluster "$data")
    if [[ ! -e $cluster/PG_VERSION ]]; then
        server_bin=$(server_programs)
        create_cluster "$cluster" "$server_bin" "$(secret "$data/secrets/postgres.password" 24)"
    fi
    server_bin=$(server_programs "$(<"$cluster/PG_VERSION")")
    psql=$server_bin/psql
    password=$(secret "$data/secrets/postgres.password" 24)
    # The port of last time, so that what people noted down stays true.
    port=$(sed -n 's/^port = //p' "$cluster/closter.conf" 2>/dev/null || true)
    if [[ -z $port ]] || listening "$port"; then port=$(free_port "$base"); fi
    configure_cluster "$cluster" "$server_bin" "$port"
    start_supervisor
    until wait_for_cluster "$server_bin" "$port"; do
        (($(deaths postgres) < 3)) || fail "Postgres does not start: $(last_words postgres)"
    done
    administrator=postgres://postgres:$password@127.0.0.1:$port/closter
    require_server "${administrator%/closter}/postgres" "the Postgres in $cluster"
    if [[ -z $(query "${administrator%/closter}/postgres" <<<"SELECT 1 FROM pg_database WHERE datname = 'closter'") ]]; then
        query "${administrator%/closter}/postgres" <<<'CREATE DATABASE closter'
    fi
}

use_given_server() {
    cluster='' server_bin='' administrator=$database_url
    psql=$(client_programs)/psql
    start_supervisor
    require_server "$administrator" "$server"
}

# write_settings FILE: local.env, which the tool reads too.
write_settings() {
    local secrets=$data/secrets
    {
        setting CLOSTER_QUERY_URL "http://127.0.0.1:$base"
        setting CLOSTER_COMMAND_URL "http://127.0.0.1:$((base + 1))"
        setting CLOSTER_PROJECTOR_URL "http://127.0.0.1:$((base + 2))"
        if [[ $tls == yes ]]; then
            setting CLOSTER_QUERY_TLS_URL "https://localhost:$(https_port "$base" query)"
            setting CLOSTER_COMMAND_TLS_URL "https://localhost:$(https_port "$base" command)"
            setting CLOSTER_CA "$data/tls/ca.pem"
        fi
        setting CLOSTER_TENANT demo
        setting CLOSTER_OPERATOR_TOKEN "$(cat "$secrets/operator.token" 2>/dev/null || true)"
        setting CLOSTER_PUBLISHABLE_KEY "$(cat "$secrets/publishable.key" 2>/dev/null || true)"
        setting CLOSTER_SECRET_KEY "$(cat "$secrets/secret.key" 2>/dev/null || true)"
        setting CLOSTER_DATABASE_URL "$administrator"
        setting CLOSTER_READ_SWITCHES "$data/read-switches.yaml"
        setting CLOSTER_BIN "$bin"
        setting CLOSTER_AUTH_DEV_KEY "$secrets/issuer.jwk"
        setting CLOSTER_AUTH_DEV_JWKS "$secrets/issuer.jwks.json"
        setting CLOSTER_MASTER_KEYS "$(master_keys "$secrets/master.keys")"
        setting CLOSTER_MIGRATIONS "$checkout/deploy/migrations"
        setting CLOSTER_ROLES "$checkout/deploy/roles"
    } | write_private "$1"
}

# The tool says in one line why it could not: nothing to add.
migrate_database() {
    tool_environment=$data/secrets/tool.env
    write_settings "$tool_environment"
    tool migrate >/dev/null || exit 1
    set_passwords "$administrator" "$data/secrets" || fail "could not set the passwords of the roles"
}

make_token() {
    local token
    token=$(tool token --subject operator-demo --name Operator) || exit 1
    printf '%s\n' "$token" | write_private "$data/secrets/operator.token"
    write_settings "$tool_environment"
}

# It starts Postgres at once and the services when told, and ends with this process unless it is released.
start_supervisor() {
    CLOSTER_INSTANCE=$data setsid "$here/lib/supervise" "$data" "$bin" "$cluster" "$server_bin" "$$" "${services[@]}" \
        </dev/null >>"$data/logs/supervisor.log" 2>&1 9<&- &
    supervisor=$!
    disown
    until supervisor_pid "$data" >/dev/null; do
        alive "$supervisor" || fail "the supervisor does not start: $(last_words supervisor)"
        sleep 0.02
    done
}

start_services() {
    local service
    for service in "${services[@]}"; do
        write_service_environment "$data" "$base" "$service" "$administrator"
    done
    : >"$data/run/go"
}

# From now on the instance outlives this process.
release_supervisor() { : >"$data/run/released"; }

deaths() {
    log_of supervisor | grep -c "\"message\":\"$1 ended " || true
}

# is_late SERVICE: nothing but the projections' lag keeps it from being ready, as its last answer says. Without a projector
# that is what was asked for; after a long outage it passes, if only the services are left to run.
is_late() {
    [[ $answer_body == *'"reason":"projections: '* ]] || return 1
    [[ $1 == query && " ${services[*]} " != *" projector"* ]] ||
        [[ $answer_body =~ (late,|s\ behind) && ! $answer_body =~ (stopped|connecting) ]]
}

wait_for_services() {
    local service port until=$((SECONDS + 60)) tolerated
    for service in "${services[@]}"; do
        port=$(service_port "$base" "$service")
        tolerated=$((SECONDS + 10))
        until wait_ready 1 "$port" /readyz; do
            if ((SECONDS >= tolerated)) && is_late "$service" && wait_ready 1 "$port" /livez; then
                say "$service runs; what it shows is behind what has happened."
                break
            fi
            if (($(deaths "$service") >= 4)); then
                fail "$service does not start: $(last_words "$service")"
            fi
            ((SECONDS < until)) || fail "$service is not ready: ${answer_body:-$(last_words "$service")}"
        done
    done
    supervisor_pid "$data" >/dev/null || fail "the supervisor has ended: $(last_words supervisor)"
}

announce() {
    # Paths as they hold where the user stands.
    local environment=${data#"$origin"/}/local.env service port catalogue=$checkout/deploy/demo/catalogue.csv
    printf '\nCloster is ready.\n\n'
    for service in "${services[@]}"; do
        printf '  %-18s http://127.0.0.1:%s\n' "$service" "$(service_port "$base" "$service")"
        port=$([[ $tls == no ]] || https_port "$base" "$service")
        [[ -z $port ]] || printf '  %-18s https://localhost:%s\n' '' "$port"
    done
    [[ $tls == no ]] || printf '  %-18s %s\n' 'authority' "$data/tls/ca.pem"
    cat <<END
  settings           $data/local.env
  logs               $data/logs

Operator's token (valid for 24 hours):
$(<"$data/secrets/operator.token")

Try:
  . $environment; curl -s -H "Closter-Key: \$CLOSTER_PUBLISHABLE_KEY" "\$CLOSTER_QUERY_URL/v1/listings?q=zakiet"
  . $environment; curl -s -H "Authorization: Bearer \$CLOSTER_OPERATOR_TOKEN" -H "Closter-Tenant: \$CLOSTER_TENANT" --json '{"title": "Wool coat", "condition": "excellent"}' "\$CLOSTER_COMMAND_URL/v1/items"
  ${bin#"$origin"/}/closter import ${catalogue#"$origin"/} --env-file $environment
END
    [[ $tls == no ]] || cat <<END
  . $environment; curl -s --cacert "\$CLOSTER_CA" -H "Closter-Key: \$CLOSTER_PUBLISHABLE_KEY" "\$CLOSTER_QUERY_TLS_URL/v1/listings?q=zakiet"
END
}

# The services' logs until Ctrl-C, which stops everything, or until somebody else stopped it.
follow() {
    local logs=() service
    for service in "${services[@]}" supervisor; do logs+=("$data/logs/$service.log"); done
    tail --quiet --lines 0 --follow=name --pid "$supervisor" "${logs[@]}" 2>/dev/null &
    tail_pid=$!
    trap 'interrupted=yes' INT TERM HUP
    while [[ $interrupted == no ]] && alive "$supervisor"; do
        sleep 0.5 &
        wait "$!" || true
    done
    trap '' INT TERM HUP
    if [[ $interrupted == yes ]]; then
        say "Stopping ..."
        if stop_instance "$data"; then say "Stopped."; fi
    fi
    kill "$tail_pid" 2>/dev/null || true
}

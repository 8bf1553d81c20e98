# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # names shared with the scripts that source this file
# The services of an instance: their names, ports, environment, readiness, and how the instance is stopped.

service_names=(command query projector)

# service_port BASE SERVICE
service_port() {
    case $2 in
    query) printf '%s\n' "$1" ;;
    command) printf '%s\n' $(($1 + 1)) ;;
    projector) printf '%s\n' $(($1 + 2)) ;;
    projector-standby) printf '%s\n' $(($1 + 4)) ;;
    esac
}

# service_program SERVICE
service_program() { printf 'closter-%s\n' "${1%-standby}"; }

# write_service_environment DATA BASE SERVICE URL: what the supervisor starts the service with.
write_service_environment() {
    local data=$1 base=$2 service=$3 role=closter_${3%-standby} secure=''
    [[ ${tls:-no} == no ]] || secure=$(https_port "$base" "$service")
    {
        setting CLOSTER_DATABASE_URL "$(role_url "$4" "$role" "$(secret "$data/secrets/$role.password" 24)")"
        setting CLOSTER_HTTP_HOST 127.0.0.1
        setting CLOSTER_HTTP_PORT "$(service_port "$base" "$service")"
        if [[ -n $secure ]]; then
            setting CLOSTER_LISTEN "http://127.0.0.1:$(service_port "$base" "$service"),https://127.0.0.1:$secure"
            setting CLOSTER_TLS_CERTIFICATE "$data/tls/server.pem"
            setting CLOSTER_TLS_KEY "$data/tls/server.key"
        fi
        setting CLOSTER_QUERY_URL "http://127.0.0.1:$base"
        setting CLOSTER_COMMAND_URL "http://127.0.0.1:$((base + 1))"
        setting CLOSTER_AUTH_DEV_JWKS "$data/secrets/issuer.jwks.json"
        setting CLOSTER_READ_SWITCHES "$data/read-switches.yaml"
        setting CLOSTER_PLATFORM_OPERATORS operator-demo
        if [[ $service == command ]]; then # nobody else has a use for it
            setting CLOSTER_FINGERPRINT_KEY "$(secret "$data/secrets/fingerprint.key" 32)"
        fi
        if [[ $service == command || $service == query ]]; then
            setting CLOSTER_MASTER_KEYS "$(master_keys "$data/secrets/master.keys")"
            setting CLOSTER_PHOTOS "$data/photos"
        fi
        # A new version's fold fills its projections anew by itself.
        if [[ $service == projector* ]]; then setting CLOSTER_REBUILD_ON_NEW_FOLD true; fi
        setting CLOSTER_SHARD main
    } | write_private "$data/secrets/$service.env"
}

# ask PORT PATH: sets answer_status and answer_body; false when nobody answers within two seconds.
ask() {
    local line connection
    answer_status='' answer_body=''
    { exec {connection}<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 1
    printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n' "$2" "$1" 1>&"$connection" 2>/dev/null
    if IFS= read -r -t 2 line <&"$connection"; then
        read -r _ answer_status _ <<<"${line%$'\r'}"
        while IFS= read -r -t 2 line <&"$connection" && [[ ${line%$'\r'} ]]; do :; done
        # A body need not end in a newline.
        while IFS= read -r -t 1 line <&"$connection" || [[ $line ]]; do answer_body+=${line%$'\r'}; done
    fi
    exec {connection}>&-
    [[ $answer_status =~ ^[0-9]{3}$ ]]
}

# wait_ready SECONDS PORT PATH
wait_ready() {
    local until=$((SECONDS + $1))
    until ask "$2" "$3" && [[ $answer_status == 200 ]]; do
        ((SECONDS < until)) || return 1
        sleep 0.1
    done
}

# supervisor_pid DATA: of the running supervisor.
supervisor_pid() {
    local pid
    read -r pid 2>/dev/null <"$1/run/supervisor.pid" && ours "$pid" "$1" && printf '%s\n' "$pid"
}

# stop_instance DATA: everything that runs on it, also when its supervisor is gone; true if there was something.
stop_instance() {
    local data=$1 pid file pids=() found=1 cluster
    if pid=$(supervisor_pid "$data"); then
        found=0
        kill -TERM "$pid" 2>/dev/null || true
        wait_gone 60 "$pid" || kill -KILL "$pid" 2>/dev/null || true
    fi
    for file in "$data"/run/*.pid; do
        read -r pid 2>/dev/null <"$file" && ours "$pid" "$data" && pids+=("$pid")
    done
    if [[ ${#pids[@]} -gt 0 ]]; then
        found=0
        kill -TERM "${pids[@]}" 2>/dev/null || true
        wait_gone 12 "${pids[@]}" || kill -KILL "${pids[@]}" 2>/dev/null || true
    fi
    cluster=$(readlink -f "$data/postgres" 2>/dev/null || true)
    if [[ -n $cluster ]] && cluster_pid "$cluster" >/dev/null; then
        found=0
        halt_cluster "$cluster" "$(server_programs "$(<"$cluster/PG_VERSION")")" ||
            fail "the Postgres server of $data does not stop (process $(cluster_pid "$cluster"))"
    fi
    rm -f "$data"/run/*.pid "$data"/run/{go,released}
    return "$found"
}

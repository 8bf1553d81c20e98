# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # names shared with deploy/run
# The data directory of an instance: whose it is, who may change it, and how it is emptied.
# Reads what deploy/run made of its options: $data, $database_url, $server, $yes, $services, $base, $tls.

require_own_data() {
    [[ -e $data ]] || return 0
    [[ -d $data ]] || fail "$data is not a folder"
    [[ ! -d $data/run || -O $data/run ]] || fail "$data belongs to $(stat -c %U "$data/run"): run this as that user"
    [[ -w $data && -x $data ]] || fail "cannot write to $data"
}

# lock_data SECONDS: one deploy/run at a time changes what runs on a data directory. The lock, on
# descriptor 9, goes with the process; what stays behind closes it.
lock_data() {
    mkdir -p "$data" 2>/dev/null || fail "cannot create $data"
    exec 9<"$data"
    flock --wait "$1" 9 || fail "another deploy/run is busy with $data"
}

unlock_data() { exec 9<&-; }

require_idle() {
    local pid
    if pid=$(supervisor_pid "$data"); then
        fail "already running on $data (process $pid): see $data/local.env, or stop it with --stop"
    fi
}

# What an instance without a supervisor left behind is stopped first, or its ports would look taken.
clear_remains() {
    [[ -d $data/run ]] || return 0
    if stop_instance "$data"; then note "Stopped what an earlier run had left behind."; fi
}

require_ports() {
    local service port
    for service in "${services[@]}"; do
        for port in $(service_port "$base" "$service") $([[ $tls == no ]] || https_port "$base" "$service"); do
            if listening "$port"; then fail "port $port (of $service) is in use: choose another --port-base"; fi
        done
    done
}

# What an existing data directory demands: the same server as before, of a version that is installed.
require_matching_server() {
    local version
    if [[ -s $data/server && $(<"$data/server") != "$server" ]]; then
        fail "$data goes with $(<"$data/server"), not with $server: choose another --data, or --reset"
    fi
    [[ -z $database_url && -s $data/postgres/PG_VERSION ]] || return 0
    version=$(<"$data/postgres/PG_VERSION")
    ((version >= 15)) || fail "PostgreSQL 15 or newer is needed, and $data was made by version $version: --reset drops it"
    server_programs "$version" >/dev/null ||
        fail "$data was made by PostgreSQL $version, which is not installed: apt-get install postgresql-$version"
}

confirm_drop() {
    local answer='' what
    what="all data in ${data}${database_url:+, and the schemas closter and main of $server}"
    [[ $yes == no ]] || return 0
    [[ -t 0 ]] || fail "--reset drops $what: say --yes to mean it"
    read -r -p "Drop $what? [y/N] " answer
    [[ $answer == [yY]* ]] || fail "nothing was dropped"
}

drop_data() {
    local place
    if [[ -d $data/run || -e $data/postgres ]] || [[ -n $database_url ]]; then confirm_drop; fi
    if [[ -d $data/run ]] && stop_instance "$data"; then say "Stopped."; fi
    if [[ -n $database_url ]]; then
        building=no install_packages client
        psql=$(client_programs)/psql
        query "$database_url" <<<'SET client_min_messages = error; DROP SCHEMA IF EXISTS main, closter CASCADE' ||
            fail "could not drop the schemas of $server"
    fi
    place=$(readlink "$data/postgres" || true)
    [[ $place != /var/lib/closter/* ]] || rm -rf "${place%/postgres}"
    # By name: a folder that was given may hold other things.
    rm -rf "$data"/{postgres,postgres.new,run,logs,secrets,tls,photos,server,local.env,read-switches.yaml}
    say "Dropped the data in $data."
}

# shellcheck shell=bash
# A private PostgreSQL cluster: made, started and stopped here, and never any other one.
# Postgres refuses to run as root: then the cluster belongs to the user postgres and runs as it.

# Becomes a program of the user the server belongs to, in a folder that user can stand in.
become_server() {
    cd /
    if is_root; then
        exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
    else
        exec "$@"
    fi
}

as_server() (become_server "$@")

# cluster_pid CLUSTER: the server's process, if its pid file names a living one.
cluster_pid() {
    local pid name
    read -r pid 2>/dev/null <"$1/postmaster.pid" && alive "$pid" &&
        read -r name 2>/dev/null <"/proc/$pid/comm" && [[ $name == postgres ]] && printf '%s\n' "$pid"
}

# place_cluster DATA: prints where the cluster of DATA lies. As root it must be where the user postgres can enter:
# when DATA lies under a closed folder (/root, say), it lies under /var/lib/closter and DATA/postgres leads there.
place_cluster() {
    local link=$1/postgres place
    if [[ -L $link ]]; then
        readlink "$link"
    elif [[ -d $link ]] || ! is_root || as_server test -x "$1"; then
        printf '%s\n' "$link"
    else
        place=/var/lib/closter/$(printf '%s' "$1" | sha256sum | cut -c 1-12)
        mkdir -p "$place" && chmod 755 /var/lib/closter "$place"
        ln -s "$place/postgres" "$link"
        note "The user postgres cannot enter $1: the cluster lies in $place."
        printf '%s\n' "$place/postgres"
    fi
}

# create_cluster CLUSTER BIN PASSWORD: an empty one with the administrator postgres, complete or not at all.
create_cluster() {
    local cluster=$1 bin=$2 new=$1.new
    rm -rf "$new"
    mkdir -m 700 "$new"
    (umask 077 && printf '%s\n' "$3" >"$cluster.password")
    is_root && chown postgres:postgres "$new" "$cluster.password"
    local log
    if ! log=$(as_server "$bin/initdb" --pgdata "$new" --username postgres --pwfile "$cluster.password" \
        --auth scram-sha-256 --encoding UTF8 --locale C.UTF-8 --data-checksums --no-instructions 2>&1); then
        rm -rf "$new" "$cluster.password"
        printf '%s\n' "$log" | tail -n 5 >&2
        fail "could not create a Postgres cluster in $cluster"
    fi
    rm -f "$cluster.password"
    printf "\ninclude 'closter.conf'\n" >>"$new/postgresql.conf"
    mv "$new" "$cluster"
}

# configure_cluster CLUSTER BIN PORT [SETTING...]: what differs from PostgreSQL's defaults, and why.
configure_cluster() {
    local cluster=$1 bin=$2 port=$3 memory buffers compression=on
    shift 3
    memory=$(($(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024))
    buffers=$((memory / 24))
    buffers=$((buffers < 128 ? 128 : buffers > 1024 ? 1024 : buffers))
    ldd "$bin/postgres" 2>/dev/null | grep -q liblz4 && compression=lz4
    {
        cat <<END
# Written by deploy/ at every start.
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
max_connections = 200
password_encryption = 'scram-sha-256'

shared_buffers = ${buffers}MB
effective_cache_size = $((memory / 2))MB
work_mem = 8MB
maintenance_work_mem = 128MB
random_page_cost = 1.1
jit = off                       # short queries: planning them twice costs more than it gains

# Durable: an acknowledged write outlives a crash.
fsync = on
synchronous_commit = on
wal_compression = $compression
max_wal_size = 2GB
checkpoint_timeout = 15min

# A client that vanished is noticed in half a minute, so its locks do not outlive it.
tcp_keepalives_idle = 10
tcp_keepalives_interval = 5
tcp_keepalives_count = 3
client_connection_check_interval = 10s

log_line_prefix = '%m [%p] %q%u %a '
log_lock_waits = on
log_timezone = 'UTC'
timezone = 'UTC'
END
        [[ $# -eq 0 ]] || printf '%s\n' "$@"
    } >"$cluster/closter.conf"
    if is_root; then chown postgres:postgres "$cluster/closter.conf"; fi
}

# become_cluster CLUSTER BIN: the server in the foreground. Its parent should wait for it: a server that crashed and was
# never waited for stays in the table of processes, and the next one takes it for alive.
become_cluster() {
    become_server env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8 "$2/postgres" -D "$1"
}

# wait_for_cluster BIN PORT: does it take connections now, or within a second?
wait_for_cluster() { "$1/pg_isready" --quiet --host 127.0.0.1 --port "$2" --timeout 1 || { sleep 0.1 && false; }; }

# halt_cluster CLUSTER BIN [MODE]: stops the server, within half a minute whatever its clients do.
halt_cluster() {
    cluster_pid "$1" >/dev/null || return 0
    as_server "$2/pg_ctl" stop --pgdata "$1" --silent --mode "${3:-fast}" --timeout 30 >/dev/null 2>&1 ||
        as_server "$2/pg_ctl" stop --pgdata "$1" --silent --mode immediate --timeout 10 >/dev/null 2>&1
}

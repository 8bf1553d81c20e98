# shellcheck shell=bash
# What every script of deploy/ stands on: messages, numbers, random secrets, processes.

# shellcheck disable=SC2034 # used by the scripts that source this file
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)

say() { printf '%s\n' "$*"; }
note() { printf '%s\n' "$*" >&2; }

# One clear line, and out: nothing that was started stays behind, the exit trap of the caller sees to that.
fail() {
    note "deploy/${0##*/}: $*"
    exit 1
}

# The command line itself is wrong.
misuse() {
    note "deploy/${0##*/}: $* (see deploy/${0##*/} --help)"
    exit 2
}

is_root() { [[ $EUID -eq 0 ]]; }

# random_hex BYTES
random_hex() { od -An -v -tx1 -N "$1" /dev/urandom | tr -d ' \n'; }

# master_keys FILE: prints the name of the file of the keys that wrap the keys of persons, made when it is not there.
master_keys() {
    if [[ ! -s $1 ]]; then
        (umask 077 && printf 'first %s\n' "$(head -c 32 /dev/urandom | base64)" >"$1.new" && mv "$1.new" "$1")
    fi
    printf '%s\n' "$1"
}

# secret FILE BYTES: prints the secret kept in FILE, which is made when it is not there.
secret() {
    if [[ ! -s $1 ]]; then
        (umask 077 && random_hex "$2" >"$1.new" && mv "$1.new" "$1")
    fi
    cat "$1"
}

# write_private FILE: standard input becomes FILE, readable by its owner only, whole or not at all.
write_private() { (umask 077 && cat >"$1.new" && mv "$1.new" "$1"); }

# setting NAME VALUE: a line of an environment file, in quotes only where a shell would trip over it.
setting() {
    if [[ $2 =~ ^[A-Za-z0-9_.,:/@%+=-]*$ ]]; then
        printf '%s=%s\n' "$1" "$2"
    else
        printf "%s='%s'\n" "$1" "${2//\'/\'\\\'\'}"
    fi
}

# listening PORT: is something of this machine listening there?
listening() {
    local port
    printf -v port '%04X' "$1"
    awk -v port=":$port\$" '$2 ~ port && $4 == "0A" { found = 1 } END { exit !found }' \
        /proc/net/tcp "$([[ -r /proc/net/tcp6 ]] && echo /proc/net/tcp6 || echo /dev/null)"
}

# free_port BASE: below the range from which the kernel takes the client ends of connections, and not among the
# ports that go with BASE.
free_port() {
    local port
    for _ in {1..100}; do
        port=$((20000 + RANDOM % 12000))
        if ((port < $1 || port > $1 + 110)) && ! listening "$port"; then
            printf '%s\n' "$port"
            return
        fi
    done
    fail "no free port found between 20000 and 32000"
}

# alive PID: is it there, and more than a zombie?
alive() {
    local stat
    [[ $1 =~ ^[0-9]+$ ]] && read -r stat 2>/dev/null <"/proc/$1/stat" && [[ ${stat##*) } != Z* ]]
}

# started PID: when the kernel started it; tells a process from a later one with the same number.
started() {
    local stat fields
    read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
    read -ra fields <<<"${stat##*) }"
    printf '%s\n' "${fields[19]}"
}

# ours PID DATA: is it a living process of the instance in DATA? A stale pid file names somebody else's.
ours() {
    alive "$1" && grep -zqxF "CLOSTER_INSTANCE=$2" "/proc/$1/environ" 2>/dev/null
}

# wait_gone SECONDS PID...: until none of them lives; false when one still does after that time.
wait_gone() {
    local tenths=$(($1 * 10)) pid
    shift
    for pid; do
        while alive "$pid"; do
            ((tenths-- > 0)) || return 1
            sleep 0.1
        done
    done
}

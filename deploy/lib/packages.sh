# shellcheck shell=bash
# shellcheck disable=SC2034,SC2119,SC2120,SC2154 # names shared with the scripts that source this file
# The packages of the system and the Swift toolchain.

# Headers for the build, and the server. Anything else the product needs comes with Swift.
build_packages=(libpq-dev libssl-dev libnghttp2-dev zlib1g-dev)

# The newest installed PostgreSQL that is new enough, or the one of the major version $1; prints its bin folder.
server_programs() {
    local bin major best='' best_major=0
    for bin in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin; do
        [[ -x $bin/initdb && -x $bin/postgres && -x $bin/psql ]] || continue
        major=$("$bin/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
        if [[ -n ${1:-} ]]; then
            [[ $major == "$1" ]] && best=$bin
        elif ((major >= 15 && major > best_major)); then
            best=$bin best_major=$major
        fi
    done
    [[ -n $best ]] && printf '%s\n' "$best"
}

# psql of the newest installed PostgreSQL: any will do.
client_programs() {
    local bin best=''
    for bin in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin; do
        [[ -x $bin/psql ]] && best=$bin
    done
    [[ -n $best ]] && printf '%s\n' "$best"
}

package_installed() {
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# install_packages server|client: what is missing is installed, or named. Reads $building: libraries only for a build.
install_packages() {
    local missing=() package run=()
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        note "This is not Debian: make sure that the likes of ${build_packages[*]} and PostgreSQL 15 or newer are there."
    else
        if [[ ${building:-yes} == yes ]]; then
            for package in "${build_packages[@]}"; do
                package_installed "$package" || missing+=("$package")
            done
        fi
        case $1 in
        server) server_programs >/dev/null || missing+=(postgresql) ;;
        client) client_programs >/dev/null || missing+=(postgresql-client) ;;
        esac
    fi
    [[ ${#missing[@]} -gt 0 ]] || return 0

    if ! is_root; then
        if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [[ -t 0 && -t 2 ]]; }; then
            run=(sudo)
        else
            fail "packages are missing, as root run: apt-get update && apt-get install ${missing[*]}"
        fi
    fi
    say "Installing ${missing[*]} ..."
    local log
    log=$(mktemp)
    if ! { "${run[@]}" apt-get update && "${run[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "${missing[@]}"; } </dev/null >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        rm -f "$log"
        fail "could not install packages, as root run: apt-get update && apt-get install ${missing[*]}"
    fi
    rm -f "$log"
    if [[ $1 == server ]] && ! server_programs >/dev/null; then
        fail "PostgreSQL 15 or newer is needed, and the packages of this system are older (see https://apt.postgresql.org)"
    fi
}

# Sets $swift_version, or explains.
require_swift() {
    command -v swift >/dev/null ||
        fail "no Swift toolchain found: install Swift 6.2 or newer (https://www.swift.org/install/linux) and put swift into PATH"
    swift_version=$(swift --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+(\.[0-9]+)*).*/\1/p' | head -n 1)
    local major minor
    IFS=. read -r major minor _ <<<"${swift_version:-0.0}"
    ((major > 6 || (major == 6 && ${minor:-0} >= 2))) ||
        fail "Swift 6.2 or newer is needed, and $(command -v swift) is ${swift_version:-of unknown version} (https://www.swift.org/install/linux)"
}

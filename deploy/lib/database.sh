# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # names shared with the scripts that source this file
# A database by its URL, for psql. A password travels in the environment and on standard input, never on a command line.

# Whatever the caller's shell says about databases is not meant for us.
unset_database_environment() {
    local name
    for name in $(compgen -e | grep -E '^PG[A-Z]+$'); do unset "$name"; done
}

percent_decode() {
    local text=${1//\\/\\\\}
    printf '%b' "${text//%/\\x}"
}

# parse_url URL: sets url_user, url_password, url_host, url_port, url_database, url_parameters, as they stand in it.
parse_url() {
    local pattern='^postgres(ql)?://(([^:@/?]*)(:([^@/?]*))?@)?(\[[0-9a-fA-F:.]+\]|[^]:/?@,[]*)(:([0-9]+))?(/([^?]*))?(\?(.*))?$'
    [[ $1 =~ $pattern ]] || return 1
    url_user=${BASH_REMATCH[3]} url_password=${BASH_REMATCH[5]} url_host=${BASH_REMATCH[6]:-localhost}
    url_port=${BASH_REMATCH[8]:-5432} url_database=${BASH_REMATCH[10]} url_parameters=${BASH_REMATCH[12]}
    [[ -n $url_user && -n $url_database ]]
}

# role_url URL ROLE PASSWORD: the same database for another role.
role_url() {
    parse_url "$1" || return 1
    printf 'postgres://%s:%s@%s:%s/%s%s\n' \
        "$2" "$3" "$url_host" "$url_port" "$url_database" "${url_parameters:+?$url_parameters}"
}

# query URL: runs the statements of standard input, stops at the first error, prints bare rows.
query() (
    parse_url "$1" || return 1
    local host=${url_host#[} pairs pair
    PGHOST=${host%]} PGPORT=$url_port
    PGUSER=$(percent_decode "$url_user") PGPASSWORD=$(percent_decode "$url_password")
    PGDATABASE=$(percent_decode "$url_database")
    PGCONNECT_TIMEOUT=10 PGAPPNAME=closter-deploy
    export PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE PGCONNECT_TIMEOUT PGAPPNAME
    IFS='&' read -ra pairs <<<"$url_parameters"
    for pair in "${pairs[@]}"; do
        case ${pair%%=*} in
        host) PGHOST=$(percent_decode "${pair#*=}") ;;
        sslmode) export PGSSLMODE="${pair#*=}" ;;
        sslrootcert) PGSSLROOTCERT=$(percent_decode "${pair#*=}") && export PGSSLROOTCERT ;;
        sslcert) PGSSLCERT=$(percent_decode "${pair#*=}") && export PGSSLCERT ;;
        sslkey) PGSSLKEY=$(percent_decode "${pair#*=}") && export PGSSLKEY ;;
        channel_binding) export PGCHANNELBINDING="${pair#*=}" ;;
        options) PGOPTIONS=$(percent_decode "${pair#*=}") && export PGOPTIONS ;;
        esac
    done
    exec "$psql" --no-psqlrc --quiet --no-align --tuples-only --set ON_ERROR_STOP=1 --file -
)

# require_server URL WHAT: it answers, and is new enough.
require_server() {
    local version said
    if ! said=$(query "$1" <<<'SHOW server_version_num' 2>&1); then
        fail "cannot use $2: $(sed -n '1s/^psql: error: //p' <<<"$said")"
    fi
    version=$(tail -n 1 <<<"$said")
    ((version >= 150000)) ||
        fail "PostgreSQL 15 or newer is needed, and $2 is version $((version / 10000)).$((version % 10000))"
}

login_roles=(closter_command closter_projector closter_query closter_operator)

# set_passwords URL FOLDER: each login role gets the password kept in FOLDER.
set_passwords() {
    local role statements=''
    for role in "${login_roles[@]}"; do
        statements+="ALTER ROLE $role PASSWORD '$(secret "$2/$role.password" 24)';"$'\n'
    done
    query "$1" <<<"$statements"
}

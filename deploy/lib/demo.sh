# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # names shared with the scripts that source this file
# What a new instance holds: the tenant demo, its two keys and a catalogue of its own.

# tool ARGUMENT...: the operator's tool, configured as it is for the user.
tool() (
    set -a
    # shellcheck source=/dev/null
    . "$tool_environment"
    set +a
    exec "$bin/closter" "$@" </dev/null
)

# make_key FILE ARGUMENT...: an API key is printed once, when it is made.
make_key() {
    local file=$1 key
    shift
    [[ ! -s $file ]] || return 0
    key=$(tool key create "$@") && [[ $key =~ ^c[ps]k_[A-Za-z0-9_-]+$ ]] || return 1
    printf '%s\n' "$key" | write_private "$file"
}

# set_up_demo DATA: needs the command and the query service.
set_up_demo() {
    local secrets=$1/secrets catalogue=$checkout/deploy/demo/catalogue.csv done_file=$1/secrets/catalogue.done answer sum
    answer=$(tool tenant create demo --name 'Closter Demo' --currency PLN --time-zone Europe/Warsaw --if-missing) ||
        fail "could not create the tenant demo"
    if [[ $answer == created* ]]; then
        # A new database: what an earlier one knew is worth nothing.
        rm -f "$secrets/publishable.key" "$secrets/secret.key" "$done_file"
    fi
    make_key "$secrets/publishable.key" --kind publishable --name 'Demo storefront' --allowed-origin '*' ||
        fail "could not create the publishable key"
    make_key "$secrets/secret.key" --kind secret --name 'Demo back end' \
        --permission offers:create --permission orders:create || fail "could not create the secret key"
    sum=$(sha256sum <"$catalogue")
    if [[ $(cat "$done_file" 2>/dev/null) != "$sum" ]]; then
        tool import "$catalogue" --publish --wait >/dev/null || fail "could not import the demo catalogue"
        printf '%s\n' "$sum" >"$done_file"
    fi
}

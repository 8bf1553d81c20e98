# shellcheck shell=bash
# What the shell tests share: a folder of their own, expectations, free ports.

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
folder=$(mktemp -d)
chmod 755 "$folder"

# expect SENTENCE COMMAND...: the command succeeds, or the test ends here.
expect() {
    local sentence=$1 said
    shift
    if said=$("$@" 2>&1); then
        printf '  ok: %s\n' "$sentence"
    else
        printf '  FAILED: %s\n    %s\n%s\n' "$sentence" "$*" "$said" >&2
        exit 1
    fi
}

# within SECONDS COMMAND...: it succeeds once in that time.
within() {
    local until=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < until)) || return 1
        sleep 0.1
    done
}

# fails_with TEXT COMMAND...: it fails, and the last line it says holds the text.
fails_with() {
    local text=$1 said
    shift
    if said=$("$@" 2>&1); then
        printf 'succeeded: %s\n' "$said"
        return 1
    fi
    printf '%s\n' "$said"
    [[ $(tail -n 1 <<<"$said") == *"$text"* ]]
}

taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_ports COUNT: prints the first of so many free ports in a row.
free_ports() {
    local base port
    while :; do
        base=$((20000 + RANDOM % 12000))
        for ((port = base; port < base + $1; port++)); do
            if taken "$port"; then continue 2; fi
        done
        printf '%s\n' "$base"
        return
    done
}

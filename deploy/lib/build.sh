# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # names shared with the scripts that source this file
# The release build: quiet unless it fails, and skipped when no source is newer than the last one.

programs=(closter-command closter-projector closter-query closter)

# What a build depends on besides the files' times. Package.resolved is written by the build itself.
build_identity() {
    printf '%s\n' "$swift_version"
    cksum Package.resolved 2>/dev/null || true
}

# Folders are compared too: a file that was taken away leaves its folder newer.
build_is_fresh() {
    local stamp=$1 bin=$2 program sources=(Package.swift Shared Services)
    [[ -f $stamp && $(<"$stamp") == "$(build_identity)" ]] || return 1
    for program in "${programs[@]}"; do
        [[ -x $bin/$program ]] || return 1
    done
    [[ -z $(find "${sources[@]}" -newer "$stamp" -print -quit) ]]
}

# show_progress PID LOG WHAT: a line that moves on a terminal, else one line now and then.
show_progress() {
    local began=$SECONDS last='' step
    while alive "$1"; do
        sleep 1 || true
        step=$(tail -c 300 "$2" 2>/dev/null | tr '\r' '\n' | grep -oE '^\[[0-9]+/[0-9]+\]' | tail -n 1 || true)
        if [[ -t 1 ]]; then
            printf '\r\e[K%s %s %d s' "$3" "$step" $((SECONDS - began))
        elif (((SECONDS - began) % 30 == 29)) && [[ $last != "$SECONDS" ]]; then
            last=$SECONDS
            say "$3 $step $((SECONDS - began)) s"
        fi
    done
    [[ ! -t 1 ]] || printf '\r\e[K'
}

# build_release: the four programs, in .build/release.
build_release() {
    local stamp=.build/closter-release.stamp log=.build/closter-release.log program began=$SECONDS
    if build_is_fresh "$stamp" .build/release; then
        return
    fi
    say "Building for release (the first time takes some minutes) ..."
    mkdir -p .build || fail "cannot write $checkout/.build"
    : >"$log" || fail "cannot write $checkout/$log"
    touch "$stamp.new"
    for program in "${programs[@]}"; do
        swift build -c release --product "$program" </dev/null >>"$log" 2>&1 &
        build_pid=$!
        show_progress "$build_pid" "$log" "  $program"
        if ! wait "$build_pid"; then
            build_pid=''
            # What the compiler said, without the commands it was called by.
            grep -E '^([^ ]+: )?error:' "$log" | awk '!seen[$0]++' | head -n 20 >&2 || true
            fail "the build of $program failed, everything it said is in $checkout/$log"
        fi
        build_pid=''
    done
    # The time of the stamp is the build's beginning, so that a file saved meanwhile is newer.
    local begin
    begin=$(stat -c %y "$stamp.new")
    build_identity >"$stamp.new"
    touch -d "$begin" "$stamp.new"
    mv "$stamp.new" "$stamp"
    say "Built in $((SECONDS - began)) s."
}

#!/bin/sh
# Measures what stairway promises and prints one table: what, measured, bar, PASS or FAIL.
#
#   benches/compare.sh                      all rows; needs 1.5 GB in the temporary folder
#   SIZES="10 100 1000" benches/compare.sh  without the fleet of 5,000
#   ROUNDS=9 PEER=0 benches/compare.sh      more rounds; without the C++ evaluator
#
# Everything is made in a temporary folder and removed. On a busy machine trust processor time, not the clock.
set -eu
LC_ALL=C
export LC_ALL

sizes=${SIZES:-10 100 1000 5000}
rounds=${ROUNDS:-5}
runs=${RUNS:-20}
top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/stairway-compare.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '%s\n' "$*" >&2; }

# executable NAME: what cargo built under this name.
executable() {
    sed -n "s/.*\"name\":\"$1\".*\"executable\":\"\([^\"]*\)\".*/\1/p" "$work/built" | tail -n 1
}

# field NAME LINE: the value in a line of NAME=VALUE words.
field() { printf '%s\n' "$2" | tr ' ' '\n' | sed -n "s/^$1=//p"; }

# calc EXPRESSION: its value with up to three digits.
calc() { awk "BEGIN { printf \"%.3g\", $1 }"; }

# row NAME VALUE UNIT BAR: a line of the table; FAIL is remembered. Without a bar it is a figure.
row() {
    if [ -z "$4" ]; then
        verdict=""
        bar=""
    else
        verdict=$(awk "BEGIN { print ($2 <= $4) ? \"PASS\" : \"FAIL\" }")
        bar="<= $4"
    fi
    [ "$verdict" != FAIL ] || echo "$1" >>"$work/failed"
    printf '%-58s %9s %-8s %-8s %s\n' "$1" "$2" "$3" "$bar" "$verdict" >>"$work/table"
}

# fine LINE: stops when what was measured did not do its work.
fine() {
    if [ "$(field exit "$1")" != 0 ]; then
        say "The command that was to be measured failed: $1"
        exit 1
    fi
}

say "Building."
(
    cd "$top"
    cargo bench --no-run --message-format=json-render-diagnostics \
        --bench bare --bench generate --bench measure >"$work/built"
)
stairway=$(executable stairway)
measure=$(executable measure)
[ -x "$stairway" ] && [ -x "$measure" ] || { say "cargo told no executables."; exit 1; }

fleets=$(printf '%s' "$sizes" | tr ' ' ',')
say "Writing fleets of $fleets clusters: $("$(executable generate)" --out "$work/fleet" --sizes "$fleets")"
for form in json yaml; do
    "$(executable generate)" --out "$work/$form" --sizes 1 --form "$form" >/dev/null
done
git=$work/fleet/clusters
recorded=$work/fleet/recorded

say "Rendering, $rounds rounds."
# The first hundred; fewer when the fleet is smaller.
find "$git" -name 'c000??.jsonnet' | sort >"$work/files"
render=$(tr '\n' '\0' <"$work/files" | xargs -0 "$(executable bare)" --rounds "$rounds")
row "render: worker pool against the bare evaluator, clock" "$(field wall_ratio "$render")" x 1.3
row "render: the same, processor time" "$(field cpu_ratio "$render")" x 1.3
row "render: bare evaluator, per config" "$(field bare_cpu_ms "$render")" ms ""

least=""
for size in $sizes; do
    say "Planning $size clusters."
    plan=$("$measure" "$stairway" plan --fleet "$work/fleet/fleet-$size.yaml" --out "$work/plans")
    fine "$plan"
    rm -rf "$work/plans"
    wall=$(field wall_ms "$plan")
    cpu=$(field cpu_ms "$plan")
    each=$(calc "$cpu / $size")
    if [ "$size" = 1000 ]; then
        row "plan 1,000 clusters from files, with --out: clock" "$(calc "$wall / 1000")" s 10
        row "plan 1,000 clusters: processor time" "$(calc "$cpu / 1000")" s ""
        row "plan 1,000 clusters: memory of the process" "$(field rss_mib "$plan")" MiB 512
        row "plan 1,000 clusters: memory with its workers" "$(field tree_mib "$plan")" MiB 512
        row "plan 1,000 clusters: first output" "$(field first_ms "$plan")" ms 200
        row "plan 1,000 clusters: longest silence" "$(field silence_ms "$plan")" ms 5000
    fi
    row "plan $size clusters: processor time per cluster" "$each" ms ""
    row "plan $size clusters: memory of the process" "$(field rss_mib "$plan")" MiB ""
    least=$(calc "${least:-$each} < $each ? ${least:-$each} : $each")
done
row "plan: cost per cluster, the largest fleet against the cheapest" "$(calc "$each / $least")" x 1.2

say "Planning one cluster, $runs times each."
for form in jsonnet json yaml; do
    [ "$form" = jsonnet ] && folder=$work/fleet || folder=$work/$form
    one=$("$measure" --runs "$runs" "$stairway" plan "$folder/clusters/c00000.$form" \
        --root "$folder" --live "$folder/recorded/c00000.observed.json")
    fine "$one"
    row "one cluster from files ($form), whole process, median" "$(field wall_ms "$one")" ms 50
done

# peer: a python that has google/jsonnet, installed into the temporary folder.
peer() {
    [ "${PEER:-1}" = 1 ] || return 1
    python3 -m venv "$work/venv" >/dev/null 2>&1 || return 1
    "$work/venv/bin/pip" install --quiet --only-binary :all: jsonnet >/dev/null 2>&1
}
if peer; then
    say "Rendering with google/jsonnet."
    cat >"$work/peer.py" <<'PYTHON'
import sys
import time

import _jsonnet

start = time.process_time()
_jsonnet.evaluate_file(sys.argv[1])
print("cpu_ms=%.3f" % ((time.process_time() - start) * 1000))
PYTHON
    theirs=$("$work/venv/bin/python" "$work/peer.py" "$git/c00000.jsonnet")
    ours=$("$(executable bare)" --rounds "$rounds" "$git/c00000.jsonnet" "$git/c00000.jsonnet" "$git/c00000.jsonnet")
    row "render c00000: google/jsonnet (C++)" "$(field cpu_ms "$theirs")" ms ""
    row "render c00000: google/jsonnet against our worker pool" \
        "$(calc "$(field cpu_ms "$theirs") / $(field pool_wall_ms "$ours")")" x ""
else
    say "Skipped google/jsonnet: pip has no wheel of it here, or PEER=0."
fi

printf '\n%s processors, load %s\n' "$(getconf _NPROCESSORS_ONLN)" "$(cut -d' ' -f1-3 /proc/loadavg)"
cat "$work/table"
if [ -s "$work/failed" ]; then
    exit 1
fi

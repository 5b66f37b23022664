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
    "${CARGO:-cargo}" bench --no-run --message-format=json-render-diagnostics \
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
    printf '%s %s %s %s\n' "$size" "$wall" "$each" "$(field rss_mib "$plan")" >>"$work/scale"
    least=$(calc "${least:-$each} < $each ? ${least:-$each} : $each")
done
row "plan: cost per cluster, the largest fleet against the cheapest" "$(calc "$each / $least")" x 1.2

# incremental SIZE: one cluster's config is edited in a repository of the fleet, and what that affects is planned.
incremental() {
    repository=$work/repository-$1
    mkdir "$repository"
    cp -R "$work/fleet/lib" "$work/fleet/clusters" "$work/fleet/recorded" "$repository/"
    cp "$work/fleet/fleet-$1.yaml" "$repository/fleet.yaml"
    git -C "$repository" -c init.defaultBranch=main init --quiet
    git -C "$repository" add .
    git -C "$repository" -c user.name=bench -c user.email=bench@example.org -c commit.gpgsign=false \
        commit --quiet --message "the fleet"
    # The index is older than no file: git would read again what may have changed in its last moment.
    sleep 1
    printf '// edited\n' >>"$repository/clusters/c00000.jsonnet"
    set -- "$1" "$("$measure" --runs "$runs" "$stairway" plan --fleet "$repository/fleet.yaml" --changed-since HEAD)"
    fine "$2"
    planned=$("$stairway" plan --fleet "$repository/fleet.yaml" --changed-since HEAD --format json 2>/dev/null |
        tr ',' '\n' | grep -c '"kind":"Plan"')
    [ "$planned" = 1 ] || { say "One cluster was edited, and $planned were planned."; exit 1; }
    rm -rf "$repository"
    [ "$1" = 1000 ] && bar=300 || bar=""
    row "incremental: one file of $1 clusters changed, median" "$(field wall_ms "$2")" ms "$bar"
    row "incremental: the same, processor time" "$(field cpu_ms "$2")" ms ""
}
if command -v git >/dev/null 2>&1; then
    for size in $sizes; do
        [ "$size" -ge 1000 ] || continue
        say "Planning what one edit in $size clusters affects, $runs times."
        incremental "$size"
    done
else
    say "Skipped the incremental plan: there is no git here."
fi

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

# The scale curve: a bar of 40 for the dearest cluster and for the most memory.
printf '\n%8s %9s %12s %10s\n' clusters seconds "ms/cluster" "MiB"
awk '
function bar(part, all,    n, out) { out = ""; for (n = 0; n < 40 * part / all; n++) out = out "#"; return out }
{ size[NR] = $1; wall[NR] = $2; each[NR] = $3; mib[NR] = $4
  if ($3 > dearest) dearest = $3
  if ($4 > most) most = $4 }
END {
  for (n = 1; n <= NR; n++) printf "%8d %9.2f %12.2f %10d\n", size[n], wall[n] / 1000, each[n], mib[n]
  print "\nprocessor time per cluster"
  for (n = 1; n <= NR; n++) printf "%8d |%-40s %.2f ms\n", size[n], bar(each[n], dearest), each[n]
  print "\npeak memory of the process"
  for (n = 1; n <= NR; n++) printf "%8d |%-40s %d MiB\n", size[n], bar(mib[n], most), mib[n]
}' "$work/scale"
if [ -s "$work/failed" ]; then
    exit 1
fi

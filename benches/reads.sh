#!/bin/sh
# Measures how long a reading through a Kubernetes API takes when each answer takes 50 ms, beside kubectl.
#
#   benches/reads.sh                     a cluster of 40 nodes and 1,200 pods: lists of up to three pages
#   PODS=6000 DELAY=100 benches/reads.sh other sizes; ROUNDS=21 for more rounds
#
# The longest chain of requests that wait for each other is the version and then the pages of the pods. The clock
# that is compared with it has all of the process in it: start, TLS for each connection, reading, printing.
set -eu
LC_ALL=C
export LC_ALL

pods=${PODS:-1200}
nodes=${NODES:-40}
delay=${DELAY:-50}
rounds=${ROUNDS:-9}
bar=1.3
page=500
top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/stairway-reads.XXXXXX")
server=""
stop() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '%s\n' "$*" >&2; }

# executable NAME: what cargo built under this name.
executable() {
    sed -n "s/.*\"name\":\"$1\".*\"executable\":\"\([^\"]*\)\".*/\1/p" "$work/built" | tail -n 1
}

# field NAME LINE: the value in a line of NAME=VALUE words.
field() { printf '%s\n' "$2" | tr ' ' '\n' | sed -n "s/^$1=//p"; }

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
    "${CARGO:-cargo}" bench --no-run --message-format=json-render-diagnostics --bench measure >"$work/built"
)
stairway=$(executable stairway)
measure=$(executable measure)
[ -x "$stairway" ] && [ -x "$measure" ] || { say "cargo told no executables."; exit 1; }

mkdir "$work/repository" "$work/home"
awk -v pods="$pods" -v nodes="$nodes" 'BEGIN {
    printf "{\"format_version\": 1, \"kind\": \"Observation\", \"cluster\": {\"name\": \"bench\", \"region\": \"eu-west-1\"},"
    printf "\"observed_at\": \"2026-01-01T00:00:00Z\", \"control_plane\": {\"version\": \"1.35\", \"status\": \"ACTIVE\", \"settings\": {}},"
    printf "\"updates\": [], \"nodegroups\": [], \"stacks\": [], \"addons\": [], \"insights\": [], \"subnets\": [], \"pdbs\": [],"
    printf "\"workloads\": [], \"deprecated_apis\": [], \"webhooks\": [], \"aws_auth\": [], \"aws_auth_users\": 0, \"nodes\": ["
    for (n = 0; n < nodes; n++)
        printf "%s{\"name\": \"node-%d\", \"kubelet\": \"v1.35.6-eks-0a1b2c3\", \"ready\": true, \"zone\": \"eu-west-1a\", \"instance_type\": \"m7i.large\"}", n ? "," : "", n
    printf "], \"pods\": ["
    for (n = 0; n < pods; n++)
        printf "%s{\"namespace\": \"app\", \"name\": \"web-%d\", \"node\": \"node-%d\", \"owner\": \"StatefulSet/web\", \"labels\": {\"app\": \"web\"}, \"cpu_millis\": 10, \"memory_mib\": 16, \"volume_zones\": [], \"node_selector\": {}, \"empty_dir\": false}", n ? "," : "", n, n % nodes
    print "]}"
}' >"$work/bench.observed.json"
cat >"$work/world.yaml" <<'YAML'
apiVersion: stairway/v1
kind: World
start: 2026-01-01T00:00:00Z
seed: 1
clusters:
  - observation: bench.observed.json
YAML
cat >"$work/repository/bench.yaml" <<'YAML'
apiVersion: eksctl.io/v1alpha5
kind: ClusterConfig
metadata: {name: bench, region: eu-west-1, version: "1.35"}
YAML
cat >"$work/repository/fleet.yaml" <<YAML
apiVersion: stairway/v1
kind: Fleet
clusters:
  - name: bench
    config: bench.yaml
    live: {kubernetes: {context: bench, kubeconfig: $work/kubeconfig}}
YAML

"$stairway" world serve "$work/world.yaml" --kubeconfig "$work/kubeconfig" --role admin --delay-ms "$delay" \
    >"$work/served" 2>"$work/server.err" &
server=$!
while [ ! -s "$work/served" ]; do
    kill -0 "$server" 2>/dev/null || { cat "$work/server.err" >&2; exit 1; }
    sleep 0.1
done

say "Reading $pods pods on $nodes nodes, $delay ms for each answer, $rounds rounds."
read=$("$measure" --runs "$rounds" "$stairway" observe --fleet "$work/repository/fleet.yaml")
fine "$read"
"$stairway" observe --fleet "$work/repository/fleet.yaml" >"$work/observed"
found=$(grep -c '"namespace": "app"' "$work/observed")
[ "$found" = "$pods" ] || { say "$found pods were read, and there are $pods."; exit 1; }
if unknown=$(grep -n 'unknown.*failed' "$work/observed"); then
    say "Not everything was read: $unknown"
    exit 1
fi
wall=$(field wall_ms "$read")
chain=$(awk "BEGIN { print 1 + int(($pods + $page - 1) / $page) }")
ratio=$(awk "BEGIN { printf \"%.2f\", $wall / ($chain * $delay) }")
verdict=$(awk "BEGIN { print ($ratio <= $bar) ? \"PASS\" : \"FAIL\" }")

row() { printf '%-64s %9s %-4s %-8s %s\n' "$1" "$2" "$3" "$4" "$5"; }
printf '\n%s processors, load %s\n' "$(getconf _NPROCESSORS_ONLN)" "$(cut -d' ' -f1-3 /proc/loadavg)"
row "the longest chain: the version and $((chain - 1)) pages, $delay ms each" "$((chain * delay))" ms "" ""
row "stairway observe, whole process, median" "$wall" ms "" ""
row "the same against the chain" "$ratio" x "<= $bar" "$verdict"

if kubectl=$("$top/.ci/kubectl" 2>/dev/null); then
    cat >"$work/get" <<SH
#!/bin/sh
set -eu
get="$kubectl --kubeconfig $work/kubeconfig --context bench --cache-dir $work/cache"
\$get get nodes,pods,poddisruptionbudgets,replicasets,persistentvolumes,persistentvolumeclaims,services,mutatingwebhookconfigurations,validatingwebhookconfigurations --all-namespaces -o json
\$get get daemonsets,deployments --namespace kube-system -o json
\$get get configmap aws-auth --namespace kube-system -o json
\$get get --raw /metrics
SH
    chmod +x "$work/get"
    # Once before: kubectl keeps what it learns of the API.
    "$work/get" >/dev/null
    theirs=$("$measure" --runs "$rounds" "$work/get")
    fine "$theirs"
    row "kubectl get of the same resources, median" "$(field wall_ms "$theirs")" ms "" ""
    row "the same against stairway" "$(awk "BEGIN { printf \"%.2f\", $(field wall_ms "$theirs") / $wall }")" x "" ""
else
    say "Skipped kubectl: there is none here."
fi
[ "$verdict" = PASS ]

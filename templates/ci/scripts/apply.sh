#!/bin/sh
# Applies a plan that was approved, and goes on with one that was stopped:
#
#   sh .stairway/ci/apply.sh CLUSTER DIGEST            DIGEST: the plan's, at least 12 hex digits
#   sh .stairway/ci/apply.sh CLUSTER DIGEST resume
#
# Policy and signers come from the protected branch, the plan, its approvals and the journal from the run branch: whoever
# loses this machine goes on from another one.
#
#   STAIRWAY_STORE         where plans, approvals and journals are, "branch:stairway/runs"
#   STAIRWAY_POLICY_FROM   whose fleet file and signers count, "origin/main"
#
# Ends as stairway does (0 done, 4 stopped part-way, 5 refused), but for a pause that the plan foresaw (7), which is fine.
set -eu

usage() {
  printf 'Error: %s\nusage: sh .stairway/ci/apply.sh CLUSTER DIGEST [resume]\n' "$1" >&2
  exit 64
}
[ $# -ge 2 ] || usage 'which cluster, and which digest?'
cluster=$1
digest=${2#sha256:}
resume=${3:-}
case $cluster in
  '' | -* | *[!A-Za-z0-9_-]*) usage 'a cluster is named by letters, digits, - and _' ;;
esac
case $digest in
  *[!0-9a-f]*) usage 'a digest is written with 0-9 and a-f' ;;
esac
[ "${#digest}" -ge 12 ] && [ "${#digest}" -le 64 ] || usage 'a digest has 12 to 64 digits'

store=${STAIRWAY_STORE:-branch:stairway/runs}
plan=$cluster-$(printf '%.12s' "$digest")
policy=${STAIRWAY_POLICY_FROM:-origin/main}
again="stairway apply $plan --store $store --policy-from $policy --resume --approve=$digest"
set -- "$plan" --store "$store" --approve="$digest" --policy-from "$policy" --no-input
case $resume in
  '' | false) ;;
  resume | true) set -- "$@" --resume ;;
  *) usage "what is $resume? Only resume is known" ;;
esac

# A job that is cancelled gets seconds. stairway ends what it does at a safe place and writes it down, when it hears of it.
child=
trap '[ -z "$child" ] || kill -TERM "$child" 2>/dev/null || :' HUP INT TERM
stairway apply "$@" &
child=$!
code=0
while :; do
  code=0
  wait "$child" || code=$?
  kill -0 "$child" 2>/dev/null || break
done

tell() {
  printf '%s\n' "$@" >&2
  [ -z "${GITHUB_STEP_SUMMARY:-}" ] || printf '%s\n\n' "$@" >>"$GITHUB_STEP_SUMMARY"
}
case $code in
  0) tell "**Done**: every step of \`$plan\` was seen to be done." ;;
  4) tell "**Stopped part-way.** The journal on \`$store\` says where and why: \`stairway status $plan --store $store\`" \
      "Go on: run this again with resume, or \`$again\`" "Go back: \`stairway rollback $plan --store $store\`" ;;
  5) tell "**Refused**: nothing was done. The log says why: approval, a plan that is stale, identity, lock or window." \
      "Approve: \`stairway approve $plan --store $store --policy-from $policy --key FILE\`" ;;
  7) tell "**Paused by plan**: \`stairway status $plan --store $store\` says until when." \
      "Go on: run this again with resume, or \`$again\`" ;;
  *) tell "**Ended with exit code $code**: the log says why, and \`stairway status $plan --store $store\` whether anything was begun." \
      "When that is mended: run this again, and if a run was begun, with resume, or \`$again\`" ;;
esac
[ "$code" != 7 ] || exit 0
exit "$code"

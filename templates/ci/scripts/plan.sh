#!/bin/sh
# Plans what a change affects, for whoever reviews it. It only reads, and writes nothing but the folder `review`:
#
#   sh .stairway/ci/plan.sh origin/main      what changed since this branch left origin/main
#
#   review/comment.md       one comment for the pull request; its first line is a hidden marker by which it is found again
#   review/planset.json     every plan
#   review/plans/           the plans as files, one folder each
#   review/findings.sarif   findings for code scanning, and as JUnit in findings.xml
#   review/exit             how `stairway plan --detailed-exitcode` ended
#
#   STAIRWAY_FLEET     another fleet file: one of recordings, where there is no identity to read clusters with
#   STAIRWAY_PASS      exit codes that let the check pass, "0 2": no change, changes. 3 is a cluster that is blocked, 6 one
#                      that could not be read whole
#   STAIRWAY_COMMENT   tells this comment from that of another fleet in the same repository, "ci"
# shellcheck disable=SC2016 # the back-ticks are Markdown
set -eu

case ${1:-} in
  -*) printf 'Error: a base does not begin with -\nusage: sh .stairway/ci/plan.sh BASE\n' >&2; exit 64 ;;
esac
[ $# = 1 ] || { printf 'usage: sh .stairway/ci/plan.sh BASE\n' >&2; exit 64; }
key=${STAIRWAY_COMMENT:-ci}
base=$(git merge-base "$1" HEAD) || {
  printf 'Error: %s and this branch have no common past here\nHint: check out the whole history (fetch-depth: 0, GIT_DEPTH: 0)\n' "$1" >&2
  exit 1
}
rm -rf review
mkdir review

set -- --changed-since "$base" --detailed-exitcode --out review/plans --json-into review/planset.json \
  --comment-into review/comment.md --comment-key "$key" --sarif-into review/findings.sarif --junit-into review/findings.xml
[ -z "${STAIRWAY_FLEET:-}" ] || set -- --fleet "$STAIRWAY_FLEET" "$@"
[ -z "${GITHUB_STEP_SUMMARY:-}" ] || set -- "$@" --summary-into "$GITHUB_STEP_SUMMARY"
code=0
stairway plan "$@" 2>review/said.txt || code=$?
cat review/said.txt >&2
printf '%s\n' "$code" >review/exit

# Without a plan there is still a comment: an older one would pass for the answer to this push.
if [ ! -s review/comment.md ]; then
  {
    printf '<!-- stairway:plan %s failed -->\n### No plan\n\n`stairway plan` ended with exit code %s' "$key" "$code"
    printf ', and there is nothing to review until it runs:\n\n~~~text\n'
    # Bounded, and nothing in it ends the block.
    tail -n 40 review/said.txt | cut -c 1-300 | tr '~' '-'
    printf '~~~\n'
  } >review/comment.md
  [ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat review/comment.md >>"$GITHUB_STEP_SUMMARY"
fi

case $code in
  0) said='nothing to do' ;;
  2) said='changes, see the plan' ;;
  3) said='a cluster is blocked, or a waiver has expired: the plan says by what, and what to do' ;;
  6) said='facts that a rule needs are unknown: the plan names them' ;;
  *) said='an error; the comment says what has no plan, and why' ;;
esac
printf 'stairway plan: exit %s, %s\n' "$code" "$said"
for pass in ${STAIRWAY_PASS:-0 2}; do
  [ "$code" != "$pass" ] || exit 0
done
exit "$code"

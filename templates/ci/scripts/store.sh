#!/bin/sh
# Plans what was merged and keeps the plans on the run branch, where maintainers approve them and `apply.sh` finds them:
#
#   sh .stairway/ci/store.sh                 the whole fleet
#   sh .stairway/ci/store.sh REVISION        what changed since
#
#   STAIRWAY_STORE     where plans, approvals and journals are, "branch:stairway/runs"
# shellcheck disable=SC2016 # the back-ticks are Markdown
set -eu

store=${STAIRWAY_STORE:-branch:stairway/runs}
before=${1:-}
set -- --store "$store" --detailed-exitcode
# The first push of a branch has forty zeros before it.
case $before in
  '' | 0000000000000000000000000000000000000000) ;;
  *) set -- "$@" --changed-since "$before" ;;
esac
[ -z "${GITHUB_STEP_SUMMARY:-}" ] || set -- "$@" --summary-into "$GITHUB_STEP_SUMMARY"
code=0
stairway plan "$@" || code=$?
if [ "$code" = 2 ] && [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
  printf '\nApprove with `stairway approve PLAN --store %s --key FILE`, then run the workflow *stairway apply*.\n' \
    "$store" >>"$GITHUB_STEP_SUMMARY"
fi
# A blocked cluster is told in its plan and fails nobody's push.
case $code in
  0 | 2 | 3) exit 0 ;;
  *) exit "$code" ;;
esac

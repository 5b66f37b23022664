#!/bin/sh
# Plans what was merged and keeps the plans on the run branch, where maintainers approve them and `apply.sh` finds them:
#
#   sh .stairway/ci/store.sh                 what changed since the last time that this ended well
#   sh .stairway/ci/store.sh REVISION        and since REVISION, when that is older
#
# Up to where it was planned stands in git: the branch STAIRWAY_PLANNED is moved to the commit that was planned when this
# ends well. A job that was cancelled, lost or failed leaves it behind, and the next one plans its changes too. Without that
# branch, or when REVISION is unknown here, the whole fleet is planned.
#
#   STAIRWAY_STORE     where plans, approvals and journals are, "branch:stairway/runs"
#   STAIRWAY_PLANNED   up to where it was planned, "stairway/planned"
# shellcheck disable=SC2016 # the back-ticks are Markdown
set -eu

case ${1:-} in
  -*) printf 'Error: a revision does not begin with -\nusage: sh .stairway/ci/store.sh [REVISION]\n' >&2; exit 64 ;;
esac
store=${STAIRWAY_STORE:-branch:stairway/runs}
planned=refs/heads/${STAIRWAY_PLANNED:-stairway/planned}
before=${1:-}
head=$(git rev-parse HEAD)

last=
if git ls-remote --exit-code origin "$planned" >/dev/null 2>&1 && git fetch --quiet origin "$planned"; then
  last=$(git rev-parse 'FETCH_HEAD^{commit}')
  if [ "$last" != "$head" ] && git merge-base --is-ancestor "$head" "$last"; then
    printf 'stairway store: %.12s was planned with %.12s, which came after it\n' "$head" "$last"
    exit 0
  fi
fi
since=$last
if [ -n "$last" ] && [ -n "$before" ]; then
  # The first push of a branch has forty zeros before it; of a forced one, the past may be gone.
  if ! git cat-file -e "$before^{commit}" 2>/dev/null; then
    since=
  elif git merge-base --is-ancestor "$before" "$last"; then
    since=$before
  fi
fi

set -- --store "$store" --detailed-exitcode
if [ -n "$since" ]; then
  set -- "$@" --changed-since "$since"
else
  printf 'stairway store: nobody knows up to where it was planned, so the whole fleet is\n'
fi
[ -z "${GITHUB_STEP_SUMMARY:-}" ] || set -- "$@" --summary-into "$GITHUB_STEP_SUMMARY"
code=0
stairway plan "$@" || code=$?
if [ "$code" = 2 ] && [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
  printf '\nApprove with `stairway approve PLAN --store %s --key FILE`, then run the workflow *stairway apply*.\n' \
    "$store" >>"$GITHUB_STEP_SUMMARY"
fi
# A blocked cluster is told in its plan and fails nobody's push.
case $code in
  0 | 2 | 3) ;;
  *) exit "$code" ;;
esac
# Whoever moved it meanwhile has planned too; then it stays where they put it.
if [ "$last" != "$head" ]; then
  git push --quiet --force-with-lease="$planned:$last" origin "$head:$planned" ||
    printf 'Warning: %s stays where it was, so that the next one plans these changes again\n' "$planned" >&2
fi

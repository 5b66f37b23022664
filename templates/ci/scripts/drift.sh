#!/bin/sh
# Compares the live clusters with git and commits the report to a branch of its own; the work tree stays as it is.
# What differs since the last time is in review/drift.md, how it ended in review/exit.
#
#   STAIRWAY_DRIFT_BRANCH   where the reports are, "stairway/drift"
#   STAIRWAY_STORE          where the plans are that were applied, "branch:stairway/runs"; it need not be there yet
#   STAIRWAY_ON_DRIFT       what new drift does: `fail` (default) ends with 2, `pass` with 0
# shellcheck disable=SC2016 # the back-ticks are Markdown
set -eu

branch=${STAIRWAY_DRIFT_BRANCH:-stairway/drift}
store=${STAIRWAY_STORE:-branch:stairway/runs}
mkdir -p review
rm -f review/drift.md review/exit
code=0
stairway drift --store "$store" --commit --branch "$branch" --push --detailed-exitcode --format markdown \
  >review/drift.md || code=$?
printf '%s\n' "$code" >review/exit
cat review/drift.md
# GitHub takes a summary of less than 1 MiB whole, and a longer one not at all.
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
  if [ "$(wc -c <review/drift.md)" -lt 1000000 ]; then
    cat review/drift.md >>"$GITHUB_STEP_SUMMARY"
  else
    printf 'The report is too long for this page; it is on the branch `%s`.\n' "$branch" >>"$GITHUB_STEP_SUMMARY"
  fi
fi
case $code in
  0) said='no new drift' ;;
  2) said='new drift' ;;
  3) said='an ignore rule has expired, and somebody must decide' ;;
  6) said='a cluster could not be read whole' ;;
  *) said='no report' ;;
esac
printf 'stairway drift: exit %s, %s\n' "$code" "$said" >&2
if [ "$code" = 2 ] && [ "${STAIRWAY_ON_DRIFT:-fail}" = pass ]; then
  exit 0
fi
exit "$code"

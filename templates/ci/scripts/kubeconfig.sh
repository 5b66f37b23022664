#!/bin/sh
# Puts the kubeconfig of the repository variable STAIRWAY_KUBECONFIG where the next steps of a GitHub job find it: outside
# of the repository, for stairway reads no credentials from what it plans.
#
# Its users are best `aws eks get-token`, as `aws eks update-kubeconfig --name NAME --alias NAME` writes them: then nothing
# in it is secret, and the role that the job has taken decides.
set -eu

[ -n "${STAIRWAY_KUBECONFIG:-}" ] || exit 0
umask 077
printf '%s\n' "$STAIRWAY_KUBECONFIG" >"$RUNNER_TEMP/kubeconfig"
printf 'KUBECONFIG=%s\n' "$RUNNER_TEMP/kubeconfig" >>"$GITHUB_ENV"

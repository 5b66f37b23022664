#!/bin/sh
# Puts stairway onto a GitHub runner. This is the one place to change where you keep it elsewhere: whatever stands here
# must leave `stairway` on PATH.
#
# As it is, everything in /usr/local/bin of the container image STAIRWAY_IMAGE is copied out: stairway and, for apply, eksctl.
set -eu

if command -v stairway >/dev/null; then
  stairway --version
  exit 0
fi
if [ -z "${STAIRWAY_IMAGE:-}" ]; then
  printf '%s\n' "::error title=stairway is not on this runner::Set the repository variable STAIRWAY_IMAGE to a container image that has it in /usr/local/bin (best by digest, NAME@sha256:…), or install it in .stairway/ci/install.sh. Pull requests from forks see no variables: for them the image must stand in the workflow itself."
  exit 1
fi
bin=$RUNNER_TEMP/stairway-bin
mkdir -p "$bin"
# Never started: the files are all that is wanted of it.
container=$(docker create "$STAIRWAY_IMAGE" true)
docker cp "$container:/usr/local/bin/." "$bin"
docker rm "$container" >/dev/null
"$bin/stairway" --version
printf '%s\n' "$bin" >>"$GITHUB_PATH"

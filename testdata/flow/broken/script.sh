#!/bin/sh
# Refused by .ci/workflows: POSIX sh has no arrays, and a name with a space becomes two.
plans=(a b)
rm -r $1/plans

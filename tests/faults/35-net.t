#!/usr/bin/env bash
# The net between the programs and what they need is cut, swallows, holds back or forgets one end of its connections, in the middle of
# a run: each run ends by itself.
. "$(dirname "$0")/lib.sh"
export ORGSYNC_LEASE_MS=${ORGSYNC_LEASE_MS:-4000}
LATENCY=40
faults_begin net
worker one
worker two

trial() { # TEMPLATE PER-CENT ACT NAME [MS...]
	local hit
	[[ "$1 ${*:3}" =~ ${ONLY:-.} ]] || return 0
	start_trial "$1"
	wait_reached "$RUN" "$2"
	hit=$(net "${@:3}")
	diag "${*:3}: $hit connections"
	TRIAL_SECONDS=150 judge "$1: ${*:3} at $2 %" "$1"
}
for name in kafka redis postgres; do
	trial demo-nokey $((RANDOM % 50 + 10)) swallow $name
	trial demo-nokey $((RANDOM % 50 + 10)) orphan $name
done
trial demo-nokey 30 swallow dst # a reply is waited for a minute longer than the request limit
trial demo 30 refuse postgres 3000
trial demo 30 mute dst 5000
trial demo 30 mute postgres 6000
e2e_end

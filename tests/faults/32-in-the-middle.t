#!/usr/bin/env bash
# A lane changes its owner in the middle of a request: its bytes are with the org, which takes its time, when the worker stands still;
# another one takes the lane over and clears up what it finds; then the first one wakes up, before the org has committed or after it,
# and has its reply.
. "$(dirname "$0")/lib.sh"
export ORGSYNC_LEASE_MS=2000 ORGSYNC_REQUEST_LIMIT_MS=9000 # longer than the org takes: see delay
faults_begin
sql() { psql -qtA "$ORGSYNC_POSTGRES_URL" -c "$1" 2>/dev/null; }
hits() { curl -sf "$DST/__sim/faults" | json 'sum(f["hits"] for f in d)'; }
in_flight() { [[ $(hits) -ge 1 ]]; }
landed() { [[ $(curl -sf "$DST/__sim/stats" | json 'd["inFlight"]') == 0 ]]; }
taken_over() { # by the second worker: none is left of the first, and it has lanes
	[[ $(sql "SELECT count(*) FILTER (WHERE l.owner = '$OWNER') || ' ' || (count(*) FILTER (WHERE l.owner <> '$OWNER') > 0) FROM lane l
		WHERE run = '$RUN' AND owner IS NOT NULL") == "0 true" ]]
}
for template in demo demo-nokey; do
	for woken in before after; do
		[[ "$template $woken" =~ ${ONLY:-.} ]] || continue
		start_trial $template # which nobody loads yet
		curl -sf -d "{\"match\":\"POST /composite\",\"kind\":\"delay\",\"ms\":6000,\"after\":$((RANDOM % 12)),\"count\":3}" \
			"$DST/__sim/faults" >/dev/null || bail "no fault"
		worker one
		ONE=$WORKER_PID
		runs "$template, woken $woken the commit: requests are with the org" wait_for 60 in_flight
		OWNER=$(sql "SELECT max(owner) FROM lane WHERE run = '$RUN'")
		kill -STOP "$ONE"
		worker two
		TWO=$WORKER_PID
		runs "$template, woken $woken the commit: another worker has its lanes" wait_for 60 taken_over
		if [[ $woken == after ]]; then
			runs "$template, woken $woken the commit: the org has committed" wait_for 60 landed
		fi
		kill -CONT "$ONE"
		judge "$template, woken $woken the commit" $template
		kill9 "$ONE"
		kill9 "$TWO"
	done
done
e2e_end

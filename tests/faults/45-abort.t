#!/usr/bin/env bash
# An abort after a worker was killed: what it left open is cleared up first, then the run is Aborted.
. "$(dirname "$0")/lib.sh"
LATENCY=400
latency() { curl -sf -d "{\"ms\":$1}" "$DST/__sim/latency" >/dev/null || bail "no latency"; }
faults_begin
worker one
for template in demo demo-nokey; do
	start_trial $template
	wait_reached "$RUN" 20
	latency 2500 # so long that the run cannot end before the abort
	kill9 "$WORKER_PID"
	latency $LATENCY
	orgsync run abort "$RUN" >/dev/null
	worker one
	runs "$template: the run ends" wait_ended "$RUN" 120
	is "$(run_get "$RUN" 'd["state"]')" Aborted "$template: Aborted"
	is "$(psql -qtA "$ORGSYNC_POSTGRES_URL" -c "SELECT count(*) FROM batch WHERE run = '$RUN' AND state <> 'done'")" 0 "$template: nothing is left open"
done
e2e_end

#!/usr/bin/env bash
# An abort after a worker was killed: what it left open is cleared up first, then the run is Aborted.
. "$(dirname "$0")/lib.sh"
LATENCY=400 # so long that the run cannot end before the abort
faults_begin
worker one
for template in demo demo-nokey; do
	start_trial $template
	wait_reached "$RUN" 30
	kill9 "$WORKER_PID"
	orgsync run abort "$RUN" >/dev/null
	worker one
	runs "$template: the run ends" wait_ended "$RUN" 40
	is "$(run_get "$RUN" 'd["state"]')" Aborted "$template: Aborted"
	is "$(psql -qtA "$ORGSYNC_POSTGRES_URL" -c "SELECT count(*) FROM batch WHERE run = '$RUN' AND state <> 'done'")" 0 "$template: nothing is left open"
done
e2e_end

#!/usr/bin/env bash
# An abort after a worker was killed: what it left open is cleared up first, then the run is Aborted.
. "$(dirname "$0")/lib.sh"
faults_begin
for template in demo demo-nokey; do
	start_trial $template # which nobody loads yet
	hold "$DST" "POST /composite" hold '"after":8' # so that the run cannot end before the abort
	worker one
	runs "$template: requests are under way" wait_for 60 held "$DST"
	kill9 "$WORKER_PID"
	orgsync run abort "$RUN" >/dev/null
	let_go "$DST"
	worker one
	runs "$template: the run ends" wait_ended "$RUN" 120
	is "$(run_get "$RUN" 'd["state"]')" Aborted "$template: Aborted"
	is "$(psql -qtA "$ORGSYNC_POSTGRES_URL" -c "SELECT count(*) FROM batch WHERE run = '$RUN' AND state <> 'done'")" 0 "$template: nothing is left open"
	kill9 "$WORKER_PID"
done
e2e_end

#!/usr/bin/env bash
# How long a dead program is missed: lanes of a killed worker move again, and runs of a killed coordinator, within ten seconds. The
# leases are those of the defaults.
. "$(dirname "$0")/lib.sh"
unset ORGSYNC_LEASE_MS
RECORDS=12000 LATENCY=120
faults_begin
worker one
ONE=$WORKER_PID
worker two
ms() { # COMMAND...: until it succeeds, in ms
	local begin=${EPOCHREALTIME//./}
	wait_for 60 "$@"
	echo $(((${EPOCHREALTIME//./} - begin) / 1000))
}
sql() { psql -qAt "$ORGSYNC_POSTGRES_URL" -c "$1"; }

start_trial demo
wait_reached "$RUN" 20
dead=$(sql "SELECT DISTINCT owner FROM lane l JOIN process p ON p.id = l.owner WHERE p.pid = $ONE AND run = '$RUN'")
[[ -n $dead ]] || bail "worker one has no lane"
kill9 "$ONE"
lanes=$(sql "SELECT string_agg(lane::text, ',') FROM lane WHERE run = '$RUN' AND owner = '$dead'")
before=$(sql "SELECT count(*) FROM batch WHERE run = '$RUN' AND lane IN ($lanes) AND state = 'done'")
# Another one has them, and something of them is recorded.
taken_over() {
	[[ $(sql "SELECT count(*) FROM lane WHERE run = '$RUN' AND owner = '$dead'") == 0 ]] &&
		[[ $(sql "SELECT count(*) FROM batch WHERE run = '$RUN' AND lane IN ($lanes) AND state = 'done'") -gt $before ]]
}
took=$(ms taken_over)
diag "the lanes of a killed worker: $took ms"
is "$((took < 10000))" 1 "the lanes of a killed worker are taken over within ten seconds"

# Its coordinator: the API is its own, so Postgres is asked for the run's epoch, and for records in the journal.
epoch() { sql "SELECT epoch FROM run WHERE id = '$RUN'"; }
before=$(epoch)
kill9 "$COORDINATOR_PID"
begin=${EPOCHREALTIME//./}
coordinator again
published() { sql "SELECT sum(published) FROM run_object WHERE run = '$RUN'"; }
journal=$(published)
driven() { [[ $(epoch) -gt $before && ($(published) -gt $journal || $(published) -eq $EXPECTED) ]]; }
wait_for 60 driven
took=$(((${EPOCHREALTIME//./} - begin) / 1000))
diag "the runs of a killed coordinator: $took ms"
is "$((took < 10000))" 1 "the runs of a killed coordinator are driven again within ten seconds"
worker three
judge "after both" demo
e2e_end

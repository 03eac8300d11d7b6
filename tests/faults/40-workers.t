#!/usr/bin/env bash
# Two, then four workers share the lanes; SIGTERM drains one.
. "$(dirname "$0")/lib.sh"
RECORDS=40000
LATENCY=100
faults_begin
worker one
ONE=$WORKER_PID
worker two
start_trial demo
owners() { psql -qtA "$ORGSYNC_POSTGRES_URL" -c "SELECT count(DISTINCT owner) FROM lane WHERE run = '$RUN' AND owner IS NOT NULL"; }
has_owners() { [[ $(owners) -eq $1 ]]; }
curl -sf -d '{"ms":2000}' "$DST/__sim/latency" >/dev/null # until all have come
runs "two workers share the lanes" wait_for 60 has_owners 2
worker three
worker four
runs "four workers share the lanes" wait_for 60 has_owners 4
# An object of few records has the first lanes of its run only: these must not be one worker's.
first_owners() { psql -qtA "$ORGSYNC_POSTGRES_URL" -c "SELECT count(DISTINCT owner) FROM lane WHERE run = '$RUN' AND owner IS NOT NULL AND lane < 4"; }
has_first_owners() { [[ $(first_owners) -ge 3 ]]; }
runs "and the first four of them" wait_for 60 has_first_owners
kill -TERM "$ONE"
gone() { ! kill -0 "$ONE" 2>/dev/null; }
runs "SIGTERM: it ends by itself" wait_for 60 gone
wait "$ONE"
is $? 0 "with status 0"
like "$(tail -5 "$T/one.log")" draining "and said that it drains"
is "$(psql -qtA "$ORGSYNC_POSTGRES_URL" -c "SELECT count(*) FROM batch WHERE run = '$RUN' AND attempts > 1")" 0 "nothing was done twice"
curl -sf -d "{\"ms\":$LATENCY}" "$DST/__sim/latency" >/dev/null
judge "after draining" demo
e2e_end

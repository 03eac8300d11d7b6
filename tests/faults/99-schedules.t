#!/usr/bin/env bash
# A schedule's time is fired once, whatever becomes of the coordinator that fires it: killed before and after it has written what it
# did, killed at any moment, frozen while another one is up, in the middle of a clean-up.
. "$(dirname "$0")/lib.sh"
export ORGSYNC_LEASE_MS=${ORGSYNC_LEASE_MS:-2000}
e2e_begin
faulty_programs
simulators
start_coordinator
worker
add_orgs
sql() { psql -qtA "$ORGSYNC_POSTGRES_URL" -c "$1"; }
printf '{"attributes":{"type":"Account"},"Name":"One","Ext_Id__c":"A-1"}\n' >"$T/seed.jsonl"
seed "$SRC" "$T/seed.jsonl"
printf 'name: one\nobjects:\n  - {name: Account, fields: {include: [Name, Ext_Id__c]}, match: {externalId: Ext_Id__c}}\n' >"$T/t.yaml"
orgsync template apply -f "$T/t.yaml" >/dev/null || bail "the template is refused"
orgsync schedule add runs --cron '0 0 1 1 *' --template one --source src --target dst >/dev/null || bail "no schedule"
orgsync schedule add cleans --cron '0 0 1 1 *' --clean audit >/dev/null || bail "no schedule"

due() { # NAME: from now on
	sql "UPDATE schedule SET next_at = clock_timestamp() WHERE name = '$1'"
	DUE=$((DUE + 1))
}
DUE=0
dead() { ! kill -0 "$COORDINATOR_PID" 2>/dev/null; }
settled() { # NAME: no time is due, and no run is under way
	[[ $(sql "SELECT (SELECT count(*) FROM schedule WHERE next_at <= now()) + (SELECT count(*) FROM run WHERE state NOT IN ('Synced'))") == 0 ]]
}
once() { # NAME: each time that was due was fired once, and each firing has its run
	runs "$1: all comes to an end" wait_for 60 settled
	is "$(sql "SELECT count(*), count(DISTINCT due_at) FROM firing WHERE schedule = 'runs'") $(sql "SELECT count(*), count(f.id) FROM run r
		LEFT JOIN firing f ON f.run = r.id AND f.result = 'started'")" "$DUE|$DUE $(sql "SELECT count(*), count(*) FROM firing WHERE result = 'started'")" \
		"$1: fired once, and a run for each"
}

# ---- killed where it matters ---------------------------------------------------------------------------------------------
for point in coordinator.schedule_fired coordinator.schedule_committed; do
	kill9 "$COORDINATOR_PID"
	start_coordinator "$point=kill"
	before=$(sql "SELECT count(*) FROM firing WHERE schedule = 'runs'")
	due runs
	runs "$point: the coordinator is killed" wait_for 60 dead
	wait "$COORDINATOR_PID" 2>/dev/null
	is "$(($(sql "SELECT count(*) FROM firing WHERE schedule = 'runs'") - before))" "$([[ $point == *committed ]] && echo 1 || echo 0)" "$point: before it is written, or after"
	start_coordinator
	once "$point"
done

# ---- what fails is tried again -------------------------------------------------------------------------------------------
kill9 "$COORDINATOR_PID"
start_coordinator "coordinator.schedule_fired=error@1"
due runs
once "an error"
is "$(grep -c '"schedule.failed"' "$T/coordinator.log")" 1 "which the log tells"

# ---- frozen while it holds the row: another one fires, and the frozen one changes nothing when it wakes -------------------
kill9 "$COORDINATOR_PID"
start_coordinator "coordinator.schedule_fired=stop"
FROZEN=$COORDINATOR_PID
due runs
frozen() { grep -q '^State:.*stopped' "/proc/$FROZEN/status"; }
runs "a coordinator is frozen" wait_for 60 frozen
API_PORT='' coordinator other
once "frozen"
kill -CONT "$FROZEN"
woken() { [[ $(grep -c '"schedule.failed"' "$T/coordinator.log") -ge 2 ]]; }
runs "the frozen one finds that it has lost the row" wait_for 60 woken
once "woken"
kill9 "$FROZEN"

# ---- a clean-up in parts -------------------------------------------------------------------------------------------------
kill9 "$COORDINATOR_PID"
sql "INSERT INTO audit (at, token, action, subject) SELECT now() - interval '91 days', 'old', 'x', n::text FROM generate_series(1, 12000) n"
API_PORT='' start_coordinator "coordinator.schedule_committed=kill@2"
sql "UPDATE schedule SET next_at = clock_timestamp() WHERE name = 'cleans'"
runs "a clean-up is killed in its middle" wait_for 60 dead
wait "$COORDINATOR_PID" 2>/dev/null
is "$(sql "SELECT result, removed FROM firing WHERE schedule = 'cleans'")" "cleaning|10000" "what it has done is written"
start_coordinator
runs "it goes on" wait_for 60 settled
is "$(sql "SELECT result, removed FROM firing WHERE schedule = 'cleans'") $(sql "SELECT count(*) FROM audit WHERE token = 'old'")" "cleaned|12000 0" \
	"to its end, and counts each row once"

# ---- killed at any moment ------------------------------------------------------------------------------------------------
for ((trial = 1; trial <= ${TRIALS:-6}; trial++)); do
	due runs
	moment=$((RANDOM % 1200))
	perl -e "select undef, undef, undef, $moment / 1000"
	kill9 "$COORDINATOR_PID"
	start_coordinator
	runs "trial $trial, killed after $moment ms: it comes to an end" wait_for 60 settled
done
once "killed at any moment (seed $SEED)"
e2e_end

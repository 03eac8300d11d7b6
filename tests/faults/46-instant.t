#!/usr/bin/env bash
# What a person asks for in the instant in which a driver acts on what it has read of the run: it is not overwritten. The driver waits
# between its look and its write.
. "$(dirname "$0")/lib.sh"
export ORGSYNC_LIMIT_PROBE_MS=1000
e2e_begin
faulty_programs
simulators
start_coordinator "coordinator.starts=delay:3000;coordinator.scan_fails=delay:3000;coordinator.resumes=delay:3000"
worker
add_orgs
sql() { psql -qtA "$ORGSYNC_POSTGRES_URL" -c "$1"; }
state_is() { [[ $(run_get "$1" 'd["state"]') == "$2" ]]; }
driven() { [[ $(sql "SELECT owner IS NOT NULL FROM run WHERE id = '$1'") == t ]]; }
left() { [[ $(sql "SELECT owner IS NULL FROM run WHERE id = '$1'") == t ]]; }

for i in {1..3000}; do printf '{"attributes":{"type":"Account"},"Name":"A %d","Ext_Id__c":"A-%d"}\n' "$i" "$i"; done >"$T/seed.jsonl"
seed "$SRC" "$T/seed.jsonl"
template() { # NAME FIELDS
	printf 'name: %s\nobjects:\n  - {name: Account, fields: {include: [%s]}, match: {externalId: Ext_Id__c}, batchSize: 10}\n' "$1" "$2" >"$T/$1.yaml"
	orgsync template apply -f "$T/$1.yaml" >/dev/null || bail "the template is refused"
}
template good 'Name, Ext_Id__c'
template bad 'Name, Ext_Id__c, Unheard_Of__c'

begin() { # a run that a driver is about to start: id in run
	run=$(create_run good)
	orgsync run scan "$run" >/dev/null || bail "no scan"
	wait_for 20 left "$run" || bail "the scan does not end"
	orgsync run start "$run" >/dev/null || bail "no start"
	wait_for 20 driven "$run" || bail "nobody drives the run"
}

begin
runs "an abort while a driver starts the run" orgsync run abort "$run"
runs "the driver goes" wait_for 20 left "$run"
is "$(run_get "$run" '[d["state"], d["wanted"], d["totals"]["scanned"]]')" "['Aborted', None, 0]" "and the run is Aborted"

begin
runs "a delete while a driver starts the run" orgsync run delete "$run" --yes
is "$(sql "SELECT count(*) FROM run WHERE id = '$run'")" 0 "and the run is gone"

run=$(create_run bad)
orgsync run scan "$run" >/dev/null 2>&1 &
wait_for 20 driven "$run" || bail "nobody drives the run"
epoch=$(sql "SELECT epoch FROM run WHERE id = '$run'")
runs "an abort while a driver gives its scan up" orgsync run abort "$run"
wait $! 2>/dev/null
runs "the driver goes" wait_for 20 left "$run"
is "$(sql "SELECT epoch FROM run WHERE id = '$run'")" "$epoch" "it has seen to it itself, and not taken the run for another's"
is "$(run_get "$run" '[d["state"], d["wanted"]]')" "['Aborted', None]" "and the run is Aborted"

# ---- the quota's end, and a person's pause ---------------------------------------------------------------------------------
curl -sf "$DST/__sim/latency" -d '{"ms":400}' >/dev/null || bail "no latency"
run=$(create_run good)
orgsync run scan "$run" >/dev/null || bail "no scan"
curl -sf "$DST/__sim/limits" -d '{"dailyMax":10000,"dailyRemaining":900}' >/dev/null || bail "no limit"
orgsync run start "$run" >/dev/null || bail "no start"
runs "a run is Paused by the quota" wait_for 60 state_is "$run" Paused
curl -sf "$DST/__sim/limits" -d '{"dailyMax":1000000,"dailyRemaining":990000}' >/dev/null || bail "no limit"
resumes() { [[ $(curl -sf "$DST/__sim/stats" | json 'd["byCall"].get("GET limits", 0)') -gt $1 ]]; }
wait_for 30 resumes "$(curl -sf "$DST/__sim/stats" | json 'd["byCall"].get("GET limits", 0)')" || bail "nobody asks for the limits"
runs "a person's pause while a driver resumes it" orgsync run pause "$run"
runs "the driver goes" wait_for 30 left "$run"
like "$(run_get "$run" '[d["state"], d["pausedBy"], d["problem"]]')" "'Paused', 'user', 'paused by .*goes on'" "and says by whom"
curl -sf "$DST/__sim/latency" -d '{"ms":0}' >/dev/null
runs "resume" orgsync run resume "$run" --wait
is "$(run_get "$run" 'd["totals"]["inserted"]')" 3000 "and it ends"
e2e_end

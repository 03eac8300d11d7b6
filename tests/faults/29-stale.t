#!/usr/bin/env bash
# Records that had a mapping, whose target somebody has deleted, and that are inserted anew: whoever dies in the middle of it, none is
# taken for inserted because of the mapping it had.
. "$(dirname "$0")/lib.sh"
export ORGSYNC_LEASE_MS=2000
e2e_begin
faulty_programs
simulators
coordinator
add_orgs
python3 -c '
import json
for n in range(200):
    print(json.dumps({"attributes": {"type": "Account"}, "Id": "@a%d" % n, "Ext_Id__c": "a%d" % n, "Name": "a%d" % n}))
for n in range(200):
    print(json.dumps({"attributes": {"type": "Contact"}, "Id": "@c%d" % n, "Ext_Id__c": "c%d" % n, "LastName": "c%d" % n, "AccountId": "@a%d" % n}))' >"$T/src.jsonl"
seed "$SRC" "$T/src.jsonl"
dead() { [[ $(ps -o stat= -p "$WORKER_PID") != [^Z]* ]]; }
run() { # FAILPOINT NAME COUNTS
	ORGSYNC_FAILPOINTS=$1 worker first
	RUN=$(create_run stale) || bail "no run"
	orgsync run start "$RUN" >/dev/null || bail "the run does not start"
	if [[ -n $1 ]]; then
		runs "$2: the worker dies" wait_for 60 dead
		worker second
	fi
	wait_ended "$RUN" 60
	is "$(run_get "$RUN" 'd["state"], d["totals"]["inserted"], d["totals"]["failed"]')" "$3" "$2: the counts"
	is "$(curl -sf "$DST/__sim/count" | json 'd["Account"], d["Contact"]')" "(200, 200)" "$2: each is there once"
	runs "$2: the checker agrees" check_orgs "$RUN" --template "$T/stale.yaml" --key Ext_Id__c
	kill9 "$WORKER_PID"
}
trial() { # API MATCH FAILPOINT NAME
	curl -sf -X POST "$DST/__sim/reset" >/dev/null || bail "the target cannot be emptied"
	psql -q "$ORGSYNC_POSTGRES_URL" -c 'TRUNCATE idmap_log' >/dev/null
	cat >"$T/stale.yaml" <<YAML
name: stale
objects:
  - {name: Account, fields: {include: [Name, Ext_Id__c]}, api: $1$2}
  - {name: Contact, fields: {include: [LastName, AccountId, Ext_Id__c]}, match: {externalId: Ext_Id__c}, api: rest}
YAML
	orgsync template apply -f "$T/stale.yaml" >/dev/null || bail "the template is refused"
	orgsync idmap rebuild --source src --target dst >/dev/null 2>&1 # refused before the first run
	run '' "$4: before" "('Synced', 400, 0)"
	curl -sf -X POST "$DST/__sim/reset" >/dev/null || bail "the target cannot be emptied"
	run "$3" "$4" "('Synced', 400, 0)"
}
KEY=', match: {externalId: Ext_Id__c}'
trial rest '' worker.after_intent=kill@1 "by REST, killed behind the intent"
trial rest "$KEY" worker.after_intent=kill@1 "by REST and key, killed behind the intent"
trial rest '' worker.after_reply=kill@1 "by REST, killed behind the reply"
trial bulk "$KEY" worker.job_results=kill@1 "by Bulk, killed at the results"
e2e_end

#!/usr/bin/env bash
# Records that are found by their key and updated are mapped, whichever way the update goes and whoever dies behind it: their children
# find them.
. "$(dirname "$0")/lib.sh"
export ORGSYNC_LEASE_MS=2000
e2e_begin
faulty_programs
simulators
coordinator
add_orgs
records() { # PHONE: accounts
	python3 -c '
import json, sys
for n in range(300):
    print(json.dumps({"attributes": {"type": "Account"}, "Id": "@a%d" % n, "Ext_Id__c": "a%d" % n, "Name": "a%d" % n, "Phone": sys.argv[1]}))' "$1"
}
{
	records "new"
	python3 -c '
import json
for n in range(600):
    print(json.dumps({"attributes": {"type": "Contact"}, "Id": "@c%d" % n, "Ext_Id__c": "c%d" % n, "LastName": "c%d" % n, "AccountId": "@a%d" % (n % 300)}))'
} >"$T/src.jsonl"
records "old" >"$T/dst.jsonl"
seed "$SRC" "$T/src.jsonl"
dead() { [[ $(ps -o stat= -p "$WORKER_PID") != [^Z]* ]]; }
trial() { # API FAILPOINT NAME
	curl -sf -X POST "$DST/__sim/reset" >/dev/null || bail "the target cannot be emptied"
	seed "$DST" "$T/dst.jsonl"
	psql -q "$ORGSYNC_POSTGRES_URL" -c 'TRUNCATE idmap_log' >/dev/null
	cat >"$T/mapped.yaml" <<YAML
name: mapped
objects:
  - {name: Account, fields: {include: [Name, Phone, Ext_Id__c]}, match: {externalId: Ext_Id__c}, api: $1}
  - {name: Contact, fields: {include: [LastName, AccountId, Ext_Id__c]}, match: {externalId: Ext_Id__c}, api: rest}
YAML
	orgsync template apply -f "$T/mapped.yaml" >/dev/null || bail "the template is refused"
	orgsync idmap rebuild --source src --target dst >/dev/null 2>&1 # refused before the first run
	ORGSYNC_FAILPOINTS=$2 worker first
	RUN=$(create_run mapped) || bail "no run"
	orgsync run start "$RUN" >/dev/null || bail "the run does not start"
	if [[ -n $2 ]]; then
		runs "$3: the worker dies" wait_for 60 dead
		worker second
	fi
	wait_ended "$RUN" 60
	is "$(run_get "$RUN" 'd["state"], d["totals"]["updated"], d["totals"]["inserted"], d["totals"]["failed"]')" "('Synced', 300, 600, 0)" "$3: the counts"
	runs "$3: the checker agrees" check_orgs "$RUN" --template "$T/mapped.yaml" --key Ext_Id__c
	is "$(psql -qAt "$ORGSYNC_POSTGRES_URL" -c "SELECT sum(length(pairs)) / 18 FROM idmap_log WHERE source_prefix = '001'")" 300 "$3: each is in the log of the id map"
	kill9 "$WORKER_PID"
}
trial rest '' "by REST"
trial bulk '' "by Bulk"
trial rest worker.after_intent=kill@1 "by REST, killed behind the intent"
trial rest worker.after_reply=kill@1 "by REST, killed behind the reply"
trial bulk worker.job_results=kill@1 "by Bulk, killed at the results"
e2e_end

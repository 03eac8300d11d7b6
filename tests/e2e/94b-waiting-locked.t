#!/usr/bin/env bash
# A record that is in the target already and waits with one lookup alone, while its update runs into a row lock and is sent again: the
# lookup waits on, until its parent is there.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
worker
add_orgs
sql() { psql -qtA "$ORGSYNC_POSTGRES_URL" -c "$1"; }
contacts() { # TITLE ACCOUNT
	python3 -c '
import json, sys
for n in range(20):
    print(json.dumps({"attributes": {"type": "Contact"}, "Id": "@c%d" % n, "Ext_Id__c": "c%d" % n, "LastName": "c%d" % n, "Title": sys.argv[1], "AccountId": sys.argv[2] or None}))' "$1" "$2"
}
template() { # FILTER OF ACCOUNTS
	cat >"$T/lock.yaml" <<YAML
name: lock
objects:
  - {name: Account, where: "Industry = '$1'", fields: {include: [Name, Industry, Ext_Id__c]}, match: {externalId: Ext_Id__c}}
  - {name: Contact, fields: {include: [LastName, Title, AccountId, Ext_Id__c]}, match: {externalId: Ext_Id__c}, missingParents: wait}
YAML
	orgsync template apply -f "$T/lock.yaml" >/dev/null || bail "the template is refused"
}
run() { # NAME COUNTS
	RUN=$(create_run lock) || bail "no run"
	orgsync run start "$RUN" --wait >"$T/out" 2>&1
	is "$(run_get "$RUN" '[d["state"]] + [d["totals"][k] for k in ("inserted", "updated", "failed")]')" "$2" "$1: the counts"
}
waits() { sql "SELECT count(*) FROM waiting WHERE in_run IS NULL"; }
echo '{"attributes":{"type":"Account"},"Id":"@a","Ext_Id__c":"a","Name":"a","Industry":"Media"}' >"$T/src.jsonl"
contacts first '' >>"$T/src.jsonl"
seed "$SRC" "$T/src.jsonl"
template Energy
run "without a parent" "['Synced', 20, 0, 0]"
# all of them get a parent that the run does not have
curl -sf "$SRC/__sim/dump?object=Account" >"$T/account"
account=$(json 'd["Id"]' <"$T/account")
curl -sf "$SRC/__sim/dump?object=Contact" | python3 -c '
import json, sys
for r in map(json.loads, sys.stdin):
    print(json.dumps({"attributes": r["attributes"], "Id": r["Id"], "Title": "second", "AccountId": sys.argv[1]}))' "$account" |
	curl -sf --data-binary @- "$SRC/__sim/update" >/dev/null || bail "the source cannot be changed"
curl -sf -d '{"match":"PATCH /composite","kind":"lock","count":1}' "$DST/__sim/faults" >/dev/null || bail "no fault"
run "with one that is missing" "['Synced', 0, 20, 0]"
is "$(curl -sf "$DST/__sim/faults" | json 'sum(f["hits"] for f in d)')" 1 "the rows were locked once"
is "$(waits)" 20 "all lookups wait"
template Media
run "with the parent" "['Synced', 1, 20, 0]"
is "$(waits)" 0 "none waits any more"
runs "the lookups are made" check_orgs "$RUN" --template "$T/lock.yaml" --key Ext_Id__c
e2e_end

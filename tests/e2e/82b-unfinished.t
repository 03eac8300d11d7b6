#!/usr/bin/env bash
# Runs that are aborted when all their records are in the journal and have an outcome, but their links are not made, or some were skipped
# for the abort: a retry would end Synced without them, so it is refused; a replay makes up for it.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
worker
add_orgs
sql() { psql -qtA "$ORGSYNC_POSTGRES_URL" -c "$1" 2>/dev/null; }
fault() { curl -sf -d "$1" "$DST/__sim/faults" >/dev/null || bail "no fault"; }
totals() { run_get "$RUN" '[d["state"]] + [d["totals"][k] for k in ("inserted", "skipped", "failed")]'; }
start() {
	RUN=$(create_run tree) || bail "no run"
	orgsync run start "$RUN" >/dev/null || bail "the run does not start"
}
refused() { # NAME
	orgsync run retry "$RUN" >/dev/null 2>"$T/err"
	is $? 4 "$1: a retry is refused"
	like "$(cat "$T/err")" 'replay it' "$1: and it says what to do"
}
rule() { # true or false
	curl -sf -d '{"validationRules":[{"object":"Account","name":"NoBad","active":'"$1"',"field":"Name","op":"contains","value":"Bad","message":"bad accounts are not wanted","errorField":"Name"}]}' \
		"$DST/__sim/schema" >/dev/null || bail "no rule"
}
accounts() { # COUNT BAD: each hangs on the one behind it; nothing hangs on the last ones, which the target does not take
	python3 -c '
import json, sys
most, good = int(sys.argv[1]), int(sys.argv[1]) - int(sys.argv[2])
for n in range(most):
    parent = {"ParentId": "@a%d" % (n + 1)} if n < good - 1 else {}
    print(json.dumps({"attributes": {"type": "Account"}, "Id": "@a%d" % n, "Ext_Id__c": "a%d" % n, "Name": ("a%d" if n < good else "Bad %d") % n, **parent}))' "$1" "$2" >"$T/src.jsonl"
	seed "$SRC" "$T/src.jsonl"
}
cat >"$T/tree.yaml" <<'YAML'
name: tree
objects:
  - {name: Account, fields: {include: [Name, ParentId, Ext_Id__c]}, match: {externalId: Ext_Id__c}, batchSize: 20}
YAML
orgsync template apply -f "$T/tree.yaml" >/dev/null || bail "the template is refused"

# ---- In the middle of the links ----------------------------------------------------------------------------
accounts 2000 1
rule true
# requests of 100: those behind the first 20 make links
fault '{"match":"POST /composite","kind":"delay","ms":1500,"after":20,"count":100000}'
start
links_open() { [[ $(sql "SELECT open_stage FROM run WHERE id = '$RUN'") == 2 ]]; }
wait_for 60 links_open
orgsync run abort "$RUN" >/dev/null || bail "no abort"
wait_ended "$RUN" 60
curl -sf -X DELETE "$DST/__sim/faults" >/dev/null
rule false
is "$(totals)" "['Aborted', 1999, 0, 1]" "links: aborted when all records were in"
refused links
runs "links: a replay" orgsync run replay "$RUN" --wait
is "$(totals)" "['Synced', 2000, 0, 0]" "links: the replay has all of them"
runs "links: all are made" check_orgs "$RUN" --template "$T/tree.yaml" --key Ext_Id__c
orgsync run retry "$RUN" >/dev/null 2>"$T/err"
like "$(cat "$T/err")" 'has no failed record' "links: nothing is left"

# ---- In the middle of the records: some are in, one has failed, the others are locked and then skipped ---------------------------
for url in "$SRC" "$DST"; do curl -sf -X POST "$url/__sim/reset" >/dev/null || bail "the orgs cannot be emptied"; done
forget_mappings
accounts 60 20
sed -i 's/ParentId, //' "$T/tree.yaml"
orgsync template apply -f "$T/tree.yaml" >/dev/null || bail "the template is refused"
rule true
fault '{"match":"POST /composite","kind":"lock","rows":0.5,"count":1}'
fault '{"match":"POST /composite","kind":"lock","count":1000}'
start
failed() { [[ $(sql "SELECT count(*) FROM failure WHERE run = '$RUN' AND kind = 'record'") != 0 ]]; }
wait_for 60 failed
orgsync run abort "$RUN" >/dev/null || bail "no abort"
wait_ended "$RUN" 60
curl -sf -X DELETE "$DST/__sim/faults" >/dev/null
rule false
like "$(totals)" "^\['Aborted', [0-9]+, [1-9][0-9]*, [1-9][0-9]*\]" "records: some were skipped for the abort"
refused records
runs "records: a resync takes what was skipped" orgsync run resync "$RUN" --wait
is "$(totals)" "['Synced', 60, 0, 0]" "records: all of them are in"
runs "records: and equal" check_orgs "$RUN" --template "$T/tree.yaml" --key Ext_Id__c

# ---- In the middle of a retry: what has failed before has failed still ---------------------------------------------------------
for url in "$SRC" "$DST"; do curl -sf -X POST "$url/__sim/reset" >/dev/null || bail "the orgs cannot be emptied"; done
forget_mappings
accounts 30 5
rule true
start
wait_ended "$RUN" 60
is "$(totals)" "['Synced', 25, 0, 5]" "a retry: some have failed"
rule false
fault '{"match":"POST /composite","kind":"lock","count":1000}'
orgsync run retry "$RUN" >/dev/null || bail "no retry"
locked() { [[ $(sql "SELECT count(*) FROM batch WHERE run = '$RUN' AND pass = 2 AND state = 'doubt'") != 0 ]]; }
wait_for 60 locked
orgsync run abort "$RUN" >/dev/null || bail "no abort"
wait_ended "$RUN" 60
curl -sf -X DELETE "$DST/__sim/faults" >/dev/null
is "$(totals)" "['Aborted', 25, 0, 5]" "a retry: aborted"
runs "a retry: it is tried again" orgsync run retry "$RUN" --wait
is "$(totals)" "['Synced', 30, 0, 0]" "a retry: all of them are in"
e2e_end

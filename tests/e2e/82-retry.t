#!/usr/bin/env bash
# Retry and resync: only what has failed (or was skipped), from the journal, without a look at the source; counts and errors stay
# exact; children of what failed come after it; a worker and a coordinator are killed meanwhile.
. "$(dirname "$0")/lib.sh"
export ORGSYNC_REQUEST_LIMIT_MS=3000
e2e_begin
simulators --latency 20
coordinator
worker
add_orgs

# 3,000 accounts: every 40th is refused by a rule of the target, every 10th has a parent, which may be one of these; 3,000
# contacts, whose account or boss may have failed.
python3 - "$T/src.jsonl" <<'PY'
import json, sys
with open(sys.argv[1], "w") as out:
    def put(kind, **fields):
        out.write(json.dumps({"attributes": {"type": kind}, **fields}) + "\n")
    for i in range(3000):
        parent = {"ParentId": "@a%d" % (i - i % 100)} if i % 10 == 1 else {}
        put("Account", Id="@a%d" % i, Name=("Bad %d" if i % 40 == 0 else "Good %d") % i, Ext_Id__c="A-%d" % i, **parent)
    for i in range(3000):
        boss = {"ReportsToId": "@c%d" % (i - 1)} if i % 50 == 41 else {}
        put("Contact", Id="@c%d" % i, LastName="Person %d" % i, AccountId="@a%d" % i, Ext_Id__c="C-%d" % i, **boss)
PY
seed "$SRC" "$T/src.jsonl"
rule() { # true or false
	curl -sf -d '{"validationRules":[{"object":"Account","name":"NoBad","active":'"$1"',"field":"Name","op":"contains","value":"Bad","message":"bad accounts are not wanted","errorField":"Name"}]}' \
		"$DST/__sim/schema" >/dev/null || bail "no rule"
}
totals() { # RUN
	run_get "$1" '[d["state"]] + [d["totals"][k] for k in ("scanned","inserted","updated","existing","skipped","failed","linkFailed")]'
}
sql() { psql -qtA "$ORGSYNC_POSTGRES_URL" -c "$1"; }
codes() { # RUN: code:count of all that is open
	orgsync run errors "$1" --csv "$T/errors.csv" >/dev/null 2>&1
	python3 -c '
import collections, csv, sys
print(*["%s:%s:%d" % (k + (n,)) for k, n in sorted(collections.Counter((r["kind"], r["code"]) for r in csv.DictReader(open(sys.argv[1]))).items())])' "$T/errors.csv"
}
cat >"$T/crm.yaml" <<'YAML'
name: crm
objects:
  - name: Account
    fields: {include: [Name, ParentId, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
  - name: Contact
    fields: {include: [LastName, AccountId, ReportsToId, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
YAML
runs "a template" orgsync template apply -f "$T/crm.yaml"
rule true
run=$(create_run crm)
orgsync run retry "$run" >/dev/null 2>"$T/err"
is $? 4 "nothing to retry before the run"
orgsync run start "$run" --wait >"$T/out" 2>&1
is $? 1 "the run ends with failures"
first=$(totals "$run")
# 75 accounts and their 75 contacts; every second of 30 parents is bad, and has 10 children; of 60 bosses 15 have failed
is "$first" "['Synced', 6000, 5850, 0, 0, 0, 150, 165]" "75 accounts and their contacts have failed, and 165 links to such records"
is "$(codes "$run")" "link:PARENT_FAILED:165 record:FIELD_CUSTOM_VALIDATION_EXCEPTION:75 record:PARENT_FAILED:75" "the errors say why"

# ---- again, while nothing has changed ------------------------------------------------------------------
curl -sf -X DELETE "$SRC/__sim/stats" >/dev/null
curl -sf -X DELETE "$DST/__sim/stats" >/dev/null
orgsync run retry "$run" --wait >"$T/out" 2>&1
is $? 1 "a retry of what cannot succeed fails again"
is "$(totals "$run")" "$first" "the counts stay"
is "$(codes "$run")" "link:PARENT_FAILED:165 record:FIELD_CUSTOM_VALIDATION_EXCEPTION:75 record:PARENT_FAILED:75" "each error stands there once"
is "$(python3 -c '
import csv, sys
print(*sorted({r["attempt"] for r in csv.DictReader(open(sys.argv[1])) if r["code"] == "FIELD_CUSTOM_VALIDATION_EXCEPTION"}))' "$T/errors.csv")" 2 "as the second attempt"
is "$(curl -sf "$SRC/__sim/stats" | json 'sum(n for c, n in d["byCall"].items() if "query" in c or "sobjects" in c)')" 0 "the source is not asked"
is "$(curl -sf "$DST/__sim/stats" | json 'd["recordsWritten"]')" 0 "nothing is written"
sent=$(sql "SELECT sum(inserted + updated + existing + skipped + failed) FROM batch WHERE run = '$run' AND pass = 2")
is "$sent" 150 "the pass has taken the 150 failed records alone"
is "$(run_get "$run" '[d["totals"]["passRecords"], d["totals"]["done"], d["totals"]["percent"]]')" "[150, 150, 100]" "and shows 150 of 150"

# ---- the cause is gone ---------------------------------------------------------------------------------
rule false
runs "a retry brings in the rest" orgsync run retry "$run" --wait
is "$(totals "$run")" "['Synced', 6000, 6000, 0, 0, 0, 0, 0]" "all inserted, all linked"
is "$(codes "$run")" "" "no error is left"
is "$(run_get "$run" 'd["withErrors"]')" False "the run is without errors"
is "$(sql "SELECT count(*) FROM failure WHERE run = '$run' AND kind <> 'notice' AND resolved_pass IS NULL")" 0 "all failures are resolved"
runs "the orgs are equal, links too" check_orgs "$run" --template "$T/crm.yaml" --key Ext_Id__c
orgsync run retry "$run" >/dev/null 2>"$T/err"
is $? 4 "nothing is left to retry"
like "$(cat "$T/err")" "has no failed record" "and it says so"
failed=$(sql "SELECT source_id FROM failure WHERE run = '$run' AND code = 'FIELD_CUSTOM_VALIDATION_EXCEPTION' LIMIT 1")
is "$(orgsync run why "$run" "$failed" -o json | json '[d["outcome"], d["pass"], [(f["pass"], f["attempt"]) for f in d["failures"]]]')" \
	"['inserted', 3, [(1, 1), (2, 2)]]" "why tells of all attempts"

# ---- a rollback undoes all passes ------------------------------------------------------------------------
orgsync run rollback "$run" --wait >"$T/out" 2>&1
is "$(run_get "$run" '[d["state"]] + [d["rollback"][k] for k in ("deleted", "left")]')" "['Rollback Completed', 6000, 0]" "rolled back: what the retry has inserted too"
is "$(curl -sf "$DST/__sim/count" | json '[d.get("Account", 0), d.get("Contact", 0)]')" "[0, 0]" "the target is as before"
orgsync run retry "$run" >/dev/null 2>&1
is $? 4 "and nothing is retried of it"

# ---- a second record for a key stays out ------------------------------------------------------------------
cat >"$T/twins.jsonl" <<'JSON'
{"attributes":{"type":"Lead"},"LastName":"Twin","Company":"One","Phone":"1"}
{"attributes":{"type":"Lead"},"LastName":"Twin","Company":"One","Phone":"2"}
JSON
seed "$SRC" "$T/twins.jsonl"
cat >"$T/twins.yaml" <<'YAML'
name: twins
objects:
  - name: Lead
    fields: {include: [LastName, Company, Phone]}
    match: {keys: [LastName, Company]}
YAML
orgsync template apply -f "$T/twins.yaml" >/dev/null
run=$(create_run twins)
orgsync run start "$run" --wait >/dev/null 2>&1
is "$(totals "$run")" "['Synced', 2, 1, 0, 0, 0, 1, 0]" "one of two with the same key"
phone=$(curl -sf "$DST/__sim/dump?object=Lead" | json 'd["Phone"]')
orgsync run retry "$run" --wait >/dev/null 2>&1
is "$(totals "$run")" "['Synced', 2, 1, 0, 0, 0, 1, 0]" "a retry does not let the other one in"
is "$(curl -sf "$DST/__sim/dump?object=Lead" | json 'd["Phone"]')" "$phone" "nor write it over the first"

# ---- resync: what was skipped --------------------------------------------------------------------------
sed -e 's/name: twins/name: skips/' -e '$a\    insert: false' "$T/twins.yaml" | sed 's/\[LastName, Company\]$/&/; s/keys: \[LastName, Company\]/keys: [Phone]/' >"$T/skips.yaml"
runs "a template that inserts nothing" orgsync template apply -f "$T/skips.yaml"
curl -sf -X POST "$DST/__sim/reset" >/dev/null
run=$(create_run skips)
orgsync run start "$run" --wait >/dev/null 2>&1
is "$(totals "$run")" "['Synced', 2, 0, 0, 0, 2, 0, 0]" "both are skipped"
orgsync run retry "$run" >/dev/null 2>&1
is $? 4 "a retry does not take what was skipped"
echo '{"attributes":{"type":"Lead"},"LastName":"Old","Company":"Old","Phone":"2"}' >"$T/there.jsonl"
seed "$DST" "$T/there.jsonl"
runs "a resync does" orgsync run resync "$run" --wait
is "$(totals "$run")" "['Synced', 2, 0, 1, 0, 1, 0, 0]" "one is there by now, the other is skipped again"

# ---- killed on the way -----------------------------------------------------------------------------------
curl -sf -X POST "$DST/__sim/reset" >/dev/null
forget_mappings
curl -sf -d '{"validationRules":[{"object":"Account","name":"NoBad","active":true,"field":"Ext_Id__c","op":"contains","value":"A-","message":"no accounts at all","errorField":"Name"}]}' "$DST/__sim/schema" >/dev/null
run=$(create_run crm)
orgsync run start "$run" --wait >"$T/out" 2>&1
is "$(totals "$run")" "['Synced', 6000, 0, 0, 0, 0, 6000, 0]" "everything has failed"
rule false
curl -sf -d '{"ms":150}' "$DST/__sim/latency" >/dev/null
orgsync run retry "$run" >/dev/null || bail "no retry"
moving() { [[ $(run_get "$run" 'd["totals"]["inserted"]') -gt ${1} ]]; }
wait_for 60 moving 500
kill9 "$WORKER_PID"
worker worker2
wait_for 60 moving 1500
kill9 "$COORDINATOR_PID"
coordinator coordinator2
wait_for 60 moving 3500
kill9 "$WORKER_PID"
kill9 "$COORDINATOR_PID"
coordinator coordinator3
worker worker3
wait_ended "$run" 120
is "$(totals "$run")" "['Synced', 6000, 6000, 0, 0, 0, 0, 0]" "killed twice each, the retry ends with exact counts"
runs "no loss, no duplicate" check_orgs "$run" --template "$T/crm.yaml" --key Ext_Id__c
e2e_end

#!/usr/bin/env bash
# 25,000 awkward records of sixteen objects, 1 % of them wrong for the target: with an external id in the target.
. "$(dirname "$0")/lib.sh"
e2e_begin
DEMO=$ROOT/tests/demo
"$DEMO/make-data" --records 25000 >"$T/demo.jsonl" 2>/dev/null
simulators --schema "dst:$DEMO/target-schema.json"
coordinator
worker one
worker two
add_orgs
seed "$SRC" "$T/demo.jsonl"
runs "the template is taken" orgsync template apply -f "$DEMO/template.yaml"

run=$(create_run demo)
orgsync run start "$run" --wait >"$T/out" 2>"$T/progress"
is $? 1 "the run ends, with failed records" || diag "$(tail -20 "$T/out" "$T/progress")"
is "$(run_get "$run" 'd["state"]')" Synced "Synced"
runs "the checker agrees" check_orgs "$run" --template "$DEMO/template.yaml" --key Ext_Id__c
runs "the summary is exact" python3 "$ROOT/tests/e2e/expect.py" "$T/run.json" "$T/errors.csv" "$T/demo.jsonl.expect.json"
like "$(head -1 "$T/errors.csv")" 'source_id.*code.*message' "errors as CSV"

# A second run finds everything in place.
curl -sf -X DELETE "$DST/__sim/stats" >/dev/null
second=$(create_run demo)
orgsync run start "$second" --wait >/dev/null 2>&1
is "$(run_get "$second" '[d["totals"][k] for k in ("inserted","updated","skipped")]')" "[0, 0, 0]" "a second run changes nothing"
is "$(run_get "$second" 'd["totals"]["existing"] + d["totals"]["failed"] == d["totals"]["scanned"]')" True "all existing"
written=$(curl -sf "$DST/__sim/stats" | json 'd["recordsWritten"]')
is "$written" 0 "and writes nothing"
runs "the checker agrees again" check_orgs "$second" --template "$DEMO/template.yaml" --key Ext_Id__c

# A field that changed in 100 records gives 100 updates.
curl -sf "$SRC/__sim/dump?object=Contact" | python3 -c '
import json, sys
rows = [json.loads(line) for line in sys.stdin][:100]
for n, r in enumerate(rows):
    print(json.dumps({"attributes": {"type": "Contact"}, "Id": r["Id"], "Title": "Changed %d" % n}))' >"$T/change.jsonl"
curl -sf --data-binary "@$T/change.jsonl" "$SRC/__sim/update" >/dev/null
third=$(create_run demo)
orgsync run start "$third" --wait >/dev/null 2>&1
is "$(run_get "$third" '[d["totals"][k] for k in ("inserted","updated")]')" "[0, 100]" "100 changed, 100 updated"
runs "the checker agrees once more" check_orgs "$third" --template "$DEMO/template.yaml" --key Ext_Id__c

# The journal again, into the same target.
orgsync run replay "$run" >/dev/null 2>&1
runs "the replay ends" wait_ended "$run" 120
is "$(run_get "$run" '[d["state"], d["pass"], d["totals"]["scanned"] == sum(d["totals"][k] for k in ("inserted","updated","existing","skipped","failed"))]')" \
	"['Synced', 2, True]" "a replay ends Synced and its counts add up"
e2e_end

#!/usr/bin/env bash
# The same records without any key in the target.
. "$(dirname "$0")/lib.sh"
e2e_begin
DEMO=$ROOT/tests/demo
"$DEMO/make-data" --records 25000 --seed 7 >"$T/demo.jsonl" 2>/dev/null
simulators --schema "dst:$DEMO/target-schema.json"
coordinator
worker one
worker two
add_orgs
seed "$SRC" "$T/demo.jsonl"
runs "the template is taken" orgsync template apply -f "$DEMO/template-nokey.yaml"
run=$(create_run demo-nokey)
orgsync run start "$run" --wait >/dev/null 2>&1
is "$(run_get "$run" 'd["state"]')" Synced "Synced"
runs "the checker agrees" check_orgs "$run" --template "$DEMO/template-nokey.yaml"
runs "the summary is exact" python3 "$ROOT/tests/e2e/expect.py" "$T/run.json" "$T/errors.csv" "$T/demo.jsonl.expect.json"
second=$(create_run demo-nokey)
orgsync run start "$second" --wait >/dev/null 2>&1
is "$(run_get "$second" '[d["totals"][k] for k in ("inserted","updated","skipped")]')" "[0, 0, 0]" "a second run changes nothing"
runs "the checker agrees again" check_orgs "$second" --template "$DEMO/template-nokey.yaml"
e2e_end

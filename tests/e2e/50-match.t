#!/usr/bin/env bash
# How records find their targets: keys, claims, ambiguity, switches, targets that are gone, duplicates that turn up late.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
worker
add_orgs

totals() { # RUN: inserted, updated, existing, skipped, failed
	run_get "$1" '[d["totals"][k] for k in ("inserted","updated","existing","skipped","failed")]'
}

codes() { # RUN: codes of failed records, sorted
	orgsync run errors "$1" --csv "$T/errors.csv" >/dev/null 2>&1
	python3 -c '
import csv, sys
print(*sorted(r["code"] for r in csv.DictReader(open(sys.argv[1]))))' "$T/errors.csv"
}

go() { # TEMPLATE: a run to its end, id in RUN
	RUN=$(create_run "$1")
	orgsync run start "$RUN" --wait >"$T/out" 2>&1
}

field() { # OBJECT FIELD EXPRESSION-ON-r: values in the target, sorted
	curl -sf "$DST/__sim/dump?object=$1" | python3 -c '
import json, sys
rows = [r for r in map(json.loads, sys.stdin) if not r.get("IsDeleted")]
print(*sorted(str(r.get(sys.argv[1])) for r in rows if eval(sys.argv[2])))' "$2" "${3:-True}"
}

# ---- composite keys, without case; claims; several targets -----------------------------------------------
cat >"$T/keys.yaml" <<'YAML'
name: keys
objects:
  - name: Account
    fields: {include: [Name, BillingCity, Phone, NumberOfEmployees]}
    match: {keys: [Name, BillingCity]}
YAML
runs "a template with keys" orgsync template apply -f "$T/keys.yaml"
cat >"$T/src.jsonl" <<'JSON'
{"attributes":{"type":"Account"},"Name":"Alpha","BillingCity":"Köln","Phone":"1"}
{"attributes":{"type":"Account"},"Name":"Beta","BillingCity":"Bonn","Phone":"2","NumberOfEmployees":5}
{"attributes":{"type":"Account"},"Name":"Gamma","BillingCity":"Bonn","Phone":"3"}
{"attributes":{"type":"Account"},"Name":"Delta's","BillingCity":"Bonn","Phone":"4"}
{"attributes":{"type":"Account"},"Name":"delta's","BillingCity":"BONN","Phone":"5"}
{"attributes":{"type":"Account"},"Name":"Epsilon","Phone":"6"}
{"attributes":{"type":"Account"},"Name":"Zeta","BillingCity":"Ulm","Phone":"7"}
JSON
cat >"$T/dst.jsonl" <<'JSON'
{"attributes":{"type":"Account"},"Name":"ALPHA","BillingCity":"Köln","Phone":"1"}
{"attributes":{"type":"Account"},"Name":"Beta","BillingCity":"Bonn","Phone":"old","NumberOfEmployees":7}
{"attributes":{"type":"Account"},"Name":"Gamma","BillingCity":"Bonn","Phone":"x"}
{"attributes":{"type":"Account"},"Name":"Gamma","BillingCity":"Bonn","Phone":"y"}
{"attributes":{"type":"Account"},"Name":"Epsilon","Phone":"old"}
{"attributes":{"type":"Account"},"Name":"Zeta","BillingCity":"Bonn","Phone":"another Zeta"}
JSON
seed "$SRC" "$T/src.jsonl"
seed "$DST" "$T/dst.jsonl"
go keys
is "$(totals "$RUN")" "[2, 3, 0, 0, 2]" "keys: two inserted, three updated, two failed"
is "$(codes "$RUN")" "AMBIGUOUS_MATCH KEY_CLAIMED" "keys: one has several targets, one key is claimed twice"
is "$(field Account Phone 'r["Name"] in ("Beta", "Epsilon")')" "2 6" "keys: matched records are updated"
is "$(field Account Phone 'r["Name"] == "Gamma"')" "x y" "keys: what is ambiguous is left alone"
is "$(field Account Name)" "Alpha Beta Delta's Epsilon Gamma Gamma Zeta Zeta" "keys: nothing twice"
snapshots=$(psql -At "$ORGSYNC_POSTGRES_URL" -c "SELECT count(*) FROM batch WHERE run = '$RUN' AND snapshot IS NOT NULL")
is "$snapshots" 1 "keys: a snapshot of what was updated"
go keys
is "$(totals "$RUN")" "[0, 0, 5, 0, 2]" "keys: a second run changes nothing"

# ---- a target that is gone ---------------------------------------------------------------------------
curl -sf "$DST/__sim/dump?object=Account" | python3 -c '
import json, sys
for line in sys.stdin:
    r = json.loads(line)
    if r["Name"] == "Beta": print(json.dumps({"attributes": {"type": "Account"}, "Id": r["Id"]}))' >"$T/gone.jsonl"
curl -sf --data-binary "@$T/gone.jsonl" "$DST/__sim/delete" >/dev/null
go keys
is "$(totals "$RUN")" "[1, 0, 4, 0, 2]" "a record that was deleted in the target is inserted anew"
is "$(field Account Phone 'r["Name"] == "Beta"')" 2 "and is there once"

# ---- switches ----------------------------------------------------------------------------------------
sed -e 's/name: keys/name: noinsert/' -e '$a\    insert: false' "$T/keys.yaml" >"$T/noinsert.yaml"
sed -e 's/name: keys/name: noupdate/' -e '$a\    update: false' "$T/keys.yaml" >"$T/noupdate.yaml"
runs "a template that inserts nothing" orgsync template apply -f "$T/noinsert.yaml"
runs "a template that updates nothing" orgsync template apply -f "$T/noupdate.yaml"
cat >"$T/more.jsonl" <<'JSON'
{"attributes":{"type":"Account"},"Name":"Eta","BillingCity":"Ulm","Phone":"8"}
JSON
seed "$SRC" "$T/more.jsonl"
curl -sf "$SRC/__sim/dump?object=Account" | python3 -c '
import json, sys
for line in sys.stdin:
    r = json.loads(line)
    if r["Name"] == "Zeta": print(json.dumps({"attributes": {"type": "Account"}, "Id": r["Id"], "Phone": "77"}))' >"$T/change.jsonl"
curl -sf --data-binary "@$T/change.jsonl" "$SRC/__sim/update" >/dev/null
go noinsert
is "$(totals "$RUN")" "[0, 1, 4, 1, 2]" "insert off: what has no match is skipped"
is "$(field Account Phone 'r["Name"] == "Zeta"')" "77 another Zeta" "insert off: updates go on"
sed -i 's/"77"/"78"/' "$T/change.jsonl"
curl -sf --data-binary "@$T/change.jsonl" "$SRC/__sim/update" >/dev/null
go noupdate
is "$(totals "$RUN")" "[1, 0, 5, 0, 2]" "update off: what has a match is existing"
is "$(field Account Phone 'r["Name"] == "Zeta"')" "77 another Zeta" "update off: nothing is written over"

# ---- nulls -------------------------------------------------------------------------------------------
curl -sf "$SRC/__sim/dump?object=Account" | python3 -c '
import json, sys
for line in sys.stdin:
    r = json.loads(line)
    if r["Name"] == "Beta": print(json.dumps({"attributes": {"type": "Account"}, "Id": r["Id"], "NumberOfEmployees": None}))' >"$T/change.jsonl"
curl -sf --data-binary "@$T/change.jsonl" "$SRC/__sim/update" >/dev/null
sed -e 's/name: keys/name: ignores/' -e '$a\    insert: false' "$T/keys.yaml" >"$T/ignores.yaml"
sed -e 's/name: keys/name: nulls/' -e '$a\    nulls: write\n    insert: false' "$T/keys.yaml" >"$T/nulls.yaml"
orgsync template apply -f "$T/ignores.yaml" >/dev/null
orgsync template apply -f "$T/nulls.yaml" >/dev/null
go ignores
is "$(field Account NumberOfEmployees 'r["Name"] == "Beta"')" 5 "nulls are ignored"
go nulls
is "$(field Account NumberOfEmployees 'r["Name"] == "Beta"')" None "nulls are written when the template says so"

# ---- the source id -----------------------------------------------------------------------------------
curl -sf -X POST "$DST/__sim/reset" >/dev/null
cat >"$T/sourceid.yaml" <<'YAML'
name: sourceid
objects:
  - name: Account
    fields: {include: [Name, Phone]}
    match: {sourceId: Ext_Id__c}
YAML
runs "a template with sourceId" orgsync template apply -f "$T/sourceid.yaml"
forget_mappings
go sourceid
is "$(totals "$RUN")" "[8, 0, 0, 0, 0]" "sourceId: all inserted"
is "$(field Account Ext_Id__c)" "$(curl -sf "$SRC/__sim/dump?object=Account" | python3 -c '
import json, sys
print(*sorted(json.loads(l)["Id"] for l in sys.stdin))')" "sourceId: each carries its source's id"
forget_mappings
go sourceid
is "$(totals "$RUN")" "[0, 0, 8, 0, 0]" "sourceId: found again without the id map"

# ---- a duplicate that turns up after the scan ----------------------------------------------------------
cat >"$T/late.yaml" <<'YAML'
name: late
objects:
  - name: Contact
    fields: {include: [LastName, Title, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
YAML
runs "a template with an external id" orgsync template apply -f "$T/late.yaml"
python3 -c '
import json
for i in range(300): print(json.dumps({"attributes": {"type": "Contact"}, "LastName": "L%d" % i, "Title": "new", "Ext_Id__c": "C-%d" % i}))' >"$T/src.jsonl"
python3 -c '
import json
for i in range(0, 300, 10): print(json.dumps({"attributes": {"type": "Contact"}, "LastName": "L%d" % i, "Title": "old", "Ext_Id__c": "c-%d" % i}))' >"$T/dst.jsonl"
seed "$SRC" "$T/src.jsonl"
RUN=$(create_run late)
orgsync run scan "$RUN" >/dev/null 2>&1
wait_for 30 eval "[[ \$(run_get $RUN 'd[\"state\"]') == Scanned ]]"
seed "$DST" "$T/dst.jsonl"
orgsync run start "$RUN" --wait >/dev/null 2>&1
is "$(totals "$RUN")" "[270, 30, 0, 0, 0]" "late duplicates are matched and updated"
is "$(field Contact Title 'True' | tr ' ' '\n' | sort | uniq -c | tr -s ' ')" " 300 new" "and hold the new values"

# ---- lookups: to records that are not in the run, to nothing ---------------------------------------------
cat >"$T/lookup.jsonl" <<'JSON'
{"attributes":{"type":"Account"},"Id":"@p","Name":"Parent out"}
{"attributes":{"type":"Case"},"Subject":"with account","AccountId":"@p"}
JSON
seed "$SRC" "$T/lookup.jsonl"
cat >"$T/lookup.yaml" <<'YAML'
name: lookup
objects:
  - name: Account
    where: "Name = 'nobody'"
    fields: {include: [Name]}
  - name: Case
    fields: {include: [Subject, AccountId]}
YAML
runs "a template that leaves parents out" orgsync template apply -f "$T/lookup.yaml"
go lookup
is "$(run_get "$RUN" 'd["totals"]["inserted"]')" 1 "a record whose parent is not in the run goes in without it"
is "$(psql -At "$ORGSYNC_POSTGRES_URL" -c "SELECT kind, code, fields FROM failure WHERE run = '$RUN'")" "notice|PARENT_MISSING|AccountId" "and that is reported"

# ---- match only --------------------------------------------------------------------------------------
cat >"$T/only.yaml" <<'YAML'
name: only
objects:
  - name: Contact
    fields: {include: [LastName, Title, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
    mode: match-only
YAML
printf '{"attributes":{"type":"Contact"},"LastName":"X","Ext_Id__c":"C-X"}\n' >"$T/x.jsonl"
seed "$SRC" "$T/x.jsonl"
runs "a template that only matches" orgsync template apply -f "$T/only.yaml"
go only
is "$(totals "$RUN")" "[0, 0, 300, 1, 0]" "match only: existing or skipped"
e2e_end

#!/usr/bin/env bash
# Objects loaded by Bulk ingest jobs: every kind of value, inserts and updates side by side, how records find their targets, rows
# that the org refuses or has locked, snapshots, a run that is aborted, what all that costs.
. "$(dirname "$0")/lib.sh"
e2e_begin
cat >"$T/schema.json" <<'JSON'
{"objects": [{"name": "Account", "fields": [{"name": "Legacy__c", "type": "string", "length": 40, "externalId": true}]}]}
JSON
simulators --schema "$T/schema.json" --schema "dst:$ROOT/tests/demo/target-schema.json"
coordinator
worker
add_orgs

# ---- Helpers --------------------------------------------------------------------------------------------
totals() { # RUN: inserted, updated, existing, skipped, failed
	run_get "$1" '[d["totals"][k] for k in ("inserted","updated","existing","skipped","failed")]'
}
go() { # TEMPLATE: a run to its end, id in RUN; counts of the target's calls begin anew
	curl -sf -X DELETE "$DST/__sim/stats" >/dev/null
	RUN=$(create_run "$1") || bail "no run of $1"
	orgsync run start "$RUN" --wait >"$T/out" 2>&1
}
template() { # FILE: takes it
	runs "template $(sed -n 's/^name: //p' "$1") is taken" orgsync template apply -f "$1"
}
calls() { # PATTERN: calls of the target that match
	curl -sf "$DST/__sim/stats" | python3 -c '
import json, re, sys
print(sum(n for call, n in json.load(sys.stdin)["byCall"].items() if re.search(sys.argv[1], call)))' "$1"
}
dst() { # PATH CURL-ARGUMENT...
	TOKEN=${TOKEN:-$(curl -sf -d grant_type=client_credentials -d client_id=orgsync -d client_secret=orgsync-secret \
		"$DST/services/oauth2/token" | json 'd["access_token"]')}
	curl -s -H "Authorization: Bearer $TOKEN" "${@:2}" "$DST/services/data/v60.0/jobs/ingest$1"
}
jobs() { # of the run: operation, object and state, each once: a journal that is slow to come ends a job sooner
	dst "" | python3 -c '
import json, sys
ids = sys.argv[1].split()
print(*sorted({"%s %s %s" % (j["operation"], j["object"], j["state"]) for j in json.load(sys.stdin)["records"]
    if j["id"] not in ids}), sep=", ")' "${BEFORE:-}"
}
forget_jobs() { # jobs so far are not those of the run
	BEFORE=$(dst "" | json '" ".join(j["id"] for j in d["records"])')
}
of_target() { # OBJECT EXPRESSION-ON-r [CONDITION-ON-r]: values, sorted
	curl -sf "$DST/__sim/dump?object=$1" | python3 -c '
import json, sys
show, wanted = eval("lambda r: " + sys.argv[1]), eval("lambda r: " + sys.argv[2])
print(*sorted(str(show(r)) for r in map(json.loads, sys.stdin) if not r.get("IsDeleted") and wanted(r)))' "$2" "${3:-True}"
}
change() { # URL OBJECT CONDITION-ON-r EXPRESSION: records of an org get these fields
	curl -sf "$1/__sim/dump?object=$2" | python3 -c '
import json, sys
for r in map(json.loads, sys.stdin):
    if not r.get("IsDeleted") and eval(sys.argv[2]):
        print(json.dumps({"attributes": {"type": sys.argv[1]}, "Id": r["Id"], **eval(sys.argv[3])}))' "$2" "$3" "$4" >"$T/change.jsonl"
	curl -sf --data-binary "@$T/change.jsonl" "$1/__sim/update" >/dev/null || bail "nothing is changed"
}
fault() { curl -sf -d "$1" "$DST/__sim/faults" >/dev/null || bail "no fault"; }
no_faults() { curl -sf -X DELETE "$DST/__sim/faults" >/dev/null; }
settings() { curl -sf -d "$2" "$1/__sim/settings" >/dev/null || bail "no settings"; }
sql() { psql -qtA "$ORGSYNC_POSTGRES_URL" -c "$1" 2>/dev/null; }
empty() { # both orgs and what is known of them
	curl -sf -X POST "$SRC/__sim/reset" >/dev/null
	empty_target
}
empty_target() {
	curl -sf -X POST "$DST/__sim/reset" >/dev/null
	forget_ids
}
forget_ids() {
	sql "TRUNCATE idmap_log; DELETE FROM failure WHERE code = 'OUTCOME_UNKNOWN'"
	orgsync idmap rebuild --source src --target dst >/dev/null 2>&1
}
failures() { # codes of the run's failed records, counted
	sql "SELECT code || ' ' || count(*) FROM failure WHERE run = '$RUN' AND kind = 'record' GROUP BY code ORDER BY code" | paste -sd ' '
}
left_out() { # records that the end of the run left out, each with a notice
	sql "SELECT count(*) FROM failure WHERE run = '$RUN' AND kind = 'notice' AND code = 'ABORTED'"
}
in_no_job() { # NAME: no batch is left in a job
	is "$(sql "SELECT count(*) FROM batch WHERE run = '$RUN' AND (state <> 'done' OR insert_job IS NOT NULL OR update_job IS NOT NULL)")" 0 "$1"
}

# ---- Values ---------------------------------------------------------------------------------------------
# Accounts with parents among themselves, projects of every type, milestones below them; projects point to milestones.
python3 - >"$T/src.jsonl" <<'PY'
import json

texts = ['say "x"', 'a,b', 'two\nlines', ' blank before', 'and after  ', 'Zürich \u20ac \U0001f600 \u4e2d', '"', '""', ',', "it's",
    '#N/A', ' #N/A', 'N/A', 'null', '0', '007', '=1+1', 'back\\slash \\n', '\ttab', 'nbsp\u00a0', '\u2028', 'a;b', 'x' * 255]
notes = ['cr\rin it', 'dos\r\nlines', 'long ' * 6000, 'too long ' * 3600, 'é' * 31000, '\n', 'q"' * 4000]
numbers = [0, 1, -1, 7, 350000000, 0.001, 123456789.125, -0.5, 1e8, 99999999.999]
def add(kind, key, **fields):
    print(json.dumps({"attributes": {"type": kind}, "Id": "@" + key, "Ext_Id__c": key, **fields}))
for i in range(3000):
    add("Account", "a%d" % i, Name="Account %d" % i, **({"ParentId": "@a%d" % ((i * 7 + 1) % 3000)} if i % 3 else {}))
for i in range(3000):
    project = {"Title__c": texts[i % len(texts)], "Status__c": ["Planned", "Active", "On Hold"][i % 3],
        "Budget__c": i * 1000.25, "Effort__c": numbers[i % len(numbers)], "Margin__c": i % 100 + 0.25,
        "Start_Date__c": "20%02d-02-28" % (i % 90 + 10), "Kickoff__c": "2024-0%d-0%dT1%d:30:0%d.000+0000" % (i % 9 + 1, i % 9 + 1, i % 10, i % 10),
        "Daily_Standup__c": "0%d:15:00.000Z" % (i % 10), "Regions__c": ["EMEA", "EMEA;AMER", "APAC;EMEA;LATAM"][i % 3],
        "Is_Internal__c": i % 2 == 0, "Is_Billable__c": i % 5 != 0, "Contact_Email__c": "p%d@example.com" % i,
        "Summary__c": "<p>Summary %d</p>" % i, "Account__c": "@a%d" % (i % 3000)}
    if i % 100 == 0: project["Notes__c"] = notes[i // 100 % len(notes)]
    if i % 11 == 0: project.update(Budget__c=None, Start_Date__c=None, Title__c=None, Account__c=None)
    if i % 4 == 0: project["Current_Milestone__c"] = "@m%d" % i
    add("Project__c", "p%d" % i, **project)
for i in range(3000):
    add("Milestone__c", "m%d" % i, Name="Milestone %d" % i, Project__c="@p%d" % (i % 3000), Weight__c=i % 50 + 0.5, Is_Done__c=i % 2 == 1,
        Due__c="2025-01-%02d" % (i % 28 + 1), **({"Depends_On__c": "@m%d" % ((i + 1) % 3000)} if i % 2 else {}))
PY
seed "$SRC" "$T/src.jsonl"
cat >"$T/values.yaml" <<'YAML'
name: values
objects:
  - {name: Account, fields: {include: [Name, ParentId, Ext_Id__c]}, match: {externalId: Ext_Id__c}, api: bulk}
  - {name: Project__c, fields: {exclude: [OwnerId]}, match: {externalId: Ext_Id__c}, api: bulk, nulls: write}
  - {name: Milestone__c, match: {externalId: Ext_Id__c}, api: bulk}
YAML
template "$T/values.yaml"
settings "$SRC" '{"csvDoubles":"java"}'
go values
is "$(run_get "$RUN" 'd["state"]')" Synced "values: Synced" || diag "$(tail -5 "$T/out" "$T/worker.log")"
is "$(totals "$RUN")" "[9000, 0, 0, 0, 0]" "values: all inserted"
runs "values: the checker agrees" check_orgs "$RUN" --template "$T/values.yaml" --key Ext_Id__c
is "$(jobs)" "insert Account JobComplete, insert Milestone__c JobComplete, insert Project__c JobComplete" "values: by a job of each object"
in_no_job "values: no batch is left in a job"
is "$(of_target Project__c 'r["Title__c"]' 'r.get("Title__c") == "#N/A"' | tr ' ' '\n' | sort | uniq -c | tr -s ' ')" \
	" $(grep -c '"Title__c": " \?#N/A"' "$T/src.jsonl") #N/A" "values: #N/A may be a text"
diag "values: $(calls .) calls for 9,000 inserts and $(sql "SELECT count(*) FROM batch WHERE run = '$RUN' AND links") batches of links"

# However an org spells its numbers, nothing looks changed.
for spelling in point plain; do
	settings "$SRC" "{\"csvDoubles\":\"$spelling\"}"
	forget_jobs
	go values
	is "$(totals "$RUN") $(jobs)" "[0, 0, 9000, 0, 0] " "values: a second run changes nothing, doubles spelled $spelling, and makes no job"
done

# ---- A second run: new, changed, cleared, and the same ------------------------------------------------------
change "$SRC" Project__c 'r["Ext_Id__c"][-1] == "3"' \
	'dict(Title__c="new, \"title\"\n" + r["Ext_Id__c"], Budget__c=5.5, Kickoff__c="2030-01-01T00:00:00.000+0000", Is_Internal__c=True)'
change "$SRC" Project__c 'r["Ext_Id__c"][-1] == "5"' \
	'dict(Title__c=None, Budget__c=None, Effort__c=None, Start_Date__c=None, Kickoff__c=None, Account__c=None, Regions__c=None, Notes__c=None)'
change "$SRC" Project__c 'r["Ext_Id__c"] in ("p7", "p17", "p27")' 'dict(Title__c="#N/A", Notes__c="c\rr")'
python3 -c '
import json
for i in range(3000, 3500):
    print(json.dumps({"attributes": {"type": "Project__c"}, "Ext_Id__c": "p%d" % i, "Title__c": "fresh, %d" % i, "Status__c": "Done", "Effort__c": i / 8}))' \
	>"$T/more.jsonl"
seed "$SRC" "$T/more.jsonl"
forget_jobs
go values
# 300 end in 3; of those that end in 5 all have something to lose; p7 held another title.
is "$(totals "$RUN")" "[500, 603, 8397, 0, 0]" "again: new ones are inserted, changed ones updated, the others left alone"
is "$(jobs)" "insert Project__c JobComplete, update Project__c JobComplete" "again: by two jobs side by side"
runs "again: the checker agrees" check_orgs "$RUN" --template "$T/values.yaml" --key Ext_Id__c
is "$(of_target Project__c '[r.get(f) for f in ("Title__c", "Budget__c", "Kickoff__c", "Account__c")]' 'r["Ext_Id__c"] == "p15"')" \
	"[None, None, None, None]" "again: nulls are written over values"
is "$(sql "SELECT count(*) > 0 FROM batch WHERE run = '$RUN' AND snapshot IS NOT NULL")" t "again: what was there before is kept"
in_no_job "again: no batch is left in a job"
forget_jobs
go values
is "$(totals "$RUN") $(jobs)" "[0, 0, 9500, 0, 0] " "again: then nothing is left to do"

# ---- How records find their targets -----------------------------------------------------------------------
# An external id that is not unique: each key is claimed by one record. Some targets are there twice, some are there already.
empty
python3 - >"$T/src.jsonl" <<'PY'
import json
for i in range(1200):
    print(json.dumps({"attributes": {"type": "Account"}, "Name": "Name %d" % i, "Phone": str(i),
        "Legacy__c": "Key %d" % (i if i < 1190 else i - 10), "BillingCity": "City %d" % (i % 7)}))
PY
python3 - >"$T/dst.jsonl" <<'PY'
import json
for i in list(range(0, 300)) + list(range(0, 5)):
    print(json.dumps({"attributes": {"type": "Account"}, "Name": "Name %d" % i, "Legacy__c": ("KEY %d" if i % 2 else "Key %d") % i,
        "Phone": str(i) if i < 200 else "old", "BillingCity": "City %d" % (i % 7)}))
PY
seed "$SRC" "$T/src.jsonl"
seed "$DST" "$T/dst.jsonl"
cat >"$T/claims.yaml" <<'YAML'
name: claims
objects:
  - {name: Account, fields: {include: [Name, Phone, BillingCity, Legacy__c]}, match: {externalId: Legacy__c}, api: bulk}
YAML
sed 's/^name: .*/name: keys/; s/externalId: Legacy__c/keys: [Legacy__c, BillingCity]/' "$T/claims.yaml" >"$T/keys.yaml"
sed 's/^name: .*/name: none/; s/match: {[^}]*}, //' "$T/claims.yaml" >"$T/none.yaml"
sed 's/^name: .*/name: sourceid/; s/externalId: Legacy__c/sourceId: Source_Id__c/' "$T/claims.yaml" >"$T/sourceid.yaml"
for one in claims keys none sourceid; do template "$T/$one.yaml"; done
# Of 1,200: 10 share a key with another one, 5 have two targets; 295 have one, half of these in capitals.
forget_jobs
go claims
is "$(totals "$RUN") $(failures)" "[890, 198, 97, 0, 15] AMBIGUOUS_MATCH 5 KEY_CLAIMED 10" "claims: one record a key"
is "$(jobs)" "insert Account JobComplete, update Account JobComplete" "claims: by two jobs"
is "$(of_target Account 1 | wc -w)" 1195 "claims: nothing twice"
in_no_job "claims: no batch is left in a job"
forget_jobs
go claims
is "$(totals "$RUN") $(failures) $(jobs)" "[0, 0, 1185, 0, 15] AMBIGUOUS_MATCH 5 KEY_CLAIMED 10 " "claims: a second run changes nothing"
empty_target
seed "$DST" "$T/dst.jsonl"
# City and key of the last ten together are no others': 10 is no multiple of 7.
go keys
is "$(totals "$RUN") $(failures)" "[900, 198, 97, 0, 5] AMBIGUOUS_MATCH 5" "keys: composite keys"
is "$(of_target Account 1 | wc -w)" 1205 "keys: nothing twice"
empty_target
go sourceid
is "$(totals "$RUN")" "[1200, 0, 0, 0, 0]" "sourceId: all inserted"
is "$(of_target Account 'r["Source_Id__c"]' | md5sum)" "$(curl -sf "$SRC/__sim/dump?object=Account" | python3 -c '
import json, sys
print(*sorted(json.loads(l)["Id"] for l in sys.stdin))' | md5sum)" "sourceId: each carries its source's id"
forget_ids
change "$SRC" Account 'r["Phone"][-1] == "9"' 'dict(Phone="+49 " + r["Phone"])'
forget_jobs
go sourceid
is "$(totals "$RUN") $(jobs)" "[0, 120, 1080, 0, 0] update Account JobComplete" "sourceId: found again without the id map, updated by a job"
empty_target
go none
is "$(totals "$RUN")" "[1200, 0, 0, 0, 0]" "none: all inserted"
runs "none: the checker agrees" check_orgs "$RUN" --template "$T/none.yaml"
change "$SRC" Account 'r["Phone"][-1] == "8"' 'dict(Phone="+49 " + r["Phone"])'
go none
is "$(totals "$RUN")" "[0, 120, 1080, 0, 0]" "none: the id map knows them"
runs "none: the checker agrees" check_orgs "$RUN" --template "$T/none.yaml"

# ---- Switches -------------------------------------------------------------------------------------------
sed 's/^name: .*/name: noinsert/; s/api: bulk/&, insert: false/' "$T/sourceid.yaml" >"$T/noinsert.yaml"
sed 's/^name: .*/name: noupdate/; s/api: bulk/&, update: false/' "$T/sourceid.yaml" >"$T/noupdate.yaml"
template "$T/noinsert.yaml"
template "$T/noupdate.yaml"
empty_target
go sourceid
change "$SRC" Account 'r["Phone"][-1] == "7"' 'dict(Phone="+1 " + r["Phone"])'
sed 's/Name /Later /' "$T/src.jsonl" | head -50 >"$T/more.jsonl"
seed "$SRC" "$T/more.jsonl"
forget_jobs
go noinsert
is "$(totals "$RUN") $(jobs)" "[0, 120, 1080, 50, 0] update Account JobComplete" "insert off: what has no target is skipped"
change "$SRC" Account 'r["Phone"][-1] == "6"' 'dict(Phone="+1 " + r["Phone"])'
forget_jobs
go noupdate
is "$(totals "$RUN") $(jobs)" "[50, 0, 1200, 0, 0] insert Account JobComplete" "update off: what has a target is existing"

# ---- Rows that the org refuses ----------------------------------------------------------------------------
# Salesforce's own words, as by REST: a rule, a picklist, a field that is needed, a value that is there already.
empty
python3 - >"$T/src.jsonl" <<'PY'
import json
def add(kind, key, **fields):
    print(json.dumps({"attributes": {"type": kind}, "Id": "@" + key, "Ext_Id__c": key, **fields}))
for i in range(600):
    add("Account", "a%d" % i, Name="Account %d" % i, NumberOfEmployees=-i if i % 10 == 3 else i)
for i in range(600):
    add("Lead", "l%d" % i, LastName="L, \"%d\"" % i, Company="Company", Status="Open - Not Contacted",
        Industry="Astrology \"x\", no\nsuch" if i % 10 == 4 else "Banking")
for i in range(600):
    add("Task", "t%d" % i, Subject="Task %d" % i, Status="Not Started", Priority="Normal", WhatId="@a%d" % i,
        **({} if i % 10 == 5 else {"ActivityDate": "2026-01-01"}))
PY
seed "$SRC" "$T/src.jsonl"
for i in $(seq 0 20 599); do printf '{"attributes":{"type":"Account"},"Id":"@o%d","Name":"Other","Ext_Id__c":"a%d"}\n' "$i" "$i"; done >"$T/dst.jsonl"
cat >"$T/refused.yaml" <<'YAML'
name: refused
objects:
  - {name: Account, fields: {include: [Name, NumberOfEmployees, Ext_Id__c]}, match: {sourceId: Source_Id__c}, api: bulk}
  - {name: Lead, fields: {include: [LastName, Company, Status, Industry, Ext_Id__c]}, api: bulk}
  - {name: Task, fields: {include: [Subject, Status, Priority, WhatId, ActivityDate, Ext_Id__c]}, match: {externalId: Ext_Id__c}, api: bulk}
YAML
sed 's/^name: .*/name: refused-rest/; s/api: bulk/api: rest/' "$T/refused.yaml" >"$T/refused-rest.yaml"
template "$T/refused.yaml"
template "$T/refused-rest.yaml"
said_of_rows() { # what the errors say of each record, without ids of the target
	orgsync run errors "$RUN" --csv "$T/errors.csv" >/dev/null 2>&1
	python3 -c '
import csv, re, sys
rows = csv.DictReader(open(sys.argv[1], newline=""))
for line in sorted(repr((r["object"], r["source_id"], r["code"], re.sub("00[1Q]\w{12,15}", "ID", r["message"]), r["fields"])) for r in rows): print(line)' "$T/errors.csv"
}
for by in refused-rest refused; do
	empty_target
	seed "$DST" "$T/dst.jsonl"
	curl -sf "$DST/__sim/dump?object=Account" | python3 -c '
import json, sys
print(json.dumps({"Account": [json.loads(l)["Id"] for l in sys.stdin]}))' >"$T/before.json"
	go $by
	is "$(totals "$RUN")" "[1500, 0, 0, 0, 300]" "$by: refused by a rule, by a picklist, for a field, as duplicates; with their children" ||
		diag "$(failures)"

	runs "$by: the checker agrees" check_orgs "$RUN" --template "$T/$by.yaml" --before "$T/before.json"
	said_of_rows >"$T/said-$by"
done
runs "what is said of them is the same by a job and by REST" diff "$T/said-refused-rest" "$T/said-refused"
like "$(failures)" 'DUPLICATE_VALUE [0-9]+.*FIELD_CUSTOM_VALIDATION_EXCEPTION 60.*INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST 60.*REQUIRED_FIELD_MISSING' \
	"they are what was seeded"
in_no_job "refused: no batch is left in a job"

# ---- A duplicate that turns up after the scan, by a key of several fields of which one is unique -------------
empty
python3 -c '
import json
for i in range(300): print(json.dumps({"attributes": {"type": "Contact"}, "LastName": "L%d" % i, "Title": "new", "Ext_Id__c": "C-%d" % i}))' >"$T/src.jsonl"
python3 -c '
import json
for i in range(0, 300, 10): print(json.dumps({"attributes": {"type": "Contact"}, "LastName": "L%d" % i, "Title": "old", "Ext_Id__c": "C-%d" % i}))' >"$T/dst.jsonl"
seed "$SRC" "$T/src.jsonl"
for match in 'externalId: Ext_Id__c' 'keys: [Ext_Id__c, LastName]'; do
	cat >"$T/late.yaml" <<YAML
name: late
objects:
  - {name: Contact, fields: {include: [LastName, Title, Ext_Id__c]}, match: {$match}, api: bulk}
YAML
	template "$T/late.yaml"
	empty_target
	RUN=$(create_run late)
	orgsync run scan "$RUN" >/dev/null 2>&1
	wait_for 30 eval "[[ \$(run_get $RUN 'd[\"state\"]') == Scanned ]]"
	seed "$DST" "$T/dst.jsonl"
	orgsync run start "$RUN" --wait >/dev/null 2>&1
	is "$(totals "$RUN")" "[270, 30, 0, 0, 0]" "late duplicates are matched and updated: $match" || diag "$(failures)"
	is "$(of_target Contact 'r["Title"]' | tr ' ' '\n' | sort | uniq -c | tr -s ' ')" " 300 new" "and hold the new values"
done

# ---- Row locks, and what was there before an update ---------------------------------------------------------
cat >"$T/locks.yaml" <<'YAML'
name: locks
objects:
  - {name: Contact, fields: {include: [LastName, Title, Ext_Id__c]}, match: {externalId: Ext_Id__c}, api: bulk}
YAML
{ sed "s/^name: .*/name: unsnapped/" "$T/locks.yaml" && echo "options: {snapshots: false}"; } >"$T/unsnapped.yaml"
template "$T/locks.yaml"
template "$T/unsnapped.yaml"
empty
python3 -c '
import json
for i in range(2000): print(json.dumps({"attributes": {"type": "Contact"}, "LastName": "L%d" % i, "Title": "first %d" % i, "Ext_Id__c": "C-%d" % i}))' >"$T/src.jsonl"
seed "$SRC" "$T/src.jsonl"
locks() { fault '{"match":"PATCH /jobs/ingest","kind":"lock","rows":0.3,"count":2}'; }
snapshots() { # TEXT: batches whose snapshot has it
	sql "SELECT count(*) FROM batch WHERE run = '$RUN' AND position('$1'::bytea IN snapshot) > 0"
}
locks
go locks
like "$(totals "$RUN") $(calls 'POST composite')" '^\[2000, 0, 0, 0, 0\] [1-4]$' "locks: rows that were locked are inserted by collections"
change "$SRC" Contact 'True' 'dict(Title="second")'
go locks
is "$(totals "$RUN") $(failures)" "[0, 2000, 0, 0, 0] " "locks: and updated so"
is "$(snapshots 'first 1777')" 1 "locks: the snapshot has the value before"
is "$(snapshots 'second')" 0 "locks: and not the one that was written"
is "$(curl -sf "$DST/__sim/faults" | json 'sum(f["hits"] for f in d)')" 2 "locks: both were met"
runs "locks: the checker agrees" check_orgs "$RUN" --template "$T/locks.yaml" --key Ext_Id__c
no_faults
locks
change "$SRC" Contact 'r["Ext_Id__c"][-1] == "7"' 'dict(Title="third")'
go unsnapped
is "$(totals "$RUN") $(failures)" "[0, 200, 1800, 0, 0] " "locks: updates without a snapshot are compared anew and sent again"
is "$(sql "SELECT count(*) FROM batch WHERE run = '$RUN' AND snapshot IS NOT NULL")" 0 "locks: nothing is kept of what was there"
runs "locks: the checker agrees" check_orgs "$RUN" --template "$T/unsnapped.yaml" --key Ext_Id__c
no_faults

# ---- A run that is aborted while its job runs ----------------------------------------------------------------
# Thirty records do not go in the job: so the 10,000 rows that an org executes together end in the middle of a batch.
cat >"$T/abort.yaml" <<'YAML'
name: abort
objects:
  - {name: Contact, fields: {include: [LastName, Ext_Id__c]}, match: MATCH, limit: 25000, api: bulk}
options: {lanes: 1}
YAML
curl -sf -X POST "$SRC/__sim/reset" >/dev/null
curl -sf -d '{"object":"Contact","count":25000,"seed":66}' "$SRC/__sim/generate" >/dev/null || bail "no contacts"
is_running() { [[ $(jobs) == *InProgress* ]] && held "$DST"; }
aborted() { # MATCH NAME: a run that is aborted while its job runs
	sed "s/MATCH/$1/" "$T/abort.yaml" >"$T/abort-now.yaml"
	template "$T/abort-now.yaml"
	forget_jobs
	hold "$DST" "PATCH /jobs/ingest" hold-job '"batches":0' # some rows of the first batch are in
	curl -sf -X DELETE "$DST/__sim/stats" >/dev/null
	RUN=$(create_run abort)
	orgsync run start "$RUN" >/dev/null
	wait_for 60 is_running || diag "no job runs: $(jobs)"
	orgsync run abort "$RUN" >/dev/null
	wait_ended "$RUN" 60
	let_go "$DST"
	is "$(run_get "$RUN" 'd["state"]') $(jobs)" "Aborted insert Contact Aborted" "$2: the job is aborted with the run"
	in_no_job "$2: nothing is left in work"
}
empty_target
curl -sf "$SRC/__sim/dump?object=Contact" | python3 -c '
import json, sys
for r in sorted(map(json.loads, sys.stdin), key=lambda r: r["Id"])[:30]:
    print(json.dumps({"attributes": {"type": "Contact"}, "LastName": r["LastName"], "Ext_Id__c": r["Ext_Id__c"]}))' >"$T/dst.jsonl"
seed "$DST" "$T/dst.jsonl"
aborted '{externalId: Ext_Id__c}' "abort"
is "$(totals "$RUN") $(left_out)" "[10000, 0, 30, 970, 0] 970" "abort: what was executed counts, the rest of that batch is skipped"
is "$(curl -sf "$DST/__sim/count" | json 'd["Contact"]')" 10030 "abort: the count is exact"
empty_target
seed "$DST" "$T/dst.jsonl"
fault '{"match":"PATCH /jobs/ingest","kind":"503","after":1,"count":2}' # before what is held: that one decides
aborted '{externalId: Ext_Id__c}' "abort, at first in vain"
is "$(($(run_get "$RUN" 'd["totals"]["inserted"]') + 30)) $(left_out)" "$(curl -sf "$DST/__sim/count" | json 'd["Contact"]') 970" \
	"abort, at first in vain: it is told once more, and the count is exact"
# These are said by collections, once the job is over: so they are not said at all.
curl -sf "$SRC/__sim/dump?object=Contact" | python3 -c '
import json, sys
for r in sorted(map(json.loads, sys.stdin), key=lambda r: r["Id"])[:30]:
    print(json.dumps({"attributes": {"type": "Contact"}, "Id": r["Id"], "LastName": "c\rr"}))' >"$T/change.jsonl"
curl -sf --data-binary "@$T/change.jsonl" "$SRC/__sim/update" >/dev/null || bail "nothing is changed"
empty_target
aborted none "abort without a key"
is "$(totals "$RUN") $(left_out)" "[10000, 0, 0, 1000, 0] 1000" "abort without a key: what was executed counts, the rest of these batches is skipped"
is "$(curl -sf "$DST/__sim/count" | json 'd["Contact"]')" 10000 "abort without a key: the count is exact"

# ---- What the org does not take --------------------------------------------------------------------------
sed 's/^name: .*/name: limited/; s/MATCH/{externalId: Ext_Id__c}/; s/limit: 25000, //' "$T/abort.yaml" >"$T/limited.yaml"
template "$T/limited.yaml"
curl -sf -X POST "$SRC/__sim/reset" >/dev/null
curl -sf -d '{"object":"Contact","count":25000,"seed":66}' "$SRC/__sim/generate" >/dev/null || bail "no contacts"
limits() { curl -sf -d "$1" "$DST/__sim/limits" >/dev/null || bail "no limits"; }
for left in 1 0; do
	empty_target
	forget_jobs
	limits "{\"bulkBatchesRemaining\":$left}"
	go limited
	is "$(totals "$RUN")" "[25000, 0, 0, 0, 0]" "$left batches of Bulk are left: the rest goes by collections"
	is "$(jobs)" "$([[ $left == 0 ]] || echo insert Contact Failed)" "$left batches of Bulk are left: no more jobs than that"
	in_no_job "$left batches of Bulk are left: no batch is left in a job"
done
limits '{"bulkBatchesRemaining":15000}'
empty_target
forget_jobs
fault '{"match":"PATCH /jobs/ingest","kind":"refused","count":1}'
go limited
is "$(totals "$RUN")" "[25000, 0, 0, 0, 0]" "a job that the org does not close: its rows go by collections" || diag "$(jobs)"
is "$(jobs)" "insert Contact Aborted" "and it is aborted"
no_faults

# ---- A job that hangs -------------------------------------------------------------------------------------
dead() { ! kill -0 "$1" 2>/dev/null; }
kill -TERM "$WORKER_PID"
wait_for 30 dead "$WORKER_PID"
ORGSYNC_REQUEST_LIMIT_MS=3000 worker impatient
empty_target
forget_jobs
settings "$DST" '{"bulkDelayMs":600000}'
go limited
settings "$DST" '{"bulkDelayMs":0}'
is "$(totals "$RUN") $(jobs)" "[25000, 0, 0, 0, 0] insert Contact Aborted" "a job that hangs is aborted, and its rows go by collections"
in_no_job "a job that hangs: no batch is left in a job"

# ---- What it costs --------------------------------------------------------------------------------------
sed 's/^name: .*/name: many/' "$T/limited.yaml" >"$T/many.yaml"
template "$T/many.yaml"
curl -sf -X POST "$SRC/__sim/reset" >/dev/null
curl -sf -d '{"object":"Contact","count":100000,"seed":67}' "$SRC/__sim/generate" >/dev/null || bail "no contacts"
empty_target
RUN=$(create_run many)
orgsync run scan "$RUN" >/dev/null 2>&1
wait_for 60 eval "[[ \$(run_get $RUN 'd[\"state\"]') == Scanned ]]"
curl -sf -X DELETE "$DST/__sim/stats" >/dev/null
curl -sf -X DELETE "$SRC/__sim/stats" >/dev/null
orgsync run start "$RUN" --wait >/dev/null 2>&1
is "$(totals "$RUN")" "[100000, 0, 0, 0, 0]" "100,000 are inserted"
made=$(calls .)
diag "$made calls of the target for 100,000 records: $(curl -sf "$DST/__sim/stats" | json 'd["byCall"]')"
is "$((made <= 20))" 1 "which takes no more than 200 calls a million"
e2e_end

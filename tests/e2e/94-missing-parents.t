#!/usr/bin/env bash
# Parents that a run does not have: left out, waited for, or a failure; the waiting room, over runs and rollbacks.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
worker
add_orgs

totals() { # RUN: scanned, inserted, updated, existing, skipped, failed
	run_get "$1" '[d["totals"][k] for k in ("scanned","inserted","updated","existing","skipped","failed")]'
}
notes() { # RUN: code, record's key and field of all that is said
	psql -At "$ORGSYNC_POSTGRES_URL" -c "SELECT string_agg(f.kind || ' ' || f.code || ' ' || f.fields, ', ' ORDER BY f.seq) FROM failure f WHERE f.run = '$1' AND f.resolved_pass IS NULL"
}
waiting() { # RUN: KEY FIELD>PARENT'S KEY of all that waits, by the keys of the source
	orgsync run waiting "$1" --limit 0 -o json | python3 -c '
import json, sys, urllib.request
keys = {}
for name in ("Account", "Contact", "Case", "Opportunity", "Lead", "Task"):
    for line in urllib.request.urlopen("%s/__sim/dump?object=%s" % (sys.argv[1], name)):
        r = json.loads(line)
        keys[r["Id"]] = r.get("Ext_Id__c") or r["Id"]
print(*sorted("%s %s>%s" % (keys.get(w["sourceId"], "?"), w["field"], keys[w["parentId"]]) for w in json.load(sys.stdin)["items"]))' "$SRC"
}
target() { # OBJECT FIELD: KEY=key of what the field points to
	python3 - "$DST" "$1" "$2" <<'PY'
import json, sys, urllib.request
keys, rows = {}, []
for name in ("Account", "Contact", "Case", "Opportunity", "Lead", "Task"):
    for line in urllib.request.urlopen("%s/__sim/dump?object=%s" % (sys.argv[1], name)):
        r = json.loads(line)
        keys[r["Id"]] = r.get("Ext_Id__c") or r["Id"]
        if name == sys.argv[2] and not r["IsDeleted"]: rows.append(r)
print(*sorted("%s=%s" % (r["Ext_Id__c"], keys.get(r.get(sys.argv[3]), "")) for r in rows))
PY
}
ext='{"name":"Ext_Id__c","type":"string","length":40,"externalId":true,"unique":true,"idLookup":true}'
fields() { # OBJECT: with a key
	printf '{"objects":[{"name":"%s","fields":[%s]}]}' "$1" "$ext" >"$T/schema.json"
	for url in "$SRC" "$DST"; do curl -sf --data-binary "@$T/schema.json" "$url/__sim/schema" >/dev/null || bail "no field on $1"; done
}
fields Task
record() { # OBJECT KEY members...
	printf '{"attributes":{"type":"%s"},"Id":"@%s","Ext_Id__c":"%s"%s}\n' "$1" "$2" "$2" "${3:+,$3}"
}
{
	record Account big '"Name":"big","Industry":"Energy"'
	record Account small '"Name":"small","Industry":"Media"'
	record Account tiny '"Name":"tiny","Industry":"Media"'
	record Contact c-big '"LastName":"c","AccountId":"@big"'
	record Contact c-small '"LastName":"c","AccountId":"@small"'
	record Contact c-tiny '"LastName":"c","AccountId":"@tiny","ReportsToId":"@c-small"'
	record Case k-small '"Subject":"k","AccountId":"@small","ContactId":"@c-small"'
	record Case k-big '"Subject":"k","AccountId":"@big","ContactId":"@c-big"'
} >"$T/src.jsonl"
seed "$SRC" "$T/src.jsonl"

template() { # NAME POLICY-OF-CONTACT POLICY-OF-CASE [FILTER-OF-ACCOUNT]
	cat <<YAML
name: $1
objects:
  - name: Account
    where: "${4:-Industry = 'Energy'}"
    fields: {include: [Name, Industry, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
  - name: Contact
    fields: {include: [LastName, AccountId, ReportsToId, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
    missingParents: $2
  - name: Case
    where: "Subject = 'k'"
    fields: {include: [Subject, AccountId, ContactId, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
    missingParents: $3
YAML
}
apply() {
	template "$@" >"$T/$1.yaml"
	orgsync template apply -f "$T/$1.yaml" >/dev/null || bail "template $1 is refused"
}
go() { # TEMPLATE: scanned and started; id in RUN
	RUN=$(create_run "$1") && orgsync run start "$RUN" --wait >"$T/out" 2>&1
}

# ---- what is refused --------------------------------------------------------------------------------
template bad later blank >"$T/bad.yaml"
out=$(orgsync template apply -f "$T/bad.yaml" 2>&1)
is $? 2 "a policy that is none: refused"
like "$out" "bad.yaml, line 10: missingParents must be wait, blank or fail" "with its line"
apply named '{LastName: wait}' blank
out=$(orgsync run scan "$(create_run named)" 2>&1)
is $? 4 "a policy of a field that is no lookup: refused by the scan"
like "$out" "missingParents of 'LastName': the field points to no object of the template" "by name"

# ---- fail: by field, with the others left out -------------------------------------------------------
apply fail '{AccountId: fail, "*": blank}' blank
run=$(create_run fail)
orgsync run scan "$run" -o json >"$T/scan.json"
is "$(json 'sorted((m["object"], m["field"], m["count"], m["policy"]) for m in d["missingParents"])' <"$T/scan.json")" \
	"[('Case', 'AccountId', 1, 'blank'), ('Contact', 'AccountId', 2, 'fail')]" "the scan says how many, and what becomes of them"
orgsync run start "$run" --wait >"$T/out" 2>&1
is $? 1 "fail: the run ends with failed records"
is "$(totals "$run")" "[6, 3, 0, 0, 0, 3]" "the two contacts fail, and the case of one of them"
errors=$(orgsync run errors "$run" -o json)
small=$(curl -sf "$SRC/__sim/dump?object=Account" | python3 -c 'import json, sys; print([r["Id"] for r in map(json.loads, sys.stdin) if r["Ext_Id__c"] == "small"][0])')
like "$errors" "AccountId points to Account $small, which is not in the target" "the error names field and parent"
is "$(json 'sorted(e["code"] for e in d["items"])' <<<"$errors")" "['PARENT_FAILED', 'PARENT_MISSING', 'PARENT_MISSING']" "by their codes"
runs "the checker agrees" check_orgs "$run" --template "$T/fail.yaml" --key Ext_Id__c
curl -sf -X POST "$DST/__sim/reset" >/dev/null
forget_mappings

# ---- wait -------------------------------------------------------------------------------------------
apply wait wait wait
run=$(create_run wait)
out=$(orgsync run scan "$run" 2>&1)
like "$out" "wait until a later run has it" "the scan says that they wait"
out=$(orgsync run start "$run" --wait 2>&1)
is $? 0 "wait: the run goes through"
like "$out" "Some wait for a parent: orgsync run waiting $run --parents" "and its summary says that some wait"
is "$(totals "$run")" "[6, 3, 0, 0, 3, 0]" "what waits is skipped, and the counts add up"
is "$(waiting "$run")" "c-small AccountId>small c-tiny AccountId>tiny k-small AccountId>small k-small ContactId>c-small" \
	"the room has each record with each parent, also one that itself waits"
is "$(notes "$run" | sed 's/, /\n/g' | sort | uniq -c | tr -s ' ' | tr '\n' ';')" " 3 notice WAITS_FOR_PARENT AccountId; 1 notice WAITS_FOR_PARENT ContactId;" \
	"and each a notice" || diag "$(notes "$run")"
is "$(orgsync run waiting "$run" --parents -o json | json '[(p["count"], p["object"], p["parentObject"]) for p in d["items"]]')" \
	"[(1, 'Case', 'Account'), (1, 'Case', 'Contact'), (1, 'Contact', 'Account'), (1, 'Contact', 'Account')]" "counts by parent"
is "$(orgsync run waiting "$run" --parent "$small" -q | sort -u | wc -l)" 2 "those of one parent"
orgsync run waiting "$run" --csv "$T/waiting.csv"
is "$(wc -l <"$T/waiting.csv") $(head -1 "$T/waiting.csv" | tr -d '\r')" "5 source_id,object,field,parent_id,parent_object,since,tried_at,run,lane,offset,row" "a CSV of all"
runs "the checker agrees" check_orgs "$run" --template "$T/wait.yaml" --key Ext_Id__c
why=$(orgsync run why "$run" "$(sed -n '2s/,.*//p' "$T/waiting.csv" | tr -d '"')")
like "$why" "WAITS_FOR_PARENT" "why says it of the record"
is "$(target Contact AccountId)" "c-big=big" "nothing of it is in the target"
runs "a replay changes nothing" orgsync run replay "$run" --wait
is "$(totals "$run") $(waiting "$run" | wc -w)" "[6, 3, 0, 0, 3, 0] 8" "they wait on"

# A later run of another template brings one parent; another filter would not select the children any more.
apply other blank blank "Name = 'small'"
sed -i -e '/Contact/,$d' "$T/other.yaml" && orgsync template apply -f "$T/other.yaml" >/dev/null
go other
is "$(target Account Name)" "big= small=" "a run of another template brings a parent"
is "$(waiting "$run" | wc -w)" 8 "which takes nobody out by itself"
template wait wait wait | sed -e "s/fields: {include: \[LastName/where: \"LastName = 'nobody'\"\n    &/" -e "s/Subject = 'k'/Subject = 'nothing'/" >"$T/wait.yaml"
runs "the template, with filters that select nobody by now" orgsync template apply -f "$T/wait.yaml"
first=$run
run=$(create_run wait)
out=$(orgsync run scan "$run" 2>&1)
like "$out" "2 records of Contact that wait since earlier runs" "the scan tells who is taken up"
runs "the next run of the template" orgsync run start "$run" --wait
is "$(totals "$run")" "[4, 2, 0, 1, 1, 0]" "takes them up by their ids: a contact and its case go in, the other waits on"
is "$(target Contact AccountId) $(target Case AccountId) $(target Case ContactId)" \
	"c-big=big c-small=small k-big=big k-small=small k-big=c-big k-small=c-small" "with all their lookups"
is "$(waiting "$run")" "c-tiny AccountId>tiny" "one waits on"
is "$(psql -At "$ORGSYNC_POSTGRES_URL" -c "SELECT run = '$run' AND since < tried_at FROM waiting WHERE in_run IS NULL")" t "since the first run, tried by the last one"
is "$(run_get "$run" 'sorted((o["name"], o["scanned"]) for o in d["objects"])')" "[('Account', 1), ('Case', 1), ('Contact', 2)]" "counted with their objects"
second=$run

# ---- rollback, resync, delete -----------------------------------------------------------------------
runs "a rollback of the run that took them" orgsync run rollback "$second" --wait --yes
is "$(waiting "$second")" "c-small AccountId>small c-tiny AccountId>tiny k-small AccountId>small k-small ContactId>c-small" "makes them wait again"
runs "resync of the first run" orgsync run resync "$first" --wait
is "$(totals "$first")" "[6, 5, 0, 0, 1, 0]" "takes them from its journal"
is "$(waiting "$first")" "c-tiny AccountId>tiny" "and out of the room"
runs "the first run is deleted" orgsync run delete "$first" --yes
is "$(waiting "$second")" "c-tiny AccountId>tiny" "what waits is not lost with it"

# ---- a delta: what waits is read again although it has not changed -----------------------------------
{
	record Account d-late '"Name":"late","Industry":"Later"'
	record Contact d-child '"LastName":"delta","AccountId":"@d-late"'
} >"$T/delta.jsonl"
seed "$SRC" "$T/delta.jsonl"
{ template delta wait blank "Industry = 'Sooner'" | sed -e "s/fields: {include: \[LastName/where: \"LastName = 'delta'\"\n    &/" -e '/Case/,$d' && printf 'options: {deltaSync: true, includeDeleted: true}\n'; } >"$T/delta.yaml"
orgsync template apply -f "$T/delta.yaml" >/dev/null || bail "refused"
go delta
is "$(totals "$RUN") $(waiting "$RUN")" "[1, 0, 0, 0, 1, 0] d-child AccountId>d-late" "of a delta, a child waits"
psql -q "$ORGSYNC_POSTGRES_URL" -c "UPDATE mark SET at = at + interval '1 hour' WHERE template = 'delta'"
run_get "$RUN" 'd["state"]' >/dev/null
apply late blank blank "Name = 'late'"
sed -i -e '/Contact/,$d' "$T/late.yaml" && orgsync template apply -f "$T/late.yaml" >/dev/null
go late
go delta
is "$(totals "$RUN") $(waiting "$RUN")" "[1, 1, 0, 0, 0, 0] " "the next run takes it up, although the delta does not select it"
like "$(target Contact AccountId)" "d-child=d-late" "with its parent"

# ---- a record that is gone in the source ------------------------------------------------------------
python3 - "$SRC" <<'PY' >"$T/gone.jsonl"
import json, sys, urllib.request
for line in urllib.request.urlopen(sys.argv[1] + "/__sim/dump?object=Contact"):
    r = json.loads(line)
    if r["Ext_Id__c"] == "c-tiny": print(json.dumps({"attributes": r["attributes"], "Id": r["Id"]}))
PY
curl -sf --data-binary "@$T/gone.jsonl" "$SRC/__sim/delete" >/dev/null || bail "not deleted"
go wait
is "$(totals "$RUN") $(waiting "$RUN")" "[1, 0, 0, 1, 0, 0] " "one that is deleted in the source waits no more"

# ---- a link, and a record that is in already --------------------------------------------------------
{
	record Contact boss '"LastName":"boss"'
	record Contact late '"LastName":"late","AccountId":"@big","ReportsToId":"@boss"'
} >"$T/more.jsonl"
seed "$SRC" "$T/more.jsonl"
template links wait blank | sed -e "s/fields: {include: \[LastName/where: \"LastName = 'late'\"\n    &/" -e '/Case/,$d' >"$T/links.yaml"
orgsync template apply -f "$T/links.yaml" >/dev/null || bail "refused"
go links
is "$(totals "$RUN") $(run_get "$RUN" 'd["totals"]["linkFailed"]') $(waiting "$RUN")" "[2, 1, 0, 1, 0, 0] 0 late ReportsToId>boss" \
	"a record whose link has no parent is in, and its lookup waits"
sed -i "s/LastName = 'late'/LastName = 'boss'/" "$T/links.yaml"
orgsync template apply -f "$T/links.yaml" >/dev/null
go links
is "$(totals "$RUN") $(waiting "$RUN")" "[3, 1, 0, 2, 0, 0] " "the run that brings it makes the link"
like "$(target Contact ReportsToId)" "late=boss" "to the right one"

# ---- two lookups to one object ----------------------------------------------------------------------
cat >"$T/two.json" <<JSON
{"objects":[{"name":"Transfer__c","label":"Transfer","keyPrefix":"a7T","fields":[$ext,
  {"name":"From__c","type":"reference","referenceTo":["Account"],"relationshipName":"From__r"},
  {"name":"To__c","type":"reference","referenceTo":["Account"],"relationshipName":"To__r"},
  {"name":"Via__c","type":"reference","referenceTo":["Account"],"relationshipName":"Via__r"}]}]}
JSON
for url in "$SRC" "$DST"; do curl -sf --data-binary "@$T/two.json" "$url/__sim/schema" >/dev/null || bail "no object"; done
{
	for n in 1 2 3 4 5 6; do record Account "x$n" "\"Name\":\"x$n\",\"Industry\":\"Energy\""; done
	for n in 1 2 3; do
		record Transfer__c "ab$n" "\"From__c\":\"@x$n\",\"To__c\":\"@x$((n + 1))\",\"Via__c\":\"@x$((n + 2))\""
		record Transfer__c "ba$n" "\"From__c\":\"@x$((n + 1))\",\"To__c\":\"@x$n\",\"Via__c\":null"
	done
	record Transfer__c same '"From__c":"@x1","To__c":"@x1","Via__c":"@x1"'
	record Transfer__c half '"From__c":"@x1","To__c":"@small","Via__c":"@x2"'
} >"$T/two.jsonl"
seed "$SRC" "$T/two.jsonl"
curl -sf -X POST "$DST/__sim/reset" >/dev/null
forget_mappings
cat >"$T/two.yaml" <<'YAML'
name: two
objects:
  - {name: Account, where: "Industry = 'Energy'", fields: {include: [Name, Industry, Ext_Id__c]}, match: {externalId: Ext_Id__c}}
  - name: Transfer__c
    match: {externalId: Ext_Id__c}
    missingParents: {To__c: wait}
YAML
orgsync template apply -f "$T/two.yaml" >/dev/null || bail "refused"
go two
is "$(run_get "$RUN" '[[o[k] for k in ("scanned","inserted","skipped","failed")] for o in d["objects"] if o["name"] == "Transfer__c"]')" "[[8, 7, 1, 0]]" "two lookups to one object: all but one are in"
runs "two lookups to one object: none is mixed up, says the checker" check_orgs "$RUN" --template "$T/two.yaml" --key Ext_Id__c
is "$(waiting "$RUN" | sed 's/^[^ ]* //')" "To__c>small" "and the one waits for the right one of its three"

# ---- lookups to several objects ---------------------------------------------------------------------
{
	record Lead l-in '"LastName":"in","Company":"x"'
	record Lead l-out '"LastName":"out","Company":"x"'
	record Opportunity o-out '"Name":"o","StageName":"New","CloseDate":"2026-01-01"'
	record Task t-lead '"Subject":"t","WhoId":"@l-in"'
	record Task t-out '"Subject":"t","WhoId":"@l-out"'
	record Task t-contact '"Subject":"t","WhoId":"@boss","WhatId":"@big"'
	record Task t-small '"Subject":"t","WhatId":"@tiny"'
	record Task t-opp '"Subject":"t","WhatId":"@o-out"'
} >"$T/tasks.jsonl"
seed "$SRC" "$T/tasks.jsonl"
tasks() { # POLICY
	cat >"$T/tasks.yaml" <<YAML
name: tasks
objects:
  - {name: Account, where: "Industry = 'Energy'", fields: {include: [Name, Industry, Ext_Id__c]}, match: {externalId: Ext_Id__c}}
  - {name: Contact, where: "LastName = 'boss'", fields: {include: [LastName, Ext_Id__c]}, match: {externalId: Ext_Id__c}}
  - {name: Lead, where: "LastName = 'in'", fields: {include: [LastName, Company, Ext_Id__c]}, match: {externalId: Ext_Id__c}}
  - {name: Task, fields: {include: [Subject, WhoId, WhatId, Ext_Id__c]}, match: {externalId: Ext_Id__c}, missingParents: $1}
YAML
	orgsync template apply -f "$T/tasks.yaml" >/dev/null || bail "refused"
}
tasks '{WhoId: wait, WhatId: fail}'
run=$(create_run tasks)
orgsync run scan "$run" -o json >"$T/scan.json"
is "$(json 'sorted((m["field"], m["parent"], m["count"], m["policy"]) for m in d["missingParents"])' <"$T/scan.json")" \
	"[('WhatId', '', 1, 'fail'), ('WhatId', 'Account', 1, 'fail'), ('WhoId', 'Lead', 1, 'wait')]" "the scan counts by parent's object, also those that are none of the template's"
orgsync run start "$run" --wait >"$T/out" 2>&1
is "$(run_get "$run" '[[o[k] for k in ("scanned","inserted","skipped","failed")] for o in d["objects"] if o["name"] == "Task"]')" "[[5, 2, 1, 2]]" "each lookup by its own policy"
is "$(target Task WhoId) $(target Task WhatId)" "t-contact=boss t-lead=l-in t-contact=big t-lead=" "what is in points to the right objects"
is "$(waiting "$run")" "t-out WhoId>l-out" "one waits"
like "$(orgsync run errors "$run" -o json)" "WhatId points to 006[A-Za-z0-9]*, whose object is not in the run" "a parent of no object of the template is named by its id"
tasks blank
go tasks
is "$(target Task WhatId)" "t-contact=big t-lead= t-opp= t-out= t-small=" "blank: all are in"
is "$(waiting "$RUN")" "" "and nobody waits"
e2e_end

#!/usr/bin/env bash
# A rollback leaves the target as it was before the run, but for what somebody has changed since: that is left, and told.
. "$(dirname "$0")/lib.sh"
e2e_begin
ACCOUNTS=${ACCOUNTS:-1500} CONTACTS=${CONTACTS:-4500}
simulators
coordinator
worker w1
worker w2
add_orgs
OBJECTS=Account,Contact,Opportunity,Case,Task
generate() { curl -sf -d "$1" "$SRC/__sim/generate" >/dev/null || bail "no records"; }
dump() { python3 "$ROOT/tests/checker/check" dump "$DST" --objects "$OBJECTS" >"$T/$1.dump" || bail "no dump"; }
same() { # NAME: the target is as it was in dump "before"
	dump after
	runs "$1" python3 "$ROOT/tests/checker/check" compare "$T/before.dump" "$T/after.dump"
}
cat >"$T/crm.yaml" <<'YAML'
name: crm
objects:
  - name: Account
    fields: {include: [Name, ParentId, Industry, Phone, Description, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
    nulls: write
  - name: Contact
    fields: {include: [LastName, FirstName, Email, AccountId, ReportsToId, Title, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
    nulls: write
YAML
orgsync template apply -f "$T/crm.yaml" >/dev/null || bail "the template is refused"
generate "{\"object\":\"Account\",\"count\":$ACCOUNTS,\"seed\":89,\"fields\":4}"
generate "{\"object\":\"Contact\",\"count\":$CONTACTS,\"seed\":89,\"parent\":\"Account\",\"fields\":4}"
sync_run() { # id in RUN
	RUN=$(create_run crm)
	orgsync run start "$RUN" --wait >"$T/out" 2>&1
}
undo() { # ARGUMENT...: rolls RUN back and waits
	orgsync run rollback "$RUN" "$@" --wait >"$T/out" 2>&1
	STATUS=$?
}
done_is() { run_get "$RUN" '[d["state"]] + [d["rollback"][k] for k in ("deleted", "restored", "left")]'; }
source_update() { # PYTHON over r and i: lines of changed records of $1
	curl -sf "$SRC/__sim/dump?object=$1" | python3 -c '
import json, sys
for i, line in enumerate(sys.stdin):
    r = json.loads(line)
    change = eval(sys.argv[1])
    if change: print(json.dumps({"attributes": r["attributes"], "Id": r["Id"], **change}))' "$2" >"$T/changes"
	curl -sf --data-binary "@$T/changes" "$SRC/__sim/update" >/dev/null || bail "the source cannot be changed"
}

# ---- A run of inserts alone ----
dump before
sync_run
is "$(run_get "$RUN" '[d["state"], d["totals"]["inserted"]]')" "['Synced', $((ACCOUNTS + CONTACTS))]" "all is inserted"
undo --dry-run
is "$STATUS $(done_is)" "0 ['Synced', $((ACCOUNTS + CONTACTS)), 0, 0]" "a dry run says what would be deleted; the run stays Synced"
is "$(curl -sf "$DST/__sim/count" | json 'd["Contact"]')" "$CONTACTS" "and deletes nothing"
undo
is "$STATUS $(done_is)" "0 ['Rollback Completed', $((ACCOUNTS + CONTACTS)), 0, 0]" "rolled back: all is deleted"
same "the target is as it was"
is_unmapped() { ! orgsync idmap get --source src --target dst "$(curl -sf "$SRC/__sim/dump?object=Account" | head -1 | json 'd["Id"]')"; }
runs "its mappings are gone" is_unmapped
mappings() { orgsync idmap rebuild --source src --target dst -o json | json 'd["mappings"]'; }
is "$(mappings)" 0 "all of them, also when the id map is made anew"
like "$(orgsync run why "$RUN" "$(curl -sf "$SRC/__sim/dump?object=Account" | head -1 | json 'd["Id"]')")" "A rollback has undone that" \
	"why says what became of a record"
run_is_refused() { ! orgsync run replay "$RUN" >/dev/null 2>&1; }
runs "and cannot be replayed" run_is_refused

# ---- Inserts, updates, links and lookups over what was there ----
sync_run
is "$(run_get "$RUN" '[d["state"], d["totals"]["inserted"]]')" "['Synced', $((ACCOUNTS + CONTACTS))]" "another run inserts it again"
is "$(mappings)" "$((ACCOUNTS + CONTACTS))" "each record has one mapping"
source_update Account '{"Phone": None if i % 3 else "+1 555 89", "Description": "New \u00e4 \"text\"", "Industry": "Energy"} if i % 2 else None'
source_update Contact '{"Title": "Boss", "Email": None} if i % 2 else None'
generate '{"object":"Account","count":300,"seed":90,"fields":4}'
generate '{"object":"Contact","count":900,"seed":90,"parent":"Account","fields":4}'
FIRST=$(curl -sf "$SRC/__sim/dump?object=Account" | head -1 | json 'd["Id"]')
BOSS=$(curl -sf "$SRC/__sim/dump?object=Contact" | head -1 | json 'd["Id"]')
source_update Account "{\"ParentId\": '$FIRST'} if i and i % 5 == 0 else None"
source_update Contact "{\"ReportsToId\": '$BOSS'} if i and i % 7 == 0 else None"
dump before
sync_run
is "$(run_get "$RUN" '[d["state"], d["totals"]["inserted"], d["totals"]["updated"] > 2000]')" "['Synced', 1200, True]" "a run updates and inserts"
undo
is "$STATUS $(run_get "$RUN" '[d["state"], d["rollback"]["deleted"], d["rollback"]["restored"] == d["totals"]["updated"], d["rollback"]["left"]]')" \
	"0 ['Rollback Completed', 1200, True, 0]" "rolled back: all of it"
same "the target is as it was, field by field"

# ---- What somebody else has done since ----
sync_run
is "$(run_get "$RUN" 'd["totals"]["inserted"]')" 1200 "once more"
curl -sf "$DST/__sim/dump?object=Account" >"$T/accounts"
key() { python3 -c 'import json, sys
for line in open(sys.argv[1]):
    r = json.loads(line)
    if r["Ext_Id__c"] == sys.argv[2] and not r.get("IsDeleted"): print(r["Id"])' "$T/accounts" "$1"; }
CHANGED=$(key Account-89-00000001) NEW=$(key Account-90-00000005) PARENT=$(key Account-90-00000006)
[[ -n $CHANGED && -n $NEW && -n $PARENT ]] || bail "no accounts in the target"
printf '%s\n' "{\"attributes\":{\"type\":\"Account\"},\"Id\":\"$CHANGED\",\"Description\":\"somebody else\"}" \
	"{\"attributes\":{\"type\":\"Account\"},\"Id\":\"$NEW\",\"Name\":\"Somebody else\"}" >"$T/other"
curl -sf --data-binary "@$T/other" "$DST/__sim/update" >/dev/null || bail "no change"
curl -sf --data-binary "{\"attributes\":{\"type\":\"Contact\"},\"LastName\":\"Other\",\"AccountId\":\"$PARENT\"}" "$DST/__sim/seed" >/dev/null ||
	bail "no child"
undo
is "$STATUS $(run_get "$RUN" 'd["rollback"]["left"]')" "1 3" "three records are left"
orgsync run errors "$RUN" --kind rollback --csv "$T/left.csv" >/dev/null
codes() { python3 -c 'import csv; print(sorted((r["code"], r["fields"], r["target_id"]) for r in csv.DictReader(open("'"$T/left.csv"'"))))'; }
is "$(codes)" "[('CHANGED_MEANWHILE', 'Description', '$CHANGED'), ('CHANGED_MEANWHILE', 'Name', '$NEW'), ('HAS_CHILDREN', 'AccountId', '$PARENT')]" \
	"and each is told, with the fields"
there() { curl -sf "$DST/__sim/dump?object=$1" | python3 -c 'import json, sys
print(sum(1 for line in sys.stdin for r in [json.loads(line)] if not r.get("IsDeleted") and eval(sys.argv[1])))' "$2"; }
is "$(there Account "r['Id'] in ('$CHANGED', '$NEW', '$PARENT')") $(there Contact "r['LastName'] == 'Other'")" "3 1" "they are there, and the child is"
is "$(there Account "r['Description'] == 'somebody else'")" 1 "what somebody else wrote is there"
undo --force
is "$STATUS $(run_get "$RUN" '[d["rollback"]["force"], d["rollback"]["left"]]')" "1 [True, 1]" "by force all but the parent of others"
is "$(there Account "r['Id'] in ('$NEW', '$PARENT')") $(there Account "r['Description'] == 'somebody else'")" "1 0" "so it is in the target"

# ---- A later run ----
sync_run
FIRST_RUN=$RUN
source_update Contact '{"Title": "Later"} if i < 10 else None'
sync_run
RUN=$FIRST_RUN
undo
is "$(run_get "$RUN" 'd["rollback"]["left"]')" 5 "what a later run has written is left" # every second one was the first run's
orgsync run errors "$RUN" --kind rollback --csv "$T/left.csv" >/dev/null
is "$(grep -c 'roll that run back first' "$T/left.csv")" 5 "and it says so"
# So many that no worker could keep them in mind: it says so and stays as it was.
psql -q "$ORGSYNC_POSTGRES_URL" -c "UPDATE batch SET updated = 2000000 WHERE ctid = (SELECT ctid FROM batch WHERE run <> '$RUN' AND
	updated > 0 AND run = (SELECT id FROM run ORDER BY created_at DESC LIMIT 1) LIMIT 1)" >/dev/null
undo
like "$STATUS $(run_get "$RUN" 'd["state"]') $(cat "$T/out")" "^4 Rollback Completed .*later runs have written 200.*roll them back first" "too many of later runs: refused"
e2e_end

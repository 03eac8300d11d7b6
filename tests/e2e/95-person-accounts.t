#!/usr/bin/env bash
# Person accounts: inserted as people, their contacts mapped and never sent, lookups to these resolved; orgs without them.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators --schema "$ROOT/tests/simulator/person-accounts.json"
coordinator
worker
add_orgs

totals() { # RUN OBJECT: scanned, inserted, updated, existing, skipped, failed
	run_get "$1" "[[o[k] for k in ('scanned','inserted','updated','existing','skipped','failed')] for o in d['objects'] if o['name'] == '$2'][0]"
}
show() { # URL EXPRESSION: of rows, {object: [records]}, and name, what an id is called
	python3 - "$1" "$2" <<'PY'
import json, sys, urllib.request
rows, names = {}, {None: None}
for obj in ("Account", "Contact", "Case", "RecordType"):
    lines = urllib.request.urlopen("%s/__sim/dump?object=%s" % (sys.argv[1], obj))
    rows[obj] = [r for r in map(json.loads, lines) if not r.get("IsDeleted")]
    names.update((r["Id"], r.get("DeveloperName") or r.get("Name") or r.get("Subject")) for r in rows[obj])
print(eval(sys.argv[2], {"rows": rows, "name": names.get, "json": json}))
PY
}
record() { # OBJECT REF members
	printf '{"attributes":{"type":"%s"},"Id":"@%s",%s}\n' "$1" "$2" "$3"
}
person='"RecordTypeId":"@recordtype:Account.PersonAccount"'
{
	record Account acme '"Name":"Acme","Industry":"Energy","Ext_Id__c":"A1","RecordTypeId":"@recordtype:Account.Customer"'
	record Account plain '"Name":"Plain","Ext_Id__c":"A2"'
	record Account ada "\"FirstName\":\"Ada\",\"LastName\":\"Lovelace\",\"PersonEmail\":\"ada@example.com\",\"Level__pc\":\"gold\",\"Ext_Id__c\":\"P1\",$person"
	record Account bob "\"LastName\":\"Bob\",\"PersonMailingCity\":\"Bonn\",\"PersonHasOptedOutOfEmail\":true,\"ParentId\":null,\"Ext_Id__c\":\"P2\",$person"
	record Account eve "\"LastName\":\"Eve\",\"Phone\":\"1\",\"Ext_Id__c\":\"P3\",$person"
	record Contact carl '"LastName":"Carl","AccountId":"@acme","Email":"carl@example.com","Level__c":"iron"'
	record Case k1 '"Subject":"k1","AccountId":"@ada"'
	record Case k2 '"Subject":"k2","AccountId":"@acme","ContactId":"@carl"'
} >"$T/src.jsonl"
seed "$SRC" "$T/src.jsonl"
# Lookups to contacts of people, which have no name in a seed file.
show "$SRC" '"\n".join(json.dumps(r) for r in
	[{"attributes": {"type": "Case"}, "Id": k["Id"], "ContactId": c["Id"]} for k in rows["Case"] if k["Subject"] == "k1" for c in rows["Contact"] if c["LastName"] == "Lovelace"] +
	[{"attributes": {"type": "Contact"}, "Id": k["Id"], "ReportsToId": c["Id"]} for k in rows["Contact"] if k["LastName"] == "Carl" for c in rows["Contact"] if c["LastName"] == "Bob"] +
	[{"attributes": {"type": "Account"}, "Id": k["Id"], "Primary_Contact__c": c["Id"]} for k in rows["Account"] if k["Name"] == "Acme" for c in rows["Contact"] if c["LastName"] == "Eve"])' >"$T/more.jsonl"
curl -sf --data-binary "@$T/more.jsonl" "$SRC/__sim/update" >/dev/null || bail "the source cannot be changed"
is "$(show "$SRC" 'sorted((c["LastName"], c["IsPersonAccount"]) for c in rows["Contact"])')" "[('Bob', True), ('Carl', False), ('Eve', True), ('Lovelace', True)]" "the simulated org makes contacts of people"

cat >"$T/people.yaml" <<'YAML'
name: people
objects:
  - name: Account
    fields: {exclude: [OwnerId]}
    match: {externalId: Ext_Id__c}
  - name: Contact
    fields: {exclude: [OwnerId]}
    match: {keys: [Email, LastName]}
  - name: Case
    where: "Subject LIKE 'k%'"
    fields: {include: [Subject, AccountId, ContactId]}
YAML
runs "a template with all of it" orgsync template apply -f "$T/people.yaml"
run=$(create_run people)
out=$(orgsync run check "$run" -o csv)
is "$(grep -ci 'person accounts' <<<"$out")" 0 "nothing to say by the check"
runs "the run goes through" orgsync run start "$run" --wait || diag "$(orgsync run errors "$run" --kind all)"
is "$(totals "$run" Account) $(totals "$run" Contact) $(totals "$run" Case)" "[5, 5, 0, 0, 0, 0] [4, 1, 0, 3, 0, 0] [2, 2, 0, 0, 0, 0]" \
	"people and businesses are in; their contacts came by themselves, and are existing"
is "$(show "$DST" 'sorted((a["Name"], a["IsPersonAccount"], name(a["RecordTypeId"])) for a in rows["Account"])')" \
	"[('Acme', False, 'Customer'), ('Ada Lovelace', True, 'PersonAccount'), ('Bob', True, 'PersonAccount'), ('Eve', True, 'PersonAccount'), ('Plain', False, None)]" "each is of its kind"
is "$(show "$DST" 'sorted((c["LastName"], name(c["AccountId"]), c["Email"], c["Level__c"], name(c["ReportsToId"])) for c in rows["Contact"])')" \
	"[('Bob', 'Bob', None, None, None), ('Carl', 'Acme', 'carl@example.com', 'iron', 'Bob'), ('Eve', 'Eve', None, None, None), ('Lovelace', 'Ada Lovelace', 'ada@example.com', 'gold', None)]" \
	"four contacts, none of them twice, with the fields of their accounts"
is "$(show "$DST" 'sorted((k["Subject"], name(k["AccountId"]), name(k["ContactId"])) for k in rows["Case"])') $(show "$DST" '[name(a["Primary_Contact__c"]) for a in rows["Account"] if a["Name"] == "Acme"]')" \
	"[('k1', 'Ada Lovelace', 'Ada Lovelace'), ('k2', 'Acme', 'Carl')] ['Eve']" "lookups to contacts of people point to them"
runs "the checker agrees" check_orgs "$run" --template "$T/people.yaml"
like "$(orgsync run order "$run")" "of person accounts, which come with their account" "the order says why they are apart"
run2=$(create_run people)
runs "a second run" orgsync run start "$run2" --wait
is "$(totals "$run2" Account) $(totals "$run2" Contact)" "[5, 0, 0, 5, 0, 0] [4, 0, 0, 4, 0, 0]" "changes nothing"

# ---- changes ----------------------------------------------------------------------------------------
show "$SRC" '"\n".join(json.dumps({"attributes": {"type": "Account"}, "Id": a["Id"], **({"LastName": "King", "Level__pc": "iron"} if a["IsPersonAccount"] else {"Name": "Acme AG"})})
	for a in rows["Account"] if a["Name"] in ("Acme", "Ada Lovelace"))' >"$T/change.jsonl"
curl -sf --data-binary "@$T/change.jsonl" "$SRC/__sim/update" >/dev/null || bail "the source cannot be changed"
run3=$(create_run people)
runs "a run after changes" orgsync run start "$run3" --wait
is "$(totals "$run3" Account) $(totals "$run3" Contact)" "[5, 0, 2, 3, 0, 0] [4, 0, 0, 4, 0, 0]" "people are updated by their own fields"
is "$(show "$DST" 'sorted(a["Name"] for a in rows["Account"])') $(show "$DST" 'sorted((c["LastName"], c["Level__c"]) for c in rows["Contact"])')" \
	"['Acme AG', 'Ada King', 'Bob', 'Eve', 'Plain'] [('Bob', None), ('Carl', 'iron'), ('Eve', None), ('King', 'iron')]" "and the org changes their contacts"
runs "a rollback of the changes" orgsync run rollback "$run3" --wait --yes
is "$(show "$DST" 'sorted(a["Name"] for a in rows["Account"])')" "['Acme', 'Ada Lovelace', 'Bob', 'Eve', 'Plain']" "gives them back"
runs "a rollback of the first run" orgsync run rollback "$run" --wait --yes
is "$(show "$DST" '[len(rows[o]) for o in ("Account", "Contact")]')" "[0, 0]" "takes people away with their contacts" ||
	diag "$(orgsync run errors "$run" --kind all)"

# ---- few fields; another name of the record type ------------------------------------------------------
cat >"$T/few.yaml" <<'YAML'
name: few
objects:
  - name: Account
    fields: {include: [Name, Ext_Id__c]}
    match: {keys: [Name]}
  - name: Contact
    where: "LastName != 'Bob'"
    fields: {include: [LastName, AccountId]}
YAML
runs "a template with few fields" orgsync template apply -f "$T/few.yaml"
run=$(create_run few)
runs "goes through" orgsync run start "$run" --wait || diag "$(orgsync run errors "$run" --kind all)"
is "$(totals "$run" Account) $(totals "$run" Contact)" "[5, 5, 0, 0, 0, 0] [3, 1, 0, 2, 0, 0]" "what people need is read besides"
is "$(show "$DST" 'sorted((a["Name"], a["IsPersonAccount"], name(a["RecordTypeId"])) for a in rows["Account"])')" \
	"[('Acme AG', False, None), ('Ada King', True, 'PersonAccount'), ('Bob', True, 'PersonAccount'), ('Eve', True, 'PersonAccount'), ('Plain', False, None)]" \
	"and not written to businesses"
run=$(create_run few)
forget_mappings
orgsync run start "$run" --wait >/dev/null 2>&1
is "$(totals "$run" Account)" "[5, 0, 0, 5, 0, 0]" "people are found by their name, too"
curl -sf -X POST "$DST/__sim/reset" >/dev/null
forget_mappings

# ---- by Bulk ----------------------------------------------------------------------------------------
sed -e 's/name: people/name: bulk/' -e 's/    match: {externalId: Ext_Id__c}/&\n    api: bulk/' "$T/people.yaml" >"$T/bulk.yaml"
runs "a template by Bulk" orgsync template apply -f "$T/bulk.yaml"
run=$(create_run bulk)
runs "goes through" orgsync run start "$run" --wait || diag "$(orgsync run errors "$run" --kind all)"
is "$(totals "$run" Account) $(totals "$run" Contact)" "[5, 5, 0, 0, 0, 0] [4, 1, 0, 3, 0, 0]" "people and businesses in one job"
runs "the checker agrees by Bulk" check_orgs "$run" --template "$T/bulk.yaml"

# ---- a target whose people have another record type ---------------------------------------------------
sed 's/"name": "PersonAccount"/"name": "Human"/' "$ROOT/tests/simulator/person-accounts.json" >"$T/human.json"
start_ready HUMAN_PID "$T/human.log" '^ready' "$BIN/orgsync-simulator" --org "human=${HUMAN_PORT:=$(free_ports 1)}" --schema "$T/human.json" || bail "no third org"
orgsync org add human --instance-url "http://127.0.0.1:$HUMAN_PORT" --auth client-credentials --client-id orgsync --client-secret-file "$T/secret" >/dev/null || bail "no org"
run=$(orgsync run create --template people --source src --target human)
like "$(orgsync run scan "$run" 2>&1)" "record type PersonAccount of Account is not in the target: its records get Human, which is of person accounts too" "the scan says which one they get"
runs "it goes through" orgsync run start "$run" --wait
is "$(show "http://127.0.0.1:$HUMAN_PORT" 'sorted((a["LastName"], name(a["RecordTypeId"])) for a in rows["Account"] if a["IsPersonAccount"])')" \
	"[('Bob', 'Human'), ('Eve', 'Human'), ('King', 'Human')]" "people stay people"

# ---- a target without person accounts --------------------------------------------------------------------
start_ready OTHER_PID "$T/other.log" '^ready' "$BIN/orgsync-simulator" --org "bare=${OTHER_PORT:=$(free_ports 1)}" || bail "no third org"
orgsync org add bare --instance-url "http://127.0.0.1:$OTHER_PORT" --auth client-credentials --client-id orgsync --client-secret-file "$T/secret" >/dev/null || bail "no org"
run=$(orgsync run create --template few --source src --target bare)
out=$(orgsync run check "$run" 2>&1)
is $? 4 "a target without person accounts: the check blocks"
like "$out" "person accounts are enabled in org 'src' and not in org 'bare'" "and says why"
runs "the run goes through all the same" orgsync run start "$run" --wait
is "$(totals "$run" Account) $(totals "$run" Contact)" "[5, 5, 0, 0, 0, 0] [3, 3, 0, 0, 0, 0]" "as businesses with contacts of their own"
e2e_end

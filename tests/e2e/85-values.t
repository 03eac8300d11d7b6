#!/usr/bin/env bash
# Value maps, and a target object of another name with fields of other names.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
worker
add_orgs

# ---- picklists, checkboxes, numbers, nulls; by REST and by Bulk ---------------------------------------------
python3 -c '
import json
ratings = ["Hot", "Warm", "Cold", None]
for i in range(400):
    print(json.dumps({"attributes": {"type": "Account"}, "Name": "A%d" % i, "Ext_Id__c": "A-%d" % i,
        "Rating": ratings[i % 4], "NumberOfEmployees": i % 3, "Site": "same"}))' >"$T/src.jsonl"
seed "$SRC" "$T/src.jsonl"
cat >"$T/values.yaml" <<'YAML'
name: values
objects:
  - name: Account
    fields: {include: [Name, Ext_Id__c, Rating, NumberOfEmployees, Site]}
    match: {externalId: Ext_Id__c}
    values:
      Rating: {Hot: Warm, Warm: null, null: Cold}
      NumberOfEmployees: {0: 10, "*": 99}
YAML
count() { # OBJECT FIELD: each value with its number, sorted
	curl -sf "$DST/__sim/dump?object=$1" | python3 -c '
import collections, json, sys
n = collections.Counter(str(json.loads(l).get(sys.argv[1])) for l in sys.stdin)
print(*["%s=%d" % i for i in sorted(n.items())])' "$2"
}
totals() { # RUN: inserted, updated, existing, skipped, failed
	run_get "$1" '[d["totals"][k] for k in ("inserted","updated","existing","skipped","failed")]'
}
runs "a template with value maps" orgsync template apply -f "$T/values.yaml"
run=$(create_run values)
runs "the run goes through" orgsync run start "$run" --wait
is "$(count Account Rating)" "Cold=200 None=100 Warm=100" "each value became what the map says, null too"
is "$(count Account NumberOfEmployees)" "10=134 99=266" "and numbers; what is not named is '*'"
is "$(count Account Site)" "same=400" "fields without a map pass"
runs "the checker agrees" check_orgs "$run" --template "$T/values.yaml" --key Ext_Id__c
sed -e 's/name: values/name: bulk/' -e '$a\    api: bulk' "$T/values.yaml" >"$T/bulk.yaml"
runs "the same by Bulk" orgsync template apply -f "$T/bulk.yaml"
run=$(create_run bulk)
runs "goes through" orgsync run start "$run" --wait
is "$(totals "$run")" "[0, 0, 400, 0, 0]" "and finds nothing to change"

# ---- a constant, and nulls field by field ----------------------------------------------------------------------
curl -sf "$SRC/__sim/dump?object=Account" | python3 -c '
import json, sys
for l in sys.stdin: print(json.dumps({"attributes": {"type": "Account"}, "Id": json.loads(l)["Id"], "Site": None, "Rating": None}))' >"$T/change.jsonl"
curl -sf --data-binary "@$T/change.jsonl" "$SRC/__sim/update" >/dev/null
cat >"$T/nulls.yaml" <<'YAML'
name: nulls
objects:
  - name: Account
    fields: {include: [Name, Ext_Id__c, Rating, Site]}
    map: {Fax: AccountNumber}
    match: {externalId: Ext_Id__c}
    nulls: {Site: write}
    values: {Fax: {"*": migrated, null: migrated}}
YAML
runs "a template with a constant, and nulls that are written into one field" orgsync template apply -f "$T/nulls.yaml"
run=$(create_run nulls)
runs "goes through" orgsync run start "$run" --wait
is "$(totals "$run")" "[0, 400, 0, 0, 0]" "all are updated"
is "$(count Account AccountNumber)" "migrated=400" "the constant is in each"
is "$(count Account Site) / $(count Account Rating)" "None=400 / Cold=200 None=100 Warm=100" "nulls went into the one field and not into the other"

# ---- what the target does not take is found by the scan --------------------------------------------------
printf '{"objects":[{"name":"Account","fields":[{"name":"Rating","restrictedPicklist":true}]}]}' |
	curl -sf --data-binary @- "$DST/__sim/schema" >/dev/null || bail "no schema"
sed -e 's/name: values/name: wrong/' -e 's/Hot: Warm/Hot: Wram/' "$T/values.yaml" >"$T/wrong.yaml"
orgsync template apply -f "$T/wrong.yaml" >/dev/null
run=$(create_run wrong)
out=$(orgsync run scan "$run" 2>&1)
is $? 4 "a value that the restricted picklist does not have: refused"
like "$out" "'Wram' is no active value of the restricted picklist Rating in org 'dst'; did you mean 'Warm'" "by name"


# ---- the check leaves out what the map takes care of -------------------------------------------------------
printf '{"objects":[{"name":"Account","fields":[{"name":"Rating","picklistValues":["Hot","Warm","Cold","Old","Older"]}]}]}' |
	curl -sf --data-binary @- "$SRC/__sim/schema" >/dev/null || bail "no schema"
missing() { # TEMPLATE: what the check says of values that the target does not have
	orgsync run check "$(create_run "$1")" -o json 2>/dev/null | grep -o "does not have[^\"]*Old[^\"]*" | head -1
}
like "$(missing values)" "'Old', 'Older'" "values that the picklist of the target does not have"
sed -e 's/name: values/name: mapped/' -e 's/Hot: Warm/Hot: Warm, Old: Cold/' "$T/values.yaml" >"$T/mapped.yaml"
orgsync template apply -f "$T/mapped.yaml" >/dev/null
like "$(missing mapped)" ": 'Older'" "one that is mapped is not told"

# ---- another object and other fields in the target -----------------------------------------------------------
cat >"$T/proj.jsonl" <<'JSON'
{"attributes":{"type":"Account"},"Id":"@x1","Name":"Parent","Ext_Id__c":"P-1","Site":"Rome"}
{"attributes":{"type":"Contact"},"LastName":"Child","Ext_Id__c":"C-1","AccountId":"@x1"}
JSON
printf '%s' '{"objects":[{"name":"Customer__c","label":"Customer","keyPrefix":"a0Z","fields":[
 {"name":"Name","type":"string","length":80,"nameField":true,"createable":true,"updateable":true},
 {"name":"Town__c","type":"string","length":80,"createable":true,"updateable":true,"nillable":true},
 {"name":"Key__c","type":"string","length":40,"createable":true,"updateable":true,"nillable":true,"externalId":true,"unique":true,"idLookup":true},
 {"name":"Top__c","type":"reference","referenceTo":["Customer__c"],"relationshipName":"Top__r","createable":true,"updateable":true,"nillable":true}]},
 {"name":"Person__c","label":"Person","keyPrefix":"a0Y","fields":[
 {"name":"Name","type":"string","length":80,"nameField":true,"createable":true,"updateable":true},
 {"name":"Key__c","type":"string","length":40,"createable":true,"updateable":true,"nillable":true,"externalId":true,"unique":true,"idLookup":true},
 {"name":"Customer__c","type":"reference","referenceTo":["Customer__c"],"relationshipName":"Customer__r","createable":true,"updateable":true,"nillable":true}]}]}' |
	curl -sf --data-binary @- "$DST/__sim/schema" >/dev/null || bail "no schema"
curl -sf -X POST "$SRC/__sim/reset" >/dev/null
seed "$SRC" "$T/proj.jsonl"
cat >"$T/other.yaml" <<'YAML'
name: other
objects:
  - name: Account
    target: Customer__c
    fields: {include: [Name, ParentId]}
    map: {Site: Town__c, Ext_Id__c: Key__c, ParentId: Top__c}
    match: {externalId: Key__c}
  - name: Contact
    target: Person__c
    fields: {include: []}
    map: {LastName: Name, Ext_Id__c: Key__c, AccountId: Customer__c}
    match: {externalId: Key__c}
YAML
sed -i 's/fields: {include: \[\]}/fields: {include: [LastName]}/' "$T/other.yaml"
runs "a template with other objects in the target" orgsync template apply -f "$T/other.yaml"
run=$(create_run other)
runs "the run goes through" orgsync run start "$run" --wait
is "$(count Customer__c Name) $(count Customer__c Town__c)" "Parent=1 Rome=1" "the account is a customer there"
parent=$(curl -sf "$DST/__sim/dump?object=Customer__c" | json 'd["Id"]')
is "$(count Person__c Name) $(count Person__c Customer__c)" "Child=1 $parent=1" "the contact a person of that customer"
runs "the checker agrees" check_orgs "$run" --template "$T/other.yaml"
run=$(create_run other)
runs "a second run" orgsync run start "$run" --wait
is "$(totals "$run")" "[0, 0, 2, 0, 0]" "changes nothing"
e2e_end

#!/usr/bin/env bash
# The thinnest path: two objects, one lookup, one run.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
worker
add_orgs

cat >"$T/seed.jsonl" <<'JSON'
{"attributes":{"type":"Account"},"Id":"@a1","Name":"Ärger & \"Söhne\"","Ext_Id__c":"A-1"}
{"attributes":{"type":"Account"},"Id":"@a2","Name":"日本","ParentId":"@a1","Ext_Id__c":"A-2"}
{"attributes":{"type":"Contact"},"Id":"@c1","LastName":"O'Neil","AccountId":"@a2","Ext_Id__c":"C-1"}
JSON
seed "$SRC" "$T/seed.jsonl"
cat >"$T/t.yaml" <<'YAML'
name: first
objects:
  - name: Account
    fields: {exclude: [OwnerId]}
    match: {externalId: Ext_Id__c}
  - name: Contact
    fields: {exclude: [OwnerId]}
    match: {externalId: Ext_Id__c}
YAML
runs "the template is taken" orgsync template apply -f "$T/t.yaml"
run=$(create_run first)
like "$run" '^[a-z0-9]+$' "create prints the run's id"
runs "the run goes through" orgsync run start "$run" --wait
is "$(run_get "$run" 'd["state"]')" "Synced" "Synced"
is "$(run_get "$run" 'd["totals"]["inserted"]')" 3 "three inserted"
runs "the checker agrees" check_orgs "$run" --template "$T/t.yaml" --key Ext_Id__c

second=$(create_run first)
runs "a second run" orgsync run start "$second" --wait
is "$(run_get "$second" '[d["totals"][k] for k in ("inserted","updated","existing","failed")]')" "[0, 0, 3, 0]" "changes nothing"
e2e_end

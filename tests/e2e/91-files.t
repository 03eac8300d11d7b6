#!/usr/bin/env bash
# Files: bodies are streamed from org to org, compared, and never cut.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
worker
add_orgs

files() { # URL COMMAND...: files.py
	python3 "$ROOT/tests/e2e/files.py" "$@"
}
totals() { # RUN: inserted, updated, existing, skipped, failed
	run_get "$1" '[d["totals"][k] for k in ("inserted","updated","existing","skipped","failed")]'
}
faults() { # URL JSON
	curl -sf --data-binary "$2" "$1/__sim/faults" >/dev/null || bail "no fault"
}

# ---- attachments of accounts and contacts -----------------------------------------------------------------------
cat >"$T/people.jsonl" <<'JSON'
{"attributes":{"type":"Account"},"Id":"@a","Name":"Acme","Ext_Id__c":"A-1"}
{"attributes":{"type":"Contact"},"Id":"@c","LastName":"Roe","Ext_Id__c":"C-1","AccountId":"@a"}
JSON
seed "$SRC" "$T/people.jsonl"
files "$SRC" attach Account 1000 small.bin Contact 70000 middle.bin Account 8000000 large.bin Account 1 one.bin ||
	bail "no attachments"
cat >"$T/attachments.yaml" <<'YAML'
name: attachments
objects:
  - name: Account
    match: {externalId: Ext_Id__c}
  - name: Contact
    match: {externalId: Ext_Id__c}
  - name: Attachment
YAML
runs "a template with attachments" orgsync template apply -f "$T/attachments.yaml"
run=$(create_run attachments)
runs "the run goes through" orgsync run start "$run" --wait
is "$(totals "$run")" "[6, 0, 0, 0, 0]" "all are inserted"
runs "and the bodies are the same" files "$SRC" same "$DST" Attachment
run=$(create_run attachments)
runs "a second run goes through" orgsync run start "$run" --wait
is "$(totals "$run")" "[0, 0, 6, 0, 0]" "and changes nothing"
files "$SRC" change Attachment middle.bin 70000 small.bin 900 || bail "no change"
run=$(create_run attachments)
runs "two bodies changed, one of them of the same length" orgsync run start "$run" --wait
is "$(totals "$run")" "[0, 2, 4, 0, 0]" "are sent again"
runs "and the bodies are the same again" files "$SRC" same "$DST" Attachment
e2e_end

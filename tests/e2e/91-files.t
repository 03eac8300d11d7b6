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
MOST_KIB=${ORGSYNC_TEST_MEMORY_KIB:-65536} # more with a sanitizer

stays_small() { # PID NAME: the most that it ever had in memory
	local kib
	kib=$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$1/status")
	ok $((${kib:-$MOST_KIB} >= MOST_KIB)) "$2 stays below 64 MiB"
	diag "$2: $kib KiB"
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

# ---- files, their links and versions ------------------------------------------------------------------------------
files "$SRC" publish Account 5000 plan.pdf Contact 300000 photo.jpg Account 52428800 film.mp4 || bail "no files"
files "$SRC" link plan.pdf Contact C InternalUsers || bail "no link"
cat >"$T/content.yaml" <<'YAML'
name: content
objects:
  - name: Account
    match: {externalId: Ext_Id__c}
  - name: Contact
    match: {externalId: Ext_Id__c}
  - name: ContentVersion
  - name: ContentDocumentLink
YAML
runs "a template with files" orgsync template apply -f "$T/content.yaml"
run=$(create_run content)
runs "the run goes through" orgsync run start "$run" --wait
diag "$(orgsync run show "$run")"
diag "$(orgsync run errors "$run" 2>&1 | head -20)"
runs "the files are the same" files "$SRC" same "$DST" ContentVersion
runs "and their links" files "$SRC" links "$DST"
stays_small "$COORDINATOR_PID" "with a file of 50 MB the coordinator"
stays_small "$WORKER_PID" "with a file of 50 MB the worker"
run=$(create_run content)
runs "a second run goes through" orgsync run start "$run" --wait
is "$(totals "$run")" "[0, 0, 12, 0, 0]" "and changes nothing"
files "$SRC" version plan.pdf 6000 || bail "no version"
run=$(create_run content)
runs "a new version of a file" orgsync run start "$run" --wait
is "$(totals "$run")" "[1, 0, 11, 0, 0]" "is sent"
is "$(files "$DST" versions plan.pdf)" "1 2" "and becomes one of the target's"
e2e_end

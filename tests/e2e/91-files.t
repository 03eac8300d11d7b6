#!/usr/bin/env bash
# Files: bodies are streamed from org to org, compared, and never cut.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/files.sh"
export ORGSYNC_REQUEST_LIMIT_MS=5000 ORGSYNC_LIMIT_PROBE_MS=1000
e2e_begin
simulators
coordinator
worker
add_orgs

judge() { # TEMPLATE NAME: as the orgs are, whatever the run says of its counts
	runs "$2" python3 "$ROOT/tests/checker/check" orgs "$SRC" "$DST" --template "$T/$1.yaml"
}
MOST_KIB=${ORGSYNC_TEST_MEMORY_KIB:-65536} # more with a sanitizer

stays_small() { # PID NAME: the most that it ever had in memory
	local kib
	kib=$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$1/status")
	ok $((${kib:-$MOST_KIB} >= MOST_KIB)) "$2 stays below 64 MiB"
	diag "$2: $kib KiB"
}
faults() { # URL JSON
	curl -sf --data-binary "$2" "$1/__sim/faults" >/dev/null || bail "no fault"
}

# ---- attachments of accounts and contacts -----------------------------------------------------------------------
attachments
runs "and the checker finds the same records, and bodies" check_orgs "$run" --template "$T/attachments.yaml"
run=$(create_run attachments)
runs "a second run goes through" orgsync run start "$run" --wait
is "$(totals "$run")" "[0, 0, 6, 0, 0]" "and changes nothing"
files "$SRC" change Attachment middle.bin 70000 small.bin 900 || bail "no change"
run=$(create_run attachments)
runs "two bodies changed, one of them of the same length" orgsync run start "$run" --wait
is "$(totals "$run")" "[0, 2, 4, 0, 0]" "are sent again"
runs "and the checker finds the same bodies again" check_orgs "$run" --template "$T/attachments.yaml"

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
runs "the checker finds the same files and links" check_orgs "$run" --template "$T/content.yaml"
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

# ---- bodies that are cut, or are not what they should be ------------------------------------------------------------
fails() { # RUN: what became of its failures
	orgsync run errors "$1" -o json | json '[(e["code"], e["message"]) for e in d["items"]]'
}
faults "$SRC" '{"match": "GET /VersionData", "kind": "cut-body", "count": 1}'
files "$SRC" publish Account 900000 cut.bin || bail "no file"
run=$(create_run content)
runs "a body that is cut off" orgsync run start "$run" --wait
is "$(totals "$run")" "[1, 0, 14, 0, 0]" "is read again"
judge content "and whole in the end"

faults "$SRC" '{"match": "GET /VersionData", "kind": "short-body", "count": 3}'
files "$SRC" publish Account 900001 short.bin || bail "no file"
run=$(create_run content)
orgsync run start "$run" --wait >/dev/null 2>&1
is $? 1 "a body that is always one byte short"
like "$(fails "$run")" "the source says that the file has 900001 bytes, and sent 900000" "fails, with both lengths"
is "$(files "$DST" versions short.bin 2>/dev/null)" "" "and nothing of it is in the target"
runs "a retry" orgsync run retry "$run" --wait
judge content "brings it in"

faults "$SRC" '{"match": "GET /VersionData", "kind": "spoil-body", "count": 3}'
files "$SRC" publish Account 900002 spoilt.bin || bail "no file"
run=$(create_run content)
orgsync run start "$run" --wait >/dev/null 2>&1
is $? 1 "a body with another checksum than its record's"
like "$(fails "$run")" "the file has the checksum [0-9a-f]{32}, and what the source sent has [0-9a-f]{32}" "fails, with both"
is "$(files "$DST" versions spoilt.bin 2>/dev/null)" "" "and nothing of it is in the target"
runs "a retry" orgsync run retry "$run" --wait
judge content "brings it in"

faults "$DST" '{"match": "POST v60.0/sobjects/ContentVersion", "kind": "spoil-request", "count": 1}'
files "$SRC" publish Account 900003 other.bin || bail "no file"
run=$(create_run content)
orgsync run start "$run" --wait >/dev/null 2>&1
is $? 1 "a body that is another one in the target"
like "$(fails "$run")" "FILE_DIFFERS" "fails"
runs "a retry" orgsync run retry "$run" --wait
is "$(files "$DST" versions other.bin)" "1 2" "sends it as a new version"
run=$(create_run content)
runs "and the run after that" orgsync run start "$run" --wait
is "$(run_get "$run" 'd["totals"]["inserted"], d["totals"]["updated"]')" "(0, 0)" "finds nothing to do"

faults "$DST" '{"match": "POST v60.0/sobjects/ContentVersion", "kind": "drop-after", "count": 1}'
files "$SRC" publish Account 900004 lost.bin || bail "no file"
run=$(create_run content)
runs "a file whose reply is lost" orgsync run start "$run" --wait
is "$(files "$DST" versions lost.bin)" "1" "is there once"

# ---- links that were deleted --------------------------------------------------------------------------------------------
files "$SRC" unlink plan.pdf Contact || bail "no link is deleted"
printf 'options: {includeDeleted: true}\n' | cat "$T/content.yaml" - >"$T/deleted.yaml"
sed -i 's/name: content/name: deleted/' "$T/deleted.yaml"
runs "a template that takes deletes along" orgsync template apply -f "$T/deleted.yaml"
run=$(create_run deleted)
runs "the run goes through" orgsync run start "$run" --wait
is "$(run_get "$run" 'd["totals"]["deleted"], d["totals"]["failed"]')" "(1, 0)" "a link that was deleted is deleted"
runs "and the checker agrees" check_orgs "$run" --template "$T/deleted.yaml"

# ---- the org's limit of files within 24 hours ---------------------------------------------------------------------------
limited() {
	orgsync run errors "$run" --kind notice -o json | grep -q FILE_LIMIT
}
files "$SRC" publish Account 100 first.bin Account 101 second.bin || bail "no files"
curl -sf -d '{"filesRemaining": 1}' "$DST/__sim/limits" >/dev/null || bail "no limit"
run=$(create_run content)
like "$(orgsync run scan "$run")" "takes 1 more files and versions of files within 24 hours, and the run may bring [0-9]+" "a scan tells what the org takes"
like "$(orgsync run scan "$run" -o json)" '"left": 1\b' "in figures too"
orgsync run start "$run" >/dev/null || bail "the run does not start"
runs "a file that the org does not take for now is told" wait_for 60 limited
is "$(run_get "$run" 'd["totals"]["failed"]')" 0 "and waits"
curl -sf -d '{"filesRemaining": 100}' "$DST/__sim/limits" >/dev/null || bail "no limit"
runs "it goes in when the org takes it" wait_ended "$run" 120
is "$(run_get "$run" 'd["totals"]["inserted"], d["totals"]["failed"]')" "(2, 0)" "and nothing has failed"
judge content "the checker agrees"

# ---- documents and their folders --------------------------------------------------------------------------------------
for org in SRC DST; do
	printf '{"attributes":{"type":"Folder"},"Name":"Plans","DeveloperName":"Plans","Type":"Document","AccessType":"Shared"}\n' >"$T/folder.jsonl"
	seed "${!org}" "$T/folder.jsonl"
done
printf '{"attributes":{"type":"Folder"},"Name":"Ours","DeveloperName":"Ours","Type":"Document","AccessType":"Shared"}\n' >"$T/folder.jsonl"
seed "$SRC" "$T/folder.jsonl"
files "$SRC" document Plans 4000 here.bin Ours 5000000 there.bin || bail "no documents"
printf 'name: documents\nobjects:\n  - name: Document\n    match: {keys: [DeveloperName]}\n' >"$T/documents.yaml"
runs "a template with documents" orgsync template apply -f "$T/documents.yaml"
run=$(create_run documents)
runs "the run goes through" orgsync run start "$run" --wait
is "$(totals "$run")" "[2, 0, 0, 0, 0]" "both are inserted"
is "$(files "$DST" folders)" "here.bin:Plans there.bin:own" "in the folder of the same name, or in our user's own"
runs "and the checker finds the same bodies" check_orgs "$run" --template "$T/documents.yaml"
run=$(create_run documents)
runs "a second run" orgsync run start "$run" --wait
is "$(totals "$run")" "[0, 0, 2, 0, 0]" "changes nothing"
files "$SRC" change Document here.bin 4001 || bail "no change"
run=$(create_run documents)
runs "another body" orgsync run start "$run" --wait
is "$(totals "$run")" "[0, 1, 1, 0, 0]" "is sent"
runs "as it is" check_orgs "$run" --template "$T/documents.yaml"
orgsync run rollback "$run" --yes --wait >"$T/rollback.out" 2>&1
is $? 0 "a rollback of it"
like "$(fails "$run")" "FILE_NOT_KEPT" "says that the body before was not kept"

# ---- all versions ---------------------------------------------------------------------------------------------------------
for size in 7000 8000 9000; do files "$SRC" version photo.jpg $size || bail "no version"; done
files "$SRC" version plan.pdf 6001 || bail "no version"
curl -sf -X POST "$DST/__sim/reset" >/dev/null
forget_mappings
sed -e 's/name: content/name: all/' -e '1a files: {versions: all}' "$T/content.yaml" >"$T/all.yaml"
runs "a template with all versions" orgsync template apply -f "$T/all.yaml"
run=$(create_run all)
runs "the run goes through" orgsync run start "$run" --wait
is "$(run_get "$run" 'd["totals"]["failed"], d["totals"]["skipped"]')" "(0, 0)" "without failures"
is "$(files "$DST" versions photo.jpg) / $(files "$DST" versions plan.pdf)" "1 2 3 4 / 1 2 3" "each version is one of its file's"
runs "the checker finds them in their order, and the links" check_orgs "$run" --template "$T/all.yaml"
files "$SRC" version photo.jpg 9001 || bail "no version"
run=$(create_run all)
runs "one more" orgsync run start "$run" --wait
is "$(run_get "$run" 'd["totals"]["inserted"], d["totals"]["failed"]')" "(1, 0)" "is the only one that is sent"
runs "and becomes the newest" check_orgs "$run" --template "$T/all.yaml"

# ---- too large ------------------------------------------------------------------------------------------------------
sed -e 's/name: attachments/name: small/' -e '1a files: {maxBytes: 1000}' "$T/attachments.yaml" >"$T/small.yaml"
runs "a template with a limit" orgsync template apply -f "$T/small.yaml"
files "$SRC" attach Account 1001 larger.bin Account 1000 fits.bin || bail "no attachments"
run=$(create_run small)
orgsync run start "$run" --wait >/dev/null 2>&1
is $? 1 "a file above the limit"
like "$(fails "$run")" "FILE_TOO_LARGE.*1001 bytes and the template takes files of 1000 at most" "is a failure that says so"
is "$(totals "$run")" "[3, 0, 2, 0, 3]" "the smaller ones pass"
runs "a rollback" orgsync run rollback "$run" --yes --wait
is "$(curl -sf "$DST/__sim/count" | json 'd.get("Attachment", 0)')" 0 "takes them out again"
e2e_end

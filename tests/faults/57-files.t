#!/usr/bin/env bash
# A worker dies in the middle of a file, and when the target has it already: in the end there is exactly one of each, whole. So does
# a reply that is lost, and a source that stops in the middle.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/files.sh"
export ORGSYNC_LEASE_MS=2000
e2e_begin
faulty_programs
simulators
coordinator
add_orgs

dead() { ! kill -0 "$1" 2>/dev/null; }
printf '{"attributes":{"type":"Account"},"Name":"Acme","Ext_Id__c":"A-1"}\n' >"$T/account.jsonl"
seed "$SRC" "$T/account.jsonl"
files "$SRC" attach Account 3000000 one.bin Account 70000 two.bin Account 900 three.bin || bail "no attachments"
files "$SRC" publish Account 3000001 plan.bin Account 900 note.bin || bail "no files"
cat >"$T/files.yaml" <<'YAML'
name: files
files: {verify: true}
objects:
  - name: Account
    match: {externalId: Ext_Id__c}
  - name: Attachment
    fields: {exclude: [Ext_Id__c, Source_Id__c]}
  - name: ContentVersion
    fields: {exclude: [Ext_Id__c, Source_Id__c]}
  - name: ContentDocumentLink
YAML
orgsync template apply -f "$T/files.yaml" >/dev/null || bail "the template is refused"

start() { # a run into an empty target
	curl -sf -X POST "$DST/__sim/reset" >/dev/null || bail "the target cannot be emptied"
	curl -sf -X DELETE "$DST/__sim/faults" >/dev/null
	forget_mappings
	RUN=$(create_run files)
	orgsync run start "$RUN" >/dev/null || bail "the run does not start"
}
whole() { # NAME
	runs "$1: the run ends" wait_ended "$RUN" 120
	is "$(run_get "$RUN" 'd["state"], d["totals"]["failed"]')" "('Synced', 0)" "$1: Synced, and nothing has failed"
	is "$(curl -sf "$DST/__sim/count" | json 'd["Attachment"], d["ContentVersion"], d["ContentDocument"]')" "(3, 2, 2)" "$1: each file once"
	runs "$1: the checker finds all of them whole, and their links" check_orgs "$RUN" --template "$T/files.yaml"
}

# ---- the worker -------------------------------------------------------------------------------------------------------
for at in in_file@9 in_file@60 after_file@1 after_file@3 after_file@5; do
	ORGSYNC_FAILPOINTS=worker.${at%@*}=kill@${at#*@} worker one
	one=$WORKER_PID
	start
	runs "killed at $at: it dies" wait_for 60 dead "$one"
	wait "$one" 2>/dev/null
	worker two
	whole "killed at $at"
	kill9 "$WORKER_PID"
done

# ---- the orgs -----------------------------------------------------------------------------------------------------------
worker three
for what in Attachment ContentVersion; do
	start
	curl -sf -d "{\"match\": \"POST v60.0/sobjects/$what\", \"kind\": \"drop-after\", \"count\": 2}" "$DST/__sim/faults" >/dev/null
	whole "lost replies of $what"
	curl -sf -d "{\"match\": \"GET /sobjects/$what\", \"kind\": \"cut-body\", \"count\": 2}" "$SRC/__sim/faults" >/dev/null
	start
	whole "cut bodies of $what"
	curl -sf -X DELETE "$SRC/__sim/faults" >/dev/null
done
e2e_end

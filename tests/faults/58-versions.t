#!/usr/bin/env bash
# A file's new version without a reply: be it made at once, late, or by a worker that died, it is there once in the end, and of the
# same file.
export ORGSYNC_REQUEST_LIMIT_MS=4000 # longer than the org takes: see LATE, which comes when the worker has looked
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/files.sh"
export ORGSYNC_LEASE_MS=2000
e2e_begin
faulty_programs
simulators
coordinator
add_orgs

dead() { ! kill -0 "$1" 2>/dev/null; }
seed "$SRC" <(printf '{"attributes":{"type":"Account"},"Name":"Acme","Ext_Id__c":"A-1"}\n')
files "$SRC" publish Account 30000 plan.bin Account 900 note.bin || bail "no files"
cat >"$T/files.yaml" <<'YAML'
name: files
objects:
  - name: Account
    match: {externalId: Ext_Id__c}
  - name: ContentVersion
    fields: {exclude: [Ext_Id__c, Source_Id__c]}
  - name: ContentDocumentLink
YAML
orgsync template apply -f "$T/files.yaml" >/dev/null || bail "the template is refused"
worker one
RUN=$(create_run files)
orgsync run start "$RUN" --wait >/dev/null || bail "no files"

SIZE=30000 VERSIONS=1
changed() { # JSON: plan.bin is another one in the source; the run that brings it, with a fault in the target
	curl -sf -X DELETE "$DST/__sim/faults" >/dev/null
	curl -sf -d "$1" "$DST/__sim/faults" >/dev/null || bail "no fault"
	files "$SRC" change ContentVersion plan.bin $((++SIZE)) || bail "no change"
	RUN=$(create_run files)
	orgsync run start "$RUN" >/dev/null || bail "the run does not start"
}
once() { # NAME
	VERSIONS+=" $((${VERSIONS##* } + 1))"
	runs "$1: the run ends" wait_ended "$RUN" 120
	is "$(run_get "$RUN" '[d["totals"][k] for k in ("inserted","updated","failed")]')" "[0, 1, 0]" "$1: one is updated"
	is "$(files "$DST" versions plan.bin)" "$VERSIONS" "$1: there is one new version of it"
	runs "$1: the checker agrees" check_orgs "$RUN" --template "$T/files.yaml"
}
killed_at() { # FAILPOINT NAME JSON
	kill9 "$WORKER_PID"
	ORGSYNC_FAILPOINTS=worker.$1=kill@1 worker "dies-$1"
	local dies=$WORKER_PID
	changed "$3"
	runs "$2: the worker dies" wait_for 60 dead "$dies"
	wait "$dies" 2>/dev/null
	worker "after-$1"
	once "$2"
}
LATE='{"match": "POST v60.0/sobjects/ContentVersion", "kind": "slow-commit", "ms": 2500, "count": 1}'
changed '{"match": "POST v60.0/sobjects/ContentVersion", "kind": "drop-after", "count": 1}'
once "reply lost"
changed "$LATE"
once "made late"
changed '{"match": "POST v60.0/sobjects/ContentVersion", "kind": "drop-before", "count": 1}'
once "not made"
killed_at after_file "killed behind it" '{"match": "nothing", "kind": "500"}'
killed_at after_idmap "killed before it is recorded" '{"match": "nothing", "kind": "500"}'
killed_at aside "killed when it looks again" "$LATE"
e2e_end

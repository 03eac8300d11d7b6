#!/usr/bin/env bash
# Documents of quotes, which nothing but their bodies tells apart: be it that a worker dies, that replies are lost or that the source
# stops in the middle, in the end there is exactly one of each, whole, at its quote.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/files.sh"
export ORGSYNC_LEASE_MS=2000 ORGSYNC_REQUEST_LIMIT_MS=2000
e2e_begin
faulty_programs
simulators
coordinator
add_orgs

dead() { ! kill -0 "$1" 2>/dev/null; }
cat >"$T/quotes.jsonl" <<'JSON'
{"attributes":{"type":"Account"},"Id":"@a","Name":"Acme","Ext_Id__c":"A-1"}
{"attributes":{"type":"Opportunity"},"Id":"@o","Name":"Deal","Ext_Id__c":"O-1","AccountId":"@a","StageName":"Prospecting","CloseDate":"2027-01-31"}
{"attributes":{"type":"Quote"},"Name":"First","Ext_Id__c":"Q-1","OpportunityId":"@o"}
{"attributes":{"type":"Quote"},"Name":"Second","Ext_Id__c":"Q-2","OpportunityId":"@o"}
JSON
seed "$SRC" "$T/quotes.jsonl"
files "$SRC" quote First 3000000 one First 70000 two First 70000 three Second 70000 four Second 900 five || bail "no documents"
cat >"$T/quotes.yaml" <<'YAML'
name: quotes
objects:
  - name: Account
    match: {externalId: Ext_Id__c}
  - name: Opportunity
    match: {externalId: Ext_Id__c}
  - name: Quote
    match: {externalId: Ext_Id__c}
  - name: QuoteDocument
YAML
orgsync template apply -f "$T/quotes.yaml" >/dev/null || bail "the template is refused"

start() { # a run into an empty target
	curl -sf -X POST "$DST/__sim/reset" >/dev/null || bail "the target cannot be emptied"
	curl -sf -X DELETE "$DST/__sim/faults" >/dev/null
	forget_mappings
	[[ -z ${1:-} ]] || curl -sf -d "$1" "$DST/__sim/faults" >/dev/null || bail "no fault"
	RUN=$(create_run quotes)
	orgsync run start "$RUN" >/dev/null || bail "the run does not start"
}
whole() { # NAME
	runs "$1: the run ends" wait_ended "$RUN" 60
	is "$(run_get "$RUN" 'd["state"], d["totals"]["failed"]')" "('Synced', 0)" "$1: Synced, and nothing has failed"
	is "$(curl -sf "$DST/__sim/count" | json 'd["QuoteDocument"]')" 5 "$1: each document once"
	runs "$1: the checker finds all of them whole" check_orgs "$RUN" --template "$T/quotes.yaml"
	diag "$(files "$DST" quotes)"
}

# ---- the worker -------------------------------------------------------------------------------------------------------
for at in in_file@9 after_file@1 after_file@3 after_idmap@8; do
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
start '{"match": "POST v60.0/sobjects/QuoteDocument", "kind": "drop-after", "count": 3}'
whole "lost replies"
start '{"match": "POST v60.0/sobjects/QuoteDocument", "kind": "slow-commit", "ms": 1000, "count": 2}'
whole "made late"
# the first is made while the second is still read; the reply to the second is lost as well: none is taken for the other
curl -sf -d '{"match": "GET /sobjects/QuoteDocument", "kind": "delay", "ms": 300}' "$SRC/__sim/faults" >/dev/null || bail "no fault"
start '[{"match": "POST v60.0/sobjects/QuoteDocument", "kind": "slow-commit", "ms": 400, "count": 1},
	{"match": "POST v60.0/sobjects/QuoteDocument", "kind": "drop-after", "count": 2}]'
whole "one made late, and two lost"
RUN=$(create_run quotes)
runs "a run after it goes through" orgsync run start "$RUN" --wait
is "$(totals "$RUN")" "[0, 0, 9, 0, 0]" "it finds each with its own body, and has nothing to do"
curl -sf -X DELETE "$SRC/__sim/faults" >/dev/null
start '{"match": "GET /sobjects/QuoteDocument", "kind": "cut-body", "count": 2}'
whole "bodies that are cut when they are read back"
curl -sf -d '{"match": "GET /sobjects/QuoteDocument", "kind": "cut-body", "count": 3}' "$SRC/__sim/faults" >/dev/null
start
whole "bodies that are cut when they are measured or sent"

# ---- an update --------------------------------------------------------------------------------------------------------------
kill9 "$WORKER_PID"
for at in after_intent:Second_V2 after_reply:Second_V1; do
	files "$SRC" touch QuoteDocument "${at#*:}.pdf" || bail "no change"
	at=${at%:*}
	ORGSYNC_FAILPOINTS=worker.$at=kill@1 worker one
	one=$WORKER_PID
	curl -sf -X DELETE "$SRC/__sim/faults" >/dev/null
	RUN=$(create_run quotes)
	orgsync run start "$RUN" >/dev/null || bail "the run does not start"
	runs "an update killed at $at: the worker dies" wait_for 60 dead "$one"
	wait "$one" 2>/dev/null
	worker two
	whole "an update killed at $at"
	kill9 "$WORKER_PID"
done
e2e_end

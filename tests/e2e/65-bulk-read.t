#!/usr/bin/env bash
# Objects read by Bulk query jobs: awkward values, and jobs, pages and programs that die in the middle.
. "$(dirname "$0")/lib.sh"
e2e_begin
DEMO=$ROOT/tests/demo
"$DEMO/make-data" --records 60000 >"$T/demo.jsonl" 2>/dev/null
simulators --schema "dst:$DEMO/target-schema.json"
coordinator
worker
add_orgs
seed "$SRC" "$T/demo.jsonl"
sed -E 's/^name: demo/name: bulk/; s/^(    match: .*)/\1\n    api: bulk/' "$DEMO/template.yaml" >"$T/bulk.yaml"
runs "a template with api: bulk is taken" orgsync template apply -f "$T/bulk.yaml"
runs "so is the one without" orgsync template apply -f "$DEMO/template.yaml"

fault() { # URL JSON
	curl -sf -d "$2" "$1/__sim/faults" >/dev/null || bail "no fault"
}

# ---- The values: as by REST -----------------------------------------------------------------------------
# Replies that never come, halves of pages, a server that is away.
fault "$SRC" '{"match":"GET /results","kind":"cut-body","after":1,"count":3}'
fault "$SRC" '{"match":"GET /results","kind":"503","after":6,"count":2}'
fault "$SRC" '{"match":"POST /jobs/query","kind":"drop-after","after":2,"count":1}'
fault "$SRC" '{"match":"GET /jobs/query/","kind":"drop-before","after":3,"count":2}'
run=$(create_run bulk)
orgsync run scan "$run" >"$T/scan" 2>/dev/null
like "$(cat "$T/scan")" 'READ +LOAD +SOURCE CALLS' "the scan shows the API"
is "$(curl -sf -H "Authorization: Bearer $(cat "$T/token")" \
	"$ORGSYNC_API_URL/api/v1/runs/$run/scan" | json '{o["read"] for o in d["objects"]}')" "{'bulk'}" "all are to be read by Bulk"
orgsync run start "$run" --wait >"$T/out" 2>"$T/progress"
is "$(run_get "$run" 'd["state"]')" Synced "Synced" || diag "$(tail -20 "$T/out" "$T/progress")"
runs "the checker agrees" check_orgs "$run" --template "$T/bulk.yaml" --key Ext_Id__c
runs "the summary is exact" python3 "$ROOT/tests/e2e/expect.py" "$T/run.json" "$T/errors.csv" "$T/demo.jsonl.expect.json"
is "$(curl -sf "$SRC/__sim/faults" | json 'sum(f["hits"] for f in d)')" 8 "the faults hit"
curl -sf -X DELETE "$SRC/__sim/faults" >/dev/null

# By REST nothing looks changed.
second=$(create_run demo)
orgsync run start "$second" --wait >/dev/null 2>&1
is "$(run_get "$second" '[d["totals"][k] for k in ("inserted","updated","skipped")]')" "[0, 0, 0]" "a second run by REST changes nothing"
is "$(run_get "$second" 'd["totals"]["existing"] + d["totals"]["failed"] == d["totals"]["scanned"]')" True "all existing"

# ---- What dies in the middle of a page ------------------------------------------------------------------
curl -sf -X POST "$SRC/__sim/reset" >/dev/null
curl -sf -d '{"object":"Account","count":500,"seed":65}' "$SRC/__sim/generate" >/dev/null || bail "no accounts"
curl -sf -d '{"object":"Contact","count":60000,"seed":65,"parent":"Account"}' "$SRC/__sim/generate" >/dev/null || bail "no contacts"
cat >"$T/middle.yaml" <<'YAML'
name: middle
objects:
  - {name: Account, fields: {include: [Name, Ext_Id__c]}, match: {externalId: Ext_Id__c}}
  - name: Contact
    fields: {include: [LastName, FirstName, Email, AccountId, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
    api: bulk
options: {lanes: 2}
YAML
runs "a template with two lanes is taken" orgsync template apply -f "$T/middle.yaml"

# Waits until so many contacts are in the journal.
published() { # RECORDS
	timeout 60 psql -q "$ORGSYNC_POSTGRES_URL" >/dev/null 2>&1 <<SQL
DO \$\$ BEGIN LOOP
	EXIT WHEN EXISTS (SELECT FROM run_object WHERE run = '$RUN' AND name = 'Contact' AND published >= $1);
	PERFORM pg_sleep(0.005);
END LOOP; END \$\$
SQL
}
trial() { # a run into an empty target
	curl -sf -X POST "$DST/__sim/reset" >/dev/null
	forget_mappings
	RUN=$(create_run middle)
	orgsync run start "$RUN" >/dev/null
}
judge() { # NAME
	wait_ended "$RUN"
	is "$(run_get "$RUN" '[d["state"], d["totals"]["scanned"], d["totals"]["inserted"]]')" "['Synced', 60500, 60500]" "$1: all, once"
	runs "$1: the checker agrees" check_orgs "$RUN" --template "$T/middle.yaml" --key Ext_Id__c
}
log_of() { # EVENT: its lines of this run
	cat "$T"/coordinator*.log | grep "\"$1\"" | grep -- "$RUN"
}

# Half of a page comes, and no more.
hold "$SRC" "GET /results" hold-body
trial
published 1000
kill9 "$COORDINATOR_PID"
let_go "$SRC"
coordinator coordinator2
judge "a coordinator killed"
like "$(log_of read.job_found)" '"locator":"(L[0-9]+)?".*"row":[1-9]' "it goes on in the middle of a page"
is "$(log_of read.job | wc -l)" 1 "by one job"

# Somebody deletes the job while the coordinator sleeps.
each_job() { # CURL-ARGUMENT...: a call about each query job of the source
	local token
	token=$(curl -sf -d grant_type=client_credentials -d client_id=orgsync -d client_secret=orgsync-secret \
		"$SRC/services/oauth2/token" | json 'd["access_token"]')
	for job in $(curl -sf -H "Authorization: Bearer $token" "$SRC/services/data/v60.0/jobs/query" |
		json '" ".join(j["id"] for j in d["records"])'); do
		curl -s -H "Authorization: Bearer $token" "$@" "$SRC/services/data/v60.0/jobs/query/$job" >/dev/null
	done
}
# Two of three pages are under way, the third one is not asked for yet.
hold "$SRC" "GET /results" hold-body
trial
published 1000
each_job -X DELETE
let_go "$SRC"
judge "a job deleted"
like "$(log_of read.known)" '"ids":[1-9][0-9]{3,}' "what the journal held is left out"
is "$(log_of read.job | wc -l)" 2 "by a second job"

# Somebody aborts it before it has a result.
has_job() {
	[[ -n $(log_of read.job) ]]
}
curl -sf -d '{"bulkDelayMs":600000}' "$SRC/__sim/settings" >/dev/null
trial
wait_for 60 has_job
curl -sf -d '{"bulkDelayMs":0}' "$SRC/__sim/settings" >/dev/null
each_job -X PATCH -H 'Content-Type: application/json' -d '{"state":"Aborted"}'
judge "a job aborted"
like "$(log_of read.job_lost)" 'is Aborted.*"published":0' "nothing was published of it"
is "$(log_of read.job | wc -l)" 2 "by a second job"

# An org that makes no jobs.
fault "$SRC" '{"match":"POST /jobs/query","kind":"refused","count":100}'
trial
judge "no Bulk in the org"
is "$(log_of read.by_rest | wc -l)" 1 "by REST"
e2e_end

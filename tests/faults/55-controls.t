#!/usr/bin/env bash
# Pauses and retries at random moments, while workers and coordinators are killed: the run ends as if nothing had been, and a
# retry of what cannot succeed changes nothing. Then a large retry, by ingest jobs.
. "$(dirname "$0")/lib.sh"
RECORDS=3000 LATENCY=60
faults_begin
worker one

state_is() { [[ $(run_get "$RUN" 'd["state"]') == "$1" ]] || run_ended "$RUN"; }
strike() { # WHOM
	if [[ $1 == worker ]]; then
		kill9 "$WORKER_PID"
		worker one
	else
		kill9 "$COORDINATOR_PID"
		coordinator
	fi
}
open_batches() { psql -qtA "$ORGSYNC_POSTGRES_URL" -c "SELECT count(*) FROM batch WHERE run = '$RUN' AND state <> 'done'"; }

n=0
for template in demo demo-nokey; do
	for whom in worker coordinator; do
		n=$((n + 1)) name="$template, $whom"
		start_trial $template
		wait_reached "$RUN" $((5 + RANDOM % 30))
		orgsync run pause "$RUN" >/dev/null 2>&1
		strike $whom
		runs "$name: Paused" wait_for 60 state_is Paused
		strike $whom
		orgsync run resume "$RUN" >/dev/null 2>&1
		wait_reached "$RUN" $((40 + RANDOM % 50))
		strike $whom
		orgsync run pause "$RUN" >/dev/null 2>&1
		wait_for 60 state_is Paused
		orgsync run resume "$RUN" >/dev/null 2>&1
		judge "$name, paused twice" $template
		before=$(run_get "$RUN" 'd["totals"]["failed"], d["totals"]["linkFailed"]')
		# a retry of what fails for good
		if orgsync run retry "$RUN" >/dev/null 2>&1; then
			strike $whom
			judge "$name, retried" $template
			is "$(run_get "$RUN" 'd["totals"]["failed"], d["totals"]["linkFailed"]')" "$before" "$name, retried: the same have failed"
		fi
		is "$(open_batches)" 0 "$name: nothing is left open"
	done
done

# ---- 15,000 records that have failed go in ingest jobs again --------------------------------------------------------------
curl -sf -X POST "$SRC/__sim/reset" >/dev/null
curl -sf -d '{"object":"Account","count":15000,"seed":55}' "$SRC/__sim/generate" >/dev/null || bail "no accounts"
printf 'name: bulk\nobjects:\n  - name: Account\n    fields: {include: [Name, Phone, Ext_Id__c]}\n    match: {externalId: Ext_Id__c}\n    api: bulk\n' >"$T/bulk.yaml"
orgsync template apply -f "$T/bulk.yaml" >/dev/null || bail "the template is refused"
rule() { # true or false
	curl -sf -d '{"validationRules":[{"object":"Account","name":"NoName","active":'"$1"',"field":"Ext_Id__c","op":"contains","value":"Account","message":"none at all","errorField":"Name"}]}' \
		"$DST/__sim/schema" >/dev/null || bail "no rule"
}
rule true
start_trial bulk
wait_ended "$RUN" 300
is "$(run_get "$RUN" '[d["state"], d["totals"]["failed"]]')" "['Synced', 15000]" "bulk: all have failed"
rule false
curl -sf -X DELETE "$DST/__sim/stats" >/dev/null
orgsync run retry "$RUN" >/dev/null || bail "no retry"
wait_for 60 state_is "Sync In Progress"
strike worker
wait_ended "$RUN" 300
is "$(run_get "$RUN" '[d["state"]] + [d["totals"][k] for k in ("scanned", "inserted", "failed", "passRecords")]')" "['Synced', 15000, 15000, 0, 15000]" "bulk: a retry brings them in"
like "$(curl -sf "$DST/__sim/stats")" 'jobs/ingest' "bulk: by ingest jobs"
runs "bulk: no loss, no duplicate" check_orgs "$RUN" --template "$T/bulk.yaml" --key Ext_Id__c
e2e_end

#!/usr/bin/env bash
# Ingest jobs that do not go well: workers that die at each step of one, replies that never come, jobs that fail, are aborted or
# deleted by somebody, an emptied Redis, a lane that moves. Each run ends by itself, nothing is lost, nothing is there twice.
# Of some sixty trials these are made unless ONLY is another pattern of their names; ONLY=. makes all (20 minutes).
. "$(dirname "$0")/lib.sh"
USUAL='(keyless|equal) by hand|keyless worker.job_(closing|results)|keyed by hand running|keyless fault (drop-after|session|results cut|a job that fails$|row locks)'
USUAL+='|keyed fault (drop-after|jobs refused)|keyless meddle (aborted by somebody|Redis emptied$|a second worker$)'
USUAL+='|keyless in part|keyed twice|coordinator.bulk_page=kill'
USUAL+='|keyed meddle (aborted and deleted|SIGTERM while gathering)|keyless abort'
e2e_begin own
faulty_programs
ACCOUNTS=${ACCOUNTS:-400} CONTACTS=${CONTACTS:-24000}
simulators
coordinator
add_orgs
curl -sf -d "{\"object\":\"Account\",\"count\":$ACCOUNTS,\"seed\":50}" "$SRC/__sim/generate" >/dev/null || bail "no accounts"
curl -sf -d "{\"object\":\"Contact\",\"count\":$CONTACTS,\"seed\":50,\"parent\":\"Account\"}" "$SRC/__sim/generate" >/dev/null ||
	bail "no contacts"
# Without a key many contacts are the same.
cat >"$T/keyed.yaml" <<'YAML'
name: keyed
objects:
  - {name: Account, fields: {include: [Name, Ext_Id__c]}, match: {externalId: Ext_Id__c}, api: rest}
  - name: Contact
    fields: {include: [LastName, FirstName, Email, AccountId, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
    api: bulk
YAML
cat >"$T/keyless.yaml" <<'YAML'
name: keyless
objects:
  - {name: Account, fields: {include: [Name, Ext_Id__c]}, match: {externalId: Ext_Id__c}, api: rest}
  - name: Contact
    fields: {include: [LastName, AccountId]}
    match: none
    api: bulk
YAML
# And of these nearly all; one job has many batches, which are recorded bit by bit.
cat >"$T/equal.yaml" <<'YAML'
name: equal
objects:
  - {name: Account, fields: {include: [Name, Ext_Id__c]}, match: {externalId: Ext_Id__c}, api: rest}
  - name: Contact
    fields: {include: [LastName]}
    match: none
    api: bulk
    batchSize: 50
options: {lanes: 1}
YAML
orgsync template apply -f "$T/equal.yaml" >/dev/null || bail "the template is refused"
orgsync template apply -f "$T/keyed.yaml" >/dev/null || bail "the template is refused"
orgsync template apply -f "$T/keyless.yaml" >/dev/null || bail "the template is refused"

# ---- Helpers --------------------------------------------------------------------------------------------
dst() { # PATH CURL-ARGUMENT...
	TOKEN=${TOKEN:-$(curl -sf -d grant_type=client_credentials -d client_id=orgsync -d client_secret=orgsync-secret \
		"$DST/services/oauth2/token" | json 'd["access_token"]')}
	curl -s -H "Authorization: Bearer $TOKEN" "${@:2}" "$DST/services/data/v60.0/jobs/ingest$1"
}
dst_record() { # JSON: a contact that somebody else inserts
	dst "" >/dev/null # for the token
	curl -sf -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d "$1" \
		"$DST/services/data/v60.0/sobjects/Contact" >/dev/null || ok 1 "the record of somebody else"
}
jobs_in() { # STATE-PATTERN: ids of this trial's jobs
	dst "" | python3 -c '
import json, re, sys
for j in json.load(sys.stdin)["records"]:
    if re.fullmatch(sys.argv[1], j["state"]) and j["id"] not in sys.argv[2].split():
        print(j["id"])' "$1" "${BEFORE:-}"
}
has_job() { [[ -n $(jobs_in "$1") ]]; }
sql() { psql -qtA "$ORGSYNC_POSTGRES_URL" -c "$1" 2>/dev/null; }
fault() { curl -sf -d "$1" "$DST/__sim/faults" >/dev/null || bail "no fault"; }
settings() { curl -sf -d "$1" "$DST/__sim/settings" >/dev/null || bail "no settings"; }
gathered() { [[ $(sql "SELECT count(*) FROM batch WHERE run = '$RUN' AND state = 'intent' AND insert_job IS NOT NULL") -ge ${1:-1} ]]; }
parted() { [[ $(sql "SELECT count(*) FROM batch WHERE run = '$RUN' AND object = 1 AND state <> 'done' AND insert_job IS NULL AND outcome IS NOT NULL") -ge 1 ]]; }
recorded() { [[ $(sql "SELECT count(*) FROM batch WHERE run = '$RUN' AND object = 1 AND state = 'done'") -ge ${1:-1} ]]; }

wanted() { [[ $1 =~ ${ONLY:-$USUAL} ]]; }
begin_trial() { # TEMPLATE: an empty target, an empty id map; no worker, a run started
	for pid in "${WORKERS[@]-}"; do [[ -n $pid ]] && kill9 "$pid"; done
	WORKERS=()
	curl -sf -X DELETE "$DST/__sim/faults" >/dev/null
	curl -sf -X POST "$DST/__sim/reset" >/dev/null || bail "the target cannot be emptied"
	settings '{"bulkBatchMs":0,"bulkDelayMs":0,"resultRows":0,"resultTurn":0}'
	sql "TRUNCATE idmap_log; DELETE FROM failure WHERE code = 'OUTCOME_UNKNOWN'"
	orgsync idmap rebuild --source src --target dst >/dev/null 2>&1
	TOKEN='' BEFORE=$(BEFORE='' jobs_in '.*')
	TEMPLATE=$1
	RUN=$(create_run "$1") || bail "no run"
	orgsync run start "$RUN" >/dev/null || bail "the run does not start"
}
start_worker() { # NAME [FAILPOINTS]
	ORGSYNC_FAILPOINTS=${2:-} worker "$1"
	WORKERS+=("$WORKER_PID")
}
judge() { # NAME
	local key=(--key Ext_Id__c)
	[[ $TEMPLATE == keyed ]] || key=()
	wait_ended "$RUN" "${TRIAL_SECONDS:-120}"
	is "$(run_get "$RUN" '[d["state"], d["totals"]["scanned"], d["totals"]["inserted"], d["totals"]["failed"]]')" \
		"['Synced', $((ACCOUNTS + CONTACTS)), $((ACCOUNTS + CONTACTS - ${TAKEN:-0})), 0]" "$1: Synced by itself, all inserted" ||
		diag "$(grep -hE '"level":"(warn|error)"' "$T"/w*.log | tail -8)"
	is "$(curl -sf "$DST/__sim/count" | json 'd.get("Contact", 0)')" "$CONTACTS" "$1: each once"
	is "$(mappings)" "$CONTACTS $CONTACTS" "$1: each source has a target of its own"
	runs "$1: the checker agrees" check_orgs "$RUN" --template "$T/$TEMPLATE.yaml" "${key[@]}"
	is "$(sql "SELECT count(DISTINCT j) FROM batch b, unnest(ARRAY[insert_job, update_job]) j WHERE run = '$RUN' AND j IS NOT NULL")" 0 \
		"$1: no batch is left in a job"
}
mappings() { # sources and targets in the log of the id map: 9 bytes each, in turns
	sql "SELECT count(DISTINCT substring(pairs FROM 18 * i + 1 FOR 9)) || ' ' || count(DISTINCT substring(pairs FROM 18 * i + 10 FOR 9))
		FROM idmap_log, generate_series(0, octet_length(pairs) / 18 - 1) i WHERE source_prefix = '003' AND run = '$RUN'"
}
dead() { ! kill -0 "$1" 2>/dev/null; }

# ---- Workers that die -----------------------------------------------------------------------------------
for template in keyed keyless; do
	for point in worker.job_created@1 worker.job_gathered@1 worker.job_gathered@7 worker.job_uploaded@1 worker.job_closing@1 worker.job_closed@1 \
		worker.job_results@1 worker.after_intent@3 worker.after_record@9 worker.after_idmap@8; do
		wanted "$template $point" || continue
		begin_trial $template
		settings '{"bulkBatchMs":150}'
		start_worker w1 "${point%@*}=kill@${point#*@}"
		wait_for 60 dead "$WORKER_PID" || diag "it was not killed"
		start_worker w2
		judge "$template: killed at $point"
	done
done
for template in keyed keyless equal; do
	for moment in open gathering running settling; do
		wanted "$template by hand $moment" || continue
		begin_trial $template
		settings '{"bulkBatchMs":300}'
		start_worker w1
		case $moment in
		open) wait_for 60 has_job Open ;;
		gathering) wait_for 60 gathered 2 ;;
		running) wait_for 60 has_job InProgress ;;
		settling) wait_for 60 recorded 3 ;;
		esac || diag "the moment did not come"
		kill9 "$WORKER_PID"
		diag "killed with $(sql "SELECT count(*) FILTER (WHERE state = 'done') || ' of ' || count(*) FROM batch WHERE run = '$RUN'") batches done"
		settings '{"resultTurn":5000}' # equal rows: another one has the same result now
		curl -sf -X DELETE "$DST/__sim/stats" >/dev/null
		start_worker w2
		judge "$template: killed while $moment"
		[[ $moment != settling ]] || is "$(curl -sf "$DST/__sim/stats" | json 'd["byCall"].get("POST composite/sobjects/*", 0)')" 0 \
			"$template: killed while $moment: what was recorded is not taken again"
	done
done

# A batch that its job has settled in part goes on before those behind it that the job has settled, too: when its worker dies with the
# rest of it at the org, and when the reply to that is lost.
for template in keyed keyless; do
	for how in dies lost; do
		wanted "$template in part $how" || continue
		begin_trial $template
		settings '{"bulkBatchMs":300}'
		fault '{"match":"PATCH /jobs/ingest","kind":"lock","rows":0.2,"count":5}'
		start_worker w1
		wait_for 60 has_job 'UploadComplete|InProgress' || diag "the moment did not come"
		if [[ $how == dies ]]; then
			fault '{"match":"POST /composite/sobjects","kind":"delay","ms":3000,"count":1}'
			wait_for 60 parted || diag "the moment did not come"
			kill9 "$WORKER_PID"
			start_worker w2
		else
			fault '{"match":"POST /composite/sobjects","kind":"drop-after","count":1}'
		fi
		judge "$template: in part, $how"
	done
done

# Two crashes are no three.
for template in keyed keyless; do
	wanted "$template twice" || continue
	begin_trial $template
	fault '{"match":"PATCH /jobs/ingest","kind":"fail-job","batches":1,"count":1}'
	for n in 1 2; do
		start_worker w$n worker.job_results=kill@1
		wait_for 60 dead "$WORKER_PID" || ok 1 "$template: killed for the ${n}th time"
	done
	start_worker w3
	judge "$template: two workers died of a job's results"
done

# ---- Coordinators that die of a query job, or have no answer to it ---------------------------------------
for point in bulk_job=kill bulk_page=kill bulk_job=error bulk_page=error bulk_hangs=error; do
	wanted "coordinator.$point" || continue
	kill9 "$COORDINATOR_PID"
	start_coordinator "coordinator.$point@1"
	begin_trial keyed
	if [[ $point == *=kill ]]; then
		wait_for 60 dead "$COORDINATOR_PID" || ok 1 "coordinator.$point: it was hit"
		start_coordinator
	fi
	start_worker w1
	judge "keyed: coordinator.$point"
done

# ---- Replies that do not come, or say no ----------------------------------------------------------------
faulty() { # TEMPLATE NAME FAULT...
	wanted "$1 fault $2" || return 0
	begin_trial "$1"
	settings '{"bulkBatchMs":50,"resultRows":5000}'
	for one in "${@:3}"; do fault "$one"; done
	start_worker w1
	TRIAL_SECONDS=${TRIAL_SECONDS:-240} judge "$1: $2"
	[[ $(curl -sf "$DST/__sim/faults" | json 'sum(f["hits"] for f in d)') -gt 0 ]] || ok 1 "$1: $2: the fault hit"
}
for template in keyed keyless; do
	for kind in drop-after drop-before 503 session; do
		faulty $template "$kind of all calls of a job" "{\"match\":\"POST /jobs/ingest\",\"kind\":\"$kind\",\"count\":1}" \
			"{\"match\":\"PUT /batches\",\"kind\":\"$kind\",\"count\":1}" \
			"{\"match\":\"PATCH /jobs/ingest\",\"kind\":\"$kind\",\"count\":1}" \
			"{\"match\":\"GET /jobs/ingest\",\"kind\":\"$kind\",\"after\":1,\"count\":2}" \
			"{\"match\":\"GET Results\",\"kind\":\"$kind\",\"count\":2}"
	done
	faulty $template "results cut" '{"match":"GET Results","kind":"cut-body","after":1,"count":3}'
	faulty $template "a job that fails" '{"match":"PATCH /jobs/ingest","kind":"fail-job","batches":1,"count":1}'
	if wanted "$template fault a job that fails"; then
		# An org may quote values of records in it.
		is "$(cat "$T"/w*.log | grep -c "\"event\":\"job.ended\".*$RUN.*\"code\":\"InternalServerError\"") $(cat "$T"/w*.log | grep -c 'retried too often')" "1 0" \
			"$template: why a job failed is in no log but for the code"
		is "$(sql "SELECT count(*) FROM failure WHERE run = '$RUN' AND kind = 'notice' AND code = 'JOB_FAILED' AND message LIKE '%retried too often%'")" 1 \
			"$template: it is a notice of the run"
	fi
	faulty $template "a job that fails at once" '{"match":"PATCH /jobs/ingest","kind":"fail-job","batches":0,"count":1}'
	faulty $template "jobs refused" '{"match":"POST /jobs/ingest","kind":"refused","count":1000}'
	faulty $template "uploads refused" '{"match":"PUT /batches","kind":"refused","count":1000}'
	faulty $template "results refused" '{"match":"GET Results","kind":"refused","count":12}'
	faulty $template "row locks" '{"match":"PATCH /jobs/ingest","kind":"lock","rows":0.2,"count":1}'
	faulty $template "the org away for long" '{"match":"GET Results","kind":"503","count":14}'
	faulty $template "closed late" '{"match":"PATCH /jobs/ingest","kind":"slow-commit","ms":700,"count":1}'
done

# An org that takes less than a job holds: its batches go by collections, and no job is tried for ever.
for template in keyed keyless; do
	wanted "$template small uploads" || continue
	begin_trial $template
	settings '{"uploadBytes":50000}'
	start_worker w1
	judge "$template: uploads are refused for their size"
	settings '{"uploadBytes":0}'
done

# A record that somebody else inserts with our key meanwhile is found, and not refused.
if wanted "keyed duplicates"; then
	begin_trial keyed
	settings '{"bulkBatchMs":500}'
	start_worker w1
	wait_for 60 has_job 'Open|UploadComplete|InProgress'
	dst_record '{"LastName":"Quick","Ext_Id__c":"Contact-50-00023999"}'
	TAKEN=1 judge "keyed: somebody else was quicker with one"
fi

# ---- Somebody else's hand in it -------------------------------------------------------------------------
meddle() { # TEMPLATE NAME STATE COMMAND...: once a job is in that state
	wanted "$1 meddle $2" || return 0
	begin_trial "$1"
	settings '{"bulkBatchMs":400}'
	start_worker w1
	wait_for 60 has_job "$3" || diag "no job is $3"
	for job in $(jobs_in "$3"); do "${@:4}" "$job"; done
	judge "$1: $2"
}
abort_job() { dst "/$1" -X PATCH -H 'Content-Type: application/json' -d '{"state":"Aborted"}' >/dev/null; }
delete_job() { dst "/$1" -X DELETE >/dev/null; }
abort_and_delete() {
	kill -STOP "$WORKER_PID"
	abort_job "$1"
	sleep_until_over() { dst "/$1/successfulResults" -o /dev/null; }
	sleep_until_over "$1"
	delete_job "$1"
	kill -CONT "$WORKER_PID"
}
empty_redis() { redis-cli -u "$ORGSYNC_REDIS_URL" FLUSHALL >/dev/null; }
second_worker() { start_worker w2; }
zombie() { # stopped past its lease, and woken when another one has done its work
	local first=$WORKER_PID
	[[ ${#WORKERS[@]} -eq 1 ]] || return 0 # once, however many jobs there are
	kill -STOP "$first"
	start_worker w2
	settings '{"bulkBatchMs":0}'
	wait_for 120 recorded 20
	kill -CONT "$first"
}
terminate() {
	kill -TERM "$WORKER_PID"
	wait_for 60 dead "$WORKER_PID" || ok 1 "SIGTERM: it ends by itself"
	start_worker w2
}
for template in keyed keyless; do
	meddle $template "aborted by somebody" InProgress abort_job
	meddle $template "aborted before it is closed" Open abort_job
	meddle $template "aborted and deleted by somebody" InProgress abort_and_delete
	meddle $template "Redis emptied" InProgress empty_redis
	meddle $template "Redis emptied while gathering" Open empty_redis
	meddle $template "a second worker" InProgress second_worker
	meddle $template "a second worker while gathering" Open second_worker
	meddle $template "a zombie that gathers" Open zombie
	meddle $template "a zombie whose job runs" InProgress zombie
	meddle $template "SIGTERM while gathering" Open terminate
	meddle $template "SIGTERM while running" InProgress terminate
done

# Four workers, one after the other: none of them crashed.
if wanted "keyed four workers"; then
	begin_trial keyed
	settings '{"bulkBatchMs":3000}'
	fault '{"match":"PATCH /jobs/ingest","kind":"lock","rows":0.2,"count":1}'
	start_worker w1
	wait_for 60 has_job InProgress
	for n in 2 3 4 5; do
		kill -TERM "$WORKER_PID"
		wait_for 60 dead "$WORKER_PID" || ok 1 "SIGTERM: it ends by itself"
		start_worker w$n
		taken() { [[ $(sql "SELECT count(*) FROM lane WHERE run = '$RUN' AND owner IS NOT NULL") -gt 0 ]]; }
		wait_for 30 taken
	done
	judge "keyed: four workers after each other"
fi

# ---- Aborted runs ---------------------------------------------------------------------------------------
for template in keyed keyless; do
	for state in Open InProgress; do
		wanted "$template abort $state" || continue
		begin_trial $template
		name="$template: aborted while the job is $state"
		if [[ $state == Open ]]; then hold "$DST" "PUT /batches"; else hold "$DST" "PATCH /jobs/ingest" hold-job; fi
		start_worker w1
		runs "$name: it is" wait_for 60 has_job $state
		orgsync run abort "$RUN" >/dev/null
		[[ $state != Open ]] || let_go "$DST"
		wait_ended "$RUN" 60
		is "$(run_get "$RUN" 'd["state"]')" Aborted "$name: Aborted"
		is "$(sql "SELECT count(*) FROM batch WHERE run = '$RUN' AND state <> 'done'")" 0 "$name: nothing is left in work"
		is "$(run_get "$RUN" 'sum(o["inserted"] for o in d["objects"] if o["name"] == "Contact")')" \
			"$(curl -sf "$DST/__sim/count" | json 'd.get("Contact", 0)')" "$name: the count is exact"
		none_open() { ! has_job 'Open|UploadComplete|InProgress'; }
		runs "$name: no job is left open" wait_for 10 none_open
	done
done
e2e_end

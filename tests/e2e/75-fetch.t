#!/usr/bin/env bash
# Targets that are known by id are read again: one retrieve serves batches of several lanes, and a refused one fails nobody else.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
export ORGSYNC_WORKER_REQUESTS=1
worker
add_orgs
curl -sf -d '{"object":"Account","count":20000,"seed":75}' "$SRC/__sim/generate" >/dev/null || bail "no accounts"
cat >"$T/fetch.yaml" <<'YAML'
name: fetch
objects:
  - name: Account
    fields: {include: [Name, Phone, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
    api: rest
YAML
runs "a template" orgsync template apply -f "$T/fetch.yaml"

go() { # a run to its end, id in RUN
	RUN=$(create_run fetch)
	curl -sf -X DELETE "$DST/__sim/stats" >/dev/null
	orgsync run start "$RUN" --wait >"$T/out" 2>&1
}
retrieves() {
	curl -sf "$DST/__sim/stats" | json 'sum(n for call, n in d["byCall"].items() if call.startswith("POST composite/sobjects/"))'
}
totals() {
	run_get "$RUN" '[d["state"]] + [d["totals"][k] for k in ("inserted","updated","existing","failed")]'
}

go
is "$(totals)" "['Synced', 20000, 0, 0, 0]" "all inserted"

# Batches that wait for the one request which flies share the next: the worker comes when all of them wait.
published() { [[ $(run_get "$RUN" 'd["totals"]["published"]') == 20000 ]]; }
go_late() { # as go, with a worker that comes late
	kill9 "$WORKER_PID"
	RUN=$(create_run fetch)
	curl -sf -X DELETE "$DST/__sim/stats" >/dev/null
	orgsync run start "$RUN" >"$T/out" 2>&1
	wait_for 60 published || bail "not published: $(orgsync run show "$RUN" -o json)"
	worker
	wait_ended "$RUN"
}
go_late
is "$(totals)" "['Synced', 0, 0, 20000, 0]" "again: all existing"
n=$(retrieves)
batches=$(psql -At "$ORGSYNC_POSTGRES_URL" -c "SELECT count(*) FROM batch WHERE run = '$RUN'")
diag "$n retrieves for $batches batches"
runs "a retrieve serves several batches" test "$n" -lt "$batches"

# A refusal of a call that held several batches: each asks by itself. (Alone, the rows of a refused call fail.) The ids of one
# batch, at most 1,000, take 21 KB.
curl -sf -d '{"match":"POST /composite/sobjects/Account","kind":"refused","overBytes":24000,"count":1}' "$DST/__sim/faults" >/dev/null ||
	bail "no fault"
go_late
is "$(totals)" "['Synced', 0, 0, 20000, 0]" "a shared call that is refused fails nobody"
is "$(curl -sf "$DST/__sim/stats" | json 'd["faultsFired"]')" 1 "one was refused"
runs "the checker agrees" check_orgs "$RUN" --template "$T/fetch.yaml" --key Ext_Id__c
e2e_end

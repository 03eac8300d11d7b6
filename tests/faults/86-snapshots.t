#!/usr/bin/env bash
# What was in the target before a run is kept, whoever dies in the middle of it: of deletes that are half done, and of updates that go
# now by a job, now by collections. A rollback gives all of it back.
. "$(dirname "$0")/lib.sh"
export ORGSYNC_LEASE_MS=2000
e2e_begin
faulty_programs
simulators
coordinator
add_orgs
N=120
dead() { [[ $(ps -o stat= -p "$WORKER_PID") != [^Z]* ]]; }
sames() { # without ids: what is inserted again has another one
	curl -sf "$DST/__sim/dump?object=Account" | python3 -c '
import json, sys
for r in map(json.loads, sys.stdin):
    if not r["IsDeleted"]: print(json.dumps([r.get(k) for k in ("Ext_Id__c", "Name", "Phone", "Description", "Industry", "BillingCity")]))' | sort
}
dump() { python3 "$ROOT/tests/checker/check" dump "$DST" --objects Account >"$T/$1.dump" 2>/dev/null || bail "no dump"; }
compare() { dump after && python3 "$ROOT/tests/checker/check" compare "$T/before.dump" "$T/after.dump"; }
totals() { run_get "$RUN" '[d["state"]] + [d["totals"][k] for k in ("inserted", "updated", "deleted", "failed")]'; }
rolled_back() { [[ $(run_get "$RUN" 'd["state"]' 2>/dev/null) == "Rollback Completed" ]]; }
undone() { run_get "$RUN" '[d["rollback"][k] for k in ("deleted", "restored", "undeleted", "left")]'; }
start() { # TEMPLATE
	RUN=$(create_run "$1") || bail "no run"
	orgsync run start "$RUN" >/dev/null || bail "the run does not start"
}
accounts() { # PHONE SEPARATOR: a half of them hold a value that a job cannot say
	python3 -c '
import json, sys
for n in range(int(sys.argv[3])):
    print(json.dumps({"attributes": {"type": "Account"}, "Id": "@a%d" % n, "Ext_Id__c": "a%d" % n, "Name": "a%d" % n, "Phone": sys.argv[1],
                      "Description": "one%stwo" % (sys.argv[2] if n % 2 else " ")}))' "$1" "$2" "$N"
}

# ---- Deletes: the first request of a batch is done, the second one is not --------------------------------------------
accounts new ' ' >"$T/src.jsonl"
seed "$SRC" "$T/src.jsonl"
cat >"$T/gone.yaml" <<'YAML'
name: gone
objects:
  - {name: Account, fields: {include: [Name, Phone, Description, Ext_Id__c]}, match: {externalId: Ext_Id__c}, batchSize: 10}
options: {deltaSync: true, includeDeleted: true, deltaOverlapMinutes: 0}
YAML
orgsync template apply -f "$T/gone.yaml" >/dev/null || bail "the template is refused"
worker w1
start gone
wait_ended "$RUN" 60
is "$(totals)" "['Synced', $N, 0, 0, 0]" "all of them are in"
kill9 "$WORKER_PID"
sames >"$T/before"
curl -sf "$SRC/__sim/dump?object=Account" >"$T/all"
curl -sf --data-binary "@$T/all" "$SRC/__sim/delete" >/dev/null || bail "nothing can be deleted"
ORGSYNC_FAILPOINTS=worker.after_reply=kill@1 worker w2
start gone
runs "deletes: the worker dies" wait_for 60 dead
worker w3
wait_ended "$RUN" 60
is "$(totals)" "['Synced', 0, 0, $N, 0]" "deletes: each is counted"
curl -sf -X POST "$DST/__sim/empty-bin" >/dev/null
orgsync run rollback "$RUN" >/dev/null || bail "it cannot be rolled back"
wait_for 60 rolled_back
is "$(undone)" "[0, 0, $N, 0]" "deletes: all of them are back, out of what the run has kept"
sames >"$T/after"
runs "deletes: they are as they were" cmp "$T/before" "$T/after"

# ---- Rows that a job had to leave to collections, whose worker dies, and whose next one has a job again -----------------
for url in "$SRC" "$DST"; do curl -sf -X POST "$url/__sim/reset" >/dev/null || bail "the orgs cannot be emptied"; done
psql -q "$ORGSYNC_POSTGRES_URL" -c 'TRUNCATE idmap_log' >/dev/null
accounts new ' ' >"$T/src.jsonl"
accounts old '-' >"$T/dst.jsonl"
seed "$SRC" "$T/src.jsonl"
seed "$DST" "$T/dst.jsonl"
cat >"$T/job.yaml" <<'YAML'
name: job
objects:
  - {name: Account, fields: {include: [Name, Phone, Description, Ext_Id__c]}, match: {externalId: Ext_Id__c}, api: bulk}
YAML
orgsync template apply -f "$T/job.yaml" >/dev/null || bail "the template is refused"
orgsync idmap rebuild --source src --target dst >/dev/null || bail "the id map is not made anew"
dump before
curl -sf -d '{"match":"PATCH /jobs/ingest","kind":"lock","rows":0.5,"count":1}' "$DST/__sim/faults" >/dev/null || bail "no fault"
kill9 "$WORKER_PID"
ORGSYNC_FAILPOINTS=worker.after_reply=kill@1 worker w4
start job
runs "locks: the worker dies" wait_for 60 dead
ORGSYNC_FAILPOINTS=worker.job_gathered=kill@1 worker w5
over() { dead || run_ended "$RUN"; }
wait_for 60 over
dead && worker w6
wait_ended "$RUN" 60
is "$(totals)" "['Synced', 0, $N, 0, 0]" "locks: each is counted as updated"
orgsync run rollback "$RUN" >/dev/null || bail "it cannot be rolled back"
wait_for 60 rolled_back
is "$(undone)" "[0, $N, 0, 0]" "locks: all of them have their values back"
runs "locks: they are as they were" compare
e2e_end

#!/usr/bin/env bash
# An object that is loaded level by level, without a key: coordinator and worker die between its levels and within them, on the way
# in and when it is rolled back. None is lost, none goes in twice, each is under its parent, and then nothing is left.
. "$(dirname "$0")/lib.sh"
export ORGSYNC_LEASE_MS=${ORGSYNC_LEASE_MS:-3000}
e2e_begin
faulty_programs
SIZE=${SIZE:-1500} DEPTH=${DEPTH:-8}
common='{"name":"Ext_Id__c","type":"string","length":40},{"name":"CreatedById","type":"reference","referenceTo":["User"],"createable":false,"updateable":false}'
cat >"$T/schema.json" <<JSON
{"objects": [
  {"name": "Node__c", "keyPrefix": "a6N", "fields": [$common,
    {"name":"Up__c","type":"reference","referenceTo":["Node__c"],"relationshipName":"Up__r","updateable":false}]},
  {"name": "Leaf__c", "keyPrefix": "a6L", "fields": [$common,
    {"name":"Node__c","type":"reference","referenceTo":["Node__c"],"relationshipName":"Node__r","nillable":false}]}]}
JSON
simulators --schema "$T/schema.json" --latency 20
coordinator
add_orgs
python3 - "$SIZE" "$DEPTH" >"$T/src.jsonl" <<'PY'
import json, random, sys
size, depth = int(sys.argv[1]), int(sys.argv[2])
random.seed(96)
level = [n if n < depth else random.randrange(depth) for n in range(size)]
random.shuffle(level)
by_level = [[n for n in range(size) if level[n] == k] for k in range(depth)]
def record(kind, ref, **more):
    print(json.dumps(dict({"attributes": {"type": kind}, "Id": "@" + ref, "Ext_Id__c": ref}, **more)))
for n in range(size):
    record("Node__c", "n%d" % n, **({"Up__c": "@n%d" % random.choice(by_level[level[n] - 1])} if level[n] else {}))
for n in range(size // 5):
    record("Leaf__c", "l%d" % n, Node__c="@n%d" % random.randrange(size))
PY
seed "$SRC" "$T/src.jsonl"
ALL=$((SIZE + SIZE / 5))
cat >"$T/nodes.yaml" <<'YAML'
name: nodes
objects:
  - {name: Node__c, fields: {include: [Up__c, Ext_Id__c]}, batchSize: 50}
  - {name: Leaf__c, fields: {include: [Node__c, Ext_Id__c]}, batchSize: 50}
YAML
orgsync template apply -f "$T/nodes.yaml" >/dev/null || bail "the template is refused"
RUN=$(create_run nodes)

dead() { ! kill -0 "$1" 2>/dev/null; }
state_is() { [[ $(run_get "$RUN" 'd["state"]') == "$1" ]]; }
dies() { # NAME PID: by its failpoint
	wait_for 60 dead "$2" || bail "$1: it does not die"
	wait "$2" 2>/dev/null
}
coordinator_that() { # FAILPOINTS
	kill9 "$COORDINATOR_PID"
	ORGSYNC_FAILPOINTS=$1 coordinator "c$((++COORDINATORS))"
}
worker_that() { # FAILPOINTS
	ORGSYNC_FAILPOINTS=$1 worker "w$((++WORKERS))"
}
COORDINATORS=0 WORKERS=0

# ---- In ----------------------------------------------------------------------------------------------
coordinator_that 'coordinator.before_commit=kill@3'
worker_that 'worker.after_send=kill@3'
orgsync run start "$RUN" >/dev/null || bail "it does not start"
dies "the coordinator, as the third level goes into the journal" "$COORDINATOR_PID"
coordinator_that 'coordinator.after_commit=kill@2'
dies "the coordinator, behind the commit of a level" "$COORDINATOR_PID"
coordinator_that 'coordinator.stage_open=kill@3'
dies "a worker, with a level on its way" "$WORKER_PID"
worker_that 'worker.after_idmap=kill@4'
dies "a worker, with a level in and not recorded" "$WORKER_PID"
worker_that ''
dies "the coordinator, as it opens a level" "$COORDINATOR_PID"
coordinator_that ''
wait_ended "$RUN" 120
is "$(run_get "$RUN" '[d["state"]] + [d["totals"][k] for k in ("scanned","inserted","updated","existing","skipped","failed")]')" \
	"['Synced', $ALL, $ALL, 0, 0, 0, 0]" "the counts add up"
runs "the checker agrees" check_orgs "$RUN" --template "$T/nodes.yaml" --key Ext_Id__c

# ---- And out -----------------------------------------------------------------------------------------
kill9 "$WORKER_PID"
worker_that 'worker.undo_replied=kill@3'
coordinator_that 'coordinator.undo_stage=kill@4'
orgsync run rollback "$RUN" >/dev/null || bail "it cannot be rolled back"
dies "a worker, while a level is deleted" "$WORKER_PID"
worker_that ''
dies "the coordinator, between two levels" "$COORDINATOR_PID"
coordinator_that ''
wait_for 120 state_is "Rollback Completed"
is "$(run_get "$RUN" '[d["state"]] + [d["rollback"][k] for k in ("deleted", "restored", "left")]')" \
	"['Rollback Completed', $ALL, 0, 0]" "it is rolled back by itself"
is "$(curl -sf "$DST/__sim/count" | json '[d.get(o, 0) for o in ("Node__c", "Leaf__c")]')" "[0, 0]" "and nothing is left"
e2e_end

#!/usr/bin/env bash
# A rollback whose programs are killed on the way leaves the target as it was before the run. SIZE=100000 for a large one.
. "$(dirname "$0")/lib.sh"
e2e_begin
SIZE=${SIZE:-16000} ACCOUNTS=$((SIZE / 4)) CONTACTS=$((SIZE * 3 / 4))
simulators
coordinator
worker w1
W1=$WORKER_PID
worker w2
add_orgs
generate() { curl -sf -d "$1" "$SRC/__sim/generate" >/dev/null || bail "no records"; }
dump() { python3 "$ROOT/tests/checker/check" dump "$DST" --objects Account,Contact >"$T/$1.dump" || bail "no dump"; }
cat >"$T/crm.yaml" <<'YAML'
name: crm
objects:
  - name: Account
    fields: {include: [Name, Industry, Phone, Description, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
    nulls: write
    batchSize: 50
  - name: Contact
    fields: {include: [LastName, FirstName, Email, AccountId, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
    batchSize: 50
YAML
orgsync template apply -f "$T/crm.yaml" >/dev/null || bail "the template is refused"
generate "{\"object\":\"Account\",\"count\":$((ACCOUNTS / 2)),\"seed\":85,\"fields\":4}"
generate "{\"object\":\"Contact\",\"count\":$((CONTACTS / 2)),\"seed\":85,\"parent\":\"Account\",\"fields\":4}"
RUN=$(create_run crm)
orgsync run start "$RUN" --wait >"$T/out" 2>&1
is "$(run_get "$RUN" 'd["state"]')" Synced "what is there before"

# The run that is undone: half of it inserts, half updates.
for object in Account Contact; do
	curl -sf "$SRC/__sim/dump?object=$object" | python3 -c '
import json, sys
field = {"Account": "Phone", "Contact": "FirstName"}[sys.argv[1]]
for line in sys.stdin:
    r = json.loads(line)
    print(json.dumps({"attributes": r["attributes"], "Id": r["Id"], field: "changed"}))' $object >"$T/changes"
	curl -sf --data-binary "@$T/changes" "$SRC/__sim/update" >/dev/null || bail "the source cannot be changed"
done
generate "{\"object\":\"Account\",\"count\":$((ACCOUNTS / 2)),\"seed\":86,\"fields\":4}"
generate "{\"object\":\"Contact\",\"count\":$((CONTACTS / 2)),\"seed\":86,\"parent\":\"Account\",\"fields\":4}"
dump before
RUN=$(create_run crm)
orgsync run start "$RUN" --wait >"$T/out" 2>&1
is "$(run_get "$RUN" '[d["state"], d["totals"]["inserted"], d["totals"]["updated"]]')" \
	"['Synced', $((SIZE / 2)), $((SIZE / 2))]" "half of it is inserted, half updated"

curl -sf -d '{"ms":150}' "$DST/__sim/latency" >/dev/null
curl -sf -d '{"match":"DELETE /composite","kind":"drop-after","after":2,"count":3}' "$DST/__sim/faults" >/dev/null || bail "no fault"
curl -sf -d '{"match":"PATCH /composite","kind":"503","after":1,"count":2}' "$DST/__sim/faults" >/dev/null || bail "no fault"
batches=$(psql -qAt "$ORGSYNC_POSTGRES_URL" -c "SELECT count(*) FROM batch WHERE run = '$RUN' AND pass = 1")
undone() { # PER CENT of the batches
	[[ $(psql -qAt "$ORGSYNC_POSTGRES_URL" -c "SELECT count(*) FROM batch WHERE run = '$RUN' AND pass = 2 AND state = 'done'") -ge $((batches * $1 / 100)) ]]
}
orgsync run rollback "$RUN" >/dev/null || bail "it cannot be rolled back"
wait_for 120 undone 15
kill9 "$W1"
worker w3
wait_for 120 undone 40
kill9 "$COORDINATOR_PID"
coordinator again
wait_for 120 undone 60
kill9 "$WORKER_PID"
worker w4
state_is() { [[ $(run_get "$RUN" 'd["state"]') == "$1" ]]; }
wait_for 300 state_is "Rollback Completed"
is "$(run_get "$RUN" '[d["state"], d["rollback"]["deleted"], d["rollback"]["restored"], d["rollback"]["left"]]')" \
	"['Rollback Completed', $((SIZE / 2)), $((SIZE / 2)), 0]" "killed three times, it is rolled back by itself"
curl -sf -X DELETE "$DST/__sim/faults" >/dev/null
curl -sf -d '{"ms":0}' "$DST/__sim/latency" >/dev/null
dump after
runs "the target is as it was, field by field" python3 "$ROOT/tests/checker/check" compare "$T/before.dump" "$T/after.dump"
# Those of a worker that was killed just before the end keep its name: nobody has a use for them any more.
let_go() { [[ $(psql -qAt "$ORGSYNC_POSTGRES_URL" -c "SELECT count(*) FROM lane l JOIN process p ON p.id = l.owner WHERE l.run = '$RUN' AND
	p.heartbeat_at > clock_timestamp() - interval '2 s'") == 0 ]]; }
wait_for 60 let_go
ok $? "no live worker has a lane of it"
e2e_end

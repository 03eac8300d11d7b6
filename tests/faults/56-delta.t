#!/usr/bin/env bash
# Delta and deletes while programs die: in the middle of the reading, of the deletes and undeletes, and of their rollback; and at
# each step of them. Nothing is lost or counted twice, marks move as they should, and a rollback leaves the target as it was.
. "$(dirname "$0")/lib.sh"
export ORGSYNC_LEASE_MS=${ORGSYNC_LEASE_MS:-3000}
e2e_begin own
faulty_programs
ACCOUNTS=${ACCOUNTS:-600} CONTACTS=${CONTACTS:-3000}
simulators --latency 10
coordinator
worker w1
TRIAL_WORKERS=("$WORKER_PID")
add_orgs
generate() { curl -sf -d "$1" "$SRC/__sim/generate" >/dev/null || bail "no records"; }
generate "{\"object\":\"Account\",\"count\":$ACCOUNTS,\"seed\":56,\"fields\":4,\"spreadSeconds\":86400}"
generate "{\"object\":\"Contact\",\"count\":$CONTACTS,\"seed\":56,\"parent\":\"Account\",\"fields\":4,\"spreadSeconds\":86400}"
# Contacts without a key: what is inserted again can be told by its fields alone.
cat >"$T/crm.yaml" <<'YAML'
name: crm
objects:
  - name: Account
    fields: {include: [Name, Phone, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
    batchSize: 50
  - name: Contact
    fields: {include: [LastName, Title, AccountId, Ext_Id__c]}
    batchSize: 50
options: {deltaSync: true, includeDeleted: true, deltaOverlapMinutes: 0}
YAML
orgsync template apply -f "$T/crm.yaml" >/dev/null || bail "the template is refused"
dead() { ! kill -0 "$1" 2>/dev/null; }
sql() { psql -qtA "$ORGSYNC_POSTGRES_URL" -c "$1" 2>/dev/null; }
dump() { python3 "$ROOT/tests/checker/check" dump "$DST" --objects Account,Contact >"$T/$1.dump" 2>/dev/null || bail "no dump"; }
same() { dump after && python3 "$ROOT/tests/checker/check" compare "$T/before.dump" "$T/after.dump"; }
judge() { check_orgs "$RUN" --template "$T/crm.yaml" --key Ext_Id__c; }
live() { curl -sf "$DST/__sim/count" | json '[d["Account"], d["Contact"]]'; }
count() { run_get "$RUN" '[d["state"]] + [d["totals"][k] for k in ("inserted", "updated", "deleted", "failed")]'; }
# Live records of the source that answer to an expression of r and i, the i-th of its object.
pick() { # OBJECT EXPRESSION MOST FIELDS
	curl -sf "$SRC/__sim/dump?object=$1" | python3 -c '
import json, sys
n = 0
for i, line in enumerate(sys.stdin):
    r = json.loads(line)
    if r["IsDeleted"] or n >= int(sys.argv[2]) or not eval(sys.argv[1]): continue
    n += 1
    print(json.dumps({"attributes": r["attributes"], "Id": r["Id"], **eval(sys.argv[3])}))' "$2" "$3" "$4"
}
change() { pick "$@" | curl -sf --data-binary @- "$SRC/__sim/update" >/dev/null || bail "the source cannot be changed"; }
erase() { # OBJECT EXPRESSION MOST: ids in $T/gone
	pick "$1" "$2" "$3" '{}' >"$T/gone"
	curl -sf --data-binary "@$T/gone" "$SRC/__sim/delete" >/dev/null || bail "nothing can be deleted"
}
raise() { # what erase has deleted last is alive again
	local token
	token=$(curl -sf -d 'grant_type=client_credentials&client_id=orgsync&client_secret=orgsync-secret' "$SRC/services/oauth2/token" | json 'd["access_token"]')
	python3 -c '
import json, sys
ids = "".join("<ids>%s</ids>" % json.loads(line)["Id"] for line in open(sys.argv[1]))
print("""<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com"><e:Header><SessionHeader>
<sessionId>%s</sessionId></SessionHeader></e:Header><e:Body><undelete>%s</undelete></e:Body></e:Envelope>""" % (sys.argv[2], ids))' "$T/gone" "$token" |
		curl -sf -H 'SOAPAction: "undelete"' -H 'Content-Type: text/xml' --data-binary @- "$SRC/services/Soap/u/60.0" | grep -q 'success>true' ||
		bail "nothing can be undeleted"
}
RUN=$(create_run crm)
orgsync run start "$RUN" --wait >"$T/out" 2>&1
is "$(count)" "['Synced', $((ACCOUNTS + CONTACTS)), 0, 0, 0]" "everything is in"

# ---- Killed in the middle of the reading, and of the deletes ---------------------------------------------
change Account 'i % 2' 100000 '{"Phone": "changed"}'
change Contact 'i % 2' 100000 '{"Title": "changed"}'
erase Contact 'i % 2 == 0' $((CONTACTS / 3))
live_before=$((CONTACTS - CONTACTS / 3))
changed=$((ACCOUNTS / 2 + CONTACTS / 2))
curl -sf -d '{"ms":80}' "$SRC/__sim/latency" >/dev/null
curl -sf -d '{"pageRows":200}' "$SRC/__sim/settings" >/dev/null
curl -sf -d '{"ms":60}' "$DST/__sim/latency" >/dev/null
curl -sf -d '{"match":"DELETE /composite","kind":"drop-after","after":2,"count":3}' "$DST/__sim/faults" >/dev/null || bail "no fault"
curl -sf -d '{"match":"POST /composite","kind":"drop-after","after":8,"count":3}' "$DST/__sim/faults" >/dev/null || bail "no fault"
RUN=$(create_run crm)
orgsync run start "$RUN" >/dev/null || bail "it does not start"
published() { [[ $(sql "SELECT coalesce(sum(published), 0) FROM run_object WHERE run = '$RUN'") -ge $1 ]]; }
deleted() { [[ $(sql "SELECT coalesce(sum(d_deleted), 0) FROM batch WHERE run = '$RUN'") -ge $1 ]]; }
wait_for 60 published 100
kill9 "$COORDINATOR_PID"
coordinator again
wait_for 60 published $((changed + 100))
kill9 "$COORDINATOR_PID"
coordinator again
wait_for 120 deleted 50
kill9 "$WORKER_PID"
worker w2
wait_for 120 deleted $((CONTACTS / 6))
kill9 "$WORKER_PID"
kill9 "$COORDINATOR_PID"
coordinator again
worker w3
TRIAL_WORKERS=("$WORKER_PID")
wait_ended "$RUN"
curl -sf -X DELETE "$DST/__sim/faults" >/dev/null
for url in "$SRC" "$DST"; do curl -sf -d '{"ms":10}' "$url/__sim/latency" >/dev/null; done
curl -sf -d '{"pageRows":0}' "$SRC/__sim/settings" >/dev/null
is "$(count)" "['Synced', 0, $changed, $((CONTACTS / 3)), 0]" "killed five times: each record is counted once"
is "$(live)" "[$ACCOUNTS, $live_before]" "what was deleted is gone, and nothing else"
runs "the orgs are equal" judge
is "$(sql "SELECT count(*), count(DISTINCT at), min(run) = '$RUN' FROM mark")" "4|1|t" "all four marks have moved, to one moment"

# ---- At each step -------------------------------------------------------------------------------------------
mend() { # POINT: who was hit comes back
	[[ $1 == *=kill* ]] || return 0
	if [[ $1 == coordinator.* ]]; then
		wait_for 60 dead "$COORDINATOR_PID" || ok 1 "$1: it was hit"
		start_coordinator
	else
		wait_for 60 dead "$WORKER_PID" || ok 1 "$1: it was hit"
		start_worker
	fi
}
trial() { # POINT WHAT COUNT: a run, disturbed at POINT; its counts
	arm "$1"
	RUN=$(create_run crm)
	orgsync run start "$RUN" >/dev/null || bail "it does not start"
	mend "$1"
	wait_ended "$RUN" 120
	is "$(count)" "$3" "$2 $1: counted once"
	judge >"$T/judged" 2>&1 || { ok 1 "$2 $1: the orgs are equal" && return; diag "$(tail -8 "$T/judged")"; }
}
undo() { # POINT WHAT COUNT
	arm "$1"
	orgsync run rollback "$RUN" >/dev/null || bail "it cannot be rolled back"
	mend "$1"
	rolled_back() { [[ $(run_get "$RUN" 'd["state"]' 2>/dev/null) == "Rollback Completed" ]]; }
	wait_for 120 rolled_back || diag "$(run_get "$RUN" d)"
	is "$(run_get "$RUN" '[d["rollback"][k] for k in ("undeleted", "left")]')" "[$3, 0]" "undo $2 $1: all is back"
}
N=120
for point in worker.before_intent=kill worker.after_intent=kill worker.after_send=kill worker.after_reply=kill worker.after_idmap=kill \
	worker.after_record=kill coordinator.before_checkpoint=kill coordinator.before_commit=kill coordinator.after_commit=kill@2 \
	coordinator.settle=kill coordinator.settle=error@1; do
	dump before
	erase Contact True $N
	trial "$point" deletes "['Synced', 0, 0, $N, 0]"
done
# The last ones come back: by SOAP, then as they are in the source.
for point in worker.after_intent=kill worker.after_send=kill worker.after_undelete=kill worker.after_record=kill; do
	raise
	trial "$point" undeletes "['Synced', $N, 0, 0, 0]"
	curl -sf --data-binary "@$T/gone" "$SRC/__sim/delete" >/dev/null
	trial worker.after_send=kill deletes "['Synced', 0, 0, $N, 0]"
done
# And a rollback brings them back: out of the recycle bin, or as other records.
for point in worker.undo_taken=kill worker.undo_sends=kill worker.undo_replied=kill worker.before_record=kill worker.after_record=kill; do
	undo "$point" "from the recycle bin" $N
	is "$(live | json 'd[1]')" $((live_before - 10 * N)) "undo $point: each once"
	trial worker.after_reply=kill deletes "['Synced', 0, 0, $N, 0]"
done
for point in worker.after_intent=kill worker.after_send=kill worker.after_reply=kill worker.after_idmap=kill; do
	curl -sf -X POST "$DST/__sim/empty-bin" >/dev/null
	undo "$point" "as other records" $N
	is "$(live | json 'd[1]')" $((live_before - 10 * N)) "undo $point: each once"
	trial worker.after_reply=kill deletes "['Synced', 0, 0, $N, 0]"
done
e2e_end

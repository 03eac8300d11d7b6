#!/usr/bin/env bash
# The programs die, stop, wait or fail at each step of a load and of its rollback. A trial: half of the records are in the target, the
# source has changed since, a run inserts the one half and updates the other while something happens; what comes out is what comes
# out undisturbed: the orgs, by the checker; the counts; no failure; each source with a target of its own; and what the run has kept,
# by rolling it back: the target is as it was, field by field. ONLY=. makes all trials, else those that match USUAL.
. "$(dirname "$0")/lib.sh"
USUAL='^keyless (worker.after_send=kill|worker.after_idmap=kill|worker.before_record=stop)|^keyed (worker.after_reply=kill|coordinator.before_commit=kill'
USUAL+='|coordinator.after_commit=error|undo worker.undo_replied=kill)|^keyless worker.after_send=kill@2 worker.reconcile=kill'
export ORGSYNC_LEASE_MS=${ORGSYNC_LEASE_MS:-3000}
e2e_begin own
faulty_programs
ACCOUNTS=400 CONTACTS=1200
simulators --latency 10
coordinator
add_orgs
generate() { curl -sf -d "$1" "$SRC/__sim/generate" >/dev/null || bail "no records"; }
generate "{\"object\":\"Account\",\"count\":$ACCOUNTS,\"seed\":70,\"fields\":4}"
generate "{\"object\":\"Contact\",\"count\":$CONTACTS,\"seed\":70,\"parent\":\"Account\",\"fields\":4}"
change() { # OBJECT EXPRESSION of i: fields of each record of the source
	curl -sf "$SRC/__sim/dump?object=$1" | python3 -c '
import json, sys
for i, line in enumerate(sys.stdin):
    r = json.loads(line)
    print(json.dumps({"attributes": r["attributes"], "Id": r["Id"], **eval(sys.argv[1])}))' "$2" |
		curl -sf --data-binary @- "$SRC/__sim/update" >/dev/null || bail "the source cannot be changed"
}
FIRST=$(curl -sf "$SRC/__sim/dump?object=Account" | head -1 | json 'd["Id"]')
change Account "{\"ParentId\": '$FIRST' if i and i % 4 == 0 else None}"

# Half of it, and all of it; with a key, and with contacts of which many are equal and none has a key.
template() { # NAME CONTACT-MATCH CONTACT-FIELDS WHERE-ACCOUNT WHERE-CONTACT
	printf 'name: %s\nobjects:\n  - name: Account\n    fields: {include: [Name, Phone, ParentId, Ext_Id__c]}\n    match: {externalId: Ext_Id__c}\n%s    batchSize: 50\n  - name: Contact\n    fields: {include: [%s]}\n    match: %s\n%s    batchSize: 50\n' \
		"$1" "$4" "$3" "$2" "$5" >"$T/$1.yaml"
	orgsync template apply -f "$T/$1.yaml" >/dev/null || bail "the template is refused"
}
HALF_A="    where: \"Ext_Id__c < 'Account-70-00000200'\"
" HALF_C="    where: \"Ext_Id__c < 'Contact-70-00000600'\"
"
template keyed '{externalId: Ext_Id__c}' 'LastName, Title, AccountId, Ext_Id__c' '' ''
template keyed-half '{externalId: Ext_Id__c}' 'LastName, Title, AccountId, Ext_Id__c' "$HALF_A" "$HALF_C"
template keyless none 'LastName, Title, AccountId' '' ''
template keyless-half none 'LastName, Title, AccountId' "$HALF_A" "$HALF_C"

# ---- A trial --------------------------------------------------------------------------------------------
TRIALS=0
sql() { psql -qtA "$ORGSYNC_POSTGRES_URL" -c "$1" 2>/dev/null; }
dead() { ! kill -0 "$1" 2>/dev/null; }
stopped() { [[ $(ps -o state= -p "$1") == T ]]; }
state_is() { [[ $(run_get "$RUN" 'd["state"]' 2>/dev/null) == "$1" ]]; }
fresh() { # KIND: half of it in the target
	stop_all
	curl -sf -X POST "$DST/__sim/reset" >/dev/null || bail "the target cannot be emptied"
	sql "TRUNCATE idmap_log; DELETE FROM failure WHERE code = 'OUTCOME_UNKNOWN'"
	redis-cli -u "$ORGSYNC_REDIS_URL" FLUSHALL >/dev/null
	start_coordinator
	start_worker
	RUN=$(create_run "$1-half")
	orgsync run start "$RUN" --wait >"$T/out" 2>&1
	state_is Synced || ok 1 "half of it is in"
	dump before
	TRIALS=$((TRIALS + 1))
	change Account "{\"Phone\": \"trial $TRIALS\"}"
	change Contact "{\"Title\": \"trial $TRIALS\"}"
}
dump() { python3 "$ROOT/tests/checker/check" dump "$DST" --objects Account,Contact >"$T/$1.dump" 2>/dev/null || bail "no dump"; }
# Arms a program with NAME=ACTION@N, and mends what comes of it.
disturb() { # POINT STATE: at which the run is over
	local point=$1 over=$2 victim
	if [[ $point == coordinator.* ]]; then victim=$COORDINATOR_PID; else victim=$WORKER_PID; fi
	case $point in
	*=kill*)
		wait_for 60 dead "$victim" || ok 1 "$point: it was hit"
		if [[ $point == coordinator.* ]]; then start_coordinator "${3:-}"; else start_worker "${3:-}"; fi
		;;
	*=stop*)
		wait_for 60 stopped "$victim" || ok 1 "$point: it was hit"
		if [[ $point == coordinator.* ]]; then
			kill9 "$victim"
			start_coordinator
		else
			start_worker # takes the lanes over when the lease has ended; then the other one is woken
			wait_for 60 state_is "$over"
			kill -CONT "$victim"
		fi
		;;
	esac
}
judge_load() { # NAME KIND
	local key=(--key Ext_Id__c)
	[[ $2 == keyed ]] || key=()
	wait_for 120 state_is Synced
	is "$(run_get "$RUN" '[d["state"]] + [d["totals"][k] for k in ("scanned", "inserted", "updated", "failed")]')" \
		"['Synced', $((ACCOUNTS + CONTACTS)), $(((ACCOUNTS + CONTACTS) / 2)), $(((ACCOUNTS + CONTACTS) / 2)), 0]" "$1: Synced by itself, the counts are exact"
	is "$(sql "SELECT count(*) FROM failure WHERE run = '$RUN'") $(sql "SELECT count(*) FROM batch WHERE run = '$RUN' AND state <> 'done'")" "0 0" \
		"$1: no failure, nothing unsettled"
	is "$(sql "SELECT count(DISTINCT s) = count(DISTINCT t) FROM (SELECT substring(pairs FROM 18 * i + 1 FOR 9) s, substring(pairs FROM
		18 * i + 10 FOR 9) t FROM idmap_log, generate_series(0, octet_length(pairs) / 18 - 1) i WHERE source_prefix = '003') m")" t \
		"$1: each source has a target of its own"
	runs "$1: the checker agrees" check_orgs "$RUN" --template "$T/$2.yaml" "${key[@]}"
}
judge_undo() { # NAME
	wait_for 120 state_is "Rollback Completed"
	is "$(run_get "$RUN" '[d["state"]] + [d["rollback"][k] for k in ("deleted", "restored", "left")]')" \
		"['Rollback Completed', $(((ACCOUNTS + CONTACTS) / 2)), $(((ACCOUNTS + CONTACTS) / 2)), 0]" "$1: and is rolled back"
	dump after
	runs "$1: the target is as it was" python3 "$ROOT/tests/checker/check" compare "$T/before.dump" "$T/after.dump"
}
trial() { # KIND POINT [POINT-OF-THE-NEXT-ONE]: during the load
	local name="$1 $2${3:+ $3}"
	[[ $name =~ ${ONLY:-$USUAL} ]] || return 0
	fresh "$1"
	arm "$2"
	RUN=$(create_run "$1")
	orgsync run start "$RUN" >/dev/null 2>&1 || wait_for 20 orgsync run start "$RUN"
	disturb "$2" Synced "${3:-}"
	[[ -z ${3:-} ]] || disturb "$3" Synced
	judge_load "$name" "$1"
	orgsync run rollback "$RUN" >/dev/null || ok 1 "$name: a rollback is asked for"
	judge_undo "$name"
}
trial_undo() { # KIND POINT: during the rollback
	local name="$1 undo $2"
	[[ $name =~ ${ONLY:-$USUAL} ]] || return 0
	fresh "$1"
	RUN=$(create_run "$1")
	orgsync run start "$RUN" --wait >/dev/null 2>&1
	arm "$2"
	orgsync run rollback "$RUN" >/dev/null || ok 1 "$name: a rollback is asked for"
	disturb "$2" "Rollback Completed"
	judge_undo "$name"
}

for kind in keyed keyless; do
	for point in before_intent after_intent after_send after_reply after_idmap before_record after_record; do
		for n in 2 3; do trial $kind "worker.$point=kill@$n"; done
		trial $kind "worker.$point=stop@3"
		trial $kind "worker.$point=delay:1500@2"
	done
	for point in plan before_checkpoint before_commit after_commit stage_open; do
		trial $kind "coordinator.$point=kill@1"
		trial $kind "coordinator.$point=error@1"
		trial $kind "coordinator.$point=delay:4000@1"
	done
	for point in before_checkpoint before_commit after_commit; do
		trial $kind "coordinator.$point=kill@2"
		trial $kind "coordinator.$point=stop@1"
	done
	# Killed, and then something while it recovers.
	trial $kind "worker.after_send=kill@2" "worker.after_intent=kill@1"
	trial $kind "worker.after_idmap=kill@3" "worker.before_record=kill@1"
	trial $kind "coordinator.before_commit=kill@1" "coordinator.before_checkpoint=kill@1"
	for point in undo_taken undo_sends undo_replied after_idmap after_record; do
		trial_undo $kind "worker.$point=kill@2"
		trial_undo $kind "worker.$point=stop@2"
	done
	trial_undo $kind "coordinator.undo_stage=kill@1"
done
trial keyless "worker.after_send=kill@2" "worker.reconcile=kill@1"
e2e_end

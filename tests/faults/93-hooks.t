#!/usr/bin/env bash
# The coordinator is killed between a point of a run and its call, between a call and its answer, between the answer and its record:
# no call is lost, each keeps its id, and they come in their order. A hook that changes records changes none twice.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../e2e/hooks.sh"
export ORGSYNC_LEASE_MS=1500
e2e_begin own
faulty_programs
simulators
coordinator
worker w1
TRIAL_WORKERS=("$WORKER_PID")
add_orgs
receiver
hook_data 40
add_hooks ok clean
H='hook: ok, timeoutSeconds: 1'
hook_template crm "[{at: beforeRun, $H, onError: abort}, {at: afterObject, $H}, {at: afterRun, $H}]"
hook_template changed "[{at: afterRun, $H}]" ', transform: {hook: clean, fields: [Name]}'

dead() { ! kill -0 "$COORDINATOR_PID" 2>/dev/null; }
begin() { # POINT TEMPLATE: a run into a fresh target, the coordinator killed there, and another one
	curl -sf -X POST "$DST/__sim/reset" >/dev/null
	forget_mappings
	arm "$1"
	: >"$T/heard"
	RUN=$(create_run "$2") || bail 'no run'
	orgsync run start "$RUN" >/dev/null || bail 'it does not start'
	runs "$1: the coordinator dies" wait_for 60 dead
	start_coordinator
	wait_ended "$RUN" 60
	wait_for 60 hooks_done "$RUN"
}
settled() { run_get "$RUN" 'd["state"], d["totals"]["inserted"], d["totals"]["failed"], d["hooks"]'; }

for point in hook_told=kill@3 hook_told=kill@4 hook_claimed=kill@4 hook_answered=kill@2; do
	begin "coordinator.$point" crm
	is "$(settled)" "('Synced', 80, 0, {'pending': 0, 'delivered': 4, 'failed': 0})" "$point: the run is Synced, every call is answered"
	is "$(heard '[next(r for r in d if r["id"] == i)["body"]["type"] for i in dict.fromkeys(r["id"] for r in d)]')" \
		"['beforeRun', 'afterObject', 'afterObject', 'afterRun']" "$point: none is lost, none has two ids, in their order"
	is "$(heard 'all(r["signed"] and r["id"] == r["body"]["id"] for r in d), all(a["body"] == b["body"] for a in d for b in d if a["id"] == b["id"])')" \
		'(True, True)' "$point: what is sent again is the same"
done
begin coordinator.before_commit=kill changed
is "$(settled)" "('Synced', 80, 0, {'pending': 0, 'delivered': 1, 'failed': 0})" 'killed behind an answer: the run is Synced'
is "$(curl -sf "$DST/__sim/dump?object=Account" | grep -c '"Name":"Secretname [0-9]*+"') $(curl -sf "$DST/__sim/dump?object=Account" | grep -c '++')" \
	'26 0' 'and each record was changed once'
e2e_end

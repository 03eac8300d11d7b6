#!/usr/bin/env bash
# Automation of the target: each kind is off while the run loads and back when it has ended, be it Synced, Aborted by a failure or
# by hand; what cannot be switched is said; what an org refuses to bring back is told, and comes back by --enable.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/automation.sh"
e2e_begin
simulators --latency 5
coordinator
worker
add_orgs
automation_data 40
template automation ''
template strict 'continueOnError: false'

before=$(switches)
like "$before" 'Account.No_fax.*true.*AccountTrigger.*Active' 'the switches are on'

# ---- Synced ----
RUN=$(create_run automation)
orgsync run start "$RUN" --wait >"$T/out" 2>&1
is "$(run_get "$RUN" 'd["state"], d["totals"]["inserted"], d["totals"]["failed"]')" "('Synced', 40, 0)" 'nothing that was off refused a record'
is "$(switches)" "$before" 'every switch is back where it was'
is "$(automation "$RUN" 'd["state"], sorted(set(s["state"] for s in d["switches"]))')" "('on', ['back', 'packaged'])" 'and told so'
is "$(automation "$RUN" '[s["kind"] for s in d["switches"] if s["state"] == "back"]')" \
	"['duplicateRules', 'flows', 'triggers', 'validationRules', 'workflowRules']" 'each kind was switched'
like "$(orgsync run automation "$RUN")" 'pkg__Locked.*packaged.*managed package pkg' 'what cannot be switched is said'
is "$(automation "$RUN" '[s["version"] for s in d["switches"] if s["kind"] == "flows"]')" '[2]' 'a flow keeps its version'
is "$(curl -sf "$DST/__sim/stats" | json 'sum(n for c, n in d["byCall"].items() if "tooling" in c or "metadata" in c) <= 20')" True 'by few calls'

# ---- without ----
printf 'name: plain\nobjects: [{name: Account, match: {externalId: Ext_Id__c}}]\n' >"$T/plain.yaml"
orgsync template apply -f "$T/plain.yaml" >/dev/null
RUN=$(create_run plain)
orgsync run start "$RUN" --wait >"$T/out" 2>&1
is "$(automation "$RUN" 'd["state"], d["switches"]')" '(None, [])' 'a template that names none switches nothing'
orgsync run automation "$RUN" --enable >"$T/out" 2>&1
is $? 4 'there is nothing to enable then'

# ---- a failure ends the run ----
empty_target
never true
before=$(switches)
curl -sf "$DST/__sim/faults" -d '{"match":"POST /v60.0/composite","kind":"delay","ms":1500}' >/dev/null
RUN=$(create_run strict)
orgsync run start "$RUN" --wait >"$T/out" 2>&1
wait_restored "$RUN"
is "$(run_get "$RUN" 'd["state"]')" Aborted 'the first failure aborts a strict run'
is "$(switches)" "$before" 'failed: every switch is back where it was'
curl -sf -X DELETE "$DST/__sim/faults" >/dev/null
never false
before=$(switches)

# ---- aborted by hand ----
empty_target
kill -STOP "$WORKER_PID"
RUN=$(create_run automation)
orgsync run start "$RUN" >/dev/null
runs 'the switches go off' wait_for 60 all_off
like "$(orgsync run automation "$RUN" --enable 2>&1)" 'comes back at its end' 'a run that needs it off keeps it off'
curl -sf "$DST/__sim/settings" -d '{"deployMs":2000}' >/dev/null
orgsync run abort "$RUN" --wait >/dev/null 2>&1
kill -CONT "$WORKER_PID"
is "$(run_get "$RUN" 'd["state"]')" Aborted 'Aborted'
is "$(switches)" "$before" 'aborted: every switch is back where it was when --wait ends'
curl -sf "$DST/__sim/settings" -d '{"deployMs":50}' >/dev/null

# ---- refused when it is to go off ----
empty_target
curl -sf "$DST/__sim/settings" -d '{"apexTests":"fail"}' >/dev/null
RUN=$(create_run automation)
orgsync run start "$RUN" --wait >"$T/out" 2>&1
wait_restored "$RUN"
like "$(run_get "$RUN" 'd["state"], d["problem"]')" 'Aborted.*ApexTrigger AccountTrigger.*could not be switched off.*AccountTest' 'a refusal ends the run and says why'
is "$(switches)" "$before" 'refused: every switch is back where it was'
curl -sf "$DST/__sim/settings" -d '{"apexTests":"pass"}' >/dev/null

# ---- somebody else meanwhile; refused on the way back ----
empty_target
kill -STOP "$WORKER_PID"
RUN=$(create_run automation)
orgsync run start "$RUN" >/dev/null
runs 'the switches go off again' wait_for 60 all_off
edit_rule No_fax 'edited meanwhile'
activate_flow 3
curl -sf "$DST/__sim/settings" -d '{"apexTests":"fail"}' >/dev/null
kill -CONT "$WORKER_PID"
runs 'the run ends' wait_ended "$RUN" 60
like "$(run_get "$RUN" 'd["state"], d["problem"]')" 'Synced.*still off: ApexTrigger AccountTrigger' 'a run that could not bring all back says so'
like "$(tooling "SELECT Active, ErrorMessage FROM ValidationRule WHERE ValidationName = 'No_fax'")" 'true.*edited meanwhile' 'an edit of somebody else is kept, the rule is on'
like "$(automation "$RUN" '[s["note"] for s in d["switches"] if s["name"] == "Account.No_fax" or s["name"] == "No_fax"]')" 'edited it meanwhile' 'and told'
is "$(automation "$RUN" '[s["state"] for s in d["switches"] if s["kind"] == "flows"]')" "['theirs']" 'a version that somebody else activated is left'
orgsync run delete "$RUN" --yes >"$T/out" 2>&1
is $? 4 'a run that has left something off is not deleted'
orgsync run automation "$RUN" --enable >"$T/out" 2>&1
is $? 4 'enabling tries again, and says when it does not work'
curl -sf "$DST/__sim/settings" -d '{"apexTests":"pass"}' >/dev/null
runs 'enable brings back what was left off' orgsync run automation "$RUN" --enable
like "$(tooling "SELECT Status FROM ApexTrigger WHERE Name = 'AccountTrigger'")" '"Active"' 'the trigger is on'
runs 'then the run may be deleted' orgsync run delete "$RUN" --yes

# ---- bad template ----
printf 'name: bad\nobjects: [{name: Account}]\noptions: {automationOff: [trigger]}\n' >"$T/bad.yaml"
like "$(orgsync template apply -f "$T/bad.yaml" 2>&1)" 'automationOff must be one of validationRules' 'an unknown kind is refused'
e2e_end

#!/usr/bin/env bash
# Hooks that change records: after retrieval and after masking; what they see and may change, what is refused; a receiver that is
# away or answers wrongly stalls the run; a retry asks nobody.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hooks.sh"
e2e_begin
simulators
coordinator
worker
add_orgs
receiver
hook_data 1200
add_hooks clean wrong fail

target() { # OBJECT EXPRESSION: of d, its records in the target by Ext_Id__c
	curl -sf "$DST/__sim/dump?object=$1" | python3 -c '
import json, sys
d = {r["Ext_Id__c"]: r for r in map(json.loads, sys.stdin)}
print(eval(sys.argv[1]))' "$2"
}
fresh() {
	curl -sf -X POST "$DST/__sim/reset" >/dev/null
	forget_mappings
	: >"$T/heard"
}
template() { # NAME OBJECT-LINES...
	local name=$1
	shift
	printf 'name: %s\nobjects:\n' "$name" >"$T/$name.yaml"
	printf '  - %s\n' "$@" >>"$T/$name.yaml"
	orgsync template apply -f "$T/$name.yaml"
}
CONTACT='{name: Contact, match: {externalId: Ext_Id__c}, fields: {include: [LastName, Email, AccountId, Ext_Id__c]}'
ACCOUNT='{name: Account, match: {externalId: Ext_Id__c}, fields: {include: [Name, Ext_Id__c]}'

# ---- after masking (the default) ----
template masked "$ACCOUNT, mask: {Name: {pattern: XXXX}}, transform: {hook: clean, fields: [Name]}}" "$CONTACT}" >/dev/null || bail 'refused'
RUN=$(create_run masked)
runs 'after masking: Synced' orgsync run start "$RUN" --wait
is "$(heard '{r["body"]["type"] for r in d}, {r["signed"] for r in d}, sum(len(r["body"]["records"]) for r in d), max(len(r["body"]["records"]) for r in d) <= 500')" \
	"({'afterMasking'}, {True}, 1200, True)" 'it is asked about every record once, signed, in parts'
is "$(heard '{tuple(sorted(o)) for r in d for o in r["body"]["records"]}, {r["body"]["object"]["name"] for r in d}')" "({('Id', 'Name')}, {'Account'})" \
	'of the fields that are named, and of no other object'
is "$(grep -c Secretname "$T/heard")" 0 'what is masked it does not see'
is "$(target Account '[len(d), sum(r["Name"].endswith("+") for r in d.values()), sum("Secret" in r["Name"] for r in d.values())]')" '[1200, 799, 0]' \
	'what it answers goes in, what it leaves out stays as it is' || target Account '[r["Name"] for r in d.values()][:5]' | sed 's/^/# /'
runs 'nothing is lost, nothing twice' test "$(target Contact 'len(d)')" = 1200
before=$(heard 'len(d)')
runs 'a replay' orgsync run replay "$RUN" --wait
is "$(heard 'len(d)')" "$before" 'asks nobody'

# ---- after retrieval: rules come behind ----
fresh
template early "$ACCOUNT, values: {Name: {Secretname 1+: mapped, Secretname 2+: mapped}}, transform: {hook: clean, at: afterRetrieval, fields: [Name]}}" >/dev/null ||
	bail 'refused'
RUN=$(create_run early)
runs 'after retrieval: Synced' orgsync run start "$RUN" --wait
is "$(heard '{r["body"]["type"] for r in d}, sum("Secretname" in o["Name"] for r in d for o in r["body"]["records"])')" "({'afterRetrieval'}, 1200)" 'it sees values as they were read'
is "$(target Account '[d["A-1"]["Name"], d["A-4"]["Name"], d["A-0"]["Name"]]')" "['mapped', 'Secretname 4+', 'Secretname 0']" 'and the value map sees what it answered'

# ---- the switch ----
fresh
template off "$ACCOUNT, hooks: false, transform: {hook: clean, fields: [Name]}}" >/dev/null || bail 'refused'
RUN=$(create_run off)
runs 'hooks: false: Synced' orgsync run start "$RUN" --wait
is "$(heard 'len(d)') $(target Account 'sum("+" in r["Name"] for r in d.values())')" '0 0' 'nobody is asked'

# ---- wrong answers and no answers: the run stalls, and goes on by itself ----
fresh
template wrong "$ACCOUNT, transform: {hook: wrong, fields: [Name]}}" >/dev/null || bail 'refused'
RUN=$(create_run wrong)
orgsync run start "$RUN" >/dev/null
says() { [[ $(run_get "$RUN" 'd["problem"]') =~ $1 ]]; }
runs 'a wrong answer is told' wait_for 60 says 'hook wrong, asked about records of Account, answered with a field that it was not asked about'
is "$(target Account 'len(d)')" 0 'and nothing of it is published'
touch "$T/heard.right"
runs 'it goes on once the answers are right' wait_ended "$RUN" 60
is "$(run_get "$RUN" 'd["state"], d["totals"]["inserted"], d["problem"]')" "('Synced', 1200, None)" 'nothing is lost'
template dead "$ACCOUNT, transform: {hook: fail, fields: [Name]}}" >/dev/null || bail 'refused'
RUN=$(create_run dead)
orgsync run start "$RUN" >/dev/null
runs 'no answer is told' wait_for 60 says 'hook fail.*did not answer well: it answered 500'
runs 'and the run can be aborted' orgsync run abort "$RUN" --wait

# ---- kill -9 between an answer and the journal ----
fresh
RUN=$(create_run masked)
orgsync run start "$RUN" >/dev/null
asked() { [[ $(heard 'len(d)') -ge 1 ]]; }
wait_for 60 asked
kill9 "$COORDINATOR_PID"
coordinator
runs 'killed while it asks: the run ends' wait_ended "$RUN" 60
is "$(run_get "$RUN" 'd["state"], d["totals"]["inserted"], d["totals"]["failed"]')" "('Synced', 2400, 0)" 'nothing is lost'
is "$(target Account 'len(d)') $(curl -sf "$DST/__sim/dump?object=Account" | wc -l)" '1200 1200' 'nothing is there twice'
is "$(target Account 'sum(r["Name"].endswith("++") for r in d.values())')" 0 'no record was changed twice'

# ---- what is refused ----
like "$(template bad "$ACCOUNT, transform: {hook: clean}}" 2>&1)" 'line 3: transform of object Account needs fields' 'no fields'
like "$(template bad "$ACCOUNT, transform: {fields: [Name]}}" 2>&1)" 'transform of object Account needs hook' 'no hook'
like "$(template bad "$ACCOUNT, transform: {hook: clean, fields: [Name], at: beforeRun}}" 2>&1)" 'at must be afterRetrieval or afterMasking' 'another point'
scan_says() { # OBJECT-LINE WHAT NAME
	template bad "$1" >/dev/null || bail 'refused'
	RUN=$(create_run bad)
	orgsync run scan "$RUN" >/dev/null 2>&1
	like "$(run_get "$RUN" 'd["problem"]')" "$2" "$3"
}
scan_says "$ACCOUNT, mask: {Name: hash}, transform: {hook: clean, at: afterRetrieval, fields: [Name]}}" "'Name' is masked, so no hook may see it as it was" 'a masked field after retrieval'
scan_says "$CONTACT, transform: {hook: clean, fields: [AccountId]}}" "'AccountId' is a lookup or a file, which no hook may change" 'a lookup'
scan_says "$CONTACT, transform: {hook: clean, fields: [Nothing]}}" "field 'Nothing' is not on Contact in org 'src'" 'a field that is not there'
like "$(template bad "$ACCOUNT, transform: {hook: nobody, fields: [Name]}}" >/dev/null; create_run bad 2>&1)" 'names hook nobody, which is not there' 'a hook that is not there'
is "$(cat "$T"/coordinator*.log | grep -c 'Secretname\|Secretfield')" 0 'no value is in the logs'
e2e_end

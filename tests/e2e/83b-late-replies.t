#!/usr/bin/env bash
# An org that answers when its run has ended and nothing of it is left but the call: the worker lives on.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
worker
add_orgs
accounts() { # PHONE
	python3 -c '
import json, sys
for n in range(300):
    print(json.dumps({"attributes": {"type": "Account"}, "Id": "@a%d" % n, "Ext_Id__c": "a%d" % n, "Name": "a%d" % n, "Phone": sys.argv[1]}))' "$1" >"$T/accounts.jsonl"
}
accounts new && seed "$SRC" "$T/accounts.jsonl"
accounts old && seed "$DST" "$T/accounts.jsonl"
cat >"$T/late.yaml" <<'YAML'
name: late
objects:
  - {name: Account, fields: {include: [Name, Phone, Ext_Id__c]}, match: {externalId: Ext_Id__c}}
YAML
orgsync template apply -f "$T/late.yaml" >/dev/null || bail "the template is refused"
stats() { curl -sf "$DST/__sim/stats" | json "d[\"$1\"]"; }
RUN=$(create_run late)
orgsync run scan "$RUN" >/dev/null || bail "no scan"
scanned() { [[ $(run_get "$RUN" 'd["state"]') == Scanned ]]; }
wait_for 60 scanned
curl -sf -X DELETE "$DST/__sim/stats" >/dev/null
curl -sf -d '{"match":"POST /composite","kind":"delay","ms":5000,"count":100000}' "$DST/__sim/faults" >/dev/null || bail "no fault"
orgsync run start "$RUN" >/dev/null || bail "the run does not start"
asking() { [[ $(stats faultsFired) -gt 0 ]]; }
runs "the org is asked" wait_for 60 asking
orgsync run abort "$RUN" >/dev/null || bail "no abort"
wait_ended "$RUN" 60
is "$(run_get "$RUN" 'd["state"], d["totals"]["updated"]')" "('Aborted', 0)" "aborted before anything was sent"
answered() { [[ $(curl -sf "$DST/__sim/stats" | json 'd["byCall"].get("POST composite", 0)') -gt 0 ]] || ! ours "$WORKER_PID"; }
runs "the org answers late" wait_for 60 answered
curl -sf -X DELETE "$DST/__sim/faults" >/dev/null
RUN=$(create_run late)
runs "the next run" orgsync run start "$RUN" --wait
is "$(run_get "$RUN" 'd["state"], d["totals"]["updated"]')" "('Synced', 300)" "has them all"
runs "by the same worker" ours "$WORKER_PID"
is "$(grep -c -e corruption -e 'double free' -e Sanitizer "$T/worker.log")" 0 "which says nothing of its memory"
e2e_end

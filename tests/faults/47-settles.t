#!/usr/bin/env bash
# An abort in the instant in which a run settles: workers may have heard of it already and have skipped records, so the run is Aborted,
# and its marks stay where they are.
. "$(dirname "$0")/lib.sh"
e2e_begin
faulty_programs
simulators
start_coordinator "coordinator.settles=delay:4000"
worker
add_orgs
for i in {1..50}; do printf '{"attributes":{"type":"Account"},"Name":"A %d","Ext_Id__c":"A-%d"}\n' "$i" "$i"; done >"$T/src.jsonl"
seed "$SRC" "$T/src.jsonl"
cat >"$T/late.yaml" <<'YAML'
name: late
objects:
  - {name: Account, fields: {include: [Name, Ext_Id__c]}, match: {externalId: Ext_Id__c}}
options: {deltaSync: true}
YAML
orgsync template apply -f "$T/late.yaml" >/dev/null || bail "the template is refused"
loaded() { [[ $(run_get "$RUN" 'd["totals"]["inserted"]') == 50 ]]; }
marks() { psql -qtA "$ORGSYNC_POSTGRES_URL" -c 'SELECT count(*) FROM mark'; }
RUN=$(create_run late) || bail "no run"
orgsync run start "$RUN" >/dev/null || bail "the run does not start"
wait_for 60 loaded
runs "an abort while the run settles" orgsync run abort "$RUN"
wait_ended "$RUN" 60
is "$(run_get "$RUN" 'd["state"], d["wanted"]')" "('Aborted', None)" "it is Aborted"
is "$(marks)" 0 "no mark has moved"
runs "a replay" orgsync run replay "$RUN" --wait
is "$(run_get "$RUN" 'd["state"], d["totals"]["inserted"]')" "('Synced', 50)" "ends Synced"
is "$(marks)" 1 "and the mark moves"
e2e_end

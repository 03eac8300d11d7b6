#!/usr/bin/env bash
# Batches that need no request but one after the other in a lane: no pause between them.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
worker
add_orgs
python3 -c '
for n in range(20000):
    print("{\"attributes\":{\"type\":\"Lead\"},\"LastName\":\"Doe\",\"Company\":\"Acme %d\",\"Status\":\"Open\"}" % n)' >"$T/leads.jsonl"
seed "$SRC" "$T/leads.jsonl"
cat >"$T/again.yaml" <<'YAML'
name: again
objects:
  - name: Lead
    fields: {include: [LastName, Company, Status]}
    match: {keys: [Company]}
    batchSize: 50
options: {lanes: 1}
YAML
orgsync template apply -f "$T/again.yaml" >/dev/null || bail "the template is refused"
run=$(create_run again)
orgsync run start "$run" --wait >/dev/null 2>&1
is "$(run_get "$run" '[d["state"], d["totals"]["inserted"]]')" "['Synced', 20000]" "all are inserted"
again=$(create_run again)
orgsync run start "$again" --wait >/dev/null 2>&1
is "$(run_get "$again" '[d["state"], d["totals"]["existing"]]')" "['Synced', 20000]" "all are there already"
seconds=$(run_get "$again" 'd["elapsedSeconds"]')
diag "400 batches in $seconds s"
[[ ${seconds%.*} -lt 60 ]]
ok $? "400 batches of them take less than 60 s"
e2e_end

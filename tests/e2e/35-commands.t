#!/usr/bin/env bash
# What a person does beside a run that goes well: abort, why, idmap, doctor, limits, roles.
. "$(dirname "$0")/lib.sh"
e2e_begin
DEMO=$ROOT/tests/demo
"$DEMO/make-data" --records 6000 >"$T/demo.jsonl" 2>/dev/null
simulators --schema "dst:$DEMO/target-schema.json"
coordinator
worker
add_orgs
seed "$SRC" "$T/demo.jsonl"
orgsync template apply -f "$DEMO/template.yaml" >/dev/null || bail "the template is refused"

# Abort: no new batch is taken, the counts are those of what is in the org.
run=$(create_run demo)
hold "$DST" "POST /composite" hold '"after":8'
orgsync run start "$run" >/dev/null
moving() { [[ $(run_get "$run" 'd["totals"]["inserted"]') -gt 500 ]]; }
runs "some is in, the rest is under way" wait_for 60 moving
wait_for 60 held "$DST"
runs "abort is taken" orgsync run abort "$run"
let_go "$DST"
runs "the run ends" wait_ended "$run" 60
is "$(run_get "$run" '[d["state"], d["phase"]]')" "['Aborted', 'Aborted']" "Aborted"
inserted=$(run_get "$run" 'd["totals"]["inserted"]')
objects=$(run_get "$run" '",".join(o["name"] for o in d["objects"])')
count() { curl -sf "$DST/__sim/count" | json "sum(d.get(o, 0) for o in '$objects'.split(',')) - 1"; } # less the standard price book
is "$(count)" "$inserted" "the counts of an aborted run are exact ($inserted records)"
is "$(psql -qtA "$ORGSYNC_POSTGRES_URL" -c "SELECT count(*) FROM batch WHERE run = '$run' AND state <> 'done'")" 0 "nothing is left open"

# The next run brings in the rest.
run=$(create_run demo)
orgsync run start "$run" --wait >/dev/null 2>&1
runs "after an abort the next run makes the orgs equal" check_orgs "$run" --template "$DEMO/template.yaml" --key Ext_Id__c

# Why, and the id map.
failed=$(orgsync run errors "$run" --object Lead -o json | json '(d["items"] if isinstance(d, dict) else d)[0]["sourceId"]')
like "$(orgsync run why "$run" "$failed")" "failed" "why tells of a failed record"
good=$(curl -sf "$SRC/__sim/dump?object=Contact" | head -1 | json 'd["Id"]')
like "$(orgsync run why "$run" "$good")" "(existing|inserted)" "why tells of one that is in"
target=$(orgsync idmap get --source src --target dst "$good" -o json | json 'd["targetId"]')
like "$target" '^003' "the id map knows it"
like "$(curl -sf "$DST/__sim/dump?object=Contact")" "$target" "and its target is there"
orgsync run why "$run" 0031Q000009ZZZZ >/dev/null 2>&1
is $? 4 "why of a record that the run has not: refused"
runs "idmap rebuild" orgsync idmap rebuild --source src --target dst
is "$(orgsync idmap get --source src --target dst "$good" -o json | json 'd["targetId"]')" "$target" "the same mapping after a rebuild"

# Doctor, limits, scan.
runs "doctor: all green" orgsync doctor
like "$(orgsync org limits dst -o json)" DailyApiRequests "limits of an org"
runs "org test" orgsync org test src
scan=$(create_run demo)
like "$(orgsync run scan "$scan" 2>/dev/null)" "API calls" "a scan's report"
is "$(run_get "$scan" 'd["state"]')" Scanned "Scanned"

# Roles.
orgsync token create viewer --role viewer --file "$T/viewer" >/dev/null || bail "no token"
is "$(ORGSYNC_API_TOKEN_FILE=$T/viewer orgsync run list -q | wc -l)" 3 "a viewer may look"
ORGSYNC_API_TOKEN_FILE=$T/viewer orgsync run start "$scan" >/dev/null 2>&1
is $? 4 "and may not start"
is "$(run_get "$scan" 'd["state"]')" Scanned "nothing has happened"
like "$(orgsync audit -o json)" "run.abort" "the audit knows who aborted"

# Nothing of a record, and no secret, is in a log.
is "$(cat "$T"/*.log | grep -c 'orgsync-secret')" 0 "no secret in a log"
e2e_end

#!/usr/bin/env bash
# Inserts without a key whose reply is lost, committed late, and changed in the org before anybody looks (as a trigger does): what
# can be told is told, the rest fails with OUTCOME_UNKNOWN and is never sent again, nor by a replay.
. "$(dirname "$0")/../e2e/lib.sh"
export ORGSYNC_REQUEST_LIMIT_MS=6000
e2e_begin
simulators
coordinator
worker
add_orgs
cat >"$T/lead.yaml" <<'YAML'
name: lead
objects:
  - name: Lead
    fields: {include: [LastName, Company, Status]}
    match: none
YAML
orgsync template apply -f "$T/lead.yaml" >/dev/null || bail "the template is refused"
python3 -c '
import json
for i in range(150):
    print(json.dumps({"attributes": {"type": "Lead"}, "LastName": "Doe%d" % i, "Company": "Acme", "Status": "Open"}))' >"$T/leads.jsonl"
seed "$SRC" "$T/leads.jsonl"
curl -sf -d '[{"match":"POST /composite/sobjects","kind":"slow-commit","ms":4000,"probability":1,"count":1}]' "$DST/__sim/faults" >/dev/null

# The worker has looked, in vain, before the org commits, and does not look again until the records are changed.
aside() { [[ $(psql -qAt "$ORGSYNC_POSTGRES_URL" -c "SELECT count(*) FROM batch WHERE run = '$run' AND state = 'aside'") == 1 ]]; }
leads() { curl -sf "$DST/__sim/count" | json 'd.get("Lead", 0)'; }
run=$(create_run lead)
orgsync run start "$run" >/dev/null
runs "the worker looks in vain" wait_for 60 aside
kill -STOP "$WORKER_PID"
# shellcheck disable=SC2016 # eval expands it
runs "the org commits late" wait_for 60 eval '[[ $(leads) == 150 ]]'
curl -sf "$DST/__sim/dump?object=Lead" | python3 -c '
import json, sys
for n, line in enumerate(sys.stdin):
    r = json.loads(line)
    if n % 30 == 0: print(json.dumps({"attributes": {"type": "Lead"}, "Id": r["Id"], "LastName": "Changed by a trigger"}))' >"$T/change.jsonl"
curl -sf --data-binary "@$T/change.jsonl" "$DST/__sim/update" >/dev/null
kill -CONT "$WORKER_PID"
runs "the run ends" wait_ended "$run" 120
is "$(run_get "$run" '[d["state"], d["totals"]["inserted"], d["totals"]["failed"]]')" "['Synced', 145, 5]" "five are not told"
orgsync run errors "$run" --csv "$T/errors.csv" >/dev/null
is "$(grep -c OUTCOME_UNKNOWN "$T/errors.csv")" 5 "and say so"
is "$(leads)" 150 "nothing was sent again"
runs "a replay" orgsync run replay "$run"
runs "ends" wait_ended "$run" 120
is "$(run_get "$run" '[d["state"], d["totals"]["inserted"], d["totals"]["failed"]]')" "['Synced', 145, 5]" "and changes nothing"
is "$(leads)" 150 "nor sends them"

# Equal records that were there long before are nobody's attempt, also when the very first call of a worker is the one that is lost.
curl -sf -X POST "$DST/__sim/reset" >/dev/null
psql -q "$ORGSYNC_POSTGRES_URL" -c 'TRUNCATE idmap_log' -c "DELETE FROM failure WHERE code = 'OUTCOME_UNKNOWN'" >/dev/null
orgsync idmap rebuild --source src --target dst >/dev/null 2>&1
python3 -c '
import datetime, json, sys
long_ago = (datetime.datetime.utcnow() - datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S.000+0000")
for line in open(sys.argv[1]):
    print(json.dumps({**json.loads(line), "CreatedDate": long_ago, "LastModifiedDate": long_ago, "SystemModstamp": long_ago}))' \
	"$T/leads.jsonl" >"$T/twins.jsonl"
seed "$DST" "$T/twins.jsonl"
kill9 "$WORKER_PID"
worker
curl -sf -d '[{"match":"POST /composite/sobjects","kind":"drop-before","count":1}]' "$DST/__sim/faults" >/dev/null
run=$(create_run lead)
orgsync run start "$run" >/dev/null
runs "a run whose first call is lost ends" wait_ended "$run" 120
is "$(run_get "$run" '[d["state"], d["totals"]["inserted"]]') $(leads)" "['Synced', 150] 300" "what was there before is not taken for its own"
e2e_end

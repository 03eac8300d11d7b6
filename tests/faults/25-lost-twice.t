#!/usr/bin/env bash
# A send whose reply is lost, found to be committed but for the rows that the org refused; these are sent again, and that reply
# is lost too: the batch is set aside, taken up from Postgres when it is due, and its rows get their outcomes.
. "$(dirname "$0")/../e2e/lib.sh"
export ORGSYNC_REQUEST_LIMIT_MS=1000
e2e_begin
simulators
coordinator
worker
add_orgs
cat >"$T/lead.yaml" <<'YAML'
name: lead
objects:
  - name: Lead
    fields: {include: [LastName, Company, Status, Email]}
    match: none
YAML
orgsync template apply -f "$T/lead.yaml" >/dev/null || bail "the template is refused"
python3 -c '
import json
for i in range(160):
    print(json.dumps({"attributes": {"type": "Lead"}, "LastName": "Doe%d" % i, "Company": "Acme", "Status": "Open",
                      "Email": "bad" if i % 30 == 7 else "a@b.example"}))' >"$T/leads.jsonl"
seed "$SRC" "$T/leads.jsonl"
curl -sf -d '[{"match":"POST /composite/sobjects","kind":"drop-after","probability":1,"count":2}]' "$DST/__sim/faults" >/dev/null
run=$(create_run lead)
orgsync run start "$run" >/dev/null
runs "the run ends" wait_ended "$run" 120
is "$(run_get "$run" '[d["state"], d["totals"]["inserted"], d["totals"]["failed"]]')" "['Synced', 154, 6]" "each record has its outcome"
is "$(curl -sf "$DST/__sim/faults" | json 'sum(f["hits"] for f in d)')" 2 "both replies were lost"
runs "the checker agrees" check_orgs "$run" --template "$T/lead.yaml"
e2e_end

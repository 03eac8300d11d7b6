#!/usr/bin/env bash
# More than an ingest job may hold (150 MB at most; ours end at 90 MB) is split, and nothing is lost; many records of one object go by
# several jobs at the same time.
. "$(dirname "$0")/lib.sh"
e2e_begin
printf '{"objects":[{"name":"Account","fields":[{"name":"Big__c","type":"textarea","length":32768}]}]}' >"$T/schema.json"
simulators --schema "$T/schema.json"
coordinator
worker
add_orgs
python3 - >"$T/src.jsonl" <<'PY'
import json
for n in range(3300):
    print(json.dumps({"attributes": {"type": "Account"}, "Name": "a%d" % n, "Ext_Id__c": "a%d" % n, "Big__c": ("%06d " % n) * 4400}))
PY
seed "$SRC" "$T/src.jsonl"
cat >"$T/large.yaml" <<'YAML'
name: large
objects:
  - name: Account
    fields: {include: [Name, Ext_Id__c, Big__c]}
    match: {externalId: Ext_Id__c}
    api: bulk
YAML
runs "a template" orgsync template apply -f "$T/large.yaml"
run=$(create_run large)
runs "100 MB go through" orgsync run start "$run" --wait
is "$(run_get "$run" '[d["totals"][k] for k in ("scanned","inserted","failed")]')" "[3300, 3300, 0]" "every record is in"
token=$(curl -sf -d grant_type=client_credentials -d client_id=orgsync -d client_secret=orgsync-secret "$DST/services/oauth2/token" | json 'd["access_token"]')
curl -sf -H "Authorization: Bearer $token" "$DST/services/data/v60.0/jobs/ingest" | python3 -c '
import json, sys
jobs = [j["id"] for j in json.load(sys.stdin)["records"] if j["operation"] == "insert"]
print(*jobs, sep="\n")' >"$T/jobs"
counts=$(while read -r job; do curl -sf -H "Authorization: Bearer $token" "$DST/services/data/v60.0/jobs/ingest/$job" | json 'd["numberRecordsProcessed"]'; done <"$T/jobs")
made=$(wc -w <<<"$counts") # a journal that is slow to come ends a job sooner
is "$((made >= 2 && made <= 4))" 1 "by two jobs or hardly more ($made)"
is "$(awk '{ n += $1; if ($1 * 30800 > 94371840) big = 1 } END { print n, big + 0 }' <<<"$counts")" "3300 0" "none of which holds more than 90 MB" || diag "$counts"
runs "the checker agrees" check_orgs "$run" --template "$T/large.yaml" --key Ext_Id__c

# ---- several jobs of one object at the same time -----------------------------------------------------
curl -sf -X POST "$SRC/__sim/reset" >/dev/null
curl -sf -X POST "$DST/__sim/reset" >/dev/null
curl -sf -d '{"object":"Lead","count":200001,"seed":1,"fields":1}' "$SRC/__sim/generate" >/dev/null || bail "nothing is generated"
printf 'name: many\nobjects:\n  - {name: Lead, fields: {include: [LastName, Company, Ext_Id__c]}, match: {externalId: Ext_Id__c}, api: bulk}\n' >"$T/many.yaml"
orgsync template apply -f "$T/many.yaml" >/dev/null || bail "refused"
run=$(create_run many)
curl -sf -X DELETE "$DST/__sim/stats" >/dev/null
begun=$SECONDS
# Each job waits in its first batch until there are three.
hold "$DST" "PATCH /jobs/ingest" hold-job '"batches":0'
orgsync run start "$run" >/dev/null
max_jobs() { curl -sf "$DST/__sim/stats" | json 'd["maxJobs"]'; }
three() { [[ $(max_jobs) -ge 3 ]]; }
wait_for 120 three
jobs=$(max_jobs)
let_go "$DST"
runs "200,001 records of one object" wait_ended "$run"
took=$((SECONDS - begun))
is "$(run_get "$run" '[d["totals"][k] for k in ("scanned","inserted","failed")]')" "[200001, 200001, 0]" "are in after $took s"
ok $((took > 120)) "at a rate of a million in less than ten minutes"
is "$((jobs >= 3))" 1 "by $jobs jobs at work at once"
e2e_end

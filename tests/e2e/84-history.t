#!/usr/bin/env bash
# Errors and history: the live stream and its delay, counts by object and code, a CSV of more than a page, why with the source's
# row, the list of runs with its filters, sizes that were used, retention.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators --latency 20
coordinator
worker
add_orgs

sql() { psql -qtA "$ORGSYNC_POSTGRES_URL" -c "$1"; }
api() { curl -sf -H "Authorization: Bearer $(cat "${TOKEN:-$T/token}")" "$ORGSYNC_API_URL/api/v1$1"; }

# 3,000 accounts, of which 2,500 are refused, and 500 contacts, whose accounts have failed.
python3 - "$T/src.jsonl" <<'PY'
import json, sys
with open(sys.argv[1], "w") as out:
    def put(kind, **fields):
        out.write(json.dumps({"attributes": {"type": kind}, **fields}) + "\n")
    for i in range(3000):
        put("Account", Id="@a%d" % i, Name=("Bad, \"%d\"" if i < 2500 else "Good %d") % i, Ext_Id__c="A-%d" % i, NumberOfEmployees=i)
    for i in range(500):
        put("Contact", LastName="Person %d" % i, AccountId="@a%d" % i, Ext_Id__c="C-%d" % i)
PY
seed "$SRC" "$T/src.jsonl"
curl -sf -d '{"validationRules":[{"object":"Account","name":"NoBad","active":true,"field":"Name","op":"contains","value":"Bad","message":"bad, very \"bad\"","errorField":"Name"}]}' \
	"$DST/__sim/schema" >/dev/null || bail "no rule"
cat >"$T/crm.yaml" <<'YAML'
name: crm
objects:
  - name: Account
    fields: {include: [Name, NumberOfEmployees, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
    batchSize: 50
  - name: Contact
    fields: {include: [LastName, AccountId, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
YAML
orgsync template apply -f "$T/crm.yaml" >/dev/null || bail "the template is refused"
run=$(orgsync run create --template crm --source src --target dst --name "Monday's first")

# ---- the stream: every failure, and how late -----------------------------------------------------------------
python3 - "$ORGSYNC_API_URL/api/v1/runs/$run/events" "$T/token" >"$T/stream" 2>"$T/stream.err" <<'PY' &
import json, sys, time, urllib.request
headers = {"Authorization": "Bearer " + open(sys.argv[2]).read().strip()}
seen, late, last = set(), [], "0"
while True: # a run that has not begun ends its stream at once
    stream = urllib.request.urlopen(urllib.request.Request(sys.argv[1], headers=dict(headers, **{"Last-Event-ID": last})))
    kind, state = None, None
    for line in stream:
        line = line.decode().rstrip("\n")
        if line.startswith("event: "):
            kind = line[7:]
        elif line.startswith("id: "):
            last = line[4:]
        elif line.startswith("data: ") and kind == "failure":
            failure = json.loads(line[6:])
            seen.add((failure["sourceId"], failure["kind"], failure["fields"]))
            at = time.strptime(failure["at"][:19], "%Y-%m-%dT%H:%M:%S")
            late.append(time.time() - (__import__("calendar").timegm(at) + float(failure["at"][19:].rstrip("Z") or 0)))
        elif line.startswith("data: ") and kind == "run":
            state = json.loads(line[6:])["state"]
    if state in ("Synced", "Aborted"):
        break
late.sort()
print(json.dumps({"seen": len(seen), "events": len(late), "median": late[len(late) // 2], "most": late[-1]}))
PY
stream=$!
orgsync run start "$run" --wait >"$T/out" 2>&1
is $? 1 "the run ends with failures"
wait "$stream"
is $? 0 "the stream ends with the run"
is "$(json '[d["seen"], d["events"]]' <"$T/stream")" "[3000, 3000]" "the stream has told each failure, once"
diag "delay of a failure on the stream: median $(json 'round(d["median"], 2)' <"$T/stream") s, at most $(json 'round(d["most"], 2)' <"$T/stream") s"
is "$(json 'd["most"] < 10 and d["median"] < 3' <"$T/stream")" True "within seconds"

# ---- by object, code, text -------------------------------------------------------------------------------------
summary='[(i["object"], i["kind"], i["code"], i["count"]) for i in d["items"]]'
is "$(api "/runs/$run/errors/summary" | json "$summary")" \
	"[('Account', 'record', 'FIELD_CUSTOM_VALIDATION_EXCEPTION', 2500), ('Contact', 'record', 'PARENT_FAILED', 500)]" "counts by object and code"
is "$(api "/runs/$run/errors/summary?object=Contact" | json "$summary")" "[('Contact', 'record', 'PARENT_FAILED', 500)]" "of one object"
is "$(api "/runs/$run/errors/summary?message=VERY%20%22BAD" | json "$summary")" \
	"[('Account', 'record', 'FIELD_CUSTOM_VALIDATION_EXCEPTION', 2500)]" "by text"
like "$(orgsync run errors "$run" --summary)" "Contact +record +PARENT_FAILED +500" "and on the command line"

# ---- the CSV has no cap ------------------------------------------------------------------------------------------
api "/runs/$run/errors" >/dev/null
curl -sf -H "Authorization: Bearer $(cat "$T/token")" -H 'Accept: text/csv' "$ORGSYNC_API_URL/api/v1/runs/$run/errors" >"$T/api.csv"
orgsync run errors "$run" --csv "$T/cli.csv" >/dev/null
for csv in api cli; do
	is "$(python3 -c '
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], newline="")))
print(len(rows), len({r["source_id"] for r in rows}), {r["message"] for r in rows if r["object"] == "Account"})' "$T/$csv.csv")" \
		"3000 3000 {'bad, very \"bad\"'}" "the CSV of the $csv holds all 3,000, each once"
done
is "$(orgsync run errors "$run" --object account --limit 0 -o json | json 'len(d["items"] if isinstance(d, dict) else d)')" 2500 "and the list, with --limit 0"

# ---- why, with the source's row ------------------------------------------------------------------------------------
id=$(curl -sf "$SRC/__sim/dump?object=Account" | python3 -c '
import json, sys
print(*[r["Id"] for r in map(json.loads, sys.stdin) if r["Ext_Id__c"] == "A-7"])')
is "$(orgsync run why "$run" "$id" -o json | json '[d["outcome"], d["source"], d["failures"][0]["message"]]')" \
	"['failed', {'Name': 'Bad, \"7\"', 'NumberOfEmployees': 7, 'Ext_Id__c': 'A-7'}, 'bad, very \"bad\"']" "why shows the record as it was read"
like "$(orgsync run why "$run" "$id")" 'It was read as .*"NumberOfEmployees":7' "also to people"
orgsync token create looker --role viewer --file "$T/viewer" >/dev/null || bail "no token"
is "$(TOKEN=$T/viewer api "/runs/$run/why/$id" | json '[d["outcome"], d["source"]]')" "['failed', None]" "a viewer sees no values"

# ---- sizes ---------------------------------------------------------------------------------------------------------
is "$(run_get "$run" '[(o["name"], o["batchSize"], o["read"], o["load"], o["lanes"] > 0) for o in d["objects"]]')" \
	"[('Account', 50, 'rest', 'rest', True), ('Contact', 200, 'rest', 'rest', True)]" "a run shows the sizes and ways that it went by"

# ---- history ---------------------------------------------------------------------------------------------------------
second=$(orgsync run create --template crm --source src --target dst --name "Tuesday's")
orgsync run abort "$second" >/dev/null
orgsync token create maker --role operator --file "$T/maker" >/dev/null || bail "no token"
third=$(ORGSYNC_API_TOKEN_FILE=$T/maker orgsync run create --template crm --source dst --target src --name 'the way back')
sql "UPDATE run SET created_at = '2026-01-02T03:04:05Z' WHERE id = '$second'"
is "$(orgsync run list -q | xargs)" "$third $run $second" "newest first"
is "$(orgsync run list -q --state Aborted)" "$second" "by state"
is "$(orgsync run list -q --state aborted)" "$second" "in whatever letters"
orgsync run list --state Abortd >/dev/null 2>"$T/err"
like "$? $(cat "$T/err")" "^[24] .*state=Abortd is none of a run's states: Not Started, .*Aborted" "one that is none is refused"
is "$(orgsync run list -q --source dst)" "$third" "by source"
is "$(orgsync run list -q --target dst | xargs)" "$run $second" "by target"
is "$(orgsync run list -q --name "s F")" "$run" "by a part of the label"
is "$(orgsync run list -q --by maker)" "$third" "by who made it"
is "$(orgsync run list -q --errors true)" "$run" "with errors"
is "$(orgsync run list -q --errors false | xargs)" "$third $second" "without"
is "$(orgsync run list -q --until 2026-01-03T00:00:00Z)" "$second" "before a time"
is "$(orgsync run list -q --since 2026-01-03T00:00:00Z --template crm | xargs)" "$third $run" "since a time"
orgsync run list --since yesterday >/dev/null 2>"$T/err"
is $? 2 "what is no time is refused"
like "$(cat "$T/err")" 'write it as' "and it says how to write one"

# ---- the log of a run ----------------------------------------------------------------------------------------------------
told() { # RUN [ARGUMENTS]: level and message
	orgsync run log "$@" -o json | json '[(e["level"], e["message"]) for e in d["items"]]'
}
is "$(told "$run")" "[('info', 'made of template crm, from src to dst, by bootstrap'), ('info', 'Scan In Progress'), ('info', 'Sync In Progress'), ('info', 'stage 1 is open'), ('info', 'stage 2 is open'), ('warn', 'Synced, with failures')]" \
	"the log tells what a run went through, whatever runs came after it"
is "$(told "$run" --level warn)" "[('warn', 'Synced, with failures')]" "by level"
is "$(told "$run" --level error)" "[]" "errors alone"
is "$(told "$run" --text 'STAGE 2')" "[('info', 'stage 2 is open')]" "by text"
is "$(told "$second" --level warn)" "[('warn', 'Aborted')]" "of a run that was aborted"
first=$(api "/runs/$run/log?limit=3")
is "$(json '[e["event"] for e in d["items"]]' <<<"$first") $(api "/runs/$run/log?limit=3&cursor=$(json 'd["next"]' <<<"$first")" | json '[e["event"] for e in d["items"]]')" \
	"['created', 'state', 'state'] ['stage', 'stage', 'state']" "page by page"
orgsync run retry "$run" --wait >/dev/null 2>&1
is "$(orgsync run log "$run" -o json | json '[e["message"] for e in d["items"]][6:9]')" "['pass 2: retry', 'Sync In Progress', 'stage 1 is open']" "a retry goes on with it"
sed 's/  - name: Account/  - name: Nobody__c/' "$T/crm.yaml" >"$T/bad.yaml" && sed -i 's/name: crm/name: bad/' "$T/bad.yaml"
orgsync template apply -f "$T/bad.yaml" >/dev/null || bail "the template is refused"
bad=$(create_run bad)
orgsync run start "$bad" --wait >/dev/null 2>&1
like "$(told "$bad" --level error)" "^\\[\\('error', .Not Started: .*Nobody__c" "why a run was not planned is an error"
orgsync run delete "$bad" -y

# ---- retention -------------------------------------------------------------------------------------------------------
topics() { find "$STACK_DIR" -maxdepth 4 -type d -name "$ORGSYNC_KAFKA_PREFIX.run.*-0" | wc -l; }
is "$(topics)" 1 "one journal"
sql "UPDATE run SET ended_at = now() - interval '29 days' WHERE id = '$run'"
sql "UPDATE run SET ended_at = now() - interval '31 days' WHERE id = '$second'"
kill9 "$COORDINATOR_PID"
export ORGSYNC_RUN_RETENTION_DAYS=30
coordinator coordinator2
left() { [[ $(orgsync run list -q | xargs) == "$1" ]]; }
gone() { [[ $(sql "SELECT count(*) FROM run WHERE id = '$1'") == 0 ]]; }
orgsync schedule run clean-runs >/dev/null || bail "no clean-up"
runs "a run is deleted when it has ended long enough ago" wait_for 60 gone "$second"
is "$(orgsync run list -q | xargs)" "$third $run" "others stay"
sql "UPDATE run SET ended_at = now() - interval '31 days' WHERE id = '$run'"
sql "UPDATE schedule SET next_at = now() WHERE name = 'clean-runs'"
kill9 "$COORDINATOR_PID"
coordinator coordinator3
runs "one with a journal too" wait_for 60 gone "$run"
no_topic() { [[ $(topics) == 0 ]]; }
runs "the journal is gone" wait_for 20 no_topic
is "$(sql 'SELECT (SELECT count(*) FROM batch) + (SELECT count(*) FROM failure) + (SELECT count(*) FROM lane)')" 0 "with snapshots and errors"
runs "the id map stays" test "$(sql 'SELECT count(*) FROM idmap_log')" -gt 0
runs "what has not ended stays" left "$third"
e2e_end

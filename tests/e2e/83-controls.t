#!/usr/bin/env bash
# What a person does with runs on their way: strict mode, pause and resume, abort of runs that wait, the queue, delete.
. "$(dirname "$0")/lib.sh"
export ORGSYNC_LIMIT_PROBE_MS=1000 ORGSYNC_WORKER_REQUESTS=2 ORGSYNC_REQUEST_LIMIT_MS=3000
e2e_begin
simulators --latency 40
coordinator
worker
add_orgs

sql() { psql -qtA "$ORGSYNC_POSTGRES_URL" -c "$1"; }
totals() { # RUN
	run_get "$1" '[d["state"]] + [d["totals"][k] for k in ("scanned","inserted","updated","existing","skipped","failed")]'
}
count() { curl -sf "$DST/__sim/count" | json "d.get('$1', 0)"; }
latency() { curl -sf -d "{\"ms\":$1}" "$DST/__sim/latency" >/dev/null || bail "no latency"; }
state_is() { [[ $(run_get "$1" 'd["state"]') == "$2" ]]; }
inserted() { [[ $(run_get "$1" 'd["totals"]["inserted"]') -ge $2 ]]; }
no_lane() { [[ $(sql "SELECT count(*) FROM lane WHERE run = '$1' AND owner IS NOT NULL") == 0 ]]; }
anew() { # an empty target, a fresh id map
	curl -sf -X POST "$DST/__sim/reset" >/dev/null
	forget_mappings
}

python3 - "$T/src.jsonl" <<'PY'
import json, sys
with open(sys.argv[1], "w") as out:
    def put(kind, **fields):
        out.write(json.dumps({"attributes": {"type": kind}, **fields}) + "\n")
    for i in range(6000):
        put("Account", Id="@a%d" % i, Name=("Odd %d" if i == 2500 else "Even %d") % i, Ext_Id__c="A-%d" % i)
    for i in range(3000):
        put("Contact", LastName=("Last %d" if i == 2999 else "First %d") % i, AccountId="@a%d" % (i * 2), Ext_Id__c="C-%d" % i)
    for i in range(500):
        put("Lead", LastName="Lead %d" % i, Company="Co", Ext_Id__c="L-%d" % i)
PY
seed "$SRC" "$T/src.jsonl"
cat >"$T/crm.yaml" <<'YAML'
name: crm
objects:
  - name: Account
    fields: {include: [Name, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
    batchSize: 20 # small requests, so that a run takes a while
  - name: Contact
    fields: {include: [LastName, AccountId, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
    batchSize: 20
options:
  lanes: 8
YAML
{ sed 's/name: crm/name: strict/' "$T/crm.yaml"; echo '  continueOnError: false'; } >"$T/strict.yaml"
printf 'name: leads\nobjects:\n  - name: Lead\n    fields: {include: [LastName, Company, Ext_Id__c]}\n    match: {externalId: Ext_Id__c}\n' >"$T/leads.yaml"
for template in crm strict leads; do
	orgsync template apply -f "$T/$template.yaml" >/dev/null || bail "template $template is refused"
done
rule() { # OBJECT FIELD TEXT
	curl -sf -d '{"validationRules":[{"object":"'"$1"'","name":"No'"$1"'","active":true,"field":"'"$2"'","op":"contains","value":"'"$3"'","message":"not wanted","errorField":"'"$2"'"}]}' \
		"$DST/__sim/schema" >/dev/null || bail "no rule"
}

# ---- strict mode -----------------------------------------------------------------------------------------
rule Contact LastName Last
run=$(create_run strict)
orgsync run start "$run" --wait >"$T/out" 2>"$T/err"
is $? 1 "strict: the run ends with an error"
is "$(run_get "$run" '[d["state"], d["phase"], d["totals"]["failed"]]')" "['Aborted', 'Aborted', 1]" "strict: aborted by the very last record"
is "$(run_get "$run" 'd["totals"]["inserted"]')" "$(($(count Account) + $(count Contact)))" "strict: the counts are exact"
like "$(run_get "$run" 'd["problem"]')" 'Contact .* failed .*continueOnError is false' "strict: and it says why"
is "$(sql "SELECT count(*) FROM batch WHERE run = '$run' AND state <> 'done'")" 0 "strict: nothing is left open"
rule Account Name Odd
anew
run=$(create_run strict)
orgsync run start "$run" --wait >/dev/null 2>&1
is "$(run_get "$run" '[d["state"], d["totals"]["failed"]]')" "['Aborted', 1]" "strict: aborted by the first failure"
is "$(run_get "$run" 'd["totals"]["inserted"]')" "$(count Account)" "strict: exact counts ($(count Account) of 6000 accounts)"
is "$(count Contact)" 0 "strict: no later stage was begun"
rule Account Name '\u0001'
rule Contact LastName '\u0001'

# ---- pause and resume --------------------------------------------------------------------------------------
anew
latency 300
run=$(create_run crm)
orgsync run pause "$run" >/dev/null 2>&1
is $? 4 "pause: not before it is started"
orgsync run start "$run" >/dev/null
runs "it moves" wait_for 60 inserted "$run" 500
runs "pause" orgsync run pause "$run"
runs "pause: Paused" wait_for 30 state_is "$run" Paused
runs "pause: all lanes are let go" wait_for 20 no_lane "$run"
before=$(totals "$run")
diag "paused at $before"
is "$(run_get "$run" '[d["pausedBy"], d["phase"]]')" "['user', 'Executing']" "pause: it says by whom"
is "$(run_get "$run" 'd["totals"]["inserted"]')" "$(($(count Account) + $(count Contact)))" "pause: the counts are exact"
runs "pause: again is fine" orgsync run pause "$run"
kill9 "$WORKER_PID"
kill9 "$COORDINATOR_PID"
worker worker2
coordinator coordinator2
# another run goes its way meanwhile: so both programs have looked
other=$(create_run leads)
runs "pause: another run goes on" orgsync run start "$other" --wait
is "$(totals "$run")" "$before" "pause: it survives a restart of everything"
runs "resume" orgsync run resume "$run"
runs "resume: it moves" wait_for 60 inserted "$run" $(($(json 'd[2]' <<<"${before//\'/\"}") + 100))

# killed in the moment of the pause
orgsync run pause "$run" >/dev/null
kill9 "$COORDINATOR_PID"
kill9 "$WORKER_PID"
coordinator coordinator3
worker worker3
runs "pause: asked of a coordinator that dies" wait_for 30 state_is "$run" Paused
runs "pause: lanes of a dead worker do not matter" wait_for 30 state_is "$run" Paused

# the quota's pause is another one
curl -sf "$DST/__sim/limits" -d '{"dailyMax":10000,"dailyRemaining":900}' >/dev/null
orgsync run resume "$run" >/dev/null
paused_by() { [[ $(run_get "$run" 'd["state"], d["pausedBy"]') == "('Paused', '$1')" ]]; }
# Paused in truth: as long as nobody has taken the resumed run up, it looks Paused without a reason.
paused_by_quota() { paused_by quota && [[ $(run_get "$run" 'd["problem"]') == *"API calls"* ]]; }
runs "quota: resumed, it is Paused by the quota" wait_for 60 paused_by_quota
orgsync run resume "$run" >/dev/null 2>"$T/err"
is $? 4 "quota: nobody can resume it by hand"
like "$(cat "$T/err")" "no API calls left" "quota: and it says why"
runs "quota: a person may pause it as well" orgsync run pause "$run"
curl -sf "$DST/__sim/limits" -d '{"dailyMax":1000000,"dailyRemaining":990000}' >/dev/null
runs "quota: then it stays" wait_for 30 paused_by user
latency 20
runs "resume" orgsync run resume "$run"
wait_ended "$run" 120
is "$(totals "$run")" "['Synced', 9000, 9000, 0, 0, 0, 0]" "it ends Synced, nothing lost"
runs "the orgs are equal" check_orgs "$run" --template "$T/crm.yaml" --key Ext_Id__c
orgsync run resume "$run" >/dev/null 2>&1
is $? 4 "resume: not of one that has ended"

# ---- abort: one more request of each lane at most ---------------------------------------------------------
anew
latency 300
run=$(create_run crm)
orgsync run start "$run" >/dev/null
wait_for 60 inserted "$run" 500
latency 2000 # a request lasts longer than an abort takes to be noticed
runs "abort" orgsync run abort "$run"
curl -sf -X DELETE "$DST/__sim/stats" >/dev/null
wait_ended "$run" 60
sent=$(curl -sf "$DST/__sim/stats" | json 'sum(n for c, n in d["byCall"].items() if c.startswith("POST composite"))')
diag "$sent requests after the abort"
runs "abort: a request of each of 8 lanes at most" test "$sent" -le 8
is "$(run_get "$run" '[d["state"], d["totals"]["inserted"]]')" "['Aborted', $(($(count Account) + $(count Contact)))]" "abort: exact counts"
orgsync run retry "$run" >/dev/null 2>"$T/err"
is $? 4 "abort: what was left out is no failure"
like "$(cat "$T/err")" "(replay it|create a new run)" "abort: and it says what to do"

# an abort of one that is paused
anew
latency 200
run=$(create_run crm)
orgsync run start "$run" >/dev/null
wait_for 60 inserted "$run" 500
orgsync run pause "$run" >/dev/null
wait_for 30 state_is "$run" Paused
runs "abort of a paused run" orgsync run abort "$run"
wait_ended "$run" 60
is "$(run_get "$run" '[d["state"], d["pausedBy"]]')" "['Aborted', None]" "it is Aborted"
is "$(run_get "$run" 'd["totals"]["inserted"]')" "$(($(count Account) + $(count Contact)))" "with exact counts"
is "$(sql "SELECT count(*) FROM batch WHERE run = '$run' AND state <> 'done'")" 0 "nothing is left open"

# ---- the queue -------------------------------------------------------------------------------------------
anew
latency 0
# What is written takes long, so that the first goes until all of this is looked at; what a scan asks does not.
curl -sf -d '{"match":"POST /composite","kind":"delay","ms":3000}' "$DST/__sim/faults" >/dev/null || bail "no fault"
ids=()
waits() { [[ $(run_get "$1" 'd["waitsFor"]') == "$2" ]]; }
for i in 0 1 2 3; do
	ids[i]=$(create_run crm)
	orgsync run start "${ids[i]}" >/dev/null
	wait_for 60 state_is "${ids[i]}" "Sync In Progress"
	[[ $i -gt 0 ]] || wait_for 60 inserted "${ids[0]}" 1
done
runs "queue: the first goes" waits "${ids[0]}" None
runs "queue: the second waits for it" wait_for 30 waits "${ids[1]}" "['${ids[0]}']"
runs "queue: the fourth for all" wait_for 30 waits "${ids[3]}" "['${ids[0]}', '${ids[1]}', '${ids[2]}']"
like "$(orgsync run list)" "${ids[0]}.*${ids[1]}" "queue: the list shows it"
other=$(create_run leads)
runs "queue: other objects go side by side" orgsync run start "$other" --wait
runs "queue: the first still goes" state_is "${ids[0]}" "Sync In Progress"
runs "queue: abort of one that waits" orgsync run abort "${ids[1]}" --wait
is "$(totals "${ids[1]}")" "['Aborted', 0, 0, 0, 0, 0, 0]" "queue: it has done nothing"
runs "queue: the others move up" wait_for 30 waits "${ids[3]}" "['${ids[0]}', '${ids[2]}']"
runs "queue: pause of one that waits" orgsync run pause "${ids[2]}"
wait_for 30 state_is "${ids[2]}" Paused
runs "queue: it lets others by" wait_for 30 waits "${ids[3]}" "['${ids[0]}']"
curl -sf -X DELETE "$DST/__sim/faults" >/dev/null
wait_ended "${ids[0]}" 120
wait_ended "${ids[3]}" 120
is "$(totals "${ids[3]}")" "['Synced', 9000, 0, 0, 9000, 0, 0]" "queue: the next one went, as a whole"
is "$(run_get "${ids[2]}" '[d["state"], d["totals"]["scanned"]]')" "['Paused', 0]" "queue: the paused one did not"
runs "queue: it goes when it is resumed" orgsync run resume "${ids[2]}" --wait
is "$(totals "${ids[2]}")" "['Synced', 9000, 0, 0, 9000, 0, 0]" "queue: to its end"

# ---- delete ----------------------------------------------------------------------------------------------
kill -STOP "$WORKER_PID" # so that it does not end
run=$(create_run crm)
orgsync run start "$run" >/dev/null
wait_for 60 state_is "$run" "Sync In Progress"
orgsync run delete "$run" --yes >/dev/null 2>&1
is $? 4 "delete: not while it is in progress"
kill -CONT "$WORKER_PID"
orgsync run abort "$run" >/dev/null
wait_ended "$run" 60
run=${ids[0]}
topic() { find "$STACK_DIR" -maxdepth 4 -type d -name "$ORGSYNC_KAFKA_PREFIX.run.$run-0" | wc -l; }
is "$(topic)" 1 "delete: the journal is there"
# A worker that missed the end of the run owns a lane of it by name: it looks, and lets go.
given() {
	[[ $(sql "UPDATE lane l SET owner = p.id, epoch = epoch + 1 FROM process p WHERE run = '$run' AND lane = 0 AND kind = 'worker' AND
		pid = $WORKER_PID AND heartbeat_at > clock_timestamp() - interval '5 seconds' RETURNING 1") == 1 ]]
}
wait_for 30 given || diag "no worker has a heart"
runs "delete, though a worker knows nothing of a lane that is its own" orgsync run delete "$run" --yes
no_topic() { [[ $(topic) == 0 ]]; }
runs "delete: the journal is gone" wait_for 20 no_topic
is "$(sql "SELECT (SELECT count(*) FROM run WHERE id = '$run') + (SELECT count(*) FROM batch WHERE run = '$run') + (SELECT count(*) FROM failure WHERE run = '$run') + (SELECT count(*) FROM lane WHERE run = '$run')")" 0 "delete: and all its rows"
orgsync run show "$run" >/dev/null 2>&1
is $? 4 "delete: nobody knows it any more"
is "$(count Account)" 6000 "delete: records stay"
# half-way, and the coordinator dies
run=${ids[3]}
kill9 "$COORDINATOR_PID"
sql "UPDATE run SET state = 'Deleted' WHERE id = '$run'"
coordinator coordinator4
gone() { [[ $(sql "SELECT count(*) FROM run WHERE id = '$run'") == 0 ]]; }
runs "delete: another coordinator does the rest" wait_for 30 gone
runs "delete: the journal is gone too" wait_for 20 no_topic
runs "the worker has outlived all that" kill -0 "$WORKER_PID"
e2e_end

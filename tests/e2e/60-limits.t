#!/usr/bin/env bash
# The limits of an org, kept by all processes together: requests at once, and the calls of the day.
. "$(dirname "$0")/lib.sh"
e2e_begin
export ORGSYNC_LIMIT_PROBE_MS=1000
simulators
coordinator
worker one
worker two
add_orgs

limits() { # URL JSON
	curl -sf -d "$2" "$1/__sim/limits" >/dev/null || bail "the limits of $1 cannot be set"
}
calls() { # URL: API calls, but for those that ask for the limits
	curl -sf "$1/__sim/stats" | json 'sum(n for call, n in d["byCall"].items() if call != "GET limits")'
}
probes() { # URL
	curl -sf "$1/__sim/stats" | json 'd["byCall"].get("GET limits", 0)'
}
clear_stats() {
	curl -sf -X DELETE "$SRC/__sim/stats" >/dev/null
	curl -sf -X DELETE "$DST/__sim/stats" >/dev/null
}
state_is() { # RUN STATE
	[[ $(run_get "$1" 'd["state"]') == "$2" ]]
}
probed() { # N more than before, at the target
	[[ $(probes "$DST") -ge $1 ]]
}

for object in Account Lead Product2; do
	curl -sf -d "{\"object\":\"$object\",\"count\":8000,\"seed\":60,\"fields\":4}" "$SRC/__sim/generate" >/dev/null ||
		bail "no records of $object"
	printf 'name: wide-%s\nobjects:\n  - {name: %s, fields: {include: [%s, Ext_Id__c]}, match: {externalId: Ext_Id__c}, batchSize: 10}\n' \
		"$object" "$object" "$([[ $object == Lead ]] && echo LastName, Company, Status || echo Name)" >"$T/wide.yaml"
	orgsync template apply -f "$T/wide.yaml" >/dev/null || bail "the template is refused"
done
cat >"$T/tight.yaml" <<'YAML'
name: tight
objects:
  - name: Account
    fields: {include: [Name, Ext_Id__c, Description]}
    match: {externalId: Ext_Id__c}
    batchSize: 10
options: {apiReservePercent: 10}
YAML
sed 's/^name: .*/name: single/; s/^options: {/&lanes: 1, /' "$T/tight.yaml" >"$T/single.yaml"
orgsync template apply -f "$T/single.yaml" >/dev/null || bail "the template is refused"
orgsync template apply -f "$T/tight.yaml" >/dev/null || bail "the template is refused"

# ---- Ten requests at once, and two workers that would send sixteen each, for three runs ----
curl -sf -d '{"ms":60}' "$DST/__sim/latency" >/dev/null
limits "$DST" '{"concurrent":10}'
runs=()
for object in Account Lead Product2; do
	run=$(create_run "wide-$object")
	orgsync run start "$run" >/dev/null || bail "the run does not start"
	runs+=("$run")
done
for run in "${runs[@]}"; do
	wait_ended "$run" 120
	is "$(run_get "$run" '[d["state"], d["totals"]["inserted"], d["totals"]["failed"]]')" "['Synced', 8000, 0]" \
		"with ten requests at once all is there"
done
refused=$(cat one.log two.log | grep -c 'REQUEST_LIMIT_EXCEEDED')
total=$(calls "$DST")
diag "refused: $refused of $total; most at once: $(curl -sf "$DST/__sim/stats" | json 'd["maxInFlight"]')"
is "$((refused > 0 && refused * 10 <= total))" 1 "the bound was found, and few requests were refused"
limits "$DST" '{"concurrent":0}'

# ---- The calls of the day reach the reserve in the middle of a run ----
curl -sf "$SRC/__sim/dump?object=Account" >"$T/accounts.jsonl"
python3 - "$T/accounts.jsonl" >"$T/changed.jsonl" <<'PY'
import json, sys
for line in open(sys.argv[1]):
    r = json.loads(line)
    print(json.dumps({"attributes": r["attributes"], "Id": r["Id"], "Description": "Changed"}))
PY
curl -sf --data-binary "@$T/changed.jsonl" "$SRC/__sim/update" >/dev/null || bail "the accounts cannot be changed"
clear_stats
limits "$DST" '{"dailyMax":1000,"dailyRemaining":170}'
run=$(create_run tight)
orgsync run start "$run" >/dev/null || bail "the run does not start"
wait_for 60 state_is "$run" Paused
ok $? "the run is Paused"
owned() {
	psql -qAt "$ORGSYNC_POSTGRES_URL" -c "SELECT count(*) FROM lane WHERE run = '$run' AND owner IS NOT NULL"
}
no_lane_is_owned() {
	[[ $(owned) == 0 ]]
}
wait_for 60 no_lane_is_owned # a worker that was slow may have sent what it was granted
wait_for 30 probed 1
like "$(run_get "$run" 'd["problem"]')" "org 'dst' has used 9[0-9][0-9] of its 1000 API calls .* 100 \(10 %\)" "it says why"
used=$(calls "$DST") read=$(calls "$SRC")
diag "calls: $used at the target, $read at the source"
is "$((used <= 70))" 1 "the reserve was kept"
is "$((used >= 60))" 1 "and little more than it"
wait_for 30 probed 3
ok $? "the org is asked for its limits"
is "$(calls "$DST") $(calls "$SRC")" "$used $read" "and for nothing else, nor is the other one"
is "$(owned)" 0 "the workers have let go of its lanes"

# The coordinator dies meanwhile: the next one takes over where it was.
kill9 "$COORDINATOR_PID"
before=$(probes "$DST")
coordinator again
wait_for 30 probed $((before + 2))
ok $? "another coordinator asks on"
is "$(run_get "$run" 'd["state"]')" Paused "the run is Paused still"
is "$(calls "$DST") $(calls "$SRC")" "$used $read" "nothing was sent"
limits "$DST" '{"dailyMax":100000}'
wait_ended "$run" 120
is "$(run_get "$run" '[d["state"], d["problem"], d["totals"]["updated"], d["totals"]["failed"]]')" \
	"['Synced', None, 8000, 0]" "a new day: it goes on by itself, and nothing is lost"
runs "the checker agrees" check_orgs "$run" --template "$T/tight.yaml" --key Ext_Id__c

# ---- At the reserve no scan begins ----
limits "$SRC" '{"dailyMax":1000,"dailyRemaining":90}'
run=$(create_run tight)
clear_stats
orgsync run scan "$run" >/dev/null 2>&1
wait_for 30 state_is "$run" "Not Started"
like "$(run_get "$run" 'd["problem"]')" "org 'src' has used 9[0-9][0-9] of its 1000 API calls .*scan" "a scan at the reserve is refused"
is "$(curl -sf "$SRC/__sim/stats" | json 'd["byCall"].get("GET sobjects/*/describe", 0)')" 0 "before anything is described"
limits "$SRC" '{"dailyMax":100000}'

# ---- The source counts as the target does ----
curl -sf -d '{"pageRows":50}' "$SRC/__sim/settings" >/dev/null
limits "$SRC" '{"dailyMax":1000,"dailyRemaining":150}'
clear_stats
scanned() { # once it is known that there are calls again
	orgsync run start "$run" >/dev/null 2>&1
	[[ $(run_get "$run" 'd["state"]') != @(Not Started|Scan In Progress) ]] # a scan may still be refused
}
run=$(create_run tight)
wait_for 30 scanned
wait_for 60 state_is "$run" Paused
ok $? "a run is Paused for its source"
like "$(run_get "$run" 'd["problem"]')" "org 'src'" "it says so"
read=$(calls "$SRC")
is "$((read >= 40 && read <= 50))" 1 "the reserve of the source was kept"
limits "$SRC" '{"dailyMax":100000}'
curl -sf -d '{"pageRows":0}' "$SRC/__sim/settings" >/dev/null
wait_ended "$run" 120
is "$(run_get "$run" '[d["state"], sum(d["totals"][k] for k in ("updated", "existing"))]')" "['Synced', 8000]" \
	"it goes on where it stopped"

# ---- Abort while Paused ----
sed -i 's/"Changed"/"Once more"/' "$T/changed.jsonl"
curl -sf --data-binary "@$T/changed.jsonl" "$SRC/__sim/update" >/dev/null || bail "the accounts cannot be changed"
limits "$DST" '{"dailyMax":1000,"dailyRemaining":160}'
run=$(create_run single)
wait_for 30 scanned
wait_for 60 state_is "$run" Paused
ok $? "another run is Paused"
orgsync run abort "$run" >/dev/null || bail "it cannot be aborted"
wait_ended "$run" 60
is "$(run_get "$run" 'd["state"]')" Aborted "and can be aborted"
e2e_end

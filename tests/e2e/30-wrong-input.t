#!/usr/bin/env bash
# Wrong input: each gets one clear sentence and leaves nothing half-done.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
worker
add_orgs

refuses() { # STATUS REGEX NAME COMMAND...
	local want=$1 regex=$2 name=$3 out status
	shift 3
	out=$("$@" 2>&1 >/dev/null)
	status=$?
	is "$status" "$want" "$name: status"
	like "$out" "$regex" "$name: says so"
	is "$(wc -l <<<"$out")" 1 "$name: one sentence"
}

template() { # NAME: from standard input
	cat >"$T/$1.yaml"
	orgsync template apply -f "$T/$1.yaml"
}

refuses 2 'line 3.*(feilds).*fields' "an unknown key" template t1 <<'YAML'
name: t1
objects:
  - {name: Account, feilds: {exclude: [Name]}}
YAML
refuses 2 'name' "no name" template t2 <<'YAML'
objects:
  - name: Account
YAML
refuses 2 't3.yaml:[0-9]+' "broken YAML" template t3 <<'YAML'
name: [t3
YAML
is "$(orgsync template list -q | wc -l)" 0 "no template was stored"

plan_refused() { # REGEX NAME: the template of that name cannot be planned
	local run
	run=$(create_run "$2") || return 1
	refuses 4 "$1" "$2" orgsync run start "$run" --wait
	is "$(run_get "$run" 'd["state"]')" "Not Started" "$2: Not Started"
}
template nosuchobject >/dev/null <<'YAML'
name: nosuchobject
objects:
  - name: Acount
YAML
plan_refused 'Acount.*Account' nosuchobject
template nosuchfield >/dev/null <<'YAML'
name: nosuchfield
objects:
  - name: Account
    fields: {include: [Nmae]}
YAML
plan_refused 'Nmae.*Name' nosuchfield
template badfilter >/dev/null <<'YAML'
name: badfilter
objects:
  - name: Account
    where: "Name = = 'x'"
YAML
plan_refused 'Account.*(filter|where|MALFORMED_QUERY)' badfilter
template cycle >/dev/null <<'YAML'
name: cycle
objects:
  - name: Ledger__c
  - name: Ledger_Line__c
YAML
plan_refused 'Ledger__c.*Ledger_Line__c.*Ledger__c' cycle

printf 'wrong' >"$T/wrong"
refuses 4 'invalid' "a wrong password" orgsync org add bad --instance-url "$SRC" --auth client-credentials --client-id orgsync --client-secret-file "$T/wrong"
nobody=127.0.0.1:1 # no port of this range is given away
refuses 3 'reach|connect' "an unreachable org" orgsync org add gone --instance-url "http://$nobody" --auth client-credentials --client-id orgsync --client-secret-file "$T/secret"
is "$(orgsync org list -q | sort | tr '\n' ' ')" "dst src " "no org was stored"
refuses 2 'itself|same' "source and target are the same" orgsync run create --template cycle --source src --target src
ORGSYNC_API_TOKEN_FILE=$T/wrong refuses 4 'token' "a wrong token" orgsync org list
ORGSYNC_API_URL=http://$nobody refuses 3 "$nobody" "no coordinator" orgsync org list

# Garbage on a run's topic: the run ends, the garbage is in the dead letters, the rest is in.
cat >"$T/seed.jsonl" <<'JSON'
{"attributes":{"type":"Account"},"Name":"One","Ext_Id__c":"G-1"}
{"attributes":{"type":"Account"},"Name":"Two","Ext_Id__c":"G-2"}
JSON
seed "$SRC" "$T/seed.jsonl"
template garbage >/dev/null <<'YAML'
name: garbage
objects:
  - name: Account
    fields: {exclude: [OwnerId]}
    match: {externalId: Ext_Id__c}
YAML
# The garbage comes into the topic before the records.
run=$(create_run garbage)
orgsync run scan "$run" >/dev/null 2>&1
hold "$SRC" "GET /query"
orgsync run start "$run" >/dev/null
topic=$ORGSYNC_KAFKA_PREFIX.run.$run
has_topic() { kcat -L -b "$ORGSYNC_KAFKA_BROKERS" -t "$topic" 2>/dev/null | grep -q 'partition 0, leader 1'; }
wait_for 60 has_topic
wait_for 60 held "$SRC"
printf 'no batch at all' | kcat -P -b "$ORGSYNC_KAFKA_BROKERS" -t "$topic" -p 0 2>/dev/null
let_go "$SRC"
runs "a run with garbage on its topic ends" wait_ended "$run" 60
is "$(run_get "$run" '[d["state"], d["totals"]["inserted"]]')" "['Synced', 2]" "Synced, with both records"
dead() { [[ $(kcat -C -e -q -b "$ORGSYNC_KAFKA_BROKERS" -t "$ORGSYNC_KAFKA_PREFIX.deadletter" -o beginning 2>/dev/null | grep -ac 'no batch at all') -ge 1 ]]; }
runs "the garbage is among the dead letters" wait_for 30 dead
is "$(curl -sf "$DST/__sim/count" | json 'd["Account"]')" 2 "the records are there once"
e2e_end

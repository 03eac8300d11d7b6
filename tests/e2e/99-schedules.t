#!/usr/bin/env bash
# Schedules: their times and what comes of them, by the clock, by hand, missed, by two coordinators; clean-ups of each table; orgs that
# are disconnected; tokens with single rights.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator one
COORDINATOR_ONE=$COORDINATOR_PID
worker
add_orgs
sql() { psql -qtA "$ORGSYNC_POSTGRES_URL" -c "$1"; }
schedule() { orgsync schedule show "$1" -o json | json "$2"; } # NAME EXPRESSION
refused() { # STATUS REGEX NAME COMMAND...
	local status=$1 regex=$2 name=$3
	shift 3
	"$@" >"$T/out" 2>"$T/err"
	is $? "$status" "$name: status $status"
	like "$(cat "$T/err")" "$regex" "$name: and it says why"
}

for i in {1..60}; do printf '{"attributes":{"type":"Account"},"Name":"A %d","Ext_Id__c":"A-%d"}\n' "$i" "$i"; done >"$T/seed.jsonl"
seed "$SRC" "$T/seed.jsonl"
cat >"$T/t.yaml" <<'YAML'
name: crm
objects:
  - name: Account
    fields: {include: [Name, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
YAML
orgsync template apply -f "$T/t.yaml" >/dev/null || bail "the template is refused"
slow() { curl -sf -d "{\"ms\":$1}" "$DST/__sim/latency" >/dev/null || bail "no latency"; }

# ---- by the clock: looked at in the end ----------------------------------------------------------------------------------
orgsync schedule add minutely --cron '* * * * *' --clean firings >/dev/null || bail "no schedule"
minute=$(schedule minutely 'd["nextAt"]')
like "$minute" ':00\.000Z$' "its next time is a full minute"

# ---- what is there, and what is refused ----------------------------------------------------------------------------------
is "$(orgsync schedule list -o json | json '[(s["cleans"], s["cron"], s["days"], s["nextAt"][11:16]) for s in d["items"] if s["name"].startswith("clean-")]')" \
	"[('audit', '0 2 * * *', 90, '02:00'), ('firings', '0 3 * * *', 60, '03:00'), ('runs', '0 4 * * *', 180, '04:00'), ('tokens', '0 3 * * *', 90, '03:00')]" \
	"the clean-ups are schedules of their own"
add() { orgsync schedule add nightly --cron "$1" --template "${2:-crm}" --source src --target "${3:-dst}"; }
refused 2 'five fields' "four fields" add '* * * *'
refused 2 'no minute of a cron expression' "minute 60" add '60 * * * *'
refused 2 'no day fits' "the 30th of February" add '0 0 30 2 *'
refused 4 'no template .nobody' "no template" add '0 2 * * *' nobody
refused 4 'no org .nobody' "no org" add '0 2 * * *' crm nobody
refused 2 'same org' "source and target" add '0 2 * * *' crm src
refused 2 'runs, audit, tokens or firings' "no table" orgsync schedule add x --cron '0 2 * * *' --clean orgs
refused 4 'no schedule named nobody' "no schedule" orgsync schedule run nobody

# ---- a run by hand -------------------------------------------------------------------------------------------------------
add '0 2 1 1 *' >/dev/null || bail "no schedule"
next=$(schedule nightly 'd["nextAt"]')
like "$next" '-01-01T02:00:00.000Z$' "the next time"
run=$(orgsync schedule run nightly -q)
runs "it has started a run" wait_ended "$run" 60
is "$(schedule nightly '[d["result"], d["run"], d["runState"], d["nextAt"]]')" "['started', '$run', 'Synced', '$next']" "what came of it, and its times are as they were"
is "$(orgsync run list -q --by 'schedule nightly')" "$run" "the run says who has made it"
like "$(orgsync audit --limit 5 -o csv)" "schedule nightly,run.start,$run" "so does the audit"
runs "the records are there" check_orgs "$run" --template "$T/t.yaml"

# ---- the former run is under way -----------------------------------------------------------------------------------------
curl -sf "$SRC/__sim/dump?object=Account" | python3 -c '
import json, sys
for r in map(json.loads, sys.stdin):
    print(json.dumps({"attributes": r["attributes"], "Id": r["Id"], "Name": r["Name"] + " new"}))' |
	curl -sf --data-binary @- "$SRC/__sim/update" >/dev/null || bail "the source cannot be changed"
hold "$DST" ""
second=$(orgsync schedule run nightly -q)
refused 4 "its run $second is still under way" "a second one is skipped" orgsync schedule run nightly
refused 4 "run $second is under way and needs org dst" "an org that a run needs is not disconnected" orgsync org disconnect dst -y
let_go "$DST"
runs "the run itself ends" wait_ended "$second" 60
is "$(orgsync schedule history nightly -o json | json '[(f["result"], f["run"]) for f in d["items"]]')" \
	"[('skipped', None), ('started', '$second'), ('started', '$run')]" "the history tells each time, newest first"
runs "what has changed is there" check_orgs "$second" --template "$T/t.yaml"

# ---- times that were missed are made up for once -------------------------------------------------------------------------
kill9 "$COORDINATOR_ONE"
apart=$(((10#$(date -u +%M) + 30) % 60)) # a minute that does not come while this is looked at
sql "UPDATE schedule SET cron = '$apart * * * *', next_at = date_trunc('hour', now()) - interval '5 hours' + $apart * interval '1 minute'
	WHERE name = 'nightly'"
API_PORT='' coordinator one
COORDINATOR_ONE=$COORDINATOR_PID
count() { sql "SELECT count(*) FROM firing WHERE schedule = '$1' AND result = '${2:-started}'"; } # NAME [RESULT]
fired() { [[ $(count "$1" "${3:-started}") == "$2" ]]; }
runs "five hours later it fires" wait_for 60 fired nightly 3
third=$(schedule nightly 'd["run"]')
runs "and its run ends" wait_ended "$third" 60
is "$(count nightly) $(sql "SELECT next_at > now() AND next_at <= now() + interval '1 hour' FROM schedule WHERE name = 'nightly'")" "3 t" "once, and then by its times"
is "$(schedule nightly 'd["previousAt"] < d["firedAt"][:13]')" True "it tells when it was due and when it was fired"

# ---- two coordinators fire each time once --------------------------------------------------------------------------------
API_PORT='' coordinator two
COORDINATOR_TWO=$COORDINATOR_PID
for i in {1..20}; do orgsync schedule add "many-$i" --cron '0 0 1 1 *' --clean audit >/dev/null || bail "no schedule"; done
sql "UPDATE schedule SET next_at = now() + interval '1 second' WHERE name LIKE 'many-%' OR name = 'nightly'"
all() { [[ $(sql "SELECT count(*) FROM firing WHERE schedule LIKE 'many-%'") == 20 ]]; }
runs "twenty and a run are due at once" wait_for 60 all
runs "the run too" wait_for 60 fired nightly 4
runs "and ends" wait_ended "$(schedule nightly 'd["run"]')" 60
is "$(sql "SELECT count(*), count(DISTINCT schedule) FROM firing WHERE schedule LIKE 'many-%'") $(count nightly) $(sql "SELECT count(*) FROM run")" "20|20 4 4" \
	"each was fired once"
like "$(grep -h '"schedule.fired"' "$T/one.log" | grep -c many) $(grep -h '"schedule.fired"' "$T/two.log" | grep -c many)" '^[0-9]+ [0-9]+$' "by one or the other"
diag "fired by one and by two: $(grep -h '"schedule.fired"' "$T/one.log" | grep -c many) $(grep -h '"schedule.fired"' "$T/two.log" | grep -c many)"
kill9 "$COORDINATOR_TWO"
ORGSYNC_API_URL=http://127.0.0.1:$(grep -h '"coordinator.ready"' "$T/one.log" | tail -1 | json 'd["port"]')
sql "DELETE FROM schedule WHERE name LIKE 'many-%'"

# ---- paused --------------------------------------------------------------------------------------------------------------
orgsync schedule pause nightly >/dev/null
is "$(schedule nightly '[d["paused"], d["nextAt"]]')" "[True, None]" "a paused schedule has no next time"
fourth=$(orgsync schedule run nightly -q)
runs "by hand it fires all the same" wait_ended "$fourth" 60
is "$(schedule nightly 'd["nextAt"]')" None "and is paused after it"
orgsync schedule resume nightly >/dev/null
is "$(schedule nightly 'd["nextAt"] is not None')" True "resumed it has a time again"

# ---- clean-ups -----------------------------------------------------------------------------------------------------------
sql "INSERT INTO audit (at, token, action, subject) SELECT now() - interval '91 days', 'old', 'x', n::text FROM generate_series(1, 12000) n"
sql "INSERT INTO audit (at, token, action, subject) VALUES (now() - interval '89 days', 'young', 'x', '')"
orgsync schedule run clean-audit >/dev/null || bail "no clean-up"
is "$(schedule clean-audit '[d["result"], d["removed"]]') $(sql "SELECT string_agg(DISTINCT token, ' ') FROM audit WHERE action = 'x'")" \
	"['cleaned', 12000] young" "the audit: what is old is gone, in parts, and told as one"
orgsync token create old --role viewer >/dev/null && orgsync token create young --role viewer >/dev/null
for name in old young; do orgsync token revoke "$(orgsync token list -o json | json "[t['id'] for t in d['items'] if t['name'] == '$name'][0]")" -y; done
sql "UPDATE token SET revoked_at = now() - interval '91 days' WHERE name = 'old'"
orgsync schedule run clean-tokens >/dev/null || bail "no clean-up"
is "$(orgsync token list -o json | json '[(t["name"], t["revokedAt"] is not None, t["lastUsedAt"] is not None) for t in d["items"]]')" \
	"[('bootstrap', False, True), ('young', True, False)]" "tokens: those revoked long ago; the rest with their last use"
sql "UPDATE firing SET fired_at = now() - interval '61 days' WHERE schedule = 'nightly'"
before=$(sql "SELECT count(*) FROM firing WHERE run IS NOT NULL AND schedule = 'nightly'")
orgsync schedule run clean-firings >/dev/null || bail "no clean-up"
is "$(sql "SELECT count(*) FROM firing WHERE fired_at < now() - interval '60 days'") $(orgsync schedule history nightly -q | wc -l)" "$before $before" \
	"firings: but those whose runs are there"
sql "UPDATE run SET ended_at = now() - interval '181 days' WHERE id = '$run'"
orgsync schedule run clean-runs >/dev/null || bail "no clean-up"
gone() { ! orgsync run show "$1" >/dev/null 2>&1; }
runs "runs: the old one goes" wait_for 60 gone "$run"
is "$(schedule clean-runs 'd["removed"]')" 1 "and no other"

# ---- rights one by one ---------------------------------------------------------------------------------------------------
as() { # TOKEN COMMAND...
	ORGSYNC_API_TOKEN_FILE=$T/$1 "${@:2}"
}
orgsync token create starter --role operator --rights start,abort --file "$T/starter" || bail "no token"
is "$(orgsync token list -o json | json "[t['rights'] for t in d['items'] if t['name'] == 'starter']")" "[['start', 'abort']]" "a token has its rights"
refused 4 "token starter has not the right 'preview'" "it makes no run" as starter orgsync run create --template crm --source src --target dst
refused 4 "has not the right 'rollback'" "it rolls nothing back" as starter orgsync run rollback "$second"
refused 4 "has not the right 'template'" "it saves no template" as starter orgsync template apply -f "$T/t.yaml"
refused 4 "role of token starter is not enough" "it makes no token" as starter orgsync token list
runs "it starts one" as starter orgsync run replay "$second" --wait
refused 2 'there are: template, order' "an unknown right" orgsync token create x --role operator --rights fly
refused 2 'only an operator' "rights of a viewer" orgsync token create x --role viewer --rights start

# ---- job slots -------------------------------------------------------------------------------------------------------------
kill9 "$COORDINATOR_ONE"
API_PORT='' ORGSYNC_RUN_SLOTS=1 coordinator one
COORDINATOR_ONE=$COORDINATOR_PID
sed -e 's/name: crm/name: people/' -e 's/Account/Contact/' -e 's/\[Name/[LastName/' "$T/t.yaml" >"$T/people.yaml"
orgsync template apply -f "$T/people.yaml" >/dev/null || bail "the template is refused"
slow 700
one=$(create_run crm)
orgsync run start "$one" >/dev/null || bail "no run"
other=$(create_run people)
orgsync run start "$other" >/dev/null || bail "no run"
runs "one ends" wait_ended "$one" 60
runs "the other too" wait_ended "$other" 60
is "$(sql "SELECT b.started_at >= a.ended_at FROM run a, run b WHERE a.id = '$one' AND b.id = '$other'")" t "with one slot they go one after the other"
slow 0

# ---- an org that is disconnected -----------------------------------------------------------------------------------------
is "$(orgsync org show dst -o json | json '[d["connected"], d["isSandbox"], d["isProduction"], len(d["orgId"]), len(d["instance"]) > 1, len(d["displayName"]) > 1]')" \
	"[True, False, True, 18, True, True]" "the facts of an org"
scanned=$(create_run crm)
orgsync run scan "$scanned" >/dev/null || bail "no scan"
is "$(orgsync org disconnect dst -y -o json | json '[d["connected"], d["name"], d["orgId"] is not None]')" "[False, 'dst', True]" "it is disconnected"
is "$(sql "SELECT length(secrets) FROM org WHERE name = 'dst'")" 0 "no credential is left"
away='org dst is disconnected; `orgsync org add dst'
refused 4 "$away" "no new run" create_run crm
refused 4 "$away" "no start" orgsync run start "$scanned"
refused 4 "$away" "no replay" orgsync run replay "$second"
refused 4 "$away" "no rollback" orgsync run rollback "$second"
refused 4 "$away" "no check" orgsync run check "$scanned"
refused 4 "$away" "no login" orgsync org test dst
refused 4 "refused: $away" "no scheduled run" orgsync schedule run nightly
is "$(schedule nightly '[d["result"], d["run"]]')" "['refused', None]" "which the schedule tells"
is "$(run_get "$second" '[d["state"], d["totals"]["scanned"]]')" "['Synced', 60]" "its runs are there"
runs "the doctor does not mind" orgsync doctor
add_orgs
runs "connected again, it starts" orgsync run start "$scanned" --wait
orgsync template remove crm >/dev/null
refused 4 "no template .crm" "a schedule whose template is gone" orgsync schedule run nightly

# ---- a new installation --------------------------------------------------------------------------------------------------
mkdir "$T/new"
cd "$T/new" || bail "no folder"
runs "init writes settings and a key" orgsync init
is "$(stat -c '%a %n' ./*)" $'644 ./orgsync.yaml\n600 ./secret.key' "for their owner's eyes"
refused 4 'orgsync.yaml is there already' "never over what is there" orgsync init
E2E_KEY=$ORGSYNC_SECRET_KEY
unset ORGSYNC_SECRET_KEY
sed -i -E 's/^#([a-z-]+: .)/\1/' orgsync.yaml # every line of it
API_PORT='' coordinator fresh
is "$(grep -c '"coordinator.ready"' "$T/fresh.log") $(grep -c '^[a-z]' orgsync.yaml | awk '{print ($1 > 15)}')" "1 1" "a coordinator starts by them alone"
kill9 "$COORDINATOR_PID"
export ORGSYNC_SECRET_KEY=$E2E_KEY
ORGSYNC_API_URL=http://127.0.0.1:$(grep -h '"coordinator.ready"' "$T/one.log" | tail -1 | json 'd["port"]')
cd "$T" || bail "no folder"

# ---- by the clock --------------------------------------------------------------------------------------------------------
clocked() { [[ $(sql "SELECT count(*) FROM firing WHERE schedule = 'minutely' AND due_at >= '$minute'") -ge 1 ]]; }
runs "a minute has come" wait_for 65 clocked
is "$(sql "SELECT bool_and(due_at = date_trunc('minute', due_at)), count(*) = count(DISTINCT due_at) FROM firing WHERE schedule = 'minutely'")" "t|t" \
	"due at full minutes, each once"
is "$(sql "SELECT max(extract(epoch FROM fired_at - due_at)) < 5 FROM (SELECT * FROM firing WHERE schedule = 'minutely' AND fired_at > now() - interval '1 day'
	ORDER BY due_at DESC LIMIT 1) last")" t "and fired within seconds"
orgsync schedule remove minutely -y
is "$(orgsync schedule list -q | xargs)" "clean-audit clean-firings clean-runs clean-tokens nightly" "one that is removed is gone"
e2e_end

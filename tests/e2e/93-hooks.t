#!/usr/bin/env bash
# Hooks: what a receiver hears of a run, signed and in order; receivers that fail, refuse, hang, redirect, answer too much; what is
# refused; that neither values of records nor secrets leave.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hooks.sh"
export ORGSYNC_LEASE_MS=1500
e2e_begin
simulators
coordinator
worker
add_orgs
receiver
hook_data 30
add_hooks ok once fail no hang redirect much late gate

# ---- one run, three points ----
hook_template all '[{at: beforeRun, hook: ok, onError: abort}, {at: afterObject, hook: once}, {at: afterRun, hook: ok}]'
RUN=$(create_run all)
orgsync run start "$RUN" --wait >"$T/out" 2>&1
is "$?" 0 'the run is Synced'
runs 'its calls are answered' wait_for 60 hooks_done "$RUN"
is "$(heard '[r["signed"] for r in d].count(False), len(d) > 0, {r["type"] for r in d}')" "(0, True, {'application/json'})" 'every request is signed'
is "$(heard '[(r["body"]["type"], [o["name"] for o in r["body"]["objects"]], r["attempt"]) for r in d if r["path"].startswith("/ok")]')" \
	"[('beforeRun', ['Account', 'Contact'], 1), ('afterRun', ['Account', 'Contact'], 1)]" 'before and after the run, once each'
is "$(heard '[(r["body"]["objects"][0]["name"], r["attempt"]) for r in d if r["path"].startswith("/once")]')" \
	"[('Account', 1), ('Account', 2), ('Contact', 1), ('Contact', 2)]" 'after each object, in order; a 500 is tried again'
is "$(heard '[r["id"] == r["body"]["id"] for r in d].count(False), len({r["id"] for r in d if r["path"].startswith("/once")})')" '(0, 2)' \
	'each call has one id, whatever the attempt'
is "$(heard '[(o["name"], o["selected"], o["inserted"], o["failed"]) for r in d if r["body"]["type"] == "afterRun" for o in r["body"]["objects"]]')" \
	"[('Account', 30, 30, 0), ('Contact', 30, 30, 0)]" 'the last one has the counts'
is "$(heard '[r["body"]["run"][k] for r in d for k in ("state",) if r["path"].startswith("/ok")]')" "['Sync In Progress', 'Synced']" 'and the state'
is "$(heard '[(o["inserted"], r["attempt"]) for r in d for o in r["body"]["objects"] if r["body"]["type"] == "afterObject"]')" \
	'[(30, 1), (30, 2), (30, 1), (30, 2)]' 'an object is done when it is told'
is "$(hook_calls "$RUN" '[(c["at"], c["object"], c["hook"], c["state"], c["attempts"], c["status"]) for c in d]')" \
	"[('beforeRun', None, 'ok', 'delivered', 1, 204), ('afterObject', 'Account', 'once', 'delivered', 2, 204), ('afterObject', 'Contact', 'once', 'delivered', 2, 204), ('afterRun', None, 'ok', 'delivered', 1, 204)]" \
	'run hooks shows what was sent and answered'
like "$(orgsync run show "$RUN")" 'Hook calls: 4 delivered, 0 pending, 0 failed' 'run show counts them'

# ---- a second pass, and a rollback ----
before=$(heard 'len(d)')
orgsync run replay "$RUN" --wait >/dev/null 2>&1
runs 'a replay: its calls are answered' wait_for 60 hooks_done "$RUN"
is "$(heard "[(r['body']['run']['pass'], r['body']['run']['passKind']) for r in d[$before:] if r['body']['type'] != 'afterObject']")" \
	"[(2, 'replay'), (2, 'replay')]" 'each pass is told'
orgsync run rollback "$RUN" --dry-run --wait >/dev/null 2>&1
orgsync run rollback "$RUN" --wait >/dev/null 2>&1
runs 'a rollback: its call is answered' wait_for 60 hooks_done "$RUN"
is "$(heard '[(r["body"]["type"], r["body"]["run"]["state"]) for r in d[-1:]]')" "[('afterRun', 'Rollback Completed')]" 'the end of a rollback is told'
is "$(heard "[r['body']['run']['passKind'] for r in d[$before:] if r['body']['type'] == 'afterRun']")" "['replay', 'rollback']" 'that of a dry one is not'

# ---- the switch of an object; a template without hooks ----
before=$(heard 'len(d)')
hook_template switched '[{at: afterObject, hook: ok}]' ', hooks: false'
RUN=$(create_run switched)
orgsync run start "$RUN" --wait >/dev/null 2>&1
runs 'its call is answered' wait_for 60 hooks_done "$RUN"
is "$(heard "[r['body']['objects'][0]['name'] for r in d[$before:]]")" "['Contact']" 'hooks: false of an object'

# ---- receivers that do not answer well; continue ----
hook_template bad '[{at: beforeRun, hook: redirect}, {at: beforeRun, hook: much, attempts: 2}, {at: afterObject, hook: hang, timeoutSeconds: 1, attempts: 1},
  {at: afterRun, hook: fail, attempts: 2}, {at: afterRun, hook: late, attempts: 2}, {at: afterRun, hook: no}]'
RUN=$(create_run bad)
orgsync run start "$RUN" --wait >/dev/null 2>&1
is "$(run_get "$RUN" 'd["state"]')" Synced 'continue: the run goes on without an answer'
runs 'every call has ended' wait_for 60 hooks_done "$RUN"
is "$(hook_calls "$RUN" 'sorted((c["hook"], c["state"], c["attempts"], c["status"]) for c in d)')" \
	"[('fail', 'failed', 2, 500), ('hang', 'failed', 1, None), ('hang', 'failed', 1, None), ('late', 'delivered', 2, 204), ('much', 'failed', 2, None), ('no', 'failed', 1, 403), ('redirect', 'failed', 1, 307)]" \
	'a refusal is not repeated, anything else is, so often as was asked'
is "$(heard '[r for r in d if "redirected" in r["path"]]')" '[]' 'a redirect is not followed'
like "$(hook_calls "$RUN" 'sorted(c["note"] for c in d if c["note"])')" 'it answered 307; redirects are not followed.*larger than 65536 bytes' 'and why'

# ---- abort ----
hook_template veto '[{at: beforeRun, hook: no, onError: abort}, {at: afterRun, hook: ok}]'
orgsync run list -o json >/dev/null
curl -sf -X POST "$DST/__sim/reset" >/dev/null
RUN=$(create_run veto)
orgsync run start "$RUN" --wait >/dev/null 2>&1
like "$(run_get "$RUN" 'd["state"], d["problem"]')" "Aborted.*hook no ends the run at beforeRun: it answered 403" 'a receiver may refuse a run'
is "$(curl -sf "$DST/__sim/dump?object=Account" | grep -c Secretname)" 0 'nothing was written'
runs 'the abort is told' wait_for 60 hooks_done "$RUN"
is "$(heard '[(r["body"]["type"], r["body"]["run"]["state"]) for r in d[-1:]]')" "[('afterRun', 'Aborted')]" 'as the end of the run'
hook_template stop '[{at: afterObject, hook: fail, attempts: 2, onError: abort}]'
RUN=$(create_run stop)
orgsync run start "$RUN" --wait >/dev/null 2>&1
like "$(run_get "$RUN" 'd["state"], d["problem"]')" "Aborted.*hook fail ends the run at afterObject of Account: it answered 500" 'a dead receiver ends a run that needs it'
is "$(curl -sf "$DST/__sim/dump?object=Account" | grep -c Secretname) $(curl -sf "$DST/__sim/dump?object=Contact" | grep -c Secretname)" '30 0' \
	'the next stage did not begin'

# ---- the run waits; kill -9 while the receiver thinks ----
before=$(heard 'len(d)')
hook_template gated '[{at: beforeRun, hook: gate, timeoutSeconds: 2}, {at: afterRun, hook: ok}]'
RUN=$(create_run gated)
orgsync run start "$RUN" >/dev/null
gated() { [[ $(heard "sum(r['path'].startswith('/gate') for r in d[$before:])") -ge $1 ]]; }
runs 'the receiver is asked' wait_for 60 gated 1
is "$(run_get "$RUN" 'd["totals"]["inserted"], d["hooks"]')" "(0, {'pending': 1, 'delivered': 0, 'failed': 0})" 'the run waits for the answer'
kill9 "$COORDINATOR_PID"
coordinator
runs 'after kill -9 it is asked again' wait_for 60 gated 2
touch "$T/heard.open"
runs 'the run goes on' wait_ended "$RUN" 60
runs 'and all is answered' wait_for 60 hooks_done "$RUN"
is "$(heard "len({r['id'] for r in d[$before:] if r['path'].startswith('/gate')})")" 1 'by the same id'
is "$(heard "[r['body']['type'] for r in d[$before:]][-1]")" afterRun 'the end is told last'

# ---- test, show, remove ----
runs 'hook test: delivered' orgsync hook test ok
is "$(heard '[(r["body"]["type"], r["signed"]) for r in d[-1:]]')" "[('test', True)]" 'a test call is signed as well'
orgsync hook test no >"$T/out" 2>&1
is "$?" 4 'hook test: refused'
like "$(cat "$T/out")" 'it answered 403' 'and says why'
is "$(orgsync hook list -o json | grep -c 'in-the-url')" 0 'path and query of a URL are not shown'
runs 'a hook is removed' orgsync hook remove late --yes
like "$(create_run bad 2>&1)" 'names hook late, which is not there; an admin adds it' 'a run of a template that names it is refused'

# ---- what is refused ----
refused() { # URL WHAT
	like "$(orgsync hook add x --url "$1" --secret-file "$T/hook-secret" 2>&1)" 'must be https:// and name a host by its domain' "$2"
}
refused http://hooks.example.com/x 'plain HTTP'
refused https://127.0.0.1/x 'an address'
refused https://localhost/x 'a name of this machine'
refused https://user@hooks.example.com/x 'a user'
refused ftp://hooks.example.com/x 'another scheme'
printf 'secret' >"$T/short"
like "$(orgsync hook add x --url https://hooks.example.com/ --secret-file "$T/short" 2>&1)" 'must be whsec_ and 24 to 64 bytes' 'a secret of another form'
like "$(orgsync hook add 'a b' --url https://hooks.example.com/ --secret-file "$T/hook-secret" 2>&1)" "name is made of letters" 'a name'
orgsync token create op --role operator -f "$T/op" >/dev/null
like "$(ORGSYNC_API_TOKEN_FILE=$T/op orgsync hook add x --url https://hooks.example.com/ --secret-file "$T/hook-secret" 2>&1)" 'role of token op is not enough' 'only an admin adds one'
# a domain that leads inside is taken, and the connection refused where it would be made
before=$(heard 'len(d)')
runs 'a name that leads inside is taken' orgsync hook add inside --url "https://hook.localhost:${RECEIVER##*:}/ok" --secret-file "$T/hook-secret"
orgsync hook test inside >"$T/out" 2>&1
is "$?" 4 'and not asked'
like "$(cat "$T/out")" 'its name leads to an address that is not public' 'and why'
is "$(heard 'len(d)')" "$before" 'nobody came'

# ---- what leaves, what is kept ----
is "$(grep -c Secretname "$T/heard")" 0 'no value of a record was sent'
logs() { cat "$T"/coordinator*.log "$T"/worker*.log; }
is "$(logs | grep -c "$(tail -c +7 "$T/hook-secret" | head -c 20)\|in-the-url\|Secretname")" 0 'neither secrets, URLs nor values are in the logs'
is "$(psql -qAt "$ORGSYNC_POSTGRES_URL" -c 'SELECT * FROM hook, hook_call' | grep -c "in-the-url\|$(tail -c +7 "$T/hook-secret" | head -c 20)")" 0 'nor in Postgres'
e2e_end

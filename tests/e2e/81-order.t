#!/usr/bin/env bash
# Order: computed with reasons, given, refused, taken back; a state while it is worked out anew. And what the switches of an object
# mean for its children.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
worker
add_orgs

api() { # METHOD PATH [BODY]: the status, the body in $T/api
	curl -s -o "$T/api" -w '%{http_code}' -X "$1" -H "Authorization: Bearer $(cat "$T/token")" ${3:+-d "$3"} "$ORGSYNC_API_URL/api/v1$2"
}

template() { # NAME: from standard input
	cat >"$T/$1.yaml"
	orgsync template apply -f "$T/$1.yaml" >/dev/null || bail "template $1 is refused"
}

order() { # RUN EXPRESSION
	orgsync run order "$1" -o json | json "$2"
}

dump() { # URL OBJECT EXPRESSION: of rows, the records there
	curl -sf "$1/__sim/dump?object=$2" | python3 -c '
import json, sys
rows = [r for r in map(json.loads, sys.stdin) if not r.get("IsDeleted")]
print(eval(sys.argv[1]))' "$3"
}

cat >"$T/seed.jsonl" <<'JSON'
{"attributes":{"type":"Account"},"Id":"@a","Name":"One","Ext_Id__c":"A-1"}
{"attributes":{"type":"Contact"},"Id":"@c","LastName":"Boss","AccountId":"@a","Ext_Id__c":"C-1"}
{"attributes":{"type":"Contact"},"LastName":"Two","AccountId":"@a","ReportsToId":"@c","Ext_Id__c":"C-2"}
{"attributes":{"type":"Project__c"},"Id":"@p","Ext_Id__c":"P-1"}
{"attributes":{"type":"Milestone__c"},"Name":"M1","Project__c":"@p","Ext_Id__c":"M-1"}
{"attributes":{"type":"Milestone__c"},"Name":"M2","Project__c":"@p","Ext_Id__c":"M-2"}
JSON
seed "$SRC" "$T/seed.jsonl"
template crm <<'YAML'
name: crm
objects:
  - {name: Contact, fields: {include: [LastName, AccountId, ReportsToId, Ext_Id__c]}, match: {externalId: Ext_Id__c}}
  - {name: Milestone__c, fields: {include: [Name, Project__c, Ext_Id__c]}, match: {externalId: Ext_Id__c}}
  - {name: Account, fields: {include: [Name, Ext_Id__c]}, match: {externalId: Ext_Id__c}}
  - {name: Project__c, fields: {include: [Ext_Id__c]}, match: {externalId: Ext_Id__c}}
YAML

# ---- computed, with reasons ------------------------------------------------------------------------------
run=$(create_run crm)
orgsync run order "$run" >/dev/null 2>"$T/err"
is $? 4 "before the scan there is no order: status 4"
like "$(cat "$T/err")" "orgsync run scan $run" "and what to do"
orgsync run scan "$run" >/dev/null 2>&1
is "$(order "$run" '[d["source"], d["version"], d["recalculating"]]')" "['computed', 0, False]" "computed"
is "$(order "$run" '[[o["name"], o["stage"]] for o in d["objects"]]')" \
	"[['Account', 1], ['Project__c', 1], ['Contact', 2], ['Milestone__c', 2]]" "parents first"
is "$(order "$run" '{o["name"]: o["after"] for o in d["objects"]}["Milestone__c"]')" \
	"[{'object': 'Project__c', 'field': 'Project__c', 'required': True}]" "what an object waits for"
is "$(order "$run" '{o["name"]: [l["field"] for l in o["links"]] for o in d["objects"]}["Contact"]')" "['ReportsToId']" "and what waits for the link pass"
table=$(orgsync run order "$run")
like "$table" "after Account \(AccountId\); link pass: ReportsToId to Contact" "the table says why"
like "$table" "Computed from the lookups" "and that it is computed"
is "$(orgsync run order "$run" -q | tr '\n' ' ')" "Account Project__c Contact Milestone__c " "names alone with -q"

# ---- refused ---------------------------------------------------------------------------------------------
refused() { # REGEX NAME [arguments]
	local regex=$1 name=$2
	shift 2
	orgsync run order "$run" "$@" >"$T/out" 2>"$T/err"
	is $? 2 "$name: refused"
	like "$(cat "$T/err")" "$regex" "$name: says why"
	is "$(wc -l <"$T/err") $(wc -c <"$T/out")" "1 0" "$name: one sentence"
}
refused 'Milestone__c cannot come before Project__c: its lookup Project__c is required' "a required parent after its child" \
	--set Milestone__c,Project__c,Contact,Account
refused "did you mean 'Account'" "an unknown object" --set Acount,Project__c,Contact,Milestone__c
refused "does not name Contact" "not all objects" --set Account,Project__c,Milestone__c
refused "twice" "one object twice" --set Account,Account,Project__c,Contact,Milestone__c
refused "empty name" "an empty name" --set Account,,Project__c
refused "do not go together" "set and reset" --set Account --reset
is "$(order "$run" '[d["source"], d["version"]]')" "['computed', 0]" "nothing has changed"
is "$(run_get "$run" 'd["state"]')" Scanned "nor the state"

# ---- given: saved as a version, recalculated as a state -----------------------------------------------------
hold "$SRC" ""
is "$(api PUT "/runs/$run/order" '{"objects":["Contact","Account","Project__c","Milestone__c"]}')" 202 "an order is taken"
is "$(json '[d["state"], d["phase"]]' <"$T/api")" "['Scan In Progress', 'Initializing']" "the recalculation is a state"
is "$(order "$run" 'd["recalculating"]')" True "which the order tells"
is "$(api POST "/runs/$run/start")" 409 "a start is refused meanwhile"
like "$(json 'd["detail"]' <"$T/api")" "works its order out anew; start it when it is Scanned" "with a sentence"
is "$(api PUT "/runs/$run/order" '{"objects":["Account","Contact","Project__c","Milestone__c"]}')" 409 "and so is another order"
let_go "$SRC"
scanned() { [[ $(run_get "$run" 'd["state"]') == Scanned ]]; }
runs "it is Scanned again" wait_for 60 scanned
is "$(order "$run" '[d["source"], d["version"], d["recalculating"], d["order"]]')" \
	"['given', 1, False, ['Contact', 'Account', 'Project__c', 'Milestone__c']]" "the given order, version 1"
is "$(order "$run" '[o["stage"] for o in d["objects"]]')" "[1, 2, 3, 4]" "each object has a stage"
like "$(orgsync run scan "$run" 2>/dev/null)" "Contact.AccountId points to Account, which comes later in the given order" "a later parent is a notice"
is "$(order "$run" 'd["version"]')" 1 "a new scan keeps the order"
like "$(orgsync run order "$run")" "Given order, version 1" "the table tells where it comes from"
orgsync run order "$run" --set Account,Contact,Milestone__c,Project__c >/dev/null 2>&1
is $? 2 "what is required is so in a given order too"
is "$(orgsync run order "$run" --set 'Project__c, Contact, Account, Milestone__c' -o json 2>/dev/null | json '[d["version"], d["order"][0]]')" \
	"[2, 'Project__c']" "another one is version 2; the command waits for it"
is "$(psql -At "$ORGSYNC_POSTGRES_URL" -c "SELECT version, created_by FROM run_order WHERE run = '$run' ORDER BY version" | tr '\n' ' ')" \
	"1|bootstrap 2|bootstrap " "each version is kept, with who saved it"
like "$(orgsync audit -o json)" "run.order" "the audit knows"
orgsync run start "$run" --wait >"$T/out" 2>&1
is $? 0 "the run ends well" || diag "$(tail -5 "$T/out")"
is "$(run_get "$run" '[[o["name"], o["stage"], o["inserted"]] for o in d["objects"]]')" \
	"[['Project__c', 1, 1], ['Contact', 2, 2], ['Account', 3, 1], ['Milestone__c', 4, 2]]" "in the given order"
is "$(dump "$DST" Contact 'sorted((r["LastName"], bool(r["AccountId"]), bool(r["ReportsToId"])) for r in rows)')" \
	"[('Boss', True, False), ('Two', True, True)]" "lookups to what came later are there"
is "$(api PUT "/runs/$run/order" '{"objects":["Account","Contact","Project__c","Milestone__c"]}')" 409 "a run that has ended keeps its order"

# ---- reset, and the template's own -------------------------------------------------------------------------
run=$(create_run crm)
orgsync run scan "$run" >/dev/null 2>&1
orgsync run order "$run" --set Contact,Account,Project__c,Milestone__c >/dev/null 2>&1
is "$(orgsync run order "$run" --reset -o json 2>/dev/null | json '[d["source"], d["version"], d["order"][0]]')" "['computed', 2, 'Account']" "reset goes back"
sed -e 's/name: crm/name: ordered/' -e '1a order: [Project__c, Milestone__c, Contact, Account]' "$T/crm.yaml" | template ordered
run=$(create_run ordered)
orgsync run scan "$run" >/dev/null 2>&1
is "$(order "$run" '[d["source"], d["order"]]')" "['template', ['Project__c', 'Milestone__c', 'Contact', 'Account']]" "a template may give the order"
sed -e 's/name: crm/name: wrong/' -e '1a order: [Milestone__c, Project__c, Contact, Account]' "$T/crm.yaml" | template wrong
run=$(create_run wrong)
orgsync run scan "$run" >/dev/null 2>"$T/err"
is $? 4 "one that cannot be is refused by the scan"
like "$(cat "$T/err")" "object Milestone__c: it cannot come before Project__c" "with the reason"
orgsync run check "$run" -o json >"$T/check.json"
is $? 4 "and by the check"
is "$(json '[(f["kind"], f["object"], f["field"]) for f in d["findings"] if f["severity"] == "blocking"]' <"$T/check.json")" "[('order', 'Milestone__c', 'Project__c')]" "which names the lookup"
sed -e 's/name: crm/name: short/' -e '1a order: [Account]' "$T/crm.yaml" >"$T/short.yaml"
orgsync template apply -f "$T/short.yaml" >/dev/null 2>"$T/err"
is $? 2 "one that does not name all is refused at once"
like "$(cat "$T/err")" "line 2.*order does not name Contact" "with its line"

# ---- an order that cannot be any more ----------------------------------------------------------------------
run=$(create_run crm)
orgsync run scan "$run" >/dev/null 2>&1
required() { # true or false: a contact's account
	curl -sf -d "{\"objects\":[{\"name\":\"Contact\",\"fields\":[{\"name\":\"AccountId\",\"nillable\":$1}]}]}" "$DST/__sim/schema" >/dev/null
}
required false
orgsync run order "$run" --set Contact,Account,Project__c,Milestone__c >/dev/null 2>"$T/err"
is $? 4 "an order that has become impossible: status 4"
like "$(cat "$T/err")" "Contact: it cannot come before Account" "with the reason"
is "$(run_get "$run" 'd["state"]')" "Not Started" "the run is Not Started"
orgsync run start "$run" --wait >/dev/null 2>&1
is $? 4 "it is not started with it"
runs "but may go back" orgsync run order "$run" --reset
runs "and be scanned" orgsync run scan "$run"
is "$(order "$run" '[d["source"], d["order"][0]]')" "['computed', 'Account']" "in the computed order"
required true

# ---- the switches and children ---------------------------------------------------------------------------
totals() { # RUN OBJECT: inserted, updated, existing, skipped, failed
	run_get "$1" "[[o[k] for k in ('inserted','updated','existing','skipped','failed')] for o in d['objects'] if o['name'] == '$2'][0]"
}
fresh() {
	curl -sf -X POST "$DST/__sim/reset" >/dev/null
	forget_mappings
}
go() { # TEMPLATE: a run to its end, id in RUN
	RUN=$(create_run "$1")
	orgsync run start "$RUN" --wait >"$T/out" 2>&1
}

# Update off: what is there is existing and stays as it is; its children find it.
fresh
cat >"$T/dst.jsonl" <<'JSON'
{"attributes":{"type":"Account"},"Name":"Other name","Ext_Id__c":"A-1"}
{"attributes":{"type":"Project__c"},"Ext_Id__c":"P-1"}
JSON
seed "$DST" "$T/dst.jsonl"
sed -e 's/name: crm/name: noupdate/' -e '/name: Account/s/}}$/}, update: false}/' -e '/name: Project__c/s/}}$/}, update: false}/' "$T/crm.yaml" | template noupdate
go noupdate
is "$(totals "$RUN" Account) $(totals "$RUN" Project__c)" "[0, 0, 1, 0, 0] [0, 0, 1, 0, 0]" "update off: existing"
is "$(dump "$DST" Account '[r["Name"] for r in rows]')" "['Other name']" "update off: it is not written"
account=$(dump "$DST" Account 'rows[0]["Id"]') project=$(dump "$DST" Project__c 'rows[0]["Id"]')
is "$(dump "$DST" Contact 'sorted({r["AccountId"] for r in rows})') $(totals "$RUN" Contact)" "['$account'] [2, 0, 0, 0, 0]" "update off: children point to it"
is "$(dump "$DST" Milestone__c '{r["Project__c"] for r in rows}') $(totals "$RUN" Milestone__c)" "{'$project'} [2, 0, 0, 0, 0]" "update off: and those that must"

# Insert off: what is not there is skipped; a child that must point to it fails and says so, one that may goes in without it;
# neither is linked to another record.
fresh
cat >"$T/dst.jsonl" <<'JSON'
{"attributes":{"type":"Account"},"Name":"Somebody else","Ext_Id__c":"A-9"}
{"attributes":{"type":"Project__c"},"Id":"@x","Ext_Id__c":"P-9"}
JSON
seed "$DST" "$T/dst.jsonl"
sed -e 's/name: crm/name: noinsert/' -e '/name: Account/s/}}$/}, insert: false}/' -e '/name: Project__c/s/}}$/}, insert: false}/' "$T/crm.yaml" | template noinsert
go noinsert
is "$(totals "$RUN" Account) $(totals "$RUN" Project__c)" "[0, 0, 0, 1, 0] [0, 0, 0, 1, 0]" "insert off: skipped"
is "$(totals "$RUN" Milestone__c)" "[0, 0, 0, 0, 2]" "insert off: a child with a required lookup fails"
orgsync run errors "$RUN" --object Milestone__c --csv "$T/errors.csv" >/dev/null 2>&1
is "$(python3 -c 'import csv, sys; print(sorted({(r["code"], r["fields"], "insert is off for Project__c" in r["message"]) for r in csv.DictReader(open(sys.argv[1]))}))' "$T/errors.csv")" \
	"[('PARENT_MISSING', 'Project__c', True)]" "insert off: and says why its parent is not there"
is "$(dump "$DST" Milestone__c 'len(rows)')" 0 "insert off: it is not in the target"
is "$(totals "$RUN" Contact)" "[2, 0, 0, 0, 0]" "insert off: a child with an optional lookup goes in"
is "$(dump "$DST" Contact '{r["AccountId"] for r in rows}')" "{None}" "insert off: linked to nobody"
is "$(orgsync run errors "$RUN" --kind notice -o json | json 'sorted({(i["code"], i["object"]) for i in d["items"]})')" \
	"[('PARENT_MISSING', 'Contact')]" "insert off: which is told"
e2e_end

#!/usr/bin/env bash
# The check: what stands between two orgs and a run, each with org, object, field, what and what to do; nothing is written.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
add_orgs

check() { # TEMPLATE: a run checked, id in RUN, status in STATUS, report in check.json
	RUN=$(create_run "$1")
	orgsync run check "$RUN" -o json >"$T/check.json" 2>"$T/check.err"
	STATUS=$?
}

has() { # SEVERITY KIND ORG OBJECT FIELD-OR-NAME TEXT NAME
	local got
	got=$(python3 - "$T/check.json" "$@" <<'PY'
import json, sys
path, severity, kind, org, thing, field, text = sys.argv[1:8]
for f in json.load(open(path))["findings"]:
    if (f["kind"], f["org"], f["object"]) == (kind, org, thing) and field in (f["field"], f["name"], "") and text in f["what"]:
        print(f["severity"], "todo" if f["todo"] else "no todo")
        break
PY
)
	is "$got" "$1 todo" "$7"
}

template() { # NAME: from standard input
	cat >"$T/$1.yaml"
	orgsync template apply -f "$T/$1.yaml" >/dev/null || bail "template $1 is refused"
}

schema() { # URL: from standard input
	curl -sf --data-binary @- "$1/__sim/schema" >/dev/null || bail "the schema is refused"
}

# ---- two equal orgs ------------------------------------------------------------------------------------
template plain <<'YAML'
name: plain
objects:
  - {name: Account, fields: {include: [Name, Phone]}, match: {externalId: Ext_Id__c}}
  - {name: Contact, fields: {include: [LastName, AccountId]}}
YAML
check plain
is "$STATUS" 0 "equal orgs: status 0"
is "$(json '[d["blocking"], d["warnings"], d["findings"]]' <"$T/check.json")" "[0, 0, []]" "equal orgs: nothing is found"
is "$(run_get "$RUN" 'd["state"]')" "Not Started" "a check moves no state"

# ---- metadata ------------------------------------------------------------------------------------------
schema "$SRC" <<'JSON'
{"objects":[{"name":"Account","fields":[{"name":"Long__c","length":255},{"name":"Only__c","type":"string"},
  {"name":"Num__c","type":"double","precision":18,"scale":4},{"name":"When__c","type":"datetime"},
  {"name":"Free__c","type":"picklist","picklistValues":[{"value":"A"},{"value":"B"}]},
  {"name":"Tight__c","type":"picklist","picklistValues":[{"value":"A"},{"value":"B"}]},{"name":"Uniq__c"},{"name":"Opt__c"}]}],
 "recordTypes":[{"object":"Account","name":"Reseller"},{"object":"Account","name":"Closed"}]}
JSON
schema "$DST" <<'JSON'
{"objects":[{"name":"Account","fields":[{"name":"Long__c","length":80},{"name":"Must__c","nillable":false},
  {"name":"Num__c","type":"double","precision":10,"scale":2},{"name":"When__c","type":"boolean"},
  {"name":"Free__c","type":"picklist","picklistValues":[{"value":"A"}]},
  {"name":"Tight__c","type":"picklist","restrictedPicklist":true,"picklistValues":[{"value":"A"}]},
  {"name":"Uniq__c","unique":true,"externalId":true},{"name":"Opt__c","nillable":false},
  {"name":"Fax","readOnly":true},{"name":"Site","hidden":true}]},
  {"name":"Contact","createable":false},{"name":"Lead","updateable":false},{"name":"Case","hidden":true}],
 "recordTypes":[{"object":"Account","name":"Closed","active":false}]}
JSON
template all <<'YAML'
name: all
objects:
  - {name: Account, match: {externalId: Uniq__c}}
  - {name: Contact}
  - {name: Lead}
  - {name: Case}
  - {name: Acount__c}
  - {name: Task, fields: {include: [Subject, Nope__c]}}
YAML
check all
is "$STATUS" 4 "a difference that blocks: status 4"
has blocking object dst Case "" "no object 'Case'" "an object that our user may not see"
has blocking object src Acount__c "" "no object 'Acount__c'" "an object that the source does not have"
has blocking field src Task Nope__c "not on Task" "a field that the template names and the source does not have"
has warning field dst Account Only__c "is not in the target" "a field that the target does not have"
has warning field dst Account Site "is not in the target" "a field that our user may not see"
has warning permission dst Account Fax "cannot be written" "a field that our user may not write"
has blocking permission dst Contact "" "cannot be inserted" "no right to insert"
has warning permission dst Lead "" "cannot be updated" "no right to update"
has blocking required dst Account Must__c "nothing is copied" "a required field without a source"
has warning required dst Account Opt__c "without a value" "a field that is required in the target only"
has blocking type dst Account When__c "datetime in org 'src' and boolean" "another type"
has warning length dst Account Long__c "255 characters" "a shorter field"
has warning precision dst Account Num__c "14 digits" "fewer digits"
has warning precision dst Account Num__c "rounded" "fewer decimals"
has blocking picklist dst Account Tight__c "'B'" "a value that a restricted picklist does not have"
has warning picklist dst Account Free__c "'B'" "a value that a picklist does not have"
has warning recordType dst Account Reseller "is not in org" "a record type that is not there"
has blocking recordType dst Account Closed "inactive" "a record type that is inactive"
has warning unique dst Account Uniq__c "DUPLICATE_VALUE" "a field that is unique in the target only"
has warning unique src Account Uniq__c "not unique in org 'src'" "a match key that is not unique in the source"
has warning lookup dst Account OwnerId "not in the template" "a lookup that is left out"
is "$(curl -sf "$DST/__sim/stats" | json 'd["recordsWritten"]')" 0 "nothing is written"
scanned=$(orgsync run start "$RUN" --wait 2>&1)
is $? 4 "the scan refuses the run as well"
like "$scanned" "there is no object" "and says why"

# ---- picklist values by record type --------------------------------------------------------------------
types='"recordTypes":[{"object":"Ticket__c","name":"Gold"},{"object":"Ticket__c","name":"Plain"},{"object":"Ticket__c","name":"Lost"}]'
ticket() { # VALUES-OF-GOLD
	printf '{%s,"objects":[{"name":"Ticket__c","keyPrefix":"a8T","fields":[{"name":"RecordTypeId","type":"reference","referenceTo":["RecordType"],"relationshipName":"RecordType"},
  {"name":"Tight__c","type":"picklist","restrictedPicklist":true,"picklistValues":["A","B","C"],"recordTypeValues":{"Gold":%s}},
  {"name":"Free__c","type":"picklist","picklistValues":["A","B","C"],"recordTypeValues":{"Gold":%s}}]}]}' "$types" "$1" "$1"
}
ticket '["A","B"]' | schema "$SRC"
types=${types%,\{*}']' && ticket '["A"]' | schema "$DST"
template types <<'YAML'
name: types
objects:
  - {name: Ticket__c}
  - {name: Task, fields: {include: [Subject, Status, Priority]}}
YAML
curl -sf -X DELETE "$DST/__sim/stats" >/dev/null
check types
is "$STATUS" 4 "a value that a record type does not take in a restricted picklist: status 4"
has blocking picklist dst Ticket__c Tight__c "record type Gold of org 'dst' does not have; the picklist is restricted, so that records with them are refused (INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST): 'B'" "it is named, with the record type"
has warning picklist dst Ticket__c Free__c "record type Gold of org 'dst' does not have, which takes them all the same: 'B'" "the same of one that is not restricted"
is "$(json 'sorted({f["name"] for f in d["findings"] if f["kind"] == "picklist"})' <"$T/check.json")" "['Gold']" "those that take the same values are not"
is "$(curl -sf "$DST/__sim/stats" | json 'sum(n for call, n in d["byCall"].items() if "ui-api" in call)')" 3 "a call a record type, that of Lost is our user's default"
printf '{"attributes":{"type":"Ticket__c"},"Tight__c":"B","RecordTypeId":"@recordtype:Ticket__c.Gold"}\n{"attributes":{"type":"Ticket__c"},"Tight__c":"C","RecordTypeId":"@recordtype:Ticket__c.Plain"}\n' >"$T/tickets.jsonl"
curl -sf --data-binary "@$T/tickets.jsonl" "$SRC/__sim/seed" >/dev/null || bail "no tickets"
sed 's/- {name: Task.*//; s/{name: Ticket__c/&, values: {Tight__c: {B: A, C: A}}/; s/name: types/name: mapped/' "$T/types.yaml" | template mapped
check mapped
is "$STATUS" 0 "a map of values takes it away" || diag "$(cat "$T/check.json")"
sed 's/{name: Ticket__c/&, fields: {exclude: [Tight__c, Free__c]}/; s/name: types/name: none/' "$T/types.yaml" | template none
curl -sf -X DELETE "$DST/__sim/stats" >/dev/null
check none
is "$STATUS $(curl -sf "$DST/__sim/stats" | json 'sum(n for call, n in d["byCall"].items() if "ui-api" in call)')" "0 0" "without a picklist that is copied nothing is asked"
printf '{"recordTypes":[{"object":"Task","name":"Call"}]}' | schema "$DST"
check none
has warning picklist src Task Call "does not tell which picklist values its record types take: " "an object that the UI API does not know is told" || diag "$(cat "$T/check.json")"
is "$STATUS" 0 "and no more"

# ---- automation, on either side ------------------------------------------------------------------------
schema "$SRC" <<'JSON'
{"validationRules":[{"object":"Account","name":"Both"},{"object":"Account","name":"Off_here"},{"object":"Account","name":"Off_there","active":false},
  {"object":"Account","name":"Src_only"}],
 "workflowRules":[{"object":"Project__c","name":"W_same","active":false}],
 "triggers":[{"object":"Project__c","name":"T_off"}],
 "flows":[{"object":"Account","name":"Src_flow"}]}
JSON
schema "$DST" <<'JSON'
{"validationRules":[{"object":"Account","name":"Both"},{"object":"Account","name":"Off_here","active":false},{"object":"Account","name":"Off_there"},
  {"object":"Account","name":"Packed","namespace":"pkg"},{"object":"Lead","name":"Elsewhere"}],
 "workflowRules":[{"object":"Project__c","name":"W_same"},{"object":"Account","name":"W_off","active":false},{"object":"Lead","name":"W_lead"}],
 "triggers":[{"object":"Project__c","name":"T_off","active":false},{"object":"Account","name":"T_on"}],
 "flows":[{"object":"Account","name":"F_on","activeVersion":2,"latestVersion":3},{"object":"Account","name":"F_off","activeVersion":0}],
 "duplicateRules":[{"object":"Account","name":"D_on"},{"object":"Account","name":"D_off","active":false}]}
JSON
template auto <<'YAML'
name: auto
objects:
  - {name: Account, fields: {include: [Name]}, insert: false, match: {keys: [Name]}}
  - {name: Project__c, fields: {include: [Status__c]}}
  - {name: Lead, fields: {include: [LastName]}, match: {keys: [LastName]}, mode: match-only}
YAML
sed -i 's/Status__c/Ext_Id__c/' "$T/auto.yaml" && orgsync template apply -f "$T/auto.yaml" >/dev/null
check auto
is "$STATUS" 0 "automation warns: status 0" || diag "$(head -c 2000 "$T/check.json")"
has warning validationRule dst Account Both "active in org 'dst' and in org 'src'" "a validation rule of both"
has warning validationRule dst Account Off_here "off in org 'dst' but active in org 'src'" "one that is off in the target"
has warning validationRule dst Account Off_there "off in org 'src'" "one that is off in the source"
has warning validationRule dst Account Src_only "not there in org 'dst'" "one of the source alone"
has warning validationRule dst Account pkg__Packed "not there in org 'src'" "one of a managed package"
like "$(json '[f["todo"] for f in d["findings"] if f["name"] == "pkg__Packed"]' <"$T/check.json")" "package" "which cannot be switched"
has warning workflowRule dst Project__c W_same "is active" "a workflow rule of a custom object, by its state"
has warning workflowRule dst Account W_off "is off" "one that is off"
has warning trigger dst Project__c T_off "off in org 'dst' but active" "a trigger that is off"
has warning trigger dst Account T_on "is active" "a trigger"
has warning flow dst Account F_on "is active" "a flow"
has warning flow dst Account F_off "is off" "a flow that is off"
has warning flow dst Account Src_flow "not there in org 'dst'" "a flow of the source alone"
has warning duplicateRule dst Account D_on "is active" "a duplicate rule"
has warning duplicateRule dst Account D_off "is off" "a duplicate rule that is off"
is "$(json '[f["name"] for f in d["findings"] if f["object"] == "Lead"]' <"$T/check.json")" "[]" "what is only matched meets nothing"

# ---- few calls, also of a large org ----------------------------------------------------------------------
python3 - >"$T/large.json" <<'PY'
import json
print(json.dumps({"objects": [{"name": "Big%d__c" % i} for i in range(150)],
                  "validationRules": [{"object": "Big%d__c" % (i % 150), "name": "R%d" % i} for i in range(2500)],
                  "workflowRules": [{"object": "Big%d__c" % i, "name": "W%d" % i, "active": i % 2 == 0} for i in range(60)]}))
PY
curl -sf --data-binary "@$T/large.json" "$SRC/__sim/schema" >/dev/null && curl -sf --data-binary "@$T/large.json" "$DST/__sim/schema" >/dev/null
python3 -c 'print("name: large\nobjects:"); [print("  - {name: Big%d__c}" % i) for i in range(150)]' | template large
curl -sf -X DELETE "$DST/__sim/stats" >/dev/null
begun=$SECONDS
check large
is "$STATUS" 0 "150 objects, 2,500 rules: status 0"
took=$((SECONDS - begun))
ok $((took > 30)) "in seconds ($took)"
is "$(json 'len([f for f in d["findings"] if f["kind"] == "validationRule"])' <"$T/check.json")" 2500 "each rule is told, over several pages"
is "$(json 'sorted({(f["name"], "is active" in f["what"]) for f in d["findings"] if f["name"] in ("W0", "W1")})' <"$T/check.json")" \
	"[('W0', True), ('W1', False)]" "the state of each workflow rule is its own"
calls=$(curl -sf "$DST/__sim/stats" | json 'd["requests"]')
ok $((calls > 150 + 8)) "one call an object, and eight besides ($calls)"

# ---- what the org does not tell --------------------------------------------------------------------------
curl -sf -d '{"match":"POST /tooling/composite","kind":"refused"}' "$DST/__sim/faults" >/dev/null
check auto
is "$STATUS" 0 "an org that refuses the Tooling API: status 0"
has warning tooling dst "" "" "does not tell our user its validation rules" "and what could not be looked at is told"
has warning duplicateRule dst Account D_on "is active" "the rest is there"
curl -sf -X DELETE "$DST/__sim/faults" >/dev/null

# ---- table, CSV, the last report, refusals ---------------------------------------------------------------
check auto
table=$(orgsync run check "$RUN")
like "$table" "SEVERITY +ORG +OBJECT +FIELD" "a table"
like "$table" "-> switch it off for the run" "with what to do"
like "$table" "0 blocking, [0-9]+ warnings" "and the sum"
csv=$(orgsync run check "$RUN" -o csv | tr -d '\r')
is "$(head -1 <<<"$csv")" "severity,org,object,field,kind,name,what,todo" "CSV: its head"
is "$(python3 -c 'import csv, sys; print(len(list(csv.DictReader(sys.stdin))))' <<<"$csv")" "$(json 'len(d["findings"])' <"$T/check.json")" "CSV: a row a finding"
curl -sf -X DELETE "$DST/__sim/stats" >/dev/null
orgsync run check "$RUN" --last -o json >"$T/last.json"
is "$(json 'd["findings"]' <"$T/last.json")" "$(json 'd["findings"]' <"$T/check.json")" "the last report is kept"
is "$(curl -sf "$DST/__sim/stats" | json 'd["requests"]')" 0 "and costs no call"
orgsync run check nosuchrun >/dev/null 2>"$T/err"
is $? 4 "no such run: status 4"
printf 'name: stand-in\nusers: {fallback: nobody@example.com}\nobjects:\n  - {name: Account, match: {externalId: Ext_Id__c}, fields: {include: [Name, Ext_Id__c, OwnerId]}}\n' >"$T/stand-in.yaml"
orgsync template apply -f "$T/stand-in.yaml" >/dev/null || bail "the template is refused"
orgsync run check "$(create_run stand-in)" -o json >"$T/stand-in.json" 2>/dev/null
is "$? $(json '[f["what"] for f in d["findings"] if f["severity"] == "blocking" and "fall back" in f["what"]]' <"$T/stand-in.json")" \
	"4 [\"there is no active user 'nobody@example.com' in org 'dst' to fall back to\"]" "a stand-in for users whom nobody knows blocks"
fresh=$(create_run auto)
orgsync run check "$fresh" --last >/dev/null 2>"$T/err"
is $? 4 "not checked yet: status 4"
like "$(cat "$T/err")" "orgsync run check $fresh" "and what to do"
curl -sf -d '{"dailyMax":1000,"dailyRemaining":20}' "$DST/__sim/limits" >/dev/null
orgsync org limits dst >/dev/null
orgsync run check "$fresh" >/dev/null 2>"$T/err"
is $? 4 "a check that would use the reserve is refused" || diag "$(cat "$T/err")"
like "$(cat "$T/err")" "org 'dst'.*reserve" "and says so"
orgsync token create viewer --role viewer --file "$T/viewer" >/dev/null
ORGSYNC_API_TOKEN_FILE=$T/viewer orgsync run check "$RUN" >/dev/null 2>&1
is $? 4 "a viewer may not check"
ORGSYNC_API_TOKEN_FILE=$T/viewer orgsync run check "$RUN" --last >/dev/null 2>&1
is $? 0 "but look at what was found"
curl -sf -d '{"dailyMax":1000,"dailyRemaining":1000}' "$DST/__sim/limits" >/dev/null
above_reserve() { # a reading that says less is believed once it is surely the later one
	orgsync org limits dst >/dev/null && orgsync run check "$fresh" >/dev/null 2>"$T/err"
	! grep -q reserve "$T/err"
}
runs "a quota that came back is believed" wait_for 30 above_reserve
kill9 "$SIM_PID"
orgsync run check "$RUN" >/dev/null 2>"$T/err"
is $? 3 "an org that cannot be reached: status 3" || diag "$(cat "$T/err")"
like "$(cat "$T/err")" "org (src|dst|'src'|'dst')" "and which"
orgsync run check "$RUN" --last -o json >"$T/last.json"
is "$(json 'd["findings"]' <"$T/last.json")" "$(json 'd["findings"]' <"$T/check.json")" "the last report stays"
e2e_end

#!/usr/bin/env bash
# Related objects: children of the selected records, level by level; lists, lookups that no filter can follow, transactional
# objects, lookups that are left out; and the hierarchy that the scan shows.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
worker
add_orgs

template() { # NAME: from standard input
	cat >"$T/$1.yaml"
	orgsync template apply -f "$T/$1.yaml" >/dev/null || bail "template $1 is refused"
}
scan() { # TEMPLATE: a run that is scanned, in $run; its report in $T/scan.json
	run=$(create_run "$1")
	orgsync run scan "$run" -o json >"$T/scan.json" 2>"$T/err" || return
}
tree() { # object:selected:by, two dots a level
	json '" ".join("%s%s:%d:%s" % (".." * b["level"], b["object"], b["selected"], b["field"]) for b in d["hierarchy"])' <"$T/scan.json"
}
notices() { json '"\n".join(d["notices"])' <"$T/scan.json"; }
totals() { # RUN: inserted, updated, existing, skipped, failed
	run_get "$1" '[d["totals"][k] for k in ("inserted","updated","existing","skipped","failed")]'
}
dump() { # OBJECT EXPRESSION: of rows, the target's records
	curl -sf "$DST/__sim/dump?object=$1" | python3 -c '
import json, sys
rows = [json.loads(l) for l in sys.stdin]
print(eval(sys.argv[1]))' "$2"
}

# 20 accounts, the first half of energy; of each three contacts, a case of the first one, two opportunities with a role and a
# line, a task of the account, and one of the second contact alone. Contacts, cases and tasks without an account.
python3 - >"$T/seed.jsonl" <<'PY'
import json
def rec(type_, **fields): print(json.dumps({"attributes": {"type": type_}, **fields}))
for i in range(20):
    rec("Account", Id="@a%d" % i, Name="A%d" % i, Ext_Id__c="A-%d" % i, Industry="Energy" if i < 10 else "Banking",
        **({"ParentId": "@a%d" % (i - 10)} if i >= 15 else {}))
    for k in range(3):
        rec("Contact", Id="@c%d.%d" % (i, k), LastName="C%d.%d" % (i, k), AccountId="@a%d" % i, Ext_Id__c="C-%d-%d" % (i, k))
    rec("Case", Subject="of %d" % i, ContactId="@c%d.0" % i, Ext_Id__c="K-%d" % i)
    rec("Project__c", Id="@p%d" % i, Account__c="@a%d" % i, Ext_Id__c="P-%d" % i)
    rec("Milestone__c", Name="M%d" % i, Project__c="@p%d" % i, Ext_Id__c="M-%d" % i)
    for k in range(2):
        rec("Opportunity", Id="@o%d.%d" % (i, k), Name="O%d.%d" % (i, k), AccountId="@a%d" % i, StageName="Prospecting",
            CloseDate="2026-01-01", Ext_Id__c="O-%d-%d" % (i, k))
        rec("OpportunityContactRole", OpportunityId="@o%d.%d" % (i, k), ContactId="@c%d.0" % i, Role="Buyer")
    rec("Task", Subject="call %d" % i, WhatId="@a%d" % i, Status="Open", Priority="Normal")
    rec("Task", Subject="mail %d" % i, WhoId="@c%d.1" % i, Status="Open", Priority="Normal")
rec("Contact", LastName="Nobody's", Ext_Id__c="C-none")
rec("Case", Subject="nobody's", Ext_Id__c="K-none")
rec("Task", Subject="nobody's", Status="Open", Priority="Normal")
PY
seed "$SRC" "$T/seed.jsonl"

# ---- two levels by filters -------------------------------------------------------------------------------------
template crm <<'YAML'
name: crm
objects:
  - name: Account
    where: "Industry = 'Energy' AND Name != 'A9'"
    match: {externalId: Ext_Id__c}
    related:
      depth: 2
      include: [Contact, Case.ContactId, Opportunity, OpportunityContactRole, Project__c, Milestone__c, Task.WhatId]
  - name: Contact
    select: related
    where: "LastName != 'C0.2' OR Email != null"
    fields: {exclude: [ReportsToId]}
    match: {externalId: Ext_Id__c}
YAML
scan crm
is $? 0 "a template with related objects is scanned"
is "$(tree)" "Account:9:None ..Contact:26:AccountId ....Case:9:ContactId ....OpportunityContactRole:18:ContactId ..Opportunity:18:AccountId ..Task:9:WhatId ..Project__c:9:Account__c ....Milestone__c:9:Project__c" \
	"the scan shows parents, below each its children, with counts"
is "$(json '[(b["object"], b["within"]) for b in d["hierarchy"] if b["within"]]' <"$T/scan.json")" "[('Account', ['ParentId']), ('Case', ['ParentId']), ('Milestone__c', ['Depends_On__c'])]" \
	"and the lookups by which records are below others of their object"
like "$(orgsync run scan "$(create_run crm)" 2>&1)" "WITHIN ITSELF BY"[^$'\n']*$'\n'"Account "[^$'\n']*" ParentId " "in the table too"
like "$(orgsync run scan "$(create_run crm)" 2>&1)" "HIERARCHY"[^$'\n']*$'\n'"Account "[^$'\n']*$'\n'"  Contact "[^$'\n']*$'\n'"    Case " "for people as well"
runs "the run goes through" orgsync run start "$run" --wait
is "$(totals "$run")" "[107, 0, 0, 0, 0]" "each child of the selected accounts went in, and nothing else"
is "$(dump Contact 'len([r for r in rows if r.get("AccountId")]), len(rows)')" "(26, 26)" "contacts with their accounts"
is "$(dump Task 'sorted(set(r["Subject"][:4] for r in rows)), len(rows)')" "(['call'], 9)" "tasks of the accounts, by a semi-join"
E="Account.Industry = 'Energy' AND Account.Name != 'A9'"
runs "the checker agrees" check_orgs "$run" --exclude Contact.ReportsToId \
	--objects Account,Contact,Case,Opportunity,OpportunityContactRole,Project__c,Milestone__c,Task \
	--where "Account=Industry = 'Energy' AND Name != 'A9'" \
	--where "Contact=$E AND LastName != 'C0.2'" --where "Case=Contact.Account.Industry = 'Energy' AND Contact.Account.Name != 'A9'" \
	--where "Opportunity=$E" --where "OpportunityContactRole=Opportunity.Account.Industry = 'Energy' AND Opportunity.Account.Name != 'A9'" \
	--where "Project__c=Account__r.Industry = 'Energy' AND Account__r.Name != 'A9'" \
	--where "Milestone__c=Project__r.Account__r.Industry = 'Energy' AND Project__r.Account__r.Name != 'A9'" \
	--where "Task=Subject LIKE 'call%' AND Subject < 'call 9' AND Subject NOT IN ($(printf "'call %d'," {10..19})'')"
run=$(create_run crm)
runs "a second run" orgsync run start "$run" --wait
is "$(totals "$run")" "[0, 0, 107, 0, 0]" "doubles nothing: what is found has its parent's match key, or is in the id map"
sed -e 's/name: crm/name: bulk/' -e 's/^  - name: \(.*\)/  - name: \1\n    api: bulk/' "$T/crm.yaml" >"$T/bulk.yaml"
runs "the same by Bulk" orgsync template apply -f "$T/bulk.yaml"
run=$(create_run bulk)
runs "goes through" orgsync run start "$run" --wait
is "$(totals "$run")" "[0, 0, 107, 0, 0]" "and selects the same"

# ---- a delta of children -----------------------------------------------------------------------------------------
sed -e 's/name: crm/name: delta/' "$T/crm.yaml" >"$T/delta.yaml"
echo 'options: {deltaSync: true, deltaOverlapMinutes: 0}' >>"$T/delta.yaml"
runs "with a delta" orgsync template apply -f "$T/delta.yaml"
run=$(create_run delta)
runs "the first run goes through" orgsync run start "$run" --wait
id=$(curl -sf "$SRC/__sim/dump?object=Task" | python3 -c 'import json, sys
print([json.loads(l) for l in sys.stdin if "call 3" in l][0]["Id"])')
printf '{"attributes":{"type":"Task"},"Id":"%s","Subject":"changed"}\n' "$id" | curl -sf --data-binary @- "$SRC/__sim/update" >/dev/null
run=$(create_run delta)
runs "the next one" orgsync run start "$run" --wait
is "$(run_get "$run" 'd["totals"]["updated"], {o["name"]: o["selected"] for o in d["objects"]}["Task"]')" "(1, 1)" \
	"reads what has changed of the related objects, also by a semi-join"

# ---- everything that is found, and what is transactional ------------------------------------------------------------
template all <<'YAML'
name: all
objects:
  - name: Account
    where: "Name = 'A1'"
    match: {externalId: Ext_Id__c}
    excludeParents: all
    related: {depth: 3, exclude: [Contract, Asset, Order]}
options: {skipTransactional: true}
YAML
scan all
is $? 0 "without an include list"
like "$(notices)" "Opportunity is a child of Account, but transactional \(options.skipTransactional\), and is left out" "what is, is told"
is "$(tree)" "Account:1:None ..Contact:3:AccountId ..Attachment:0:ParentId ..Project__c:1:Account__c ....Milestone__c:1:Project__c" \
	"the rest is found"
runs "the run goes through" orgsync run start "$run" --wait
is "$(run_get "$run" 'd["totals"]["failed"], d["totals"]["selected"]')" "(0, 6)" "with nothing else"

# ---- lookups to parents that are left out -----------------------------------------------------------------------------
template parents <<'YAML'
name: parents
objects:
  - {name: Account, where: "Industry = 'Banking' AND Name != 'A19'", match: {externalId: Ext_Id__c}, excludeParents: all}
YAML
run=$(create_run parents)
runs "lookups are left out" orgsync run start "$run" --wait
is "$(dump Account 'len([r for r in rows if r["Industry"] == "Banking"]), [r for r in rows if r.get("ParentId")]')" "(9, [])" "of the record's parents"
sed -e 's/name: parents/name: named/' -e 's/excludeParents: all/excludeParents: [Primary_Contact__c]/' "$T/parents.yaml" >"$T/named.yaml"
runs "or by name" orgsync template apply -f "$T/named.yaml"
run=$(create_run named)
runs "and others come" orgsync run start "$run" --wait
is "$(totals "$run")" "[0, 4, 5, 0, 0]" "in the next run"

# ---- order and limit ----------------------------------------------------------------------------------------------------
template top <<'YAML'
name: top
objects:
  - {name: Project__c, orderBy: Ext_Id__c DESC, limit: 2, match: {externalId: Ext_Id__c}, excludeParents: all}
YAML
run=$(create_run top)
runs "the first two of an order" orgsync run start "$run" --wait
is "$(totals "$run")" "[1, 0, 1, 0, 0]" "one of which was there"
is "$(dump Project__c 'sorted(r["Ext_Id__c"] for r in rows)[-2:]')" "['P-8', 'P-9']" "the last by name"

# ---- an order of what was found, and what the check says ---------------------------------------------------------------
scan crm
runs "an order may name what was found" orgsync run order "$run" --set \
	Account,Opportunity,Contact,OpportunityContactRole,Case,Project__c,Milestone__c,Task
is_scanned() { [[ $(run_get "$run" 'd["state"]') == Scanned ]]; }
wait_for 30 is_scanned
is "$(orgsync run order "$run" -o json | json '[o["name"] for o in d["objects"]][:3]')" "['Account', 'Opportunity', 'Contact']" "and is kept by the next scan"
refused() { # NAME SENTENCE: the scan refuses it, and the check tells the same
	local check
	scan "$1"
	is $? 4 "$1: refused" && like "$(cat "$T/err")" "$2" "$1: by a sentence"
	check=$(orgsync run check "$run" -o json 2>/dev/null)
	is "$(json '[f["severity"] for f in d["findings"] if f["kind"] == "lookup"][:1]' <<<"$check")" "['blocking']" "$1: the check finds it too"
}
template typo <<'YAML'
name: typo
objects: [{name: Account, related: {include: [Contcat]}}]
YAML
refused typo "related.include of Account names Contcat, which is no child .*; did you mean 'Contact'\?"
template semi <<'YAML'
name: semi
objects: [{name: Account, where: "Id IN (SELECT AccountId FROM Contact)", related: {include: [Contact]}}]
YAML
refused semi "Contact cannot be selected as children of Account by AccountId: its filter holds a sub-query"
template alone <<'YAML'
name: alone
objects: [{name: Account}, {name: Contact, select: related}]
YAML
refused alone "Contact has select: related, but no object's related leads to it"
run=$(create_run all)
like "$(orgsync run check "$run" 2>&1)" "Task is a child of Account, but transactional" "the check tells what is left out"
e2e_end

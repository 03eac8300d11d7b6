#!/usr/bin/env bash
# Shares that were given by hand: found as children, people and groups mapped; those of owners and rules are the org's own.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
worker
add_orgs

shares() { # the target's, by hand: account, whom, level
	local object
	for object in Account User Group AccountShare; do curl -sf "$DST/__sim/dump?object=$object"; done | python3 -c '
import json, sys
rows = [json.loads(l) for l in sys.stdin]
name = {r["Id"]: r.get("Username") or ("/".join((r["DeveloperName"], r["Type"])) if r["attributes"]["type"] == "Group" else r.get("Name")) for r in rows}
print(*sorted("%s:%s:%s" % (name[r["AccountId"]], name[r["UserOrGroupId"]].split("@")[0], r["AccountAccessLevel"])
    for r in rows if r["attributes"]["type"] == "AccountShare" and r.get("RowCause") == "Manual"))'
}
totals() { # RUN: of the shares
	run_get "$1" '[[o[k] for k in ("inserted","updated","existing","skipped","failed")] for o in d["objects"] if o["name"] == "AccountShare"][0]'
}
people() { # ORG
	python3 - "$1" <<'PY'
import json, sys
def rec(type_, **fields): print(json.dumps({"attributes": {"type": type_}, **fields}))
for who in ("ann", "bob"):
    rec("User", Id="@" + who, Username=who + "@x.example", LastName=who, Email=who + "@x.example", IsActive=True, UserType="Standard")
rec("Group", Id="@sales", Name="Sales", DeveloperName="Sales", Type="Regular")
rec("Group", Id="@queue", Name="Sales", DeveloperName="Sales", Type="Queue")
rec("Group", Id="@role", Name="Role", DeveloperName="CEO", Type="Role")
if sys.argv[1] == "dst":
    sys.exit()
for i in range(4):
    rec("Account", Id="@a%d" % i, Name="A%d" % i, Ext_Id__c="A-%d" % i, Industry="Energy" if i < 3 else "Banking", OwnerId="@ann")
def share(account, whom, level, cause="Manual"):
    rec("AccountShare", AccountId="@a%d" % account, UserOrGroupId="@" + whom, AccountAccessLevel=level, OpportunityAccessLevel="None",
        CaseAccessLevel="None", RowCause=cause)
for i in range(4):
    share(i, "ann", "All", "Owner")
    share(i, "bob", "Read", "Rule")
share(0, "bob", "Edit")
share(0, "sales", "Read")
share(1, "sales", "Edit")
share(3, "bob", "Edit")
PY
}
people src >"$T/src.jsonl"
people dst >"$T/dst.jsonl"
seed "$SRC" "$T/src.jsonl"
seed "$DST" "$T/dst.jsonl"
cat >"$T/shares.yaml" <<'YAML'
name: shares
objects:
  - name: Account
    where: "Industry = 'Energy'"
    match: {externalId: Ext_Id__c}
    related: {include: [AccountShare]}
users: {match: [username]}
YAML
runs "a template whose shares come along" orgsync template apply -f "$T/shares.yaml"
run=$(create_run shares)
runs "the run goes through" orgsync run start "$run" --wait
is "$(totals "$run")" "[3, 0, 0, 0, 0]" "what was given by hand goes in, not what owners and rules give"
is "$(shares)" "A0:Sales/Regular:Read A0:bob:Edit A1:Sales/Regular:Edit" "to the same people, and to the public group rather than the queue of its name"
is "$(orgsync run show "$run" -o json | json '[o["stage"] for o in d["objects"]]')" "[1, 2]" "accounts first, with their owners"

# ---- a change, and matching without the id map ------------------------------------------------------------------------
curl -sf "$SRC/__sim/dump?object=AccountShare" | python3 -c '
import json, sys
for r in map(json.loads, sys.stdin):
    if r["RowCause"] == "Manual" and r["AccountAccessLevel"] == "Read":
        print(json.dumps({"attributes": {"type": "AccountShare"}, "Id": r["Id"], "AccountAccessLevel": "Edit"}))' |
	curl -sf --data-binary @- "$SRC/__sim/update" >/dev/null
run=$(create_run shares)
runs "a second run" orgsync run start "$run" --wait
is "$(totals "$run")" "[0, 1, 2, 0, 0]" "changes the level that has changed"
sed -e 's/name: shares/name: listed/' -e '/related:/d' -e "/externalId/a\\  - {name: AccountShare}" "$T/shares.yaml" >"$T/listed.yaml"
runs "shares may be listed too" orgsync template apply -f "$T/listed.yaml"
run=$(create_run listed)
orgsync run start "$run" --wait >/dev/null 2>&1
is "$(totals "$run")" "[0, 0, 3, 0, 1]" "those of accounts that the run does not have fail: they need one"

# ---- without users ---------------------------------------------------------------------------------------------------
sed -e 's/name: shares/name: nobody/' -e '/^users/d' "$T/shares.yaml" >"$T/nobody.yaml"
orgsync template apply -f "$T/nobody.yaml" >/dev/null
out=$(orgsync run scan "$(create_run nobody)" 2>&1)
is $? 4 "without users: refused"
like "$out" "lookup 'UserOrGroupId' to users is required in the target; map them: add users to the template" "with what to do"
e2e_end

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

# ---- shares of several custom objects in one run ------------------------------------------------------------------------------
python3 - >"$T/custom.json" <<'PY'
import json
def ref(name, to, **more): return dict(name=name, type="reference", referenceTo=to, relationshipName=name[:-2], **more)
def share(name, parent, prefix):
    return {"name": name, "keyPrefix": prefix, "fields": [
        ref("ParentId", [parent], nillable=False, updateable=False, cascadeDelete=True), ref("UserOrGroupId", ["Group", "User"], nillable=False, updateable=False),
        {"name": "AccessLevel", "type": "picklist", "nillable": False, "picklistValues": [{"value": v, "active": True} for v in ("Read", "Edit", "All")]},
        {"name": "RowCause", "type": "picklist", "updateable": False, "picklistValues": [{"value": v, "active": True} for v in ("Owner", "Manual", "Rule")]}]}
key = {"name": "Key__c", "type": "string", "length": 20, "externalId": True, "unique": True}
print(json.dumps({"objects": [{"name": "Region__c", "keyPrefix": "a7R", "fields": [key]}, {"name": "Branch__c", "keyPrefix": "a7B", "fields": [key]},
                              share("Region__Share", "Region__c", "02c"), share("Branch__Share", "Branch__c", "02d")]}))
PY
for org in SRC DST; do curl -sf --data-binary "@$T/custom.json" "${!org}/__sim/schema" >/dev/null || bail "no custom objects"; done
bob=$(curl -sf "$SRC/__sim/dump?object=User" | python3 -c 'import json, sys
print(*[r["Id"] for r in map(json.loads, sys.stdin) if r.get("LastName") == "bob"])')
for kind in Region Branch; do
	for i in 1 2; do
		printf '{"attributes":{"type":"%s__c"},"Id":"@%s%d","Key__c":"%s%d"}\n' $kind $kind $i $kind $i
		printf '{"attributes":{"type":"%s__Share"},"ParentId":"@%s%d","UserOrGroupId":"%s","AccessLevel":"Edit","RowCause":"Manual"}\n' $kind $kind $i "$bob"
	done
	printf '{"attributes":{"type":"%s__Share"},"ParentId":"@%s1","UserOrGroupId":"%s","AccessLevel":"Read","RowCause":"Rule"}\n' $kind $kind "$bob"
done >"$T/custom.jsonl"
seed "$SRC" "$T/custom.jsonl"
cat >"$T/custom.yaml" <<'YAML'
name: custom
objects:
  - {name: Region__c, match: {externalId: Key__c}, related: {include: [Region__Share]}}
  - {name: Branch__c, match: {externalId: Key__c}}
  - {name: Branch__Share}
users: {match: [username]}
YAML
runs "a template with shares of two custom objects" orgsync template apply -f "$T/custom.yaml"
run=$(create_run custom)
runs "the run goes through" orgsync run start "$run" --wait
is "$(run_get "$run" 'sorted((o["name"], o["inserted"], o["failed"]) for o in d["objects"] if "Share" in o["name"])')" \
	"[('Branch__Share', 2, 0), ('Region__Share', 2, 0)]" "those that were given by hand go in, of both"
held() { # of each share of the target: its record's key, whom, level
	local object
	for object in Region__c Branch__c User Region__Share Branch__Share; do curl -sf "$DST/__sim/dump?object=$object"; done | python3 -c '
import json, sys
rows = [json.loads(l) for l in sys.stdin]
name = {r["Id"]: r.get("Key__c") or r.get("Username") for r in rows}
print(*sorted("%s:%s:%s" % (name[r["ParentId"]], name[r["UserOrGroupId"]].split("@")[0], r["AccessLevel"]) for r in rows if "ParentId" in r))'
}
is "$(held)" "Branch1:bob:Edit Branch2:bob:Edit Region1:bob:Edit Region2:bob:Edit" "each of its record, for the same person"
run=$(create_run custom)
runs "a second run" orgsync run start "$run" --wait
is "$(run_get "$run" 'sorted((o["name"], o["existing"]) for o in d["objects"] if "Share" in o["name"])')" "[('Branch__Share', 2), ('Region__Share', 2)]" "finds them"

# ---- without users ---------------------------------------------------------------------------------------------------
sed -e 's/name: shares/name: nobody/' -e '/^users/d' "$T/shares.yaml" >"$T/nobody.yaml"
orgsync template apply -f "$T/nobody.yaml" >/dev/null
out=$(orgsync run scan "$(create_run nobody)" 2>&1)
is $? 4 "without users: refused"
like "$out" "lookup 'UserOrGroupId' to users is required in the target; map them: add users to the template" "with what to do"
e2e_end

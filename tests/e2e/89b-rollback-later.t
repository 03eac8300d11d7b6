#!/usr/bin/env bash
# A rollback after later runs: what they have written is left and names the run; a lookup that the run itself has left out, and whose
# parent another run has brought since, is nobody's change.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
worker
add_orgs

{
	printf '{"attributes":{"type":"Account"},"Id":"@big","Name":"big","Industry":"Energy","Ext_Id__c":"big"}\n'
	printf '{"attributes":{"type":"Account"},"Id":"@small","Name":"small","Industry":"Media","Ext_Id__c":"small"}\n'
	printf '{"attributes":{"type":"Contact"},"LastName":"one","AccountId":"@big","Ext_Id__c":"c-big"}\n'
	printf '{"attributes":{"type":"Contact"},"LastName":"two","AccountId":"@small","Ext_Id__c":"c-small"}\n'
	printf '{"attributes":{"type":"Contact"},"LastName":"three","AccountId":"@small","Ext_Id__c":"c-late"}\n'
} >"$T/src.jsonl"
seed "$SRC" "$T/src.jsonl"
template() { # NAME FILTER-OF-ACCOUNT [FILTER-OF-CONTACT]
	printf 'name: %s\nobjects:\n  - {name: Account, where: "%s", fields: {include: [Name, Ext_Id__c]}, match: {externalId: Ext_Id__c}}\n' "$1" "$2"
	[[ -z ${3:-} ]] ||
		printf '  - {name: Contact, where: "%s", fields: {include: [LastName, AccountId, Ext_Id__c]}, match: {externalId: Ext_Id__c}, missingParents: blank}\n' "$3"
}
go() { # NAME: a run of it; id in RUN
	template "$@" >"$T/$1.yaml"
	orgsync template apply -f "$T/$1.yaml" >/dev/null || bail "template $1 is refused"
	RUN=$(create_run "$1")
	orgsync run start "$RUN" --wait >/dev/null 2>&1 || bail "run of $1: $(orgsync run errors "$RUN")"
}
left() { # of the first run's rollback: KEY RUN, of each record that is left
	orgsync run errors "$first" --kind rollback -o json | python3 -c '
import json, re, sys, urllib.request
keys = {}
for line in urllib.request.urlopen(sys.argv[1] + "/__sim/dump?object=Contact"):
    r = json.loads(line)
    keys[r["Id"]] = r["Ext_Id__c"]
print(*sorted("%s:%s" % (keys.get(e["targetId"]), re.sub(r".*later run \((\w+)\) .*", r"\1", e["message"])) for e in json.load(sys.stdin)["items"]
              if e["code"] == "CHANGED_MEANWHILE"))' "$DST"
}

go crm "Industry = 'Energy'" "Ext_Id__c LIKE 'c-%'"
first=$RUN
is "$(run_get "$first" '[d["totals"][k] for k in ("inserted","failed")]')" "[4, 0]" "a run brings an account and three contacts, two without their account"
go parents "Industry = 'Media'"
printf '%s' "$(curl -sf "$SRC/__sim/dump?object=Contact" | python3 -c '
import json, sys
for line in sys.stdin:
    r = json.loads(line)
    if r["Ext_Id__c"] == "c-big": print(json.dumps({"attributes": {"type": "Contact"}, "Id": r["Id"], "LastName": "changed"}))')" >"$T/change"
curl -sf --data-binary "@$T/change" "$SRC/__sim/update" >/dev/null || bail "no change"
go big "Industry = 'Energy'" "Ext_Id__c = 'c-big'"
second=$RUN
go small "Industry = 'Media'" "Ext_Id__c = 'c-small'"
third=$RUN
is "$(run_get "$third" 'd["totals"]["updated"]')" 1 "a later one fills the lookup"

orgsync run rollback "$first" --yes --wait >"$T/out" 2>&1
is "$(left)" "c-big:$second c-small:$third" "what later runs have written is left, and names the run"
is "$(run_get "$first" 'd["rollback"]["deleted"]')" 1 "what they have not is deleted, though its account is there by now"
runs "the later runs are rolled back" orgsync run rollback "$third" --yes --wait
runs "both" orgsync run rollback "$second" --yes --wait
runs "then the first one" orgsync run rollback "$first" --yes --wait
is "$(left)" "" "leaves nothing"
is "$(curl -sf "$DST/__sim/count" | json 'd.get("Contact", 0), d["Account"]')" "(0, 1)" "but the account of another run"
e2e_end

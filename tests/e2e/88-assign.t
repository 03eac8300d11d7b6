#!/usr/bin/env bash
# Assignment rules that are active in the target take no record from its owner: by collections in composites, by single requests,
# by Bulk jobs, inserts and updates, whether the headers of a composite hold for its parts or not.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
worker
add_orgs

person() { # NAME
	printf '{"attributes":{"type":"User"},"Id":"@%s","Username":"%s@x.example","Alias":"%s","LastName":"%s","UserType":"Standard","Email":"%s@x.example","IsActive":true}\n' "$1" "$1" "$1" "$1" "$1"
}
{
	person ann
	printf '{"attributes":{"type":"Group"},"Id":"@q","Name":"Night","DeveloperName":"Night","Type":"Queue"}\n'
} >"$T/people.jsonl"
seed "$SRC" "$T/people.jsonl"
seed "$DST" "$T/people.jsonl"
seed "$DST" <(printf '{"attributes":{"type":"Group"},"Id":"@taker","Name":"Taker","DeveloperName":"Taker","Type":"Queue"}\n')
ids() { # URL OBJECT MEMBER: NAME=ID ...
	curl -sf "$1/__sim/dump?object=$2" | python3 -c 'import json, sys
for row in map(json.loads, sys.stdin): print("%s=%s" % (row.get(sys.argv[1]), row["Id"]))' "$3"
}
of() { # NAME, among ids
	sed -n "s/^$1=//p"
}
ann=$(ids "$SRC" User Alias | of ann) night=$(ids "$SRC" Group DeveloperName | of Night)
for ((i = 0; i < 210; i++)); do
	owner=$((i % 2)) && [[ $owner == 0 ]] && owner=$ann || owner=$night
	printf '{"attributes":{"type":"Case"},"Subject":"c%d","Ext_Id__c":"c%d","OwnerId":"%s"}\n' $i $i "$owner"
	printf '{"attributes":{"type":"Lead"},"LastName":"l%d","Company":"c","Ext_Id__c":"l%d","OwnerId":"%s"}\n' $i $i "$owner"
done >"$T/data.jsonl"
seed "$SRC" "$T/data.jsonl"

owners() { # of the target's cases and leads, how many each
	python3 - "$DST" <<'PY'
import collections, json, sys, urllib.request
def dump(name):
    return [json.loads(l) for l in urllib.request.urlopen("%s/__sim/dump?object=%s" % (sys.argv[1], name))]
names = {u["Id"]: u["Alias"] for u in dump("User")}
names.update((g["Id"], g["DeveloperName"]) for g in dump("Group"))
print(*("%s:%s=%d" % (name, who, n) for name in ("Case", "Lead")
        for who, n in sorted(collections.Counter(names[r["OwnerId"]] for r in dump(name)).items())))
PY
}
KEPT="Case:Night=105 Case:ann=105 Lead:Night=105 Lead:ann=105"
template() { # NAME API
	cat >"$T/$1.yaml" <<-YAML
		name: $1
		objects:
		  - {name: Case, fields: {include: [Subject, OwnerId, Ext_Id__c]}, match: {externalId: Ext_Id__c}, api: $2}
		  - {name: Lead, fields: {include: [LastName, Company, OwnerId, Ext_Id__c]}, match: {externalId: Ext_Id__c}, api: $2}
		users: {usernameSuffix: ''}
	YAML
	orgsync template apply -f "$T/$1.yaml" >/dev/null || bail "template $1 is refused"
}
template rest rest
template bulk bulk
through() { # TEMPLATE NAME
	RUN=$(create_run "$1")
	runs "$2: the run goes through" orgsync run start "$RUN" --wait
	is "$(owners)" "$KEPT" "$2: each record has the owner that it should have"
	runs "$2: the checker agrees" check_orgs "$RUN" --template "$T/$1.yaml" --key Ext_Id__c
}
change() { # TEXT: other values in the source, so that each is updated
	python3 - "$SRC" "$1" "$ROOT/tests/e2e" <<'PY'
import json, sys
sys.path.insert(0, sys.argv[3])
import files
org = files.Org(sys.argv[1])
for kind, field, letter in (("Case", "Subject", "c"), ("Lead", "LastName", "l")):
    for first in range(0, 210, 105):
        rows = [{"attributes": {"type": kind}, "Ext_Id__c": "%s%d" % (letter, i), field: "%s %d" % (sys.argv[2], i)}
                for i in range(first, first + 105)]
        org.call("PATCH", "composite/sobjects/%s/Ext_Id__c" % kind, json.dumps({"records": rows}).encode())
PY
}
for headers in inherited own; do
	for api in rest bulk; do
		curl -sf -X POST "$DST/__sim/reset" >/dev/null || bail "the target cannot be emptied"
		seed "$DST" "$T/people.jsonl"
		seed "$DST" <(printf '{"attributes":{"type":"Group"},"Id":"@taker","Name":"Taker","DeveloperName":"Taker","Type":"Queue"}\n')
		taker=$(ids "$DST" Group DeveloperName | of Taker)
		curl -sf -d "{\"assignTo\": \"$taker\", \"compositeHeaders\": \"$headers\"}" "$DST/__sim/settings" >/dev/null || bail "no rule"
		forget_mappings
		through $api "$api, $headers"
		[[ $headers == own ]] || continue
		change "$api"
		through $api "$api, updates"
		is "$(run_get "$RUN" '[d["totals"][k] for k in ("inserted","updated","failed")]')" "[0, 420, 0]" "$api: all were updated"
		runs "$api: a rollback of it" orgsync run rollback "$RUN" --yes --wait
		is "$(owners)" "$KEPT" "$api: it leaves owners as they were, too"
	done
done

# ---- what automation changes on account of what is written ------------------------------------------------------------
python3 "$ROOT/tests/e2e/files.py" "$SRC" attach Case 1000 note.bin || bail "no attachment"
{
	sed 's/name: bulk/name: attached/' "$T/bulk.yaml" | grep -v 'name: Lead'
} >"$T/attached.yaml"
sed -i '/name: Case/a\  - {name: Attachment}' "$T/attached.yaml"
runs "a template with attachments of cases" orgsync template apply -f "$T/attached.yaml"
RUN=$(create_run attached)
runs "the run goes through" orgsync run start "$RUN" --wait
is "$(run_get "$RUN" 'd["objects"][-1]["inserted"]')" 1 "an attachment goes in"
is "$(owners)" "$KEPT" "and its case keeps its owner, although a trigger has changed it"
e2e_end

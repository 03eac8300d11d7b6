#!/usr/bin/env bash
# A rollback of a run that was replayed undoes what the replay has done too: records that it has updated after the first pass had found
# them equal, records that it has inserted anew because somebody had deleted them, and records that somebody has made in their place.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
worker
add_orgs
accounts() { # FROM TO PHONE
	python3 -c '
import json, sys
for n in range(int(sys.argv[1]), int(sys.argv[2])):
    print(json.dumps({"attributes": {"type": "Account"}, "Id": "@a%d" % n, "Ext_Id__c": "a%d" % n, "Name": "a%d" % n, "Phone": sys.argv[3]}))' "$1" "$2" "$3"
}
live() { # EXPRESSION of r: of each account of the target, by its key
	curl -sf "$DST/__sim/dump?object=Account" | python3 -c '
import json, sys
d = {}
for r in map(json.loads, sys.stdin):
    if not r["IsDeleted"]: d[r["Ext_Id__c"]] = r
print(eval(sys.argv[1]))' "$1"
}
act() { # ACTION EXPRESSION MEMBERS: on accounts of the target
	curl -sf "$DST/__sim/dump?object=Account" | python3 -c '
import json, sys
for r in map(json.loads, sys.stdin):
    if not r["IsDeleted"] and eval(sys.argv[1]): print(json.dumps({"attributes": r["attributes"], "Id": r["Id"], **eval(sys.argv[2])}))' "$2" "$3" |
		curl -sf --data-binary @- "$DST/__sim/$1" >/dev/null || bail "the target cannot be changed"
}
accounts 0 40 same >"$T/src.jsonl"
seed "$SRC" "$T/src.jsonl"
accounts 0 20 same >"$T/dst.jsonl"
seed "$DST" "$T/dst.jsonl"
cat >"$T/again.yaml" <<'YAML'
name: again
objects:
  - {name: Account, fields: {include: [Name, Phone, Ext_Id__c]}, match: {externalId: Ext_Id__c}}
YAML
orgsync template apply -f "$T/again.yaml" >/dev/null || bail "the template is refused"
totals() { run_get "$RUN" '[d["state"]] + [d["totals"][k] for k in ("inserted", "updated", "existing", "failed")]'; }
RUN=$(create_run again) || bail "no run"
orgsync run start "$RUN" --wait >/dev/null
is "$(totals)" "['Synced', 20, 0, 20, 0]" "20 were there, 20 are inserted"
runs "a dry run of a rollback" orgsync run rollback "$RUN" --dry-run --wait
is "$(run_get "$RUN" 'd["rollback"]["deleted"]')" 20 "tells of the 20"
act update 'int(r["Ext_Id__c"][1:]) < 10' '{"Phone": "changed"}'
act delete 'int(r["Ext_Id__c"][1:]) >= 30' '{}'
is "$(live 'len(d)')" 30 "somebody changes 10 and deletes 10"
accounts 30 35 theirs >"$T/theirs.jsonl"
seed "$DST" "$T/theirs.jsonl" # and makes 5 of them himself
runs "a replay" orgsync run replay "$RUN" --wait
is "$(live 'len(d), sum(r["Phone"] == "same" for r in d.values())')" "(40, 40)" "brings all of it back"
is "$(run_get "$RUN" 'd.get("rollback")')" None "the replay is no rollback"
orgsync run rollback "$RUN" >/dev/null || bail "it cannot be rolled back"
rolled_back() { [[ $(run_get "$RUN" 'd["state"]' 2>/dev/null) == "Rollback Completed" ]]; }
wait_for 60 rolled_back
is "$(run_get "$RUN" '[d["rollback"][k] for k in ("deleted", "restored", "left")]')" "[15, 15, 0]" "a rollback deletes 15 and restores 15"
is "$(live '[len(d)] + [sum(r["Phone"] == p for r in d.values()) for p in ("changed", "same", "theirs")]')" "[25, 10, 10, 5]" "the target is as it was"
e2e_end

#!/usr/bin/env bash
# Objects whose lookup to themselves can be set on insert alone: parents first, level by level, by REST and by Bulk, with a key and
# without one; and rolled back from the leaves up.
. "$(dirname "$0")/lib.sh"
e2e_begin
SIZE=${SIZE:-5000} DEPTH=${DEPTH:-7}
key='{"name":"Ext_Id__c","type":"string","length":40,"externalId":true,"unique":true,"idLookup":true}'
lookup() { # NAME OBJECT MEMBERS
	printf '{"name":"%s","type":"reference","referenceTo":["%s"],"relationshipName":"%s"%s}' "$1" "$2" "${1/__c/__r}" "$3"
}
# Node: made under its parent and never moved. Post: a parent is required. Leaf: of a node, and of its own kind.
cat >"$T/schema.json" <<JSON
{"objects": [
  {"name": "Node__c", "keyPrefix": "a6N", "fields": [$key, $(lookup Up__c Node__c ',"updateable":false')]},
  {"name": "Post__c", "keyPrefix": "a6P", "fields": [$key, $(lookup Up__c Post__c ',"nillable":false')]},
  {"name": "Leaf__c", "keyPrefix": "a6L", "fields": [$key, $(lookup Node__c Node__c ',"nillable":false'), $(lookup Next__c Leaf__c '')]}]}
JSON
simulators --schema "$T/schema.json"
coordinator
worker w1
worker w2
add_orgs

totals() { # RUN: state, scanned, inserted, updated, existing, skipped, failed
	run_get "$1" '[d["state"]] + [d["totals"][k] for k in ("scanned","inserted","updated","existing","skipped","failed")]'
}
go() { # TEMPLATE: scanned and started; id in RUN
	RUN=$(create_run "$1") && orgsync run start "$RUN" --wait >"$T/out" 2>&1
}
# Children before their parents in the order of their ids, as often as not; every level has some.
python3 - "$SIZE" "$DEPTH" >"$T/src.jsonl" <<'PY'
import json, random, sys
size, depth = int(sys.argv[1]), int(sys.argv[2])
random.seed(97)
level = [n if n < depth else random.randrange(depth) for n in range(size)]
random.shuffle(level)
by_level = [[n for n in range(size) if level[n] == k] for k in range(depth)]
def record(kind, ref, **more):
    print(json.dumps(dict({"attributes": {"type": kind}, "Id": "@" + ref, "Ext_Id__c": ref}, **more)))
for n in range(size):
    up = {"Up__c": "@n%d" % random.choice(by_level[level[n] - 1])} if level[n] else {}
    record("Node__c", "n%d" % n, **up)
for n in range(size // 10):
    record("Leaf__c", "l%d" % n, Node__c="@n%d" % random.randrange(size), **({"Next__c": "@l%d" % (n - 1)} if n % 3 else {}))
PY
seed "$SRC" "$T/src.jsonl"
ALL=$((SIZE + SIZE / 10))

nodes() { # NAME API MATCH
	cat >"$T/$1.yaml" <<YAML
name: $1
objects:
  - name: Leaf__c
    fields: {include: [Node__c, Next__c, Ext_Id__c]}
    $3
  - name: Node__c
    fields: {include: [Up__c, Ext_Id__c]}
    api: $2
    $3
YAML
	orgsync template apply -f "$T/$1.yaml" >/dev/null || bail "template $1 is refused"
}
nodes rest rest 'match: {externalId: Ext_Id__c}'
RUN=$(create_run rest)
orgsync run scan "$RUN" -o json >"$T/scan.json" || bail "it cannot be scanned"
is "$(json '[(o["name"], o["stage"], o["levels"]) for o in d["objects"]]' <"$T/scan.json")" \
	"[('Leaf__c', $((DEPTH + 1)), 0), ('Node__c', 1, $DEPTH)]" "the scan counts the levels"
like "$(orgsync run order "$RUN")" "level by level: Up__c \($DEPTH stages\)" "the order says so"
orgsync run start "$RUN" --wait >"$T/out" 2>&1
is "$? $(totals "$RUN")" "0 ['Synced', $ALL, $ALL, 0, 0, 0, 0]" "by REST: $SIZE records, $DEPTH deep"
runs "the checker agrees" check_orgs "$RUN" --template "$T/rest.yaml" --key Ext_Id__c
is "$(psql -qAt "$ORGSYNC_POSTGRES_URL" -c "SELECT count(DISTINCT stage), bool_and(state = 'done') FROM batch WHERE run = '$RUN' AND object = 1")" \
	"$DEPTH|t" "each level is a stage of its own"
go rest
is "$? $(totals "$RUN")" "0 ['Synced', $ALL, 0, 0, $ALL, 0, 0]" "a second run changes nothing"

dump() { python3 "$ROOT/tests/checker/check" dump "$DST" --objects Node__c,Leaf__c,Post__c >"$T/$1.dump" || bail "no dump"; }
undone() { # RUN: and the target is empty again
	orgsync run rollback "$1" --wait >"$T/out" 2>&1
	is "$? $(run_get "$1" '[d["state"]] + [d["rollback"][k] for k in ("deleted", "restored", "left")]')" \
		"0 ['Rollback Completed', $ALL, 0, 0]" "rolled back, from the leaves up"
	is "$(curl -sf "$DST/__sim/count" | json '[d.get(o, 0) for o in ("Node__c", "Leaf__c")]')" "[0, 0]" "nothing is left"
}
first=$(orgsync run list -o json | json '[r["id"] for r in d["items"]][-1]')
undone "$first"

for way in "bulk bulk match: {externalId: Ext_Id__c}" "rest-nokey rest " "bulk-nokey bulk "; do
	read -r name api match <<<"$way"
	nodes "$name" "$api" "$match"
	go "$name"
	is "$? $(totals "$RUN")" "0 ['Synced', $ALL, $ALL, 0, 0, 0, 0]" "$name: all of it"
	runs "the checker agrees" check_orgs "$RUN" --template "$T/$name.yaml" --key Ext_Id__c
	undone "$RUN"
done
e2e_end

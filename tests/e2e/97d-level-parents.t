#!/usr/bin/env bash
# Level by level, when not all is well: parents that the target wants and does not have, records that hang on themselves, the waiting
# room, deltas, a retry, too many levels.
. "$(dirname "$0")/lib.sh"
e2e_begin
key='{"name":"Ext_Id__c","type":"string","length":40,"externalId":true,"unique":true,"idLookup":true}'
up() { # OBJECT MEMBERS
	printf '{"name":"Up__c","type":"reference","referenceTo":["%s"],"relationshipName":"Up__r",%s}' "$1" "$2"
}
# Node: made under its parent and never moved. Post: a parent is required. Pair: two such lookups.
cat >"$T/schema.json" <<JSON
{"objects": [
  {"name": "Node__c", "keyPrefix": "a6N", "fields": [$key, $(up Node__c '"updateable":false')]},
  {"name": "Post__c", "keyPrefix": "a6P", "fields": [$key, $(up Post__c '"nillable":false')]},
  {"name": "Pair__c", "keyPrefix": "a6Q", "fields": [$key, $(up Pair__c '"updateable":false'),
    {"name":"Root__c","type":"reference","referenceTo":["Pair__c"],"relationshipName":"Root__r","updateable":false}]}]}
JSON
simulators --schema "$T/schema.json"
coordinator
worker
add_orgs

totals() { # RUN: state, scanned, inserted, updated, existing, skipped, failed
	run_get "$1" '[d["state"]] + [d["totals"][k] for k in ("scanned","inserted","updated","existing","skipped","failed")]'
}
go() { # TEMPLATE: scanned and started; id in RUN
	RUN=$(create_run "$1") && orgsync run start "$RUN" --wait >"$T/out" 2>&1
}
told() { # RUN: KEY CODE of all that is said of its records
	orgsync run errors "$1" --limit 0 -o json | python3 -c '
import json, sys, urllib.request
keys = {}
for name in ("Node__c", "Post__c"):
    for line in urllib.request.urlopen("%s/__sim/dump?object=%s" % (sys.argv[1], name)):
        r = json.loads(line)
        keys[r["Id"]] = r["Ext_Id__c"]
print(*sorted("%s %s" % (keys[e["sourceId"]], e["code"]) for e in json.load(sys.stdin)["items"]), sep=", ")' "$SRC"
}
target() { # OBJECT: KEY<PARENT'S KEY
	curl -sf "$DST/__sim/dump?object=$1" | python3 -c '
import json, sys
rows = [r for r in map(json.loads, sys.stdin) if not r["IsDeleted"]]
keys = {r["Id"]: r["Ext_Id__c"] for r in rows}
print(*sorted("%s<%s" % (r["Ext_Id__c"], keys.get(r.get("Up__c"), "")) for r in rows))'
}
record() { # OBJECT KEY [PARENT]
	printf '{"attributes":{"type":"%s"},"Id":"@%s","Ext_Id__c":"%s"%s}\n' "$1" "$2" "$2" "${3:+,\"Up__c\":\"@$3\"}"
}
template() { # NAME OBJECT FILTER [MEMBERS]
	cat >"$T/$1.yaml" <<YAML
name: $1
objects:
  - name: $2
    where: "$3"
    fields: {include: [Up__c, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
    ${4:-}
YAML
	orgsync template apply -f "$T/$1.yaml" >/dev/null || bail "template $1 is refused"
}

# ---- A required parent: a root is refused by the target, unless it is there --------------------------
{
	record Post__c p-c p-b
	record Post__c p-b p-a
	record Post__c p-a
	record Post__c q-b q-a
	record Post__c q-a
} >"$T/src.jsonl"
seed "$SRC" "$T/src.jsonl"
record Post__c p-a >"$T/dst.jsonl"
seed "$DST" "$T/dst.jsonl"
template posts Post__c "Ext_Id__c != null"
go posts
is "$? $(totals "$RUN")" "1 ['Synced', 5, 2, 0, 1, 0, 2]" "required: what hangs on a record that is there goes in"
is "$(target Post__c)" "p-a< p-b<p-a p-c<p-b" "under its parent"
is "$(told "$RUN")" "q-a REQUIRED_FIELD_MISSING, q-b PARENT_FAILED" "a root without one fails, and what hangs on it"
runs "the checker agrees" check_orgs "$RUN" --template "$T/posts.yaml" --key Ext_Id__c

# A retry takes the levels in their order too.
record Post__c q-a >"$T/dst.jsonl"
seed "$DST" "$T/dst.jsonl"
orgsync run retry "$RUN" --wait >"$T/out" 2>&1
is "$? $(totals "$RUN")" "0 ['Synced', 5, 3, 0, 2, 0, 0]" "a retry, when the root is there: all are in"
is "$(target Post__c)" "p-a< p-b<p-a p-c<p-b q-a< q-b<q-a" "each under its parent"

# ---- Records that hang on themselves -----------------------------------------------------------------
{
	record Post__c x-own x-own
	record Post__c x-one x-two
	record Post__c x-two x-three
	record Post__c x-three x-one
	record Post__c x-below x-own
} >"$T/circles.jsonl"
seed "$SRC" "$T/circles.jsonl"
template circles Post__c "Ext_Id__c != null"
RUN=$(create_run circles)
orgsync run scan "$RUN" -o json >"$T/scan.json" || bail "it cannot be scanned"
like "$(cat "$T/scan.json")" "5 records of Post__c point to themselves by Up__c, be it over others, or hang below such records \(a6\w+ is one\)" "the scan tells of them"
orgsync run start "$RUN" --wait >"$T/out" 2>&1
is "$? $(totals "$RUN")" "1 ['Synced', 10, 0, 0, 5, 0, 5]" "they fail, and nothing else does"
like "$(orgsync run errors "$RUN" -o json)" "Up__c points to Post__c a6\w+, which is not in the target and never in first: the record points to itself" "with a sentence"
runs "the checker agrees" check_orgs "$RUN" --template "$T/circles.yaml" --key Ext_Id__c
# ---- The waiting room --------------------------------------------------------------------------------
{
	record Node__c w-d w-c
	record Node__c w-c w-b
	record Node__c w-b w-a
	record Node__c w-a
} >"$T/src.jsonl"
seed "$SRC" "$T/src.jsonl"
template wait Node__c "Ext_Id__c LIKE 'w-%' AND Ext_Id__c != 'w-a'" 'missingParents: wait'
go wait
is "$? $(totals "$RUN")" "0 ['Synced', 3, 0, 0, 0, 3, 0]" "wait: those without a parent, and all below, wait"
template wait Node__c "Ext_Id__c = 'w-a'" 'missingParents: wait'
go wait
is "$? $(totals "$RUN")" "0 ['Synced', 4, 4, 0, 0, 0, 0]" "the next run has it: all go in at once, level by level"
is "$(target Node__c | tr ' ' '\n' | grep ^w | tr '\n' ' ')" "w-a< w-b<w-a w-c<w-b w-d<w-c " "each under its parent"
is "$(psql -qAt "$ORGSYNC_POSTGRES_URL" -c "SELECT count(*) FROM waiting WHERE in_run IS NULL")" 0 "nobody waits any more"
sed "s/where: .*/where: \"Ext_Id__c LIKE 'w-%'\"/" "$T/wait.yaml" >"$T/all.yaml"
runs "the checker agrees" check_orgs "$RUN" --template "$T/all.yaml" --key Ext_Id__c

# ---- And where a parent may be left out --------------------------------------------------------------
sed 's/Post__c/Node__c/; s/x-/y-/g' "$T/circles.jsonl" >"$T/src.jsonl"
seed "$SRC" "$T/src.jsonl"
template optional Node__c "Ext_Id__c LIKE 'y-%'"
go optional
is "$? $(totals "$RUN")" "0 ['Synced', 5, 5, 0, 0, 0, 0]" "where the parent is optional they go in, and it is left out"
is "$(psql -qAt "$ORGSYNC_POSTGRES_URL" -c "SELECT kind, code, count(*) FROM failure WHERE run = '$RUN' GROUP BY 1, 2")" \
	"notice|PARENT_MISSING|5" "and said"

# ---- A delta: what it hangs on has been brought by an earlier run ------------------------------------
template delta Node__c "Ext_Id__c LIKE 'v-%'"
echo 'options: {deltaSync: true}' >>"$T/delta.yaml"
orgsync template apply -f "$T/delta.yaml" >/dev/null || bail "the template is refused"
{
	record Node__c v-c v-b
	record Node__c v-b v-a
	record Node__c v-a
} >"$T/src.jsonl"
seed "$SRC" "$T/src.jsonl"
go delta
is "$? $(totals "$RUN")" "0 ['Synced', 3, 3, 0, 0, 0, 0]" "a first delta reads all"
{
	record Node__c v-e v-d
	record Node__c v-d v-c
} >"$T/src.jsonl"
seed "$SRC" "$T/src.jsonl"
go delta
is "$? $(run_get "$RUN" '[d["state"], d["totals"]["inserted"], d["totals"]["failed"]]')" "0 ['Synced', 2, 0]" "the next one what is new"
is "$(target Node__c | tr ' ' '\n' | grep ^v | tr '\n' ' ')" "v-a< v-b<v-a v-c<v-b v-d<v-c v-e<v-d " "each under its parent"

# ---- Two lookups: a record comes behind the later one of its parents ---------------------------------
pair() { # KEY UP ROOT
	printf '{"attributes":{"type":"Pair__c"},"Id":"@%s","Ext_Id__c":"%s","Up__c":"@%s","Root__c":"@%s"}\n' "$1" "$1" "$2" "$3"
}
{
	pair t-d t-a t-c
	pair t-c t-b t-a
	pair t-b t-a t-a
	record Pair__c t-a
} >"$T/src.jsonl"
seed "$SRC" "$T/src.jsonl"
template pairs Pair__c "Ext_Id__c != null"
sed -i 's/Up__c, Ext/Up__c, Root__c, Ext/' "$T/pairs.yaml"
orgsync template apply -f "$T/pairs.yaml" >/dev/null || bail "the template is refused"
go pairs
is "$? $(totals "$RUN")" "0 ['Synced', 4, 4, 0, 0, 0, 0]" "two lookups: all are in"
is "$(psql -qAt "$ORGSYNC_POSTGRES_URL" -c "SELECT max(stage) FROM batch WHERE run = '$RUN'")" 4 "in four levels"
runs "the checker agrees" check_orgs "$RUN" --template "$T/pairs.yaml" --key Ext_Id__c

# ---- Too many levels ---------------------------------------------------------------------------------
python3 - >"$T/src.jsonl" <<'PY'
import json
for n in range(1002):
    print(json.dumps(dict({"attributes": {"type": "Node__c"}, "Id": "@z%d" % n, "Ext_Id__c": "z-%d" % n}, **({"Up__c": "@z%d" % (n - 1)} if n else {}))))
PY
seed "$SRC" "$T/src.jsonl"
template deep Node__c "Ext_Id__c LIKE 'z-%'"
out=$(orgsync run scan "$(create_run deep)" 2>&1)
is $? 4 "more than a thousand levels are refused"
like "$out" "object Node__c: its records hang on each other by Up__c in more than 1000 levels" "with a sentence"
e2e_end

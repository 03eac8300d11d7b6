#!/usr/bin/env bash
# What users of today's tools ask for (docs/coverage.md, the fifty asks): each a case that would go wrong without it.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
worker
add_orgs

fault() { # URL JSON
	curl -sf -d "$2" "$1/__sim/faults" >/dev/null || bail "no fault"
}
no_faults() {
	for url in "$SRC" "$DST"; do curl -sf -X DELETE "$url/__sim/faults" >/dev/null; done
}
setting() { # URL JSON
	curl -sf -d "$2" "$1/__sim/settings" >/dev/null || bail "no setting"
}
schema() { # URL JSON
	curl -sf -d "$2" "$1/__sim/schema" >/dev/null || bail "no schema"
}
generate() { # OBJECT COUNT [PARENT]
	curl -sf -d "{\"object\":\"$1\",\"count\":$2,\"seed\":97${3:+,\"parent\":\"$3\"}}" "$SRC/__sim/generate" >/dev/null || bail "no $1"
}
template() { # NAME: from standard input
	cat >"$T/$1.yaml"
	orgsync template apply -f "$T/$1.yaml" >/dev/null || bail "template $1 is refused"
}
anew() { # both orgs empty, a fresh id map
	no_faults
	for url in "$SRC" "$DST"; do curl -sf -X POST "$url/__sim/reset" >/dev/null; done
	forget_mappings
}
totals() { # RUN
	run_get "$1" '[d["state"]] + [d["totals"][k] for k in ("scanned","inserted","updated","existing","failed")]'
}
stat() { # URL EXPRESSION
	curl -sf "$1/__sim/stats" | json "$2"
}
inserted() { # RUN COUNT
	[[ $(run_get "$1" 'd["totals"]["inserted"]') -ge $2 ]]
}

live() { # URL OBJECT EXPRESSION: of d, its first record that is not deleted
	curl -sf "$1/__sim/dump?object=$2" | python3 -c '
import json, sys
d = next(r for r in map(json.loads, sys.stdin) if not r["IsDeleted"])
print(eval(sys.argv[1]))' "$3"
}

# ---- 2: what the source refuses is said before the run, and ends one that is under way -------------------
refused() { # NAME WHAT: the check and the scan say so
	local run
	run=$(create_run "$1")
	orgsync run check "$run" -o json >"$T/check.json" 2>/dev/null
	is $? 4 "$1: the check blocks"
	like "$(json '[(f["severity"], f["kind"], f["org"], f["what"]) for f in d["findings"] if f["kind"] == "query"]' <"$T/check.json")" \
		"'blocking', 'query', 'src'.*$2.*(MALFORMED_QUERY|INVALID_FIELD|No such column)" "$1: it says what and why"
	orgsync run start "$run" --wait >/dev/null 2>"$T/err"
	is $? 4 "$1: the scan refuses"
	like "$(cat "$T/err")" "object Account: org 'src' refuses the query.*$2.*(MALFORMED_QUERY|INVALID_FIELD)" "$1: with the org's own words"
	is "$(run_get "$run" 'd["state"]')" "Not Started" "$1: Not Started"
}
template order <<'YAML'
name: order
objects:
  - {name: Account, fields: {include: [Name, Ext_Id__c]}, match: {externalId: Ext_Id__c}, orderBy: "Nmae DESC", limit: 10}
YAML
refused order 'Nmae DESC'
template order-all <<'YAML'
name: order-all
objects:
  - {name: Account, fields: {include: [Name, Ext_Id__c]}, match: {externalId: Ext_Id__c}, orderBy: "Name UPWARDS"}
YAML
refused order-all 'Name UPWARDS'
template tail <<'YAML'
name: tail
objects:
  - {name: Account, where: "Name != null LIMIT 5", fields: {include: [Name, Ext_Id__c]}, match: {externalId: Ext_Id__c}}
YAML
refused tail 'LIMIT 5'

generate Account 8000
template plain <<'YAML'
name: plain
objects:
  - name: Account
    fields: {include: [Name, Phone, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
    api: rest
YAML
setting "$SRC" '{"pageRows":500}'
run=$(create_run plain)
hold "$SRC" "GET /query" hold '"after":10'
orgsync run start "$run" >/dev/null
runs "a run reads" wait_for 60 held "$SRC"
schema "$SRC" '{"objects":[{"name":"Account","fields":[{"name":"Phone","hidden":true}]}]}'
let_go "$SRC"
runs "a field that our user may not see any more ends it" wait_ended "$run" 60
is "$(run_get "$run" 'd["state"], d["phase"]')" "('Aborted', 'Aborted')" "it is Aborted"
like "$(run_get "$run" 'd["problem"]')" "org 'src' refuses it: reading Account: .*INVALID_FIELD.*Phone.*create a new run" "and says what, where and what to do"
is "$(run_get "$run" 'd["totals"]["inserted"]')" "$(curl -sf "$DST/__sim/count" | json 'd.get("Account", 0)')" "with exact counts"
schema "$SRC" '{"objects":[{"name":"Account","fields":[{"name":"Phone","hidden":false}]}]}'
setting "$SRC" '{"pageRows":0}'

# ---- 23, 24: a query that takes too long is asked with smaller pages, and pages grow again ----------------
anew
generate Account 20000
fault "$SRC" '{"match":"GET /query","kind":"query-timeout","overLimit":300,"count":3}'
curl -sf -X DELETE "$SRC/__sim/stats" >/dev/null
run=$(create_run plain)
runs "QUERY_TIMEOUT: the run ends" orgsync run start "$run" --wait
is "$(totals "$run")" "['Synced', 20000, 20000, 0, 0, 0]" "QUERY_TIMEOUT: all records are in"
is "$(stat "$SRC" 'd["faultsFired"]')" 3 "QUERY_TIMEOUT: pages of 2000, 1000 and 500 took too long"
pages=$(stat "$SRC" 'sum(n for c, n in d["byCall"].items() if c.startswith("GET query"))')
diag "$pages queries"
runs "pages have grown again" test "$pages" -le 28

# ---- 22: no lists of ids or keys in addresses ------------------------------------------------------------
anew
python3 - >"$T/long.jsonl" <<'PY'
import json
for i in range(3000):
    print(json.dumps({"attributes": {"type": "Account"}, "Name": "Name %d %s" % (i, "ä" * 200), "Ext_Id__c": "L-%d" % i}))
PY
seed "$SRC" "$T/long.jsonl"
seed "$DST" "$T/long.jsonl"
template long <<'YAML'
name: long
objects:
  - name: Account
    fields: {include: [Name, Ext_Id__c]}
    match: {keys: [Name]}
    api: rest
YAML
for url in "$SRC" "$DST"; do curl -sf -X DELETE "$url/__sim/stats" >/dev/null; done
run=$(create_run long)
runs "keys of 400 bytes" orgsync run start "$run" --wait
is "$(totals "$run")" "['Synced', 3000, 0, 0, 3000, 0]" "all are found"
second=$(create_run long)
runs "again, by id" orgsync run start "$second" --wait
is "$(totals "$second")" "['Synced', 3000, 0, 0, 3000, 0]" "all are found"
for url in "$SRC" "$DST"; do
	runs "the longest address has $(stat "$url" 'd["longestUri"]') bytes" test "$(stat "$url" 'd["longestUri"]')" -lt 1500
done

# ---- 10: objects without a relation are read side by side --------------------------------------------------
anew
generate Account 6000
generate Lead 6000
generate Product2 6000
template three <<'YAML'
name: three
objects:
  - {name: Account, fields: {include: [Name, Ext_Id__c]}, match: {externalId: Ext_Id__c}, api: rest}
  - {name: Lead, fields: {include: [LastName, Company, Ext_Id__c]}, match: {externalId: Ext_Id__c}, api: rest}
  - {name: Product2, fields: {include: [Name, Ext_Id__c]}, match: {externalId: Ext_Id__c}, api: rest}
YAML
run=$(create_run three)
orgsync run scan "$run" --wait >/dev/null 2>&1
setting "$SRC" '{"pageRows":500}'
hold "$SRC" "GET /query" hold '"after":12' # an org is called by few at first
orgsync run start "$run" >/dev/null
runs "three objects: each with a request of its own" wait_for 60 held "$SRC" 3
let_go "$SRC"
setting "$SRC" '{"pageRows":0}'
runs "three objects: the run ends" wait_ended "$run" 120
is "$(totals "$run")" "['Synced', 18000, 18000, 0, 0, 0]" "three objects: all records are in"

# Small objects have a lane each, and so an ingest job each: none waits for another's.
curl -sf -X POST "$DST/__sim/reset" >/dev/null || bail "the target cannot be emptied"
sed 's/^name: three/name: jobs3/; s/api: rest/api: bulk/' "$T/three.yaml" | template jobs3
run=$(create_run jobs3)
curl -sf -X DELETE "$DST/__sim/stats" >/dev/null
hold "$DST" "PATCH /jobs/ingest" hold-job
orgsync run start "$run" >/dev/null
at_work() { [[ $(stat "$DST" 'd["maxJobs"]') -ge 3 ]]; }
runs "three objects by jobs: three are at work at once" wait_for 120 at_work
let_go "$DST"
runs "three objects by jobs: the run ends" wait_ended "$run" 120
is "$(totals "$run")" "['Synced', 18000, 18000, 0, 0, 0]" "three objects by jobs: all records are in"

# ---- 47: a worker that is told to go in the middle of a job's results ---------------------------------------
anew
generate Account 8000
template jobs <<'YAML'
name: jobs
objects:
  - {name: Account, fields: {include: [Name, Phone, Ext_Id__c]}, match: {externalId: Ext_Id__c}, api: bulk}
YAML
run=$(create_run jobs)
runs "jobs: the run ends" orgsync run start "$run" --wait
is "$(totals "$run")" "['Synced', 8000, 8000, 0, 0, 0]" "jobs: all records are in"
curl -sf "$SRC/__sim/dump?object=Account" | python3 -c '
import json, sys
for line in sys.stdin:
    r = json.loads(line)
    print(json.dumps({"attributes": r["attributes"], "Id": r["Id"], "Phone": "555-1"}))' |
	curl -sf --data-binary @- "$SRC/__sim/update" >/dev/null
fault "$DST" '{"match":"GET /successfulResults","kind":"delay","ms":60000}'
hits() { [[ $(curl -sf "$DST/__sim/faults" | json 'd[0]["hits"]') -ge $1 ]]; }
run=$(create_run jobs)
orgsync run start "$run" >/dev/null
for i in 1 2 3 4; do
	runs "results are asked for, $i" wait_for 60 hits "$i"
	kill -TERM "$WORKER_PID"
	wait "$WORKER_PID"
	((i < 4)) || no_faults # before the last one asks
	worker "worker-$i"
done
runs "a worker told to go four times: the run ends" wait_ended "$run" 90
is "$(totals "$run")" "['Synced', 8000, 0, 8000, 0, 0]" "all are updated"
is "$(psql -At "$ORGSYNC_POSTGRES_URL" -c "SELECT max(attempts) <= 2 FROM batch WHERE run = '$run'")" t "that was no crash"

# ---- 42: duplicate rules: an alert is passed or not, a block is a clear failure ------------------------------
anew
generate Account 300
curl -sf "$SRC/__sim/dump?object=Account" | python3 -c '
import json, sys
for i, line in enumerate(sys.stdin):
    if i < 40:
        print(json.dumps({"attributes": {"type": "Account"}, "Name": json.loads(line)["Name"]}))' >"$T/twins.jsonl"
twins() { # ALERT: the target holds 40 accounts of the same names, and a rule about it
	curl -sf -X POST "$DST/__sim/reset" >/dev/null
	forget_mappings
	seed "$DST" "$T/twins.jsonl"
	schema "$DST" '{"duplicateRules":[{"object":"Account","name":"Same_Name","field":"Name","op":"duplicate","message":"Use one of these records?","active":true,"alert":'"$1"'}]}'
}
duplicates() { # NAME RULES API
	template "$1" <<-YAML
		name: $1
		objects:
		  - {name: Account, fields: {include: [Name, Ext_Id__c]}, match: {externalId: Ext_Id__c}, api: $3}
		options: {duplicateRules: $2}
	YAML
	run=$(create_run "$1")
	orgsync run start "$run" --wait >/dev/null 2>&1
}
failures() { # what the failures say, each once
	orgsync run errors "$run" --csv "$T/errors.csv" >/dev/null
	python3 -c 'import csv, sys; print(sorted({(r["code"], r["message"]) for r in csv.DictReader(open(sys.argv[1]))}))' "$T/errors.csv"
}
is "$(sort -u "$T/twins.jsonl" | wc -l)" 40 "40 names"
for api in rest bulk; do
	for headers in inherited own; do
		setting "$DST" "{\"compositeHeaders\":\"$headers\"}"
		twins true
		duplicates "allow-$api" allow-save "$api"
		is "$(totals "$run")" "['Synced', 300, 300, 0, 0, 0]" "allow-save, $api, headers $headers: an alert is passed"
	done
	twins true
	duplicates "block-$api" block "$api"
	is "$(totals "$run")" "['Synced', 300, 260, 0, 0, 40]" "block, $api: records that an alert names fail, the others go in"
	is "$(failures)" "[('DUPLICATES_DETECTED', 'Use one of these records?')]" "block, $api: with Salesforce's code and words"
	twins false
	duplicates "blocked-$api" allow-save "$api"
	is "$(totals "$run")" "['Synced', 300, 260, 0, 0, 40]" "allow-save, $api: a rule that blocks is not passed"
	is "$(failures)" "[('DUPLICATES_DETECTED', 'Use one of these records?')]" "allow-save, $api: and says so"
	# an update of a record that has a twin meanwhile
	schema "$DST" '{"duplicateRules":[{"object":"Account","name":"Same_Name","active":false}]}'
	orgsync run retry "$run" --wait >/dev/null 2>&1
	is "$(run_get "$run" 'd["totals"]["failed"]')" 0 "$api: with the rule off a retry brings them in"
done

# ---- 39: audit fields: with inserts, for users that are mapped, where the org takes them ---------------------
anew
schema "$DST" '{"duplicateRules":[{"object":"Account","name":"Same_Name","active":false}]}'
cat >"$T/audit.jsonl" <<'JSON'
{"attributes":{"type":"User"},"Id":"@ann","Username":"ann@acme.example","LastName":"Ann","Email":"ann@acme.example","Alias":"ann","IsActive":true}
{"attributes":{"type":"Account"},"Id":"@a","Name":"Old","Ext_Id__c":"U-1","CreatedDate":"2011-02-03T04:05:06.000Z","CreatedById":"@ann","LastModifiedDate":"2012-02-03T04:05:06.000Z","LastModifiedById":"@ann"}
{"attributes":{"type":"Contact"},"Id":"@c","LastName":"Older","AccountId":"@a","Ext_Id__c":"U-2","CreatedDate":"2010-02-03T04:05:06.000Z","CreatedById":"@ann","LastModifiedDate":"2010-02-03T04:05:07.000Z","LastModifiedById":"@ann"}
JSON
seed "$SRC" "$T/audit.jsonl"
head -1 "$T/audit.jsonl" >"$T/ann.jsonl"
seed "$DST" "$T/ann.jsonl"
audit() { # API
	template "audit-$1" <<-YAML
		name: audit-$1
		objects:
		  - {name: Account, fields: {include: [Name, Ext_Id__c]}, match: {externalId: Ext_Id__c}, api: $1}
		  - {name: Contact, fields: {include: [LastName, AccountId, Ext_Id__c]}, match: {externalId: Ext_Id__c}, api: $1}
		users: {}
		options: {auditFields: true}
	YAML
	run=$(create_run "audit-$1")
}
audit rest
orgsync run check "$run" -o json >"$T/check.json" 2>/dev/null
is $? 4 "audit fields: without the preference the check blocks"
like "$(json '[(f["severity"], f["kind"], f["org"], f["what"], f["todo"]) for f in d["findings"]]' <"$T/check.json")" \
	"'blocking', 'permission', 'dst'.*audit fields.*Set Audit Fields upon Record Creation" "audit fields: and says what to switch on"
orgsync run start "$run" --wait >/dev/null 2>"$T/err"
is $? 4 "audit fields: the scan refuses"
like "$(cat "$T/err")" "org 'dst' lets our user set no audit fields.*auditFields: false" "audit fields: and says so"
setting "$DST" '{"auditFields":"settable"}'
dates() { # of the target's records
	for object in Account Contact; do
		live "$DST" "$object" '[d[k][:19] for k in ("CreatedDate", "LastModifiedDate")]'
	done | tr '\n' ' '
}
OLD="['2011-02-03T04:05:06', '2012-02-03T04:05:06'] ['2010-02-03T04:05:06', '2010-02-03T04:05:07'] "
ann=$(curl -sf "$DST/__sim/dump?object=User" | python3 -c '
import json, sys
print(next(r["Id"] for r in map(json.loads, sys.stdin) if r["Username"].startswith("ann@")))')
for api in rest bulk; do
	for object in Account Contact; do
		curl -sf "$DST/__sim/dump?object=$object" | python3 -c '
import json, sys
for line in sys.stdin:
    r = json.loads(line)
    print(json.dumps({"attributes": r["attributes"], "Id": r["Id"]}))' | curl -sf --data-binary @- "$DST/__sim/delete" >/dev/null
	done
	audit "$api"
	runs "audit fields, $api: the run ends" orgsync run start "$run" --wait
	is "$(totals "$run")" "['Synced', 2, 2, 0, 0, 0]" "audit fields, $api: both are in"
	is "$(dates)" "$OLD" "audit fields, $api: with their own moments"
	is "$(live "$DST" Account 'd["CreatedById"], d["LastModifiedById"]')" "('$ann', '$ann')" "audit fields, $api: and users"
	runs "audit fields, $api: the checker agrees" check_orgs "$run" --template "$T/audit-$api.yaml" --key Ext_Id__c
done
# never with updates
printf '{"attributes":{"type":"Account"},"Id":"%s","Name":"New"}\n' "$(live "$SRC" Account 'd["Id"]')" |
	curl -sf --data-binary @- "$SRC/__sim/update" >/dev/null
audit rest
runs "audit fields: a second run" orgsync run start "$run" --wait
is "$(totals "$run")" "['Synced', 2, 0, 1, 1, 0]" "audit fields: updates the record"
is "$(live "$DST" Account 'd["Name"], d["CreatedDate"][:4], d["LastModifiedDate"][:4] > "2012"')" "('New', '2011', True)" \
	"audit fields: and sends none with the update"
# a reply that is lost: what is there is known as ours, though it looks as if another had made it years ago
printf '%s\n' '{"attributes":{"type":"Account"},"Name":"Lost","Ext_Id__c":"U-3","CreatedDate":"2001-02-03T04:05:06.000Z","CreatedById":"@ann"}' >"$T/lost.jsonl"
for i in 4 5 6; do sed "s/U-3/U-$i/" "$T/lost.jsonl" | head -1; done >"$T/more.jsonl"
seed "$SRC" "$T/lost.jsonl"
seed "$SRC" "$T/more.jsonl"
fault "$DST" '{"match":"POST /composite","kind":"drop-after","after":0,"count":1}'
audit rest
runs "audit fields: a run whose reply is lost" orgsync run start "$run" --wait
is "$(totals "$run")" "['Synced', 6, 4, 0, 2, 0]" "audit fields: counts as inserted what it has inserted"
runs "audit fields: the rollback" orgsync run rollback "$run" --yes --wait
is "$(curl -sf "$DST/__sim/count" | json 'd["Account"]')" 1 "audit fields: takes back what it has inserted"
e2e_end

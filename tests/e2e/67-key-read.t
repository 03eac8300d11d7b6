#!/usr/bin/env bash
# Large targets are matched by one bulk read of their keys: the same outcomes as by queries, with far fewer calls, whatever
# dies or is emptied meanwhile.
. "$(dirname "$0")/lib.sh"
e2e_begin own
simulators
coordinator
worker
add_orgs
MOST_KIB=65536

go() { # TEMPLATE: a run to its end, id in RUN
	RUN=$(create_run "$1")
	orgsync run start "$RUN" --wait >"$T/out" 2>&1
}
go_late() { # RUN RECORDS: to its end, by a worker that comes when all is published: requests are as full as they can be
	RUN=$1
	kill -TERM "$WORKER_PID"
	wait "$WORKER_PID" 2>/dev/null
	orgsync run start "$RUN" >"$T/out" 2>&1
	published() { [[ $(run_get "$RUN" 'd["totals"]["published"]') == "$1" ]]; }
	wait_for 120 published "$2" || bail "not published: $(orgsync run show "$RUN" -o json)"
	worker
	wait_ended "$RUN"
}
totals() { # RUN: state, inserted, updated, existing, skipped, failed
	run_get "$1" '[d["state"]] + [d["totals"][k] for k in ("inserted","updated","existing","skipped","failed")]'
}
codes() { # RUN: codes of failed records and how often
	orgsync run errors "$1" --csv "$T/errors.csv" >/dev/null 2>&1
	python3 -c '
import collections, csv, sys
print(*sorted("%s %d" % c for c in collections.Counter(r["code"] for r in csv.DictReader(open(sys.argv[1]))).items()))' "$T/errors.csv"
}
log_of() { # EVENT: its lines of the run
	cat "$T"/coordinator*.log | grep "\"$1\"" | grep -- "$RUN"
}
has_log() { # EVENT
	[[ -n $(log_of "$1") ]]
}
forget() { # what runs have mapped between the orgs
	forget_mappings
}
target() { # FILE: the target holds these records and no others, and nobody has mapped them
	curl -sf -X POST "$DST/__sim/reset" >/dev/null
	seed "$DST" "$1"
	forget
	curl -sf -X DELETE "$DST/__sim/stats" >/dev/null
}
calls() { # EXPRESSION-ON-call: requests to the target since then
	curl -sf "$DST/__sim/stats" | json "sum(n for call, n in d['byCall'].items() if $1)"
}
queries() { # of those, questions by key: several in one call are a composite, as writes are
	calls '"query" in call and "jobs" not in call'
}
values() { # OBJECT FIELDS...: of the target's records, without their ids, sorted
	curl -sf "$DST/__sim/dump?object=$1" | python3 -c '
import json, sys
print(*sorted(json.dumps([r.get(f) for f in sys.argv[1:]]) for r in map(json.loads, sys.stdin)), sep="\n")' "${@:2}" | md5sum
}
fault() { # JSON
	curl -sf -d "$1" "$DST/__sim/faults" >/dev/null || bail "no fault"
}
redis() {
	redis-cli -u "$ORGSYNC_REDIS_URL" "$@"
}
peak() { # PID: the most that it ever had in memory, in KiB
	sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$1/status"
}

# ---- 60,000 records, of which a third is there as it is, a third changed, a third absent -------------------
# The target writes keys in capitals, and has 20,000 records that are not in the source; five of the source have no key.
python3 - "$T" <<'PY'
import json, sys
def write(name, rows):
    with open("%s/%s.jsonl" % (sys.argv[1], name), "w") as out:
        for row in rows:
            out.write(json.dumps(dict({"attributes": {"type": "Contact"}}, **row)) + "\n")
def contact(n, **more):
    return dict({"LastName": "L%d" % n, "Title": "new", "Ext_Id__c": "c-%d" % n}, **more)
write("src", [contact(n) for n in range(60000)] + [{"LastName": "none", "Title": str(n)} for n in range(5)])
write("dst", [contact(n, Ext_Id__c="c-%d" % n) for n in range(20000)]
      + [contact(n, Title="old", Ext_Id__c="C-%d" % n) for n in range(20000, 40000)]
      + [contact(n, Title="other") for n in range(60000, 80000)])
PY
seed "$SRC" "$T/src.jsonl"
cat >"$T/keys.yaml" <<'YAML'
name: keys
objects:
  - name: Contact
    fields: {include: [LastName, Title, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
options: {lanes: 8}
YAML
sed -e 's/name: keys/name: queries/' -e 's/^options/    api: rest\noptions/' "$T/keys.yaml" >"$T/queries.yaml"
runs "a template" orgsync template apply -f "$T/keys.yaml"
runs "one that forbids Bulk" orgsync template apply -f "$T/queries.yaml"

target "$T/dst.jsonl"
go queries
is "$(totals "$RUN")" "['Synced', 20005, 20000, 20000, 0, 0]" "by queries"
plain=$(values Contact LastName Title Ext_Id__c)
all_by_queries=$(calls True)

target "$T/dst.jsonl"
RUN=$(create_run keys)
orgsync run scan "$RUN" >/dev/null 2>&1
is "$(curl -sf -H "Authorization: Bearer $(cat "$T/token")" "$ORGSYNC_API_URL/api/v1/runs/$RUN/scan" |
	json '[(o["match"], o["load"]) for o in d["objects"]]')" "[('bulk', 'rest')]" "the scan chooses to read the keys"
python3 "$ROOT/tests/checker/check" dump "$DST" --objects Contact >"$T/before.jsonl" 2>/dev/null || bail "no dump"
curl -sf -X DELETE "$DST/__sim/stats" >/dev/null
go_late "$RUN" 60005
is "$(totals "$RUN")" "['Synced', 20005, 20000, 20000, 0, 0]" "by keys: the same"
is "$(values Contact LastName Title Ext_Id__c)" "$plain" "and the target holds the same"
is "$(queries)" 0 "no query"
is "$(calls '"jobs/query" in call')" 6 "a job of six calls"
matching=$(calls 'call != "POST composite"') all=$(calls True)
diag "calls to the target per 1,000 records: $(json '"%.2f by queries, %.2f by keys" % (d[0] / 60.005, d[1] / 60.005)' <<<"[$all_by_queries, $all]")"
runs "a retrieve per 2,000 that are found, and hardly more" test "$matching" -le 40
runs "far fewer calls than by queries" test "$all" -le $((all_by_queries - 20))
is "$(redis --scan --pattern "*:keys:$RUN:*" | wc -l)" 0 "nothing of them is left in Redis"
runs "the checker agrees" check_orgs "$RUN" --template "$T/keys.yaml" --before "$T/before.jsonl"

go keys
is "$(totals "$RUN")" "['Synced', 0, 0, 60005, 0, 0]" "what is mapped is matched by that: no keys are read"
is "$(log_of keys.read | wc -l)" 0 "no job"

# ---- Composite keys, without case, with nulls; several targets; a key claimed twice ------------------------
python3 - "$T" <<'PY'
import json, sys
def write(name, rows):
    with open("%s/%s.jsonl" % (sys.argv[1], name), "w") as out:
        for row in rows:
            out.write(json.dumps(dict({"attributes": {"type": "Account"}}, **row)) + "\n")
def account(n, **more):
    return dict({"Name": "Ak\u00f6 %d's" % n, "BillingCity": None if n % 3 == 0 else "City %d" % (n % 50), "Phone": str(n),
                 "NumberOfEmployees": n}, **more)
source = [account(n) for n in range(20000)] + [account(n) for n in range(600, 640)]
target = [account(n) for n in range(1, 500, 2)]
target += [account(n, Name=account(n)["Name"].replace("A", "a").replace("k", "K"), Phone="old") for n in range(0, 500, 2)]
target += [account(n, Phone=p) for n in range(500, 520) for p in "xy"]  # ambiguous
target += [account(n, Name=account(n)["Name"].replace("A", "a")) for n in range(520, 540)]
target += [account(n, Phone="exact") for n in range(520, 540)]  # the one that is equal in case
target += [account(n, BillingCity="Elsewhere") for n in range(540, 580)]  # half of the key
target += [{"Name": "no key", "BillingCity": None, "NumberOfEmployees": n} for n in range(3)]
write("src", source)
write("dst", target)
PY
curl -sf -X POST "$SRC/__sim/reset" >/dev/null
seed "$SRC" "$T/src.jsonl"
cat >"$T/composite.yaml" <<'YAML'
name: composite
objects:
  - name: Account
    fields: {include: [Name, BillingCity, Phone, NumberOfEmployees]}
    match: {keys: [Name, BillingCity, NumberOfEmployees]}
options: {lanes: 8}
YAML
sed -e 's/name: composite/name: composite-queries/' -e 's/^options/    api: rest\noptions/' "$T/composite.yaml" >"$T/composite-queries.yaml"
runs "a template with keys" orgsync template apply -f "$T/composite.yaml"
runs "one that forbids Bulk" orgsync template apply -f "$T/composite-queries.yaml"
target "$T/dst.jsonl"
go composite-queries
plain="$(totals "$RUN") $(codes "$RUN") $(values Account Name BillingCity Phone)"
like "$plain" "^\['Synced', 19460, 270, 250, 0, 60\] AMBIGUOUS_MATCH 20 KEY_CLAIMED 40" "by queries"
target "$T/dst.jsonl"
go_late "$(create_run composite)" 20040
is "$(totals "$RUN") $(codes "$RUN") $(values Account Name BillingCity Phone)" "$plain" "by keys: the same"
like "$(log_of keys.read)" '"keys":623' "all keys were read, also those of which a part is null"
runs "only what has several targets is asked" test "$(calls 'call == "POST composite"')" -le 40

# ---- Two stages: a lookup in the key ---------------------------------------------------------------------
python3 - "$T" <<'PY'
import json, sys
def write(name, rows):
    with open("%s/%s.jsonl" % (sys.argv[1], name), "w") as out:
        for kind, row in rows:
            out.write(json.dumps(dict({"attributes": {"type": kind}}, **row)) + "\n")
def account(n):
    return "Account", {"Id": "@a%d" % n, "Name": "A%d" % n, "Ext_Id__c": "a-%d" % n}
def contact(n, parent, title):
    return "Contact", {"LastName": "L%d" % (n % 1000 if n < 20000 else n), "AccountId": "@a%d" % parent, "Title": title}
write("src", [account(n) for n in range(20000)] + [contact(n, n % 20000, "new") for n in range(24000)])
write("dst", [account(n) for n in range(0, 20000, 2)] + [contact(n, n, "old") for n in range(0, 8000, 4)]
      + [contact(n, n, "new") for n in range(2, 8000, 4)] + [contact(n, n + 2, "other") for n in range(8000, 9000, 2)])
PY
curl -sf -X POST "$SRC/__sim/reset" >/dev/null
seed "$SRC" "$T/src.jsonl"
cat >"$T/stages.yaml" <<'YAML'
name: stages
objects:
  - name: Account
    fields: {include: [Name, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
  - name: Contact
    fields: {include: [LastName, Title, AccountId]}
    match: {keys: [AccountId, LastName]}
options: {lanes: 8}
YAML
sed -e 's/name: stages/name: stages-queries/' -e 's/^    match: .*/&\n    api: rest/' "$T/stages.yaml" >"$T/stages-queries.yaml"
runs "a template of two stages" orgsync template apply -f "$T/stages.yaml"
runs "one that forbids Bulk" orgsync template apply -f "$T/stages-queries.yaml"
target "$T/dst.jsonl"
go stages-queries
plain="$(totals "$RUN") $(codes "$RUN") $(values Contact LastName Title)"
like "$plain" "^\['Synced', 30000, 2000, 12000, 0, 0\]" "two stages by queries"
target "$T/dst.jsonl"
python3 "$ROOT/tests/checker/check" dump "$DST" --objects Account,Contact >"$T/before.jsonl" 2>/dev/null || bail "no dump"
go stages
is "$(totals "$RUN") $(codes "$RUN") $(values Contact LastName Title)" "$plain" "two stages by keys: the same"
is "$(log_of keys.read | wc -l)" 2 "the keys of both objects were read"
runs "the checker agrees" check_orgs "$RUN" --template "$T/stages.yaml" --before "$T/before.jsonl"

# ---- What somebody does between the reading and the loading -------------------------------------------------
curl -sf -X POST "$SRC/__sim/reset" >/dev/null
python3 - "$T" <<'PY'
import json, sys
def write(name, rows):
    with open("%s/%s.jsonl" % (sys.argv[1], name), "w") as out:
        for row in rows:
            out.write(json.dumps(dict({"attributes": {"type": "Contact"}}, **row)) + "\n")
def contact(n, **more):
    return dict({"LastName": "L%d" % n, "Title": "new", "Ext_Id__c": "c-%d" % n}, **more)
write("src", [contact(n) for n in range(60000)])
write("dst", [contact(n, Title="old") for n in range(0, 60000, 2)])
write("others", [contact(n) for n in range(60000, 110000)])
write("late", [contact(n, Title="late", Ext_Id__c="C-%d" % n) for n in range(1, 400, 2)])
PY
seed "$SRC" "$T/src.jsonl"
kill -TERM "$WORKER_PID"
wait "$WORKER_PID" 2>/dev/null
target "$T/dst.jsonl"
RUN=$(create_run keys)
orgsync run start "$RUN" >/dev/null
runs "keys are read" wait_for 60 has_log keys.read
seed "$DST" "$T/late.jsonl"
curl -sf "$DST/__sim/dump?object=Contact" | python3 -c '
import json, sys
gone, other = open("gone.jsonl", "w"), open("other.jsonl", "w")
for row in map(json.loads, sys.stdin):
    n = int(row["LastName"][1:])
    head = {"attributes": {"type": "Contact"}, "Id": row["Id"]}
    if n % 2 == 0 and n < 200: print(json.dumps(head), file=gone)
    elif n % 2 == 0 and n < 400: print(json.dumps(dict(head, Ext_Id__c="moved-%d" % n)), file=other)'
curl -sf --data-binary "@$T/gone.jsonl" "$DST/__sim/delete" >/dev/null || bail "nothing deleted"
curl -sf --data-binary "@$T/other.jsonl" "$DST/__sim/update" >/dev/null || bail "nothing changed"
worker worker2
wait_ended "$RUN"
# 29,800 that were and stayed absent, 100 whose target was deleted, 100 whose target has another key by now
is "$(totals "$RUN")" "['Synced', 30000, 30000, 0, 0, 0]" "what was there is updated, what was not is inserted"
is "$(curl -sf "$DST/__sim/dump?object=Contact" | python3 -c '
import collections, json, sys
rows = [r for r in map(json.loads, sys.stdin) if not r.get("IsDeleted")]
print(len({r["Ext_Id__c"].lower() for r in rows if r["Ext_Id__c"]}), sorted(collections.Counter(r["Title"] for r in rows).items()))')" \
	"60100 [('new', 60000), ('old', 100)]" "each once; records that got another key are left alone"

# ---- What dies in the middle --------------------------------------------------------------------------------
STATE=
state() { # the state of the run's keys: how many were read
	STATE=$(redis GET "$ORGSYNC_KAFKA_PREFIX:keys:$RUN:0" 2>/dev/null)
}
have_read() { # KEYS: so many at least, but not all
	state
	[[ $STATE =~ ^r\ [^\ ]+\ [0-9]+\ [^\ ]+\ ([0-9]+) && ${BASH_REMATCH[1]} -ge $1 ]]
}
trial() { # [FILE]: a run into a target that holds every second record, and those of the file
	target "$T/dst.jsonl"
	if [[ -n ${1:-} ]]; then seed "$DST" "$1"; fi
	RUN=$(create_run keys)
	orgsync run start "$RUN" >/dev/null
}
judge() { # NAME
	wait_ended "$RUN"
	is "$(totals "$RUN")" "['Synced', 30000, 30000, 0, 0, 0]" "$1: all, once"
	runs "$1: the checker agrees" check_orgs "$RUN" --template "$T/keys.yaml" --key Ext_Id__c
}
jobs_made() {
	calls 'call == "POST jobs/query"'
}

delete_jobs() { # all query jobs of the target
	local token
	token=$(curl -sf -d grant_type=client_credentials -d client_id=orgsync -d client_secret=orgsync-secret \
		"$DST/services/oauth2/token" | json 'd["access_token"]')
	for job in $(curl -sf -H "Authorization: Bearer $token" "$DST/services/data/v60.0/jobs/query" |
		json '" ".join(j["id"] for j in d["records"])'); do
		curl -s -X DELETE -H "Authorization: Bearer $token" "$DST/services/data/v60.0/jobs/query/$job" >/dev/null
	done
}

half() { # the first page comes, and half of the next ones
	hold "$DST" "GET /results" hold-body '"after":1'
}
half
trial
runs "a page has been read" wait_for 60 have_read 20000
kill9 "$COORDINATOR_PID"
let_go "$DST"
coordinator coordinator2
judge "a coordinator killed"
like "$(log_of read.job_found)" '"locator":"L[0-9]+".*"row":[0-9]' "it goes on where the first one was"
is "$(jobs_made)" 1 "by one job"

half
trial
runs "a page has been read" wait_for 60 have_read 20000
redis FLUSHALL >/dev/null
let_go "$DST"
judge "Redis emptied while keys are read"
is "$(log_of keys.moved | wc -l)" 1 "it is noticed"
is "$(jobs_made)" 1 "and they are read again, from the same job"

# Somebody deletes the job: two of four pages are on their way when the first one is done.
half
trial "$T/others.jsonl"
runs "a page has been read" wait_for 60 have_read 20000
delete_jobs
let_go "$DST"
wait_ended "$RUN"
is "$(totals "$RUN")" "['Synced', 30000, 30000, 0, 0, 0]" "a job deleted: all, once"
like "$(log_of keys.read)" '"keys":80000' "all keys"
is "$(log_of keys.job_lost | wc -l)" 1 "it is noticed"
is "$(jobs_made)" 2 "and they are read again, by another job"

# Eight lanes ask for their targets at most twice before they write; and what is left then must still pay.
hold "$DST" "POST /composite" hold '"after":20'
trial
loaded() { # RECORDS
	[[ $(psql -At "$ORGSYNC_POSTGRES_URL" -c "SELECT coalesce(sum(records), 0) FROM batch WHERE run = '$RUN' AND state = 'done'") -ge $1 ]]
}
runs "some is loaded" wait_for 60 loaded 2000
wait_for 60 held "$DST"
redis FLUSHALL >/dev/null
wait_for 60 has_log keys.lost # before what is left is loaded
let_go "$DST"
judge "Redis emptied while the stage is open"
is "$(log_of keys.lost | wc -l)" 1 "it is noticed"
is "$(log_of keys.read | wc -l)" 2 "and they are read again, for that still pays"

trial_refused() {
	curl -sf -X DELETE "$DST/__sim/faults" >/dev/null
	target "$T/dst.jsonl"
	fault '{"match":"POST /jobs/query","kind":"refused","count":100}'
	RUN=$(create_run keys)
	orgsync run start "$RUN" >/dev/null
}
trial_refused
judge "an org that makes no job"
is "$(log_of keys.by_query | wc -l)" 1 "queries it is"
runs "as many as there are batches" test "$(calls 'call == "POST composite"')" -gt 100

# Redis without room: what it took is given back.
trial_full() {
	kill -TERM "$WORKER_PID"
	wait "$WORKER_PID" 2>/dev/null
	curl -sf -X DELETE "$DST/__sim/faults" >/dev/null
	target "$T/dst.jsonl"
	redis CONFIG SET maxmemory $(($(redis INFO memory | sed -n 's/^used_memory:\([0-9]*\).*/\1/p') + 200000)) >/dev/null
	RUN=$(create_run keys)
	orgsync run start "$RUN" >/dev/null
	runs "Redis has no room" wait_for 60 has_log keys.by_query
	redis CONFIG SET maxmemory 0 >/dev/null
	is "$(redis --scan --pattern "*:keys:$RUN:*" | wc -l)" 0 "what it took is given back"
	worker worker3
}
trial_full
judge "no room in Redis"

# ---- Memory --------------------------------------------------------------------------------------------------
for pid in "$COORDINATOR_PID" "$WORKER_PID"; do
	kib=$(peak "$pid")
	diag "$(cat "/proc/$pid/comm"): $kib KiB"
	ok $((${kib:-$MOST_KIB} >= MOST_KIB)) "$(cat "/proc/$pid/comm") stays below 64 MiB"
done
e2e_end

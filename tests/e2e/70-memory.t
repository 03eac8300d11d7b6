#!/usr/bin/env bash
# Both programs stay below 64 MiB: with many records in 64 lanes, and with records that are large.
. "$(dirname "$0")/lib.sh"
e2e_begin
MOST_KIB=${ORGSYNC_TEST_MEMORY_KIB:-65536} # more with a sanitizer

peak() { # PID: the most that it ever had in memory, in KiB
	sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$1/status"
}

stays_small() { # PID NAME
	local kib
	kib=$(peak "$1")
	ok $((${kib:-$MOST_KIB} >= MOST_KIB)) "$2 stays below 64 MiB"
	diag "$2: $kib KiB"
}

cat >"$T/schema.json" <<'EOF'
{"objects": [{"name": "Account", "fields": [
EOF
for n in {1..10}; do
	printf '{"name": "Text%d__c", "type": "textarea", "length": 32000}%s\n' "$n" "$([[ $n == 10 ]] || echo ,)" >>"$T/schema.json"
done
echo ']}]}' >>"$T/schema.json"
simulators --schema "src:$T/schema.json" --schema "dst:$T/schema.json"
for count in '"Account","count":16000' '"Contact","count":316000,"parent":"Account"'; do
	curl -sf "$SRC/__sim/generate" -d "{\"object\":$count,\"fields\":19}" >/dev/null || bail "no records"
done
coordinator
worker
add_orgs
orgsync template apply -f "$ROOT/tests/bench/template.yaml" >/dev/null || bail "the template is refused"

run=$(create_run bench)
orgsync run start "$run" >/dev/null 2>&1
runs "332,000 records are loaded by REST" wait_ended "$run" 600
is "$(run_get "$run" 'd["state"], d["totals"]["inserted"]')" "('Synced', 332000)" "all of them"
is "$(curl -sf "$DST/__sim/count" | json 'd["Account"], d["Contact"]')" "(16000, 316000)" "and the target has them"
stays_small "$COORDINATOR_PID" "the coordinator"
stays_small "$WORKER_PID" "the worker"

# Ten texts of 30 KB each: three records fill a message, a page of 2,000 would have 600 MB.
python3 - "$SRC/__sim/seed" <<'EOF' || bail "seeding failed"
import base64, json, random, sys, urllib.request
rng = random.Random(70)
text = base64.b64encode(rng.randbytes(3000000)).decode()
for first in range(0, 1200, 50):
    rows = []
    for n in range(first, first + 50):
        row = {"attributes": {"type": "Account"}, "Name": "Large %d" % n, "Ext_Id__c": "large-%d" % n}
        for i in range(1, 11):
            at = rng.randrange(len(text) - 30000)
            row["Text%d__c" % i] = text[at:at + 30000]
        rows.append(json.dumps(row) + "\n")
    urllib.request.urlopen(sys.argv[1], "".join(rows).encode()).read()
EOF
cat >"$T/large.yaml" <<'EOF'
name: large
objects:
  - name: Account
    where: "Name LIKE 'Large %'"
    fields:
      include: [Name, Ext_Id__c, Text1__c, Text2__c, Text3__c, Text4__c, Text5__c, Text6__c, Text7__c, Text8__c, Text9__c, Text10__c]
    match: {externalId: Ext_Id__c}
    api: rest
EOF
orgsync template apply -f "$T/large.yaml" >/dev/null || bail "the template is refused"
run=$(create_run large)
orgsync run start "$run" >/dev/null 2>&1
runs "1,200 records of 300 KB are loaded" wait_ended "$run" 600
is "$(run_get "$run" 'd["state"], d["totals"]["inserted"]')" "('Synced', 1200)" "all of them"
stays_small "$COORDINATOR_PID" "with large records the coordinator"
stays_small "$WORKER_PID" "with large records the worker"

# Again: each is compared with what the target has.
run=$(create_run large)
orgsync run start "$run" >/dev/null 2>&1
runs "they are compared" wait_ended "$run" 600
is "$(run_get "$run" 'd["state"], d["totals"]["existing"]')" "('Synced', 1200)" "and found equal"
stays_small "$COORDINATOR_PID" "comparing large records the coordinator"
stays_small "$WORKER_PID" "comparing large records the worker"
e2e_end

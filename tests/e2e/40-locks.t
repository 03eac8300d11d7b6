#!/usr/bin/env bash
# Row locks: many children of few parents, and an org that waits half a second for a lock and no longer.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
worker one
ONE=$WORKER_PID
worker two
add_orgs

# 3,000 contacts of one account; 3,000 cases over ten accounts and fifty contacts; 8,000 lines of 400 opportunities over five
# price book entries, in no order.
python3 - >"$T/seed.jsonl" <<'PY'
import json, random

rnd = random.Random(40)
def add(kind, key, **fields):
    print(json.dumps({"attributes": {"type": kind}, "Id": "@" + key, "Ext_Id__c": key, **fields}))
for i in range(10):
    add("Account", "a%d" % i, Name="Account %d" % i)
for i in range(3000):
    add("Contact", "c%d" % i, LastName="Contact %d" % i, AccountId="@a0")
for i in range(3000):
    add("Case", "k%d" % i, Subject="Case %d" % i, Status="New", Origin="Web", AccountId="@a%d" % rnd.randrange(10),
        ContactId="@c%d" % rnd.randrange(50))
add("Pricebook2", "b", Name="Book", IsActive=True)
for i in range(5):
    add("Product2", "p%d" % i, Name="Product %d" % i, IsActive=True)
    add("PricebookEntry", "s%d" % i, Pricebook2Id="@stdpricebook", Product2Id="@p%d" % i, UnitPrice=10, IsActive=True)
    add("PricebookEntry", "e%d" % i, Pricebook2Id="@b", Product2Id="@p%d" % i, UnitPrice=9, IsActive=True)
for i in range(400):
    add("Opportunity", "o%d" % i, Name="Opportunity %d" % i, AccountId="@a%d" % (i % 10), StageName="Prospecting",
        CloseDate="2026-01-31", Pricebook2Id="@b")
for i in range(8000):
    p = rnd.randrange(5)
    add("OpportunityLineItem", "l%d" % i, OpportunityId="@o%d" % rnd.randrange(400), PricebookEntryId="@e%d" % p,
        Product2Id="@p%d" % p, Quantity=1, UnitPrice=i % 90 + 1)
PY
seed "$SRC" "$T/seed.jsonl"
cat >"$T/t.yaml" <<'YAML'
name: locks
objects:
  - {name: Account, fields: {exclude: [OwnerId]}, match: {externalId: Ext_Id__c}}
  - {name: Contact, fields: {exclude: [OwnerId]}, match: {externalId: Ext_Id__c}}
  - {name: Case, fields: {exclude: [OwnerId]}, match: {externalId: Ext_Id__c}}
  - {name: Product2, match: {externalId: Ext_Id__c}}
  - {name: Pricebook2, match: {externalId: Ext_Id__c}}
  - {name: PricebookEntry, match: {externalId: Ext_Id__c}}
  - {name: Opportunity, fields: {exclude: [OwnerId]}, match: {externalId: Ext_Id__c}}
  - {name: OpportunityLineItem, fields: {exclude: [TotalPrice]}, match: {externalId: Ext_Id__c}}
YAML
runs "the template is taken" orgsync template apply -f "$T/t.yaml"
curl -sf -d "{\"ms\":${LATENCY_MS:-20}}" "$DST/__sim/latency" >/dev/null
curl -sf -d '{"lockWaitMs":500}' "$DST/__sim/settings" >/dev/null

locked() { # RUN: errors that are locks
	grep -c LOCK_ROW "$T/errors.csv"
}
stat_of() { # KEY
	curl -sf "$DST/__sim/stats" | json "d['$1']"
}

curl -sf -X DELETE "$DST/__sim/stats" >/dev/null
run=$(create_run locks)
started=$(date +%s%N)
orgsync run start "$run" --wait >/dev/null 2>&1
diag "ms: $((($(date +%s%N) - started) / 1000000)); $(curl -sf "$DST/__sim/stats")"
is "$(run_get "$run" '[d["state"], d["totals"]["failed"], d["totals"]["linkFailed"]]')" "['Synced', 0, 0]" "no record fails"
runs "the checker agrees" check_orgs "$run" --template "$T/t.yaml" --key Ext_Id__c
is "$(locked "$run")" 0 "no lock among the errors"
failures=$(stat_of lockFailures) written=$(stat_of recordsWritten)
diag "rows that found a lock taken for too long: $failures of $written; narrowed $(cat one.log two.log | grep -c org.narrowed) times"
is "$((failures * 50 <= written))" 1 "at most 2 % of the rows had to be sent again"

# Rows that are locked whatever we do: the org is narrowed down to one request, gets wider, and nothing is lost.
kill -TERM "$ONE"
wait "$ONE"
for object in Contact Case; do
	curl -sf "$SRC/__sim/dump?object=$object" | python3 -c '
import json, sys
for line in sys.stdin:
    r = json.loads(line)
    print(json.dumps({"attributes": r["attributes"], "Id": r["Id"], "Description": "Changed"}))' |
		curl -sf --data-binary @- "$SRC/__sim/update" >/dev/null
done
# Somebody else holds the accounts' locks until the worker has noticed.
accounts=$(curl -sf "$DST/__sim/dump?object=Account" | python3 -c '
import json, sys
print(json.dumps({"ids": [json.loads(line)["Id"] for line in sys.stdin]}))')
narrowed=$(grep -c '"org.narrowed"' two.log) # what one worker runs into narrows the other one too
noticed() { (($(grep -c '"org.narrowed"' two.log) > narrowed)); }
curl -sf -X DELETE "$DST/__sim/stats" >/dev/null
lines=$(wc -l <two.log)
# The org's budget remembers locks and then widens slowly: forgotten here, so that a few replies show it.
redis-cli -u "$ORGSYNC_REDIS_URL" --scan --pattern '*:budget:*' | xargs -r redis-cli -u "$ORGSYNC_REDIS_URL" del >/dev/null
curl -sf -d "$accounts" "$DST/__sim/lock" >/dev/null &
PIDS+=($!)
wait_for 60 held "$DST" || bail "the accounts are not locked"
second=$(create_run locks)
orgsync run start "$second" >/dev/null
runs "the worker notices that rows are locked" wait_for 60 noticed
let_go "$DST"
runs "a run with locked rows ends" wait_ended "$second"
diag "$(curl -sf "$DST/__sim/stats")"
is "$(run_get "$second" '[d["totals"][k] for k in ("inserted","updated","failed")]')" "[0, 6000, 0]" "all are updated"
runs "the checker agrees again" check_orgs "$second" --template "$T/t.yaml" --key Ext_Id__c
is "$(($(stat_of lockFailures) > 0))" 1 "rows were locked"
is "$(locked "$second")" 0 "no lock among the errors of it"
tail -n +"$((lines + 1))" two.log >second.log
runs "the org was narrowed" grep -q '"org.narrowed".*"org":"dst".*"limit":1' second.log
runs "and got wider again" grep -q '"org.widened".*"org":"dst".*"limit":2' second.log
e2e_end

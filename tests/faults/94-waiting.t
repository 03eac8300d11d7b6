#!/usr/bin/env bash
# Records that wait for a parent, while worker and coordinator are killed: none is lost, none goes in twice, whichever run takes it up.
. "$(dirname "$0")/lib.sh"
e2e_begin
SIZE=${SIZE:-3000} PARENTS=60
simulators --latency 20
coordinator
worker w1
add_orgs

# Accounts of two kinds; contacts of all of them. The first run has one kind alone.
python3 - "$SIZE" "$PARENTS" >"$T/src.jsonl" <<'PY'
import json, sys
size, parents = int(sys.argv[1]), int(sys.argv[2])
def record(kind, ref, **more):
    print(json.dumps(dict({"attributes": {"type": kind}, "Id": "@" + ref, "Ext_Id__c": ref}, **more)))
for n in range(parents):
    record("Account", "a%d" % n, Name="a%d" % n, Industry="Energy" if n % 2 else "Media")
for n in range(size):
    record("Contact", "c%d" % n, LastName="c%d" % n, FirstName="x", AccountId="@a%d" % (n % parents))
PY
seed "$SRC" "$T/src.jsonl"
template() { # FILTER-OF-ACCOUNT FILTER-OF-CONTACT
	cat >"$T/wait.yaml" <<YAML
name: wait
objects:
  - name: Account
    where: "$1"
    fields: {include: [Name, Industry, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
    batchSize: 50
  - name: Contact
    where: "$2"
    fields: {include: [LastName, FirstName, AccountId, Ext_Id__c]}
    missingParents: wait
    batchSize: 50
YAML
	orgsync template apply -f "$T/wait.yaml" >/dev/null || bail "the template is refused"
}
totals() { run_get "$1" '[d["state"]] + [d["totals"][k] for k in ("scanned","inserted","updated","existing","skipped","failed")]'; }
waits() { psql -qAt "$ORGSYNC_POSTGRES_URL" -c "SELECT count(*) FROM waiting WHERE in_run IS NULL"; }
settled() { # RUN RECORDS
	[[ $(run_get "$1" 'sum(d["totals"][k] for k in ("inserted","updated","existing","skipped","failed"))') -ge $2 ]] || run_ended "$1"
}
none() { [[ $(waits) -eq 0 ]]; }

template "Industry = 'Energy'" "FirstName = 'x'"
RUN=$(create_run wait)
orgsync run start "$RUN" >/dev/null || bail "it does not start"
wait_for 120 settled "$RUN" $((SIZE / 5))
kill9 "$WORKER_PID"
worker w2
wait_for 120 settled "$RUN" $((SIZE / 3))
kill9 "$COORDINATOR_PID"
coordinator again
wait_ended "$RUN" 240
is "$(totals "$RUN")" "['Synced', $((SIZE + PARENTS / 2)), $((SIZE / 2 + PARENTS / 2)), 0, 0, $((SIZE / 2)), 0]" "killed while they begin to wait: the counts add up"
is "$(waits)" $((SIZE / 2)) "each waits once"
runs "the checker agrees" check_orgs "$RUN" --template "$T/wait.yaml" --key Ext_Id__c

# The next run has the parents, and a filter that selects half of those that wait.
template "Industry = 'Media'" "Name < 'x c2' AND FirstName = 'x'"
RUN=$(create_run wait)
orgsync run start "$RUN" >/dev/null || bail "it does not start"
reading() { grep -q "\"run\":\"$RUN\"" "$T/again.log" && settled "$RUN" $((PARENTS / 4)); }
wait_for 120 reading
kill9 "$COORDINATOR_PID"
coordinator third
wait_for 120 settled "$RUN" $((SIZE / 5))
kill9 "$WORKER_PID"
worker w3
wait_for 120 settled "$RUN" $((SIZE / 2))
kill9 "$WORKER_PID"
worker w4
wait_ended "$RUN" 240
wait_for 30 none
is "$(run_get "$RUN" 'd["state"]') $(waits)" "Synced 0" "killed while they are taken up: nobody waits any more"
is "$(run_get "$RUN" '[[o["inserted"], o["skipped"], o["failed"]] for o in d["objects"] if o["name"] == "Contact"]')" "[[$((SIZE / 2)), 0, 0]]" "each went in, once"
is "$(run_get "$RUN" 'd["totals"]["scanned"] == sum(d["totals"][k] for k in ("inserted","updated","existing","skipped","failed"))')" True "and the counts add up"
cat >"$T/all.yaml" <<'YAML'
name: all
objects:
  - {name: Account, fields: {include: [Name, Industry, Ext_Id__c]}}
  - {name: Contact, fields: {include: [LastName, FirstName, AccountId, Ext_Id__c]}}
YAML
runs "all of the source is in the target, none of it twice" python3 "$ROOT/tests/checker/check" orgs "$SRC" "$DST" --template "$T/all.yaml" --key Ext_Id__c
e2e_end

#!/usr/bin/env bash
# Masked values: the same everywhere, valid, matched by, and never seen behind the coordinator.
. "$(dirname "$0")/lib.sh"
e2e_begin own
export ORGSYNC_LOG_LEVEL=debug
simulators
coordinator
worker
add_orgs

totals() { # RUN: inserted, updated, existing, skipped, failed
	run_get "$1" '[d["totals"][k] for k in ("inserted","updated","existing","skipped","failed")]'
}

# ---- data in which every value to be masked carries a mark ---------------------------------------------------
# Eight digits: no mask and no moment in a log has them by chance; without a repetition, which a compressed journal would not show.
python3 - >"$T/src.jsonl" <<'PY'
import json
for i in range(600):
    print(json.dumps({"attributes": {"type": "Account"}, "Id": "@a%d" % i, "Name": "Zqvisible %d" % i, "Ext_Id__c": "A-%d" % i,
        "Phone": "+49 (30) 77718663%05d" % i, "Site": "Qzsecretsite %d" % (i % 50), "Description": "Qzsecret\n\"text\" %d ü" % i,
        "AnnualRevenue": 876543210000 + i, "Website": "http://qzsecret%d.example" % i}))
for i in range(1200):
    print(json.dumps({"attributes": {"type": "Contact"}, "LastName": "Qzsecretname%d" % (i % 300), "FirstName": "Qzfirst%d" % (i % 7),
        "AccountId": "@a%d" % (i % 600), "Ext_Id__c": "C-%d" % i, "Email": "Qzsecret.%d@qzdomain.example" % (i % 400),
        "Phone": "+49 (30) 77718663%05d" % (i % 600), "Birthdate": "19%02d-%02d-%02d" % (30 + i % 60, 1 + i % 12, 1 + i % 28),
        "Fax": None if i % 2 else "77718663%05d" % i, "Title": "Qzsecrettitle", "MobilePhone": "77129913333"}))
for i in range(300):
    print(json.dumps({"attributes": {"type": "Lead"}, "LastName": "Qzsecretname%d" % i, "Company": "Qzsecretco %d" % i,
        "Email": "qzsecret.%d@QZdomain.example" % i, "Ext_Id__c": "L-%d" % i}))
PY
# the shape of a mark as people see it, escaped or in capitals, and of phones and numbers
MARKS='[Qq][Zz](secret|first|domain)|77718663|77129913|87654321'
seed "$SRC" "$T/src.jsonl"
cat >"$T/mask.yaml" <<'YAML'
name: mask
objects:
  - name: Account
    fields: {include: [Name, Ext_Id__c, Phone, Site, Description, AnnualRevenue, Website]}
    match: {externalId: Ext_Id__c}
    mask: {Phone: hash, Site: shuffle, Description: hash, AnnualRevenue: hash, Website: hash}
  - name: Contact
    fields: {include: [LastName, FirstName, AccountId, Ext_Id__c, Email, Phone, Birthdate, Fax, Title, MobilePhone]}
    match: {externalId: Ext_Id__c}
    mask:
      LastName: hash
      FirstName: {pattern: "^?????"}
      Email: hash
      Phone: hash
      Birthdate: hash
      Fax: keep-last-2
      Title: {replace: Confidential}
      MobilePhone: null
  - name: Lead
    fields: {include: [LastName, Company, Email, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
    mask: {LastName: hash, Company: shuffle, Email: hash}
YAML
# shuffled words would show their letters in other places only; they are looked for as they were
runs "a template with masks" orgsync template apply -f "$T/mask.yaml"
run=$(create_run mask)
runs "the run goes through" orgsync run start "$run" --wait
is "$(totals "$run")" "[2100, 0, 0, 0, 0]" "all are in"
runs "the checker finds them masked, valid, and the same for the same" check_orgs "$run" --template "$T/mask.yaml" --key Ext_Id__c

# ---- over objects, restarts, REST and Bulk ---------------------------------------------------------------------
values() { # OBJECT FIELD KEY
	curl -sf "$DST/__sim/dump?object=$1" | python3 -c '
import json, sys
for l in sys.stdin:
    r = json.loads(l)
    if r["Ext_Id__c"] == sys.argv[2]: print(r[sys.argv[1]])' "$2" "$3"
}
is "$(values Contact Email C-7)" "$(values Lead Email L-7)" "one e-mail address in two objects and two spellings: one mask"
is "$(values Contact LastName C-7)" "$(values Lead LastName L-7)" "a name too"
is "$(values Contact Phone C-7)" "$(values Account Phone A-7)" "and a phone"
like "$(values Contact Phone C-7)" '^\+[0-9]{2} \([0-9]{2}\) [0-9]{13}$' "which is still one"
is "$(values Contact Title C-7)/$(values Contact MobilePhone C-7)" "Confidential/None" "replaced, and null"
like "$(values Contact Fax C-8)" '^0{11}08$' "the last two are kept"
kill -TERM "$COORDINATOR_PID"
wait "$COORDINATOR_PID" 2>/dev/null
coordinator
run=$(create_run mask)
runs "a second run, of a new coordinator" orgsync run start "$run" --wait
is "$(totals "$run")" "[0, 0, 2100, 0, 0]" "finds everything equal"
sed -e 's/name: mask/name: bulk/' -e 's/    match:/    api: bulk\n    match:/' "$T/mask.yaml" >"$T/bulk.yaml"
runs "the same by Bulk" orgsync template apply -f "$T/bulk.yaml"
bulk=$(create_run bulk)
runs "goes through" orgsync run start "$bulk" --wait
is "$(totals "$bulk")" "[0, 0, 2100, 0, 0]" "and finds everything equal"

# ---- a masked match key: records are found by what earlier runs wrote ---------------------------------------------
cat >"$T/key.yaml" <<'YAML'
name: key
objects:
  - name: Lead
    where: "Email LIKE 'qz%'"
    orderBy: Email
    limit: 250
    fields: {include: [LastName, Company, Email]}
    match: {keys: [Email, LastName]}
    mask: {LastName: hash, Company: shuffle, Email: hash}
YAML
runs "a template with masked keys, a filter and an order" orgsync template apply -f "$T/key.yaml"
forget_mappings
key=$(create_run key)
runs "goes through" orgsync run start "$key" --wait
is "$(totals "$key")" "[0, 0, 250, 0, 0]" "matched by masked values, without an id map"
like "$(orgsync run scan "$(create_run key)" -o json 2>&1)" "Email, which is masked" "the scan says that the filter names a masked field"

# ---- records that fail: what is said of them --------------------------------------------------------------------
printf '{"validationRules":[{"object":"Contact","name":"no","active":true,"field":"Title","op":"=","value":"Confidential","message":"No.","errorField":"Title"}]}' |
	curl -sf --data-binary @- "$DST/__sim/schema" >/dev/null || bail "no rule"
python3 -c '
import json
for i in range(3): print(json.dumps({"attributes": {"type": "Contact"}, "LastName": "Qzsecretname", "Ext_Id__c": "F-%d" % i, "Title": "Qzsecrettitle", "Email": "qzsecret@qzdomain.example"}))' >"$T/more.jsonl"
seed "$SRC" "$T/more.jsonl"
run=$(create_run mask)
orgsync run start "$run" --wait >/dev/null 2>&1
is "$(run_get "$run" 'd["totals"]["failed"]')" 3 "three fail"
orgsync run errors "$run" --csv "$T/shown.csv" >/dev/null
orgsync run errors "$run" >>"$T/shown.csv"
failed=$(python3 -c 'import csv, sys; print(next(csv.DictReader(open(sys.argv[1])))["source_id"])' "$T/shown.csv")
orgsync run why "$run" "$failed" >>"$T/shown.csv" 2>&1
orgsync run show "$run" -o json >>"$T/shown.csv"
is "$(grep -Ec "$MARKS" "$T/shown.csv")" 0 "errors, why and show have no masked value"

# ---- Kafka, Postgres, Redis, logs ------------------------------------------------------------------------------
seen() { # FILE...: marks in files, packed ones too
	cat "$@" | grep -aoE "$MARKS" | sort | uniq -c | sort -rn | head -n 3
}
is "$(grep -aoE "$MARKS" "$T/src.jsonl" | wc -l | python3 -c 'print(int(input()) > 5000)')" True "the source is full of what is looked for"
psql -At "$ORGSYNC_POSTGRES_URL" -c "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'" |
	while read -r table; do psql -At "$ORGSYNC_POSTGRES_URL" -c "SET bytea_output = 'escape'; SELECT * FROM \"$table\""; done >"$T/postgres.txt"
like "$(wc -c <"$T/postgres.txt")" '^[0-9]{4,}$' "Postgres was dumped"
is "$(seen "$T/postgres.txt")" "" "no masked value is in Postgres"
"$ROOT/tests/stack" kill postgres --dir "$STACK_DIR" && is "$(grep -rlaE "$MARKS" "$STACK_DIR/postgres" | wc -l)" 0 "nor in its files, the log of writes among them"
"$ROOT/tests/stack" start postgres --dir "$STACK_DIR"
is "$(grep -rlaE "Zqvisible" "$STACK_DIR"/kafka* | wc -l | python3 -c 'print(int(input()) > 0)')" True "Kafka's files can be read: the names that are not masked are there"
is "$(grep -rlaE "$MARKS" "$STACK_DIR"/kafka* | wc -l)" 0 "no masked value is in Kafka"
redis-cli -u "$ORGSYNC_REDIS_URL" --rdb "$T/redis.rdb" >/dev/null 2>&1
redis-cli -u "$ORGSYNC_REDIS_URL" --scan | while read -r name; do redis-cli -u "$ORGSYNC_REDIS_URL" DUMP "$name"; done >"$T/redis.txt"
like "$(wc -c <"$T/redis.txt")" '^[0-9]{3,}$' "Redis was dumped"
is "$(seen "$T/redis.txt" "$T/redis.rdb")" "" "no masked value is in Redis"
is "$(seen "$T"/coordinator*.log "$T"/worker*.log)" "" "no masked value is in a log"
is "$(curl -sf "$DST/__sim/dump?object=Contact" "$DST/__sim/dump?object=Account" "$DST/__sim/dump?object=Lead" | grep -cE "$MARKS")" 0 "nor in the target"
e2e_end

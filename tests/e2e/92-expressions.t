#!/usr/bin/env bash
# Expressions: fields that are made of others, by REST and by Bulk; records that they cannot be made of; what the scan finds.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
worker
add_orgs

totals() { # RUN: inserted, updated, existing, skipped, failed
	run_get "$1" '[d["totals"][k] for k in ("inserted","updated","existing","skipped","failed")]'
}
values_of() { # OBJECT FIELD: each value with its number, sorted
	curl -sf "$DST/__sim/dump?object=$1" | python3 -c '
import collections, json, sys
rows = [json.loads(l) for l in sys.stdin]
n = collections.Counter(str(r.get(sys.argv[1])) for r in rows if not r.get("IsDeleted"))
print(*["%s=%d" % i for i in sorted(n.items())])' "$2"
}
sql() {
	psql -At "$ORGSYNC_POSTGRES_URL" -c "$1"
}

python3 -c '
import json
ratings = ["Hot", "Warm", "Cold", None]
for i in range(300):
    print(json.dumps({"attributes": {"type": "Account"}, "Id": "@a%d" % i, "Name": "Gr\u00fcn \"%d\"" % i, "Ext_Id__c": "A-%d" % i,
        "AnnualRevenue": None if i % 10 == 9 else i * 1000.05, "NumberOfEmployees": i % 7, "Rating": ratings[i % 4],
        "Site": None if i % 3 else " site %d " % i, "Phone": "030/%d" % i}))
for i in range(40):
    print(json.dumps({"attributes": {"type": "Contact"}, "LastName": "C%d" % i, "Ext_Id__c": "C-%d" % i, "AccountId": "@a%d" % i,
        "Birthdate": "2000-02-%02d" % (i % 28 + 1)}))' >"$T/src.jsonl"
seed "$SRC" "$T/src.jsonl"
# ---- records that it cannot be made of; retry and resync take what was published -----------------------------------------
cat >"$T/fails.yaml" <<'YAML'
name: fails
objects:
  - name: Account
    fields: {include: [Ext_Id__c, Name]}
    match: {externalId: Ext_Id__c}
    expressions:
      Site: "TEXT(100 / NumberOfEmployees)"
      AccountNumber: "TEXT(NOW())"
  - name: Contact
    fields: {include: [Ext_Id__c, LastName, AccountId]}
    match: {externalId: Ext_Id__c}
YAML
runs "a template that divides" orgsync template apply -f "$T/fails.yaml"
run=$(create_run fails)
orgsync run start "$run" --wait >/dev/null 2>&1
is $? 1 "the run ends with failures"
is "$(totals "$run")" "[291, 0, 0, 0, 49]" "a record in seven fails, its child with it"
is "$(sql "SELECT string_agg(DISTINCT code || ' ' || fields || ' ' || message, ' / ') FROM failure WHERE run = '$run' AND code = 'EXPRESSION'")" \
	"EXPRESSION Site the expression of Site, at 10: division by zero" "with a code and a sentence, and no value"
is "$(sql "SELECT count(*) FILTER (WHERE code = 'EXPRESSION'), count(*) FILTER (WHERE code = 'PARENT_FAILED') FROM failure WHERE run = '$run'")" "43|6" "each once"
record=$(sql "SELECT source_id FROM failure WHERE run = '$run' AND code = 'EXPRESSION' LIMIT 1")
like "$(orgsync run why "$run" "$record" 2>&1)" "division by zero" "why tells it"
is "$(values_of Account AccountNumber | wc -w)" 2 "NOW is one moment for all records"
now=$(values_of Account AccountNumber)
curl -sf "$SRC/__sim/dump?object=Account" | python3 -c '
import json, sys
for l in sys.stdin: print(json.dumps({"attributes": {"type": "Account"}, "Id": json.loads(l)["Id"], "NumberOfEmployees": 5}))' >"$T/change.jsonl"
curl -sf --data-binary "@$T/change.jsonl" "$SRC/__sim/update" >/dev/null
orgsync run retry "$run" --wait >/dev/null 2>&1
is "$? $(totals "$run")" "1 [291, 0, 0, 0, 49]" "a retry takes what was published, and fails again"
orgsync run replay "$run" --wait >/dev/null 2>&1
is "$(totals "$run") $(values_of Account AccountNumber)" "[291, 0, 0, 0, 49] $now" "a replay too, and NOW is what it was"
orgsync run rollback "$run" --yes --wait >/dev/null 2>&1
is "$? $(values_of Account Site)" "0 " "a rollback undoes it"
curl -sf "$SRC/__sim/dump?object=Account" | python3 -c '
import json, sys
for i, l in enumerate(sys.stdin): print(json.dumps({"attributes": {"type": "Account"}, "Id": json.loads(l)["Id"], "NumberOfEmployees": i % 7}))' >"$T/change.jsonl"
curl -sf --data-binary "@$T/change.jsonl" "$SRC/__sim/update" >/dev/null

# ---- what expressions make; the checker tells it once more, in Python -----------------------------------------------------
cat >"$T/made.yaml" <<'YAML'
name: made
objects:
  - name: Account
    fields: {include: [Name, Ext_Id__c, AnnualRevenue]}
    match: {externalId: Ext_Id__c}
    expressions:
      Name: "UPPER(Name)"
      AccountNumber: "LPAD(TEXT(NumberOfEmployees), 4, '0') & '-' & RIGHT(Ext_Id__c, 2)"
      Site: "IF(AnnualRevenue > 100000, 'big', BLANKVALUE(TRIM(Site), 'none'))"
      Rating: "CASE(Rating, 'Hot', 'Warm', 'Warm', 'Hot', NULL)"
      Fax: "SUBSTITUTE(Phone, '/', '-')"
      NumberOfEmployees: "ROUND(AnnualRevenue / 3, 0)"
      TickerSymbol: "LEFT(Id, 15)"
  - name: Contact
    fields: {include: [Ext_Id__c, AccountId]}
    match: {externalId: Ext_Id__c}
    expressions:
      LastName: "LastName & ' ' & TEXT(YEAR(Birthdate))"
      Birthdate: "Birthdate + 1"
YAML
judge() { # RUN [ARGUMENTS]
	check_orgs "$@" --template "$T/made.yaml" --key Ext_Id__c \
		--made 'Account.Name=r["Name"].upper()' \
		--made 'Account.AccountNumber="%04d-%s" % (int(r["NumberOfEmployees"]), r["Ext_Id__c"][-2:])' \
		--made 'Account.Site="big" if float(r["AnnualRevenue"] or 0) > 100000 else (r["Site"] or "none").strip()' \
		--made 'Account.Rating={"Hot": "Warm", "Warm": "Hot"}.get(r["Rating"])' \
		--made 'Account.Fax=r["Phone"].replace("/", "-")' \
		--made 'Account.NumberOfEmployees=None if r["AnnualRevenue"] is None else int(float(r["AnnualRevenue"]) / 3 + 0.5)' \
		--made 'Account.TickerSymbol=r["Id"][:15]' \
		--made 'Contact.LastName=r["LastName"] + " " + r["Birthdate"][:4]' \
		--made 'Contact.Birthdate=str(__import__("datetime").date.fromisoformat(r["Birthdate"]) + __import__("datetime").timedelta(1))'
}
runs "a template with expressions" orgsync template apply -f "$T/made.yaml"
run=$(create_run made)
runs "the run goes through" orgsync run start "$run" --wait
is "$(totals "$run")" "[340, 0, 0, 0, 0]" "all are inserted"
first=$run
runs "the checker makes the same of each record" judge "$run"
run=$(create_run made)
runs "a second run" orgsync run start "$run" --wait
is "$(totals "$run")" "[0, 0, 340, 0, 0]" "finds nothing to change"
sed -e 's/name: made/name: bulk/' -e '$a\    api: bulk' -e 's/^  - name: Contact/    api: bulk\n&/' "$T/made.yaml" >"$T/bulk.yaml"
runs "the same by Bulk" orgsync template apply -f "$T/bulk.yaml"
run=$(create_run bulk)
runs "goes through" orgsync run start "$run" --wait
is "$(totals "$run")" "[0, 0, 340, 0, 0]" "and makes the same"
orgsync run rollback "$first" --yes --wait >/dev/null 2>&1
run=$(create_run bulk)
runs "by Bulk into an empty org" orgsync run start "$run" --wait
runs "the checker makes the same" judge "$run"
sed -e 's/name: made/name: few/' -e '/- name: Contact/,$d' -e '/match:/a\    limit: 25\n    orderBy: Name' "$T/made.yaml" >"$T/few.yaml"
orgsync template apply -f "$T/few.yaml" >/dev/null
run=$(create_run few)
runs "with a limit" orgsync run start "$run" --wait
is "$(totals "$run")" "[0, 0, 25, 0, 0]" "and makes the same"

# ---- values and masks come behind -----------------------------------------------------------------------------------------
cat >"$T/chain.yaml" <<'YAML'
name: chain
objects:
  - name: Account
    fields: {include: [Ext_Id__c, Name]}
    match: {externalId: Ext_Id__c}
    expressions:
      Rating: "IF(CONTAINS(Name, '7'), 'Hot', 'other')"
      Phone: "'+49 ' & Phone"
    values: {Rating: {other: Cold}}
    mask: {Phone: keep-last-2}
YAML
orgsync run rollback "$run" --yes --wait >/dev/null 2>&1
runs "a template with expressions, values and masks" orgsync template apply -f "$T/chain.yaml"
run=$(create_run chain)
runs "goes through" orgsync run start "$run" --wait
is "$(values_of Account Rating)" "Cold=243 Hot=57" "the value map takes what the expression has made"
is "$(values_of Account Phone | tr ' ' '\n' | sed -n 's/^+//p' | sort -u)" "00" "and the mask too"

# ---- what is wrong is found before ----------------------------------------------------------------------------------------
wrong() { # NAME EXPRESSION: applies and scans a template with that expression of Site
	sed -e "s/name: chain/name: $1/" -e "/expressions:/,\$d" "$T/chain.yaml" >"$T/$1.yaml"
	printf '    expressions:\n      Site: "%s"\n' "$2" >>"$T/$1.yaml"
	orgsync template apply -f "$T/$1.yaml" 2>&1 || return
	orgsync run scan "$(create_run "$1")" 2>&1
}
out=$(wrong syntax "UPER(Name)")
is $? 2 "no such function: template apply refuses it"
like "$out" "syntax.yaml, line 7: expression of 'Site', at 1: there is no function 'UPER'; did you mean 'UPPER'" "with file, line, place and the nearest name"
out=$(wrong field "UPPER(Nmae)")
is $? 4 "no such field: the scan refuses it"
like "$out" "template 'field', object Account: expression of 'Site', at 7: there is no field 'Nmae' in the source; did you mean 'Name'" "with object, field, place and the nearest name"
out=$(wrong type "AnnualRevenue * 2")
is $? 4 "a wrong type: refused"
like "$out" "it makes a number, but the field is of type string; use TEXT" "with what to do"
like "$(orgsync run check "$(create_run type)" -o json 2>&1)" "expression of 'Site', at 1: it makes a number" "the check tells it too"
sed -e 's/name: chain/name: shows/' -e 's/mask: .*/mask: {Fax: hash}/' -e "s/'+49 ' & Phone/Fax/" "$T/chain.yaml" >"$T/shows.yaml"
orgsync template apply -f "$T/shows.yaml" >/dev/null
out=$(orgsync run scan "$(create_run shows)" 2>&1)
is $? 4 "an expression that shows what is masked: refused"
like "$out" "expression of 'Phone': it reads 'Fax', which is masked, so its own value must be masked too" "by name"
sed -e 's/name: chain/name: twice/' -e '/match:/a\    map: {Fax: Phone}' -e '/values:/d' -e '/mask:/d' "$T/chain.yaml" >"$T/twice.yaml"
orgsync template apply -f "$T/twice.yaml" >/dev/null
out=$(orgsync run scan "$(create_run twice)" 2>&1)
like "$out" "both go to 'Phone'" "a field and an expression into one: refused"

# ---- a key that is made --------------------------------------------------------------------------------------------------
cat >"$T/key.yaml" <<'YAML'
name: key
objects:
  - name: Account
    fields: {include: [Name]}
    match: {externalId: Ext_Id__c}
    expressions: {Ext_Id__c: "'K-' & MID(Ext_Id__c, 3, 1)"}
YAML
runs "a match key by an expression" orgsync template apply -f "$T/key.yaml"
run=$(create_run key)
orgsync run start "$run" --wait >/dev/null 2>&1
is "$(totals "$run")" "[0, 10, 0, 0, 290]" "of records that it makes the same of one gets in"
is "$(sql "SELECT DISTINCT code FROM failure WHERE run = '$run'")" "KEY_CLAIMED" "the others are told"
e2e_end

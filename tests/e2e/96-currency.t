#!/usr/bin/env bash
# Currencies: a record's own goes along with its amounts; codes that the target does not take; orgs with one currency.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators --schema "$ROOT/tests/simulator/multi-currency.json"
coordinator
worker
add_orgs
start_ready ONE_PID "$T/one.log" '^ready' "$BIN/orgsync-simulator" --org "one=${ONE_PORT:=$(free_ports 1)}" || bail "no third org"
ONE=http://127.0.0.1:$ONE_PORT
orgsync org add one --instance-url "$ONE" --auth client-credentials --client-id orgsync --client-secret-file "$T/secret" >/dev/null || bail "no org"

totals() { # RUN: scanned, inserted, updated, existing, skipped, failed
	run_get "$1" '[d["totals"][k] for k in ("scanned","inserted","updated","existing","skipped","failed")]'
}
amounts() { # URL: NAME=amount and currency
	curl -sf "$1/__sim/dump?object=Opportunity" | python3 -c '
import json, sys
print(*sorted("%s=%s%s" % (r["Name"], r["Amount"], r.get("CurrencyIsoCode") or "") for r in map(json.loads, sys.stdin)))'
}
currency() { # CODE ACTIVE CORPORATE
	printf '{"attributes":{"type":"CurrencyType"},"IsoCode":"%s","IsActive":%s,"IsCorporate":%s,"ConversionRate":1}\n' "$1" "$2" "$3"
}
opportunity() { # NAME AMOUNT [CODE]
	printf '{"attributes":{"type":"Opportunity"},"Name":"%s","Amount":%s,"StageName":"Prospecting","CloseDate":"2026-01-01"%s}\n' "$1" "$2" "${3:+,\"CurrencyIsoCode\":\"$3\"}"
}
{ currency EUR true true && currency USD true false && currency PLN true false && currency CHF true false && currency SEK true false; } >"$T/src.cur"
{ currency USD true true && currency EUR true false && currency GBP true false && currency PLN false false; } >"$T/dst.cur"
{ opportunity o1 100 EUR && opportunity o2 200 USD && opportunity o3 300 EUR; } >"$T/src.jsonl"
seed "$SRC" "$T/src.cur"
seed "$DST" "$T/dst.cur"
seed "$SRC" "$T/src.jsonl"
# Our user's own currency in the target is not the corporate one.
admin=$(curl -sf "$DST/__sim/dump?object=User" | python3 -c 'import json, sys; print(json.loads(next(sys.stdin))["Id"])')
printf '{"attributes":{"type":"User"},"Id":"%s","DefaultCurrencyIsoCode":"GBP"}\n' "$admin" >"$T/user.jsonl"
curl -sf --data-binary "@$T/user.jsonl" "$DST/__sim/update" >/dev/null || bail "no user"

# ---- both have several ------------------------------------------------------------------------------
cat >"$T/sales.yaml" <<'YAML'
name: sales
objects:
  - name: Opportunity
    fields: {include: [Name, Amount, StageName, CloseDate]}
    match: {keys: [Name]}
YAML
runs "a template that does not name the currency" orgsync template apply -f "$T/sales.yaml"
run=$(create_run sales)
like "$(orgsync run scan "$run" 2>&1)" "Opportunity.CurrencyIsoCode is copied too, for amounts are" "the scan says that it goes along"
runs "the run goes through" orgsync run start "$run" --wait
is "$(totals "$run") $(amounts "$DST")" "[3, 3, 0, 0, 0, 0] o1=100.0EUR o2=200.0USD o3=300.0EUR" "each amount keeps its currency"
out=$(orgsync run check "$run" -o csv)
is "$? $(grep -c ',currency,' <<<"$out")" "0 1" "currencies that nobody uses block nothing" || diag "$out"

{ opportunity o4 400 PLN && opportunity o5 500 CHF && opportunity o6 600 CHF; } >"$T/more.jsonl"
seed "$SRC" "$T/more.jsonl"
run=$(create_run sales)
out=$(orgsync run check "$run" -o csv)
is $? 4 "records in a currency that the target does not take: the check blocks"
like "$out" "1 records are in PLN, which is inactive in org 'dst'" "one that is inactive"
like "$out" "2 records are in CHF, which is no currency in org 'dst'" "one that is none"
is "$(grep -c SEK <<<"$out")" 0 "and none that no record is in"
orgsync run start "$run" --wait >"$T/out" 2>&1
is "$? $(totals "$run")" "1 [6, 0, 0, 3, 0, 3]" "in the run these fail, and only these"
like "$(orgsync run errors "$run" -o json)" "bad value for restricted picklist field: CHF" "with the org's own words"
printf '{"attributes":{"type":"CurrencyType"},"IsoCode":"CHF","IsActive":true}\n' >"$T/chf.jsonl"
seed "$DST" "$T/chf.jsonl"
orgsync run retry "$run" --wait >/dev/null 2>&1
is "$(totals "$run")" "[6, 2, 0, 3, 0, 1]" "a retry after the currency was added takes them in"
sed -e 's/name: sales/name: without/' -e 's/CloseDate\]/CloseDate], exclude: [CurrencyIsoCode]/' "$T/sales.yaml" >"$T/without.yaml"
runs "a template that excludes it" orgsync template apply -f "$T/without.yaml"
run=$(create_run without)
runs "goes through" orgsync run start "$run" --wait
like "$(amounts "$DST")" "o4=400.0GBP" "a new record gets our user's own, as the user wanted"

# ---- the target has one -----------------------------------------------------------------------------
run=$(orgsync run create --template sales --source src --target one)
out=$(orgsync run check "$run" -o csv)
is $? 0 "a target with one currency: nothing blocks"
like "$out" "warning,src,Opportunity,CurrencyIsoCode,currency,,\"?CurrencyIsoCode is left out, for org 'one' has one currency: amounts in any other become as many of that" "but the check warns" || diag "$out"
runs "the run goes through" orgsync run start "$run" --wait
is "$(amounts "$ONE")" "o1=100.0 o2=200.0 o3=300.0 o4=400.0 o5=500.0 o6=600.0" "with the amounts as they are"

# ---- the source has one -----------------------------------------------------------------------------
curl -sf -X POST "$ONE/__sim/reset" >/dev/null
{ opportunity s1 1 && opportunity s2 2; } >"$T/one.jsonl"
seed "$ONE" "$T/one.jsonl"
run=$(orgsync run create --template sales --source one --target dst)
like "$(orgsync run scan "$run" 2>&1)" "org 'one' has one currency: new records get USD, the corporate currency of org 'dst'" "a source with one currency: the scan says what becomes of its amounts"
runs "the run goes through" orgsync run start "$run" --wait
like "$(amounts "$DST")" "s1=1.0USD s2=2.0USD" "the corporate currency, not our user's own"
sed -e 's/name: sales/name: bulk/' -e 's/match: .*/match: {sourceId: Source_Id__c}\n    api: bulk/' "$T/sales.yaml" >"$T/bulk.yaml"
{ opportunity s3 3 && opportunity s4 4; } >"$T/one.jsonl"
seed "$ONE" "$T/one.jsonl"
runs "by Bulk, with the source's id" orgsync template apply -f "$T/bulk.yaml"
run=$(orgsync run create --template bulk --source one --target dst)
runs "the run goes through" orgsync run start "$run" --wait
like "$(totals "$run") $(amounts "$DST")" "\[4, 2, 2, 0, 0, 0\].*s3=3.0USD s4=4.0USD" "as well"
curl -sf "$DST/__sim/dump?object=Opportunity" | python3 -c '
import json, sys
for r in map(json.loads, sys.stdin):
    if r["Name"] == "s1": print(json.dumps({"attributes": {"type": "Opportunity"}, "Id": r["Id"], "CurrencyIsoCode": "EUR", "Amount": 9}))' >"$T/change.jsonl"
curl -sf --data-binary "@$T/change.jsonl" "$DST/__sim/update" >/dev/null
run=$(orgsync run create --template sales --source one --target dst)
runs "a run over a record whose currency was changed there" orgsync run start "$run" --wait
like "$(totals "$run") $(amounts "$DST")" "\[4, 0, 1, 3, 0, 0\].*s1=1.0EUR" "leaves it its currency"
e2e_end

#!/usr/bin/env bash
# Every reply of the API is as schemas/openapi.yaml says, and every operation there is one.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
worker
add_orgs

cat >"$T/seed.jsonl" <<'JSON'
{"attributes":{"type":"Account"},"Id":"@a","Name":"One","Ext_Id__c":"O-1"}
{"attributes":{"type":"Contact"},"Id":"@b","LastName":"Two","AccountId":"@a","Email":"good@example.com","Ext_Id__c":"O-2"}
{"attributes":{"type":"Contact"},"Id":"@c","LastName":"Three","AccountId":"@a","Ext_Id__c":"O-3"}
JSON
seed "$SRC" "$T/seed.jsonl"
cat >"$T/t.yaml" <<'YAML'
name: api
objects:
  - name: Account
    where: "Name = 'nobody'"
    fields: {include: [Name, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
  - name: Contact
    fields: {include: [LastName, Email, AccountId, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
hooks: [{at: beforeRun, hook: told}, {at: afterRun, hook: told}]
YAML
printf 'whsec_%s' AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA >"$T/hook-secret"
orgsync hook add told --url "$DST/nobody" --secret-file "$T/hook-secret" >/dev/null || bail "the hook is refused"
orgsync template apply -f "$T/t.yaml" >/dev/null || bail "the template is refused"
# One record fails: two records of the target have its key.
cat >"$T/dst.jsonl" <<'JSON'
{"attributes":{"type":"Contact"},"LastName":"Three"}
{"attributes":{"type":"Contact"},"LastName":"Three"}
JSON
seed "$DST" "$T/dst.jsonl"
sed -e 's/name: api/name: failing/' -e '/Contact/,$s/match: .*/match: {keys: [LastName]}/' "$T/t.yaml" >"$T/failing.yaml"
orgsync template apply -f "$T/failing.yaml" >/dev/null || bail "the template is refused"
run=$(create_run failing)
orgsync run start "$run" --wait >/dev/null 2>&1
is "$(run_get "$run" '[d["totals"]["inserted"], d["totals"]["failed"], d["withErrors"]]')" "[1, 1, True]" "one record is in, one has failed"

psql -q "$ORGSYNC_POSTGRES_URL" -c "INSERT INTO waiting (pair, template, object, target, source_id, field, parent_id, run, lane, at_offset, row_index)
	SELECT pair, template, 'Contact', 'Contact', '003' || lpad(n::text, 12, '0') || 'AAA', 'AccountId', '001000000000001AAA', id, 0, 0, n FROM run,
	generate_series(1, 2) n WHERE id = '$run'" || bail "nothing waits"
contact() { # LASTNAME: its id in the source
	curl -sf "$SRC/__sim/dump?object=Contact" |
		python3 -c 'import json, sys; print([r["Id"] for r in map(json.loads, sys.stdin) if r["LastName"] == sys.argv[1]][0])' "$1"
}
python3 - "$DST" "$run" "$(contact Two)" "$(contact Three)" >"$T/plan.json" <<'PY'
import json, sys
url, run, record, failed = sys.argv[1:]
org = {"instanceUrl": url, "auth": "client-credentials", "clientId": "orgsync", "clientSecret": "orgsync-secret"}
print(json.dumps({"org": org, "run": run, "record": record, "failed": failed, "runTemplate": "api", "templateName": "other",
                  "template": "name: other\nobjects: [{name: Account}]\n"}))
PY
python3 "$ROOT/tests/e2e/openapi.py" "$ORGSYNC_API_URL" "$ORGSYNC_API_TOKEN_FILE" "$ROOT" "$T/plan.json" >"$T/openapi.out" 2>"$T/openapi.err"
is $? 0 "the checker came to its end" || diag "$(tail -5 "$T/openapi.err")"
while IFS= read -r line; do
	case $line in
	'ok '*) ok 0 "${line#ok }" ;;
	'not ok '*) ok 1 "${line#not ok }" ;;
	*) printf '%s\n' "$line" ;;
	esac
done <"$T/openapi.out"

# What needs no token.
for path in healthz readyz metrics; do
	is "$(curl -s -o /dev/null -w '%{http_code}' "$ORGSYNC_API_URL/$path")" 200 "/$path answers"
done
e2e_end

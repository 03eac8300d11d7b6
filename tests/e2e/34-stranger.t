#!/usr/bin/env bash
# Two orgs that are not our simulator's: what they leave out, spell otherwise or do not know costs no run. What a user knows of the
# commands and the template here is in interfaces.md alone.
. "$(dirname "$0")/lib.sh"
e2e_begin

stranger() { # VARIABLE-OF-URL NAME [habit=value ...]
	local -n url=$1
	local port
	port=$(free_ports 1)
	url=http://127.0.0.1:$port
	start_ready STRANGER_PID "$T/$2.log" '^ready' python3 "$ROOT/tests/e2e/stranger.py" "$port" "${@:3}" || bail "no stranger $2"
}

habit() { # JSON, for both orgs
	local url
	for url in "$SRC" "$DST"; do curl -sf -d "$1" "$url/admin/habit" -o /dev/null || bail "no habit $1"; done
}

dumped() { # URL EXPRESSION: of d, a list of records by object
	curl -sf "$1/admin/dump" | json "$2"
}

totals() { # RUN
	run_get "$1" '[d["totals"][k] for k in ("inserted","updated","existing","skipped","failed")]'
}

synced() { # NAME WANTED-TOTALS TEMPLATE: the run in run
	run=$(create_run "$3")
	runs "$1: the run goes through" timeout 60 orgsync run start "$run" --wait
	is "$(totals "$run")" "$2" "$1: the counts"
}

# Neither has record types or Tooling composites; names of the org, and columns of users, are hidden.
stranger SRC src nofield=Organization.Name,User.FederationIdentifier
stranger DST dst nofield=Organization.InstanceName tools=1 rule=Contact
coordinator
worker
printf s3cret >"$T/secret"
printf 'pw+token' >"$T/password"
runs "org add by client credentials" orgsync org add src --instance-url "$SRC" --auth client-credentials --client-id app \
	--client-secret-file "$T/secret"
runs "org add by password" orgsync org add dst --instance-url "$DST/" --login-url "$DST" --auth password --client-id app \
	--client-secret-file "$T/secret" --username u@example.com --password-file "$T/password"
runs "org test" orgsync org test dst
runs "org limits" orgsync org limits dst

python3 - >"$T/seed" <<'PY'
import json
for i in range(40):
    account = {"Id": f"@a{i}", "Name": f'Ärger {i} "x"', "Ext_Id__c": f"A-{i}", "AnnualRevenue": i * 1e7, "Score__c": i / 8,
               "Since__c": "2024-02-29T10:11:12.345Z", "Opens__c": "08:30:00.000Z", "Tags__c": "b;a", "Active__c": i % 2 == 0}
    if i % 5 == 4:
        account["ParentId"] = f"@a{i - 1}"
    rows = [("Account", account), ("Contact", {"Id": f"@c{i}", "LastName": f"L{i}", "Email": f"X{i}@Example.com", "AccountId": f"@a{i}"}),
            ("Task", {"Id": f"@t{i}", "Subject": "s", "WhoId": f"@c{i}", "WhatId": f"@a{i}"}),
            ("Note__c", {"Id": f"@n{i}", "Name": f"n{i}", "Account__c": f"@a{i}", "Text__c": "1\n2"})]
    for name, row in rows:
        print(json.dumps({"attributes": {"type": name}, **row}))
PY
curl -sf --data-binary "@$T/seed" "$SRC/admin/seed" -o /dev/null || bail "no seed"

cat >"$T/crm.yaml" <<'YAML'
name: crm
objects:
  - name: Account
    fields: {include: ["*"]}
    match: {externalId: Ext_Id__c}
    insert: true
    update: true
    mode: sync
    batchSize: 200
    api: auto
  - name: Contact
    match: none
  - name: Task
  - name: Note__c
users: {match: [username, federationId, email], usernameSuffix: ".dr", fallback: admin@example.com}
recordTypes: developerName
options: {continueOnError: true, automationOff: [validationRules]}
YAML
runs "the template is taken" orgsync template apply -f "$T/crm.yaml"
run=$(create_run crm)
runs "check" orgsync run check "$run"
like "$(orgsync run check "$run" -o json)" '"name": *"Never"' "the validation rule is found by plain queries"
synced "first" "[160, 0, 0, 0, 0]" crm
first=$run
is "$(dumped "$DST" '[(r["Active"], r["Metadata"]["active"]) for r in d["ValidationRule"]]')" "[(True, True)]" \
	"the validation rule was off meanwhile, and is back on"
is "$(dumped "$DST" '{len([r for r in d["Contact"] if r["AccountId"]]), len({r["WhoId"] for r in d["Task"]}), len({r["Account__c"] for r in d["Note__c"]})}')" \
	"{40}" "lookups point to what was made"

habit '{"slash": 1, "page": 7, "lower": 1}'
synced "slashes and short pages" "[0, 0, 160, 0, 0]" crm
habit '{"slash": 0, "page": 2000, "type": "text/plain", "date": 0, "info": 0}'
synced "text/plain, no Date" "[0, 0, 160, 0, 0]" crm
habit '{"type": "application/json", "nolen": 1, "lean": 1}'
synced "no lengths, plain SOQL only" "[0, 0, 160, 0, 0]" crm
habit '{"nolen": 0, "lean": 0, "expire": 6, "page": 2000}'
sed 's/^name: crm/name: bulk/; s/api: auto/api: bulk/; s/^  - name: \(Contact\|Task\|Note__c\)/&\n    api: bulk/' "$T/crm.yaml" >"$T/bulk.yaml"
runs "the Bulk template is taken" orgsync template apply -f "$T/bulk.yaml"
synced "Bulk, with sessions that end" "[0, 0, 160, 0, 0]" bulk
habit '{"expire": 0}'
runs "rollback of the first run" orgsync run rollback "$first" --yes --wait
is "$(dumped "$DST" 'sum(not r["IsDeleted"] for k in ("Account", "Contact", "Task", "Note__c") for r in d[k])')" 0 "leaves none"
e2e_end

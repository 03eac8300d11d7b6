# shellcheck shell=bash
#
# Automation in the target org of tests: one of each kind that refuses every record of the data, and one of a managed package.

automation_data() { # RECORDS
	cat >"$T/automation.json" <<-'EOF'
		{"validationRules": [
			{"object": "Account", "name": "No_fax", "field": "Fax", "op": "=", "value": "1", "message": "no fax"},
			{"object": "Account", "name": "Was_off", "active": false, "field": "Fax", "op": "=", "value": "1"},
			{"object": "Account", "name": "Locked", "namespace": "pkg"}],
		 "workflowRules": [{"object": "Account", "name": "Mail", "field": "Fax", "op": "=", "value": "1"}],
		 "flows": [{"object": "Account", "name": "Account_After", "activeVersion": 2, "latestVersion": 3, "field": "Fax", "op": "=", "value": "1"}],
		 "triggers": [{"object": "Account", "name": "AccountTrigger", "field": "Fax", "op": "=", "value": "1"}],
		 "duplicateRules": [{"object": "Account", "name": "Same_Account", "field": "Fax", "op": "=", "value": "1", "message": "twin"}]}
	EOF
	curl -sf "$DST/__sim/schema" --data-binary "@$T/automation.json" >/dev/null || bail 'no automation'
	for ((i = 0; i < $1; i++)); do
		printf '{"attributes":{"type":"Account"},"Id":"@a%d","Name":"a%d","Fax":"1","Ext_Id__c":"a%d"}\n' $i $i $i
	done >"$T/accounts.jsonl"
	printf '{"attributes":{"type":"Contact"},"LastName":"c","AccountId":"@a0","Ext_Id__c":"c"}\n' >>"$T/accounts.jsonl"
	seed "$SRC" "$T/accounts.jsonl"
}

never() { # true or false: a rule of a package that refuses one account
	curl -sf "$DST/__sim/schema" -d '{"validationRules":[{"object":"Account","name":"Never","active":'"$1"',"field":"Name","op":"=",
		"value":"a7","message":"never","namespace":"pkg"}]}' >/dev/null
}

template() { # NAME OPTION
	{
		printf 'name: %s\nobjects:\n  - {name: Account, match: {externalId: Ext_Id__c}, fields: {include: [Name, Fax, Ext_Id__c]}}\n' "$1"
		[[ -z $2 ]] || printf '  - {name: Contact, match: {externalId: Ext_Id__c}, fields: {include: [LastName, AccountId, Ext_Id__c]}}\n'
		printf 'options:\n  automationOff: [validationRules, workflowRules, flows, triggers, duplicateRules]\n  lanes: 4\n'
		[[ -z $2 ]] || printf '  %s\n' "$2"
	} >"$T/$1.yaml"
	orgsync template apply -f "$T/$1.yaml" >/dev/null || bail "template $1 is refused"
}

empty_target() { # fresh target, fresh id map
	curl -sf -X POST "$DST/__sim/reset" >/dev/null || bail 'the target cannot be emptied'
	forget_mappings
}

dst_token() {
	curl -sf "$DST/services/oauth2/token" -d 'grant_type=client_credentials&client_id=orgsync&client_secret=orgsync-secret' | json 'd["access_token"]'
}

tooling() { # SOQL: the reply
	curl -sf -G "$DST/services/data/v60.0/tooling/query" -H "Authorization: Bearer $(dst_token)" --data-urlencode "q=$1"
}

tooling_patch() { # TYPE ID METADATA
	curl -sf -X PATCH "$DST/services/data/v60.0/tooling/sobjects/$1/$2" -H "Authorization: Bearer $(dst_token)" \
		-H 'Content-Type: application/json' -d "{\"Metadata\":$3}"
}

edit_rule() { # NAME MESSAGE: somebody else edits a validation rule
	local row
	row=$(tooling "SELECT Id, Metadata FROM ValidationRule WHERE ValidationName = '$1'")
	tooling_patch ValidationRule "$(json 'd["records"][0]["Id"]' <<<"$row")" \
		"$(json "json.dumps(dict(d['records'][0]['Metadata'], errorMessage='$2'))" <<<"$row")"
}

activate_flow() { # VERSION
	tooling_patch FlowDefinition "$(tooling 'SELECT Id FROM FlowDefinition' | json 'd["records"][0]["Id"]')" "{\"activeVersionNumber\":$1}"
}

# Every switch of the target, and everything else of it but its stamps.
switches() {
	local kind
	for kind in ValidationRule WorkflowRule FlowDefinition Flow FlowDefinitionView ApexTrigger DuplicateRule; do
		curl -sf "$DST/__sim/dump?object=$kind" | python3 -c '
import json, sys
for line in sys.stdin:
    d = json.loads(line)
    if sys.argv[1] == "Flow" and d["Status"] != "Active":
        continue
    d = {k: v for k, v in sorted(d.items()) if not k.endswith(("Date", "ById")) and k != "SystemModstamp"}
    if isinstance(d.get("Metadata"), dict):
        d["Metadata"] = sorted(d["Metadata"].items())
    print(json.dumps(d))' "$kind"
	done
}

all_off() {
	! switches | grep -v '"NamespacePrefix": "pkg"' | grep -qE '"(Active|IsActive)": true|\["active", true\]|"Status": "Active"|"activeVersionNumber", [1-9]'
}

automation() { # RUN EXPRESSION
	orgsync run automation "$1" -o json | json "$2"
}

restored() { # RUN
	[[ $(automation "$1" 'd["state"]') =~ ^(on|left|None)$ ]]
}

wait_restored() { # RUN
	wait_for 120 restored "$1" || diag "$(orgsync run automation "$1" 2>&1 | head -c 2000)"
}

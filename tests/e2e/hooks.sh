# shellcheck shell=bash
#
# What the tests of hooks share: a receiver (hooks.py), hooks that lead to it, and what it has heard.

receiver() {
	printf 'whsec_%s\n' "$(head -c 32 /dev/urandom | base64)" >"$T/hook-secret"
	start_ready RECEIVER_PID "$T/receiver.log" '^ready' python3 "$ROOT/tests/e2e/hooks.py" "$T/hook-secret" "$T/heard"
	RECEIVER=http://127.0.0.1:$(sed -n 's/^ready //p' "$T/receiver.log" | tail -n 1)
	touch "$T/heard"
}

add_hooks() { # NAME...: each leads to the path of its name
	local name
	for name; do
		orgsync hook add "$name" --url "$RECEIVER/$name?key=in-the-url" --secret-file "$T/hook-secret" >/dev/null || bail "hook $name is refused"
	done
}

heard() { # EXPRESSION: of d, the list of all requests
	python3 -c 'import json, sys; d = [json.loads(line) for line in open(sys.argv[1])]; print(eval(sys.argv[2]))' "$T/heard" "$1"
}

hook_calls() { # RUN EXPRESSION: of d, its calls
	orgsync run hooks "$1" -o json --limit 0 | python3 -c '
import json, sys
d = json.load(sys.stdin)
d = d["items"] if isinstance(d, dict) else d
print(eval(sys.argv[1]))' "$2"
}

hooks_done() { # RUN
	[[ $(run_get "$1" 'd["hooks"]["pending"]') == 0 ]]
}

hook_data() { # ACCOUNTS
	python3 - "$1" >"$T/seed.jsonl" <<'PY'
import json, sys
for n in range(int(sys.argv[1])):
    print(json.dumps({"attributes": {"type": "Account"}, "Id": "@a%d" % n, "Name": "Secretname %d" % n, "Ext_Id__c": "A-%d" % n}))
    print(json.dumps({"attributes": {"type": "Contact"}, "LastName": "Secretname %d" % n, "AccountId": "@a%d" % n, "Ext_Id__c": "C-%d" % n}))
PY
	seed "$SRC" "$T/seed.jsonl"
}

hook_template() { # NAME HOOKS [of Account]: with objects Account and Contact
	cat >"$T/$1.yaml" <<YAML
name: $1
objects:
  - {name: Account, match: {externalId: Ext_Id__c}, fields: {include: [Name, Ext_Id__c]}${3:-}}
  - {name: Contact, match: {externalId: Ext_Id__c}, fields: {include: [LastName, AccountId, Ext_Id__c]}}
hooks: $2
YAML
	orgsync template apply -f "$T/$1.yaml" >/dev/null || bail "template $1 is refused"
}

#!/usr/bin/env bash
# What a worker had to say of lookups that it left out, and had not recorded when it died, is said by its successor: a link that fails
# beside one that is made, a parent that is not in the run, a parent that is waited for. An undisturbed run says what is to be said.
. "$(dirname "$0")/lib.sh"
export ORGSYNC_LEASE_MS=2000
e2e_begin
faulty_programs
simulators --schema "dst:$DEMO/target-schema.json"
coordinator
worker none
add_orgs

cat >"$T/src.jsonl" <<'JSON'
{"attributes":{"type":"Account"},"Id":"@bad","Ext_Id__c":"bad","Name":"bad","NumberOfEmployees":-1,"Industry":"Energy"}
{"attributes":{"type":"Account"},"Id":"@out","Ext_Id__c":"out","Name":"out","Industry":"Media"}
{"attributes":{"type":"Account"},"Id":"@kid","Ext_Id__c":"kid","Name":"kid","ParentId":"@bad","Primary_Contact__c":"@con","Industry":"Energy"}
{"attributes":{"type":"Account"},"Id":"@new","Ext_Id__c":"new","Name":"new","Industry":"Energy"}
{"attributes":{"type":"Contact"},"Id":"@con","Ext_Id__c":"con","LastName":"con","AccountId":"@kid"}
{"attributes":{"type":"Contact"},"Id":"@alone","Ext_Id__c":"alone","LastName":"alone","AccountId":"@out"}
JSON
seed "$SRC" "$T/src.jsonl"
template() { # POLICY
	cat >"$T/notes.yaml" <<YAML
name: notes
objects:
  - name: Account
    where: "Industry = 'Energy'"
    fields: {include: [Name, NumberOfEmployees, Industry, ParentId, Primary_Contact__c, Ext_Id__c]}
    match: {externalId: Ext_Id__c}
  - name: Contact
    fields: {include: [LastName, AccountId, Ext_Id__c]}
    missingParents: $1
    match: {externalId: Ext_Id__c}
YAML
	orgsync template apply -f "$T/notes.yaml" >/dev/null || bail "the template is refused"
}
told() { # what a run says of its records, without ids
	orgsync run errors "$1" --kind all --csv "$T/errors.csv" >/dev/null || return
	python3 - "$T/errors.csv" <<'PY'
import csv, sys
print(sorted([r["kind"], r["object"], r["code"], r["fields"]] for r in csv.DictReader(open(sys.argv[1]))))
PY
}
died() { [[ $(ps -o stat= -p "$WORKER_PID") != [^Z]* ]]; }
died_or_ended() { died || run_ended "$RUN"; }
run() { # [FAILPOINT]: a run into what the target holds; DEATHS counts
	kill9 "$WORKER_PID"
	ORGSYNC_FAILPOINTS=${1:-} worker one
	RUN=$(create_run notes) || bail "no run"
	orgsync run start "$RUN" >/dev/null || bail "the run does not start"
	wait_for 60 died_or_ended
	if died; then
		DEATHS=$((DEATHS + 1))
		worker two
	fi
	wait_ended "$RUN" 60
}
empty() {
	curl -sf -X POST "$DST/__sim/reset" >/dev/null || bail "the target cannot be emptied"
	orgsync idmap rebuild --source src --target dst >/dev/null 2>&1
	psql -q "$ORGSYNC_POSTGRES_URL" -c 'TRUNCATE idmap_log, waiting' >/dev/null 2>&1
	orgsync idmap rebuild --source src --target dst >/dev/null 2>&1
}
rename() { # NAME: of the contact whose parent is not in the run
	local token id
	token=$(curl -sf "$SRC/services/oauth2/token" -d 'grant_type=client_credentials&client_id=orgsync&client_secret=orgsync-secret' | json 'd["access_token"]')
	id=$(curl -sf "$SRC/__sim/dump?object=Contact" | grep '"alone"' | json 'd["Id"]')
	curl -sf -X PATCH -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -d "{\"LastName\":\"$1\"}" \
		"$SRC/services/data/v60.0/sobjects/Contact/$id" || bail "it cannot be renamed"
}
waits() { psql -qAt "$ORGSYNC_POSTGRES_URL" -c "SELECT count(*) FROM waiting WHERE in_run IS NULL"; }

template blank
DEATHS=0
empty
run
first=$(told "$RUN")
like "$first" "'link', 'Account', 'PARENT_FAILED', 'ParentId'.*'notice', 'Contact', 'PARENT_MISSING', 'AccountId'" "undisturbed: a link and a lookup are missing"
for point in worker.after_intent worker.after_reply; do
	for n in 1 2 3; do
		empty
		run "$point=kill@$n"
		is "$(told "$RUN")" "$first" "$point, $n: the same is said"
	done
done
is "$DEATHS" 6 "each point has killed its worker"

# A record that is in the target and is changed, while one of its lookups is to wait.
curl -sf -d '{"validationRules":[]}' "$DST/__sim/schema" >/dev/null
for point in worker.after_intent worker.after_reply; do
	template blank
	empty
	run
	template wait
	psql -qAt "$ORGSYNC_POSTGRES_URL" -c 'TRUNCATE waiting' >/dev/null
	rename "$point"
	DEATHS=0
	run "$point=kill@1"
	is "$DEATHS $(run_get "$RUN" 'd["totals"]["updated"]') $(waits)" "1 1 1" "$point: it is changed, and its lookup waits"
done
e2e_end

#!/usr/bin/env bash
# An org takes so many new files within 24 hours: a run that has nothing else left to do is Paused until it takes more; a person's pause
# and an abort need not wait for its next look.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/files.sh"
export ORGSYNC_LIMIT_PROBE_MS=60000 # longer than anything here
e2e_begin
simulators
coordinator
worker
add_orgs
limit() { curl -sf -d "{\"filesRemaining\": $1}" "$DST/__sim/limits" >/dev/null || bail "no limit"; }
paused() { [[ $(run_get "$run" 'd["state"], d["pausedBy"]') == "('Paused', '$1')" ]]; }
says() { [[ $(run_get "$run" 'd["problem"]') =~ $1 ]]; }
limited() { orgsync run errors "$run" --kind notice -o json | grep -q FILE_LIMIT; }
taken='dst.* has taken as many new files .* goes on by itself'

printf '{"attributes":{"type":"Account"},"Id":"@a","Name":"Acme","Ext_Id__c":"A-1"}\n{"attributes":{"type":"Contact"},"Id":"@c","LastName":"Roe","Ext_Id__c":"C-1","AccountId":"@a"}\n' >"$T/seed.jsonl"
seed "$SRC" "$T/seed.jsonl"
files "$SRC" publish Account 100 first.bin Contact 101 second.bin Account 102 third.bin || bail "no files"
cat >"$T/content.yaml" <<'YAML'
name: content
objects:
  - {name: Account, match: {externalId: Ext_Id__c}}
  - {name: Contact, match: {externalId: Ext_Id__c}}
  - name: ContentVersion
  - name: ContentDocumentLink
YAML
orgsync template apply -f "$T/content.yaml" >/dev/null || bail "the template is refused"

# ---- Paused, and on by itself ------------------------------------------------------------------------------------------
limit 1
run=$(create_run content)
orgsync run start "$run" >/dev/null || bail "no start"
runs "a run whose target takes no more files is Paused" wait_for 40 paused quota
like "$(run_get "$run" 'd["problem"]')" "$taken" "and says why"
is "$(run_get "$run" 'd["totals"]["failed"]') $(curl -sf "$DST/__sim/count" | json 'd["ContentVersion"]')" "0 1" "it has done what it could"
orgsync run resume "$run" >/dev/null 2>"$T/err"
is $? 4 "nobody can resume it by hand"
like "$(cat "$T/err")" "takes no more files" "and it says why"
runs "a person may pause it" orgsync run pause "$run"
runs "then it is the person's" wait_for 10 paused user
runs "and resume it" orgsync run resume "$run"
runs "then it is Paused as it was" wait_for 10 says "$taken"
limit 100
kill9 "$COORDINATOR_PID"
coordinator coordinator2
runs "another coordinator looks at once, and it goes on by itself" wait_ended "$run" 40
is "$(run_get "$run" 'd["state"], d["totals"]["failed"], d["pausedBy"]')" "('Synced', 0, None)" "to its end"
runs "the checker agrees" check_orgs "$run" --template "$T/content.yaml"

# ---- abort -----------------------------------------------------------------------------------------------------------------
limit 0
files "$SRC" publish Account 200 fourth.bin || bail "no file"
run=$(create_run content)
orgsync run start "$run" >/dev/null || bail "no start"
wait_for 40 paused quota || bail "it is not Paused"
orgsync run abort "$run" >/dev/null || bail "no abort"
runs "an abort of a run that is Paused so" wait_ended "$run" 15
is "$(run_get "$run" 'd["state"], d["totals"]["skipped"], d["totals"]["failed"]')" "('Aborted', 1, 0)" "leaves the file out"
is "$(psql -qtA "$ORGSYNC_POSTGRES_URL" -c "SELECT count(*) FROM batch WHERE run = '$run' AND state <> 'done'")" 0 "nothing is left open"

# A new version of a file that the target has is an update: the abort ends it as well.
run=$(create_run content)
limit 100
orgsync run start "$run" --wait >/dev/null || bail "the file does not go in"
limit 0
files "$SRC" version fourth.bin 300 || bail "no version"
run=$(create_run content)
orgsync run start "$run" >/dev/null || bail "no start"
wait_for 40 paused quota || bail "it is not Paused"
orgsync run abort "$run" >/dev/null || bail "no abort"
runs "an abort of a run with a new version" wait_ended "$run" 15
is "$(run_get "$run" 'd["state"], d["totals"]["skipped"], d["totals"]["failed"]')" "('Aborted', 1, 0)" "leaves it out too"

# ---- while other lanes of its stage have work, it is not Paused, and an abort does not wait either -------------------------
printf '{"attributes":{"type":"Lead"},"LastName":"Poe","Company":"Co","Ext_Id__c":"L-1"}\n' >"$T/lead.jsonl"
seed "$SRC" "$T/lead.jsonl"
attachments=()
for i in {1..30}; do attachments+=(Contact 10 "c$i" Lead 10 "l$i"); done
files "$SRC" attach "${attachments[@]}" || bail "no attachments"
latency() { curl -sf -d "{\"ms\":$1}" "$DST/__sim/latency" >/dev/null || bail "no latency"; }
printf '  - {name: Lead, match: {externalId: Ext_Id__c}}\n  - {name: Attachment, batchSize: 1}\noptions: {lanes: 8}\n' |
	cat "$T/content.yaml" - >"$T/more.yaml"
sed -i 's/name: content/name: more/' "$T/more.yaml"
orgsync template apply -f "$T/more.yaml" >/dev/null || bail "the template is refused"
latency 1000
run=$(create_run more)
orgsync run start "$run" >/dev/null || bail "no start"
wait_for 60 limited || bail "no file is refused"
attached() { curl -sf "$DST/__sim/count" | json 'd.get("Attachment", 0)'; }
grows() { [[ $(attached) -ge $1 ]]; }
runs "other lanes go on" wait_for 60 grows $(($(attached) + 6))
is "$(run_get "$run" 'd["state"]')" "Sync In Progress" "what can be done meanwhile is done"
orgsync run abort "$run" >/dev/null || bail "no abort"
latency 0
runs "an abort of it" wait_ended "$run" 15
is "$(run_get "$run" 'd["state"], d["totals"]["failed"]')" "('Aborted', 0)" "ends it"
e2e_end

#!/usr/bin/env bash
# Documents of quotes: no record tells how large they are, the org makes their names and their files, and nobody can change them.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/files.sh"
export ORGSYNC_REQUEST_LIMIT_MS=5000
e2e_begin
simulators
coordinator
worker
add_orgs

calls() { # URL: reads of bodies
	curl -sf "$1/__sim/stats" | json 'd["byCall"].get("GET sobjects/*/*/Document", 0)'
}
reads() { # TEMPLATE: a run; how many bodies it reads of the source and of the target
	local source target
	source=$(calls "$SRC") target=$(calls "$DST")
	run=$(create_run "$1")
	orgsync run start "$run" --wait >/dev/null 2>&1
	echo "$(($(calls "$SRC") - source)) $(($(calls "$DST") - target))"
}
cat >"$T/quotes.jsonl" <<'JSON'
{"attributes":{"type":"Account"},"Id":"@a","Name":"Acme","Ext_Id__c":"A-1"}
{"attributes":{"type":"Opportunity"},"Id":"@o","Name":"Deal","Ext_Id__c":"O-1","AccountId":"@a","StageName":"Prospecting","CloseDate":"2027-01-31"}
{"attributes":{"type":"Quote"},"Name":"First","Ext_Id__c":"Q-1","OpportunityId":"@o","Tax":10.5}
{"attributes":{"type":"Quote"},"Name":"Second","Ext_Id__c":"Q-2","OpportunityId":"@o"}
JSON
seed "$SRC" "$T/quotes.jsonl"
files "$SRC" quote First 100000 one First 100000 two First 7000000 three Second 1 four || bail "no documents of quotes"
cat >"$T/quotes.yaml" <<'YAML'
name: quotes
objects:
  - name: Account
    match: {externalId: Ext_Id__c}
  - name: Opportunity
    match: {externalId: Ext_Id__c}
  - name: Quote
    match: {externalId: Ext_Id__c}
  - name: QuoteDocument
YAML
runs "a template with documents of quotes" orgsync template apply -f "$T/quotes.yaml"
reads quotes >"$T/reads"
is "$(totals "$run") $(cat "$T/reads")" "[8, 0, 0, 0, 0] 8 4" "all are inserted; each is measured, sent and read back"
is "$(files "$DST" quotes)" "$(files "$SRC" quotes)" "the org names and numbers them as in the source, and keeps files of them"
runs "the checker finds the same bodies, each with its quote" check_orgs "$run" --template "$T/quotes.yaml"
reads quotes >"$T/reads"
is "$(totals "$run") $(cat "$T/reads")" "[0, 0, 8, 0, 0] 0 0" "a second run changes nothing, and reads nothing"

# ---- what somebody changes ------------------------------------------------------------------------------------------------
files "$SRC" touch QuoteDocument First_V1.pdf || bail "no change"
reads quotes >"$T/reads"
is "$(totals "$run") $(cat "$T/reads")" "[0, 1, 7, 0, 0] 1 1" "where the source's record was changed, both files are read, and its fields alone are written"
runs "the checker agrees" check_orgs "$run" --template "$T/quotes.yaml"
reads quotes >"$T/reads"
is "$(cat "$T/reads")" "0 1" "the update has touched the target's record, whose file is read"
reads quotes >"$T/reads"
is "$(cat "$T/reads")" "0 0" "and then known"
files "$DST" remove QuoteDocument Second_V1.pdf || bail "not removed"
reads quotes >"$T/reads"
is "$(totals "$run") $(cat "$T/reads")" "[1, 0, 7, 0, 0] 2 1" "one that was deleted in the target is made again"
runs "the checker agrees" check_orgs "$run" --template "$T/quotes.yaml"

# ---- a file that the target has otherwise -----------------------------------------------------------------------------------
errors() {
	orgsync run errors "$run" -o json | json '[(e["code"], e["message"]) for e in d["items"]]'
}
curl -sf -d '{"match": "POST v60.0/sobjects/QuoteDocument", "kind": "spoil-request", "count": 1}' "$DST/__sim/faults" >/dev/null || bail "no fault"
files "$SRC" quote Second 600 spoilt || bail "no document"
reads quotes >"$T/reads"
is "$(totals "$run")" "[0, 0, 8, 0, 1]" "one that the target did not take as it was sent fails"
like "$(errors)" "FILE_DIFFERS.*was sent with 600 bytes \(MD5 [0-9a-f]{32}\), but the target has 600 \(MD5 [0-9a-f]{32}\)" "with both checksums"
orgsync run retry "$run" --wait >/dev/null 2>&1
is $? 1 "a retry fails as well"
like "$(errors)" "does not let our user change the file of QuoteDocument; delete the record there" "and says what to do"
files "$DST" remove QuoteDocument Second_V2.pdf || bail "not removed"
runs "a retry after that" orgsync run retry "$run" --wait
runs "brings it in" check_orgs "$run" --template "$T/quotes.yaml"

# ---- limits, the files that the org makes, rollback --------------------------------------------------------------------------
sed -e 's/name: quotes/name: small/' -e '1a files: {maxBytes: 1000}' "$T/quotes.yaml" >"$T/small.yaml"
runs "a template with a limit" orgsync template apply -f "$T/small.yaml"
files "$SRC" quote Second 1001 larger Second 1000 fits || bail "no documents"
reads small >"$T/reads"
is "$(totals "$run")" "[1, 0, 9, 0, 1]" "a document above the limit fails, as soon as it is measured; what is there is not judged"
like "$(errors)" "FILE_TOO_LARGE.*1001 bytes and the template takes files of 1000 at most" "with a sentence"
runs "a rollback" orgsync run rollback "$run" --yes --wait
is "$(curl -sf "$DST/__sim/count" | json 'd["QuoteDocument"]')" 5 "takes out what the run has inserted"
files "$SRC" publish Account 500 plan.bin || bail "no file"
sed -e 's/name: quotes/name: both/' "$T/quotes.yaml" >"$T/both.yaml"
printf '  - name: ContentVersion\n' >>"$T/both.yaml"
runs "a template of the other files too" orgsync template apply -f "$T/both.yaml"
like "$(orgsync run scan "$(create_run both)")" "keeps the file of each QuoteDocument as a ContentVersion of its own" "its scan tells that these are copied twice"
printf "    where: (NOT Title LIKE '%%.pdf')\n" >>"$T/both.yaml"
runs "with a filter of them" orgsync template apply -f "$T/both.yaml"
run=$(create_run both)
is "$(orgsync run scan "$run" | grep -c 'of its own')" 0 "it does not"
runs "the run goes through" orgsync run start "$run" --wait
is "$(totals "$run")" "[3, 0, 10, 0, 0]" "and brings the other file, its document known, and the two documents of quotes that were missing"
e2e_end

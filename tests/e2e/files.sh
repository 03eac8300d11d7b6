# shellcheck shell=bash
#
# What tests of files share, on top of lib.sh.

files() { # URL COMMAND...: files.py
	python3 "$ROOT/tests/e2e/files.py" "$@"
}
totals() { # RUN: inserted, updated, existing, skipped, failed
	run_get "$1" '[d["totals"][k] for k in ("inserted","updated","existing","skipped","failed")]'
}
attachments() { # four of them in the source, of an account and a contact; template attachments, and a run that brings all, id in run
	cat >"$T/people.jsonl" <<'JSON'
{"attributes":{"type":"Account"},"Id":"@a","Name":"Acme","Ext_Id__c":"A-1"}
{"attributes":{"type":"Contact"},"Id":"@c","LastName":"Roe","Ext_Id__c":"C-1","AccountId":"@a"}
JSON
	seed "$SRC" "$T/people.jsonl"
	files "$SRC" attach Account 1000 small.bin Contact 70000 middle.bin Account 8000000 large.bin Account 1 one.bin ||
		bail "no attachments"
	cat >"$T/attachments.yaml" <<'YAML'
name: attachments
objects:
  - name: Account
    match: {externalId: Ext_Id__c}
  - name: Contact
    match: {externalId: Ext_Id__c}
  - name: Attachment
YAML
	runs "a template with attachments" orgsync template apply -f "$T/attachments.yaml"
	run=$(create_run attachments)
	runs "the run goes through" orgsync run start "$run" --wait
	is "$(totals "$run")" "[6, 0, 0, 0, 0]" "all are inserted"
}

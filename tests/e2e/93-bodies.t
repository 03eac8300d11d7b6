#!/usr/bin/env bash
# Attachments, whose records tell no checksum: what both orgs have is told by what was known before, or by the bodies themselves.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/e2e/files.sh"
export ORGSYNC_REQUEST_LIMIT_MS=5000
e2e_begin
simulators
coordinator
worker
add_orgs

attachments
first=$run

calls() { # URL: reads of bodies
	curl -sf "$1/__sim/stats" | json 'd["byCall"].get("GET sobjects/*/*/Body", 0)'
}
somebody() { # COMMAND OBJECT NAME [SIZE]: does it in the target, in another second than whoever came before
	next_second
	files "$DST" "$@" || bail "no change"
}
reads() { # how many bodies the next run reads of the source and of the target
	local source target
	source=$(calls "$SRC") target=$(calls "$DST")
	run=$(create_run "$1")
	orgsync run start "$run" --wait >/dev/null 2>&1
	echo "$(($(calls "$SRC") - source)) $(($(calls "$DST") - target))"
}
somebody change Attachment large.bin 8000000
reads attachments >"$T/reads"
is "$(totals "$run")" "[0, 1, 5, 0, 0]" "a body that somebody else changed in the target is sent again"
is "$(cat "$T/reads")" "1 1" "it alone is read"
runs "and the checker agrees" check_orgs "$run" --template "$T/attachments.yaml"
somebody touch Attachment large.bin
reads attachments >"$T/reads"
is "$(totals "$run") $(cat "$T/reads")" "[0, 0, 6, 0, 0] 0 1" "one of which only the record was changed is read, and not sent"
reads attachments >"$T/reads"
is "$(totals "$run") $(cat "$T/reads")" "[0, 0, 6, 0, 0] 0 0" "and then known"
files "$SRC" attach Account 5000 ours.bin || bail "no attachment"
files "$DST" attach Account 5000 ours.bin || bail "no attachment"
files "$DST" change Attachment ours.bin 5000 || bail "no change"
sed -e 's/name: Attachment/&\n    match: {externalId: Ext_Id__c}/' "$T/attachments.yaml" >"$T/keyed.yaml"
runs "a template that finds attachments by key" orgsync template apply -f "$T/keyed.yaml"
reads attachments >"$T/reads"
is "$(totals "$run") $(cat "$T/reads")" "[0, 0, 7, 0, 0] 0 0" "a target that is younger and as long counts as the same"
sed -e '1a files: {verify: true}' "$T/keyed.yaml" >"$T/attachments.yaml"
runs "with verify" orgsync template apply -f "$T/attachments.yaml"
reads attachments >"$T/reads"
is "$(totals "$run") $(cat "$T/reads")" "[0, 1, 6, 0, 0] 2 2" "it is read in both orgs, sent, and read again"
runs "the checker agrees" check_orgs "$run" --template "$T/attachments.yaml"
curl -sf -d '{"match": "POST v60.0/sobjects/Attachment", "kind": "spoil-request", "count": 1}' "$DST/__sim/faults" >/dev/null || bail "no fault"
files "$SRC" attach Contact 600 spoilt.bin || bail "no attachment"
reads attachments >"$T/reads"
is "$(totals "$run") $(cat "$T/reads")" "[0, 0, 7, 0, 1] 1 1" "one that the target did not take as it was sent fails"
like "$(orgsync run errors "$run" -o json | json '[e["message"] for e in d["items"]]')" \
	"was sent with 600 bytes \(MD5 [0-9a-f]{32}\), but the target has 600 \(MD5 [0-9a-f]{32}\)" "with both checksums"
runs "a retry" orgsync run retry "$run" --wait
runs "brings it in" check_orgs "$run" --template "$T/attachments.yaml"

# ---- what is known goes with the last run that has asked for it ---------------------------------------------------------
known() { psql -qtA "$ORGSYNC_POSTGRES_URL" -c "SELECT count(*), count(DISTINCT run), min(run) FROM file_body"; }
is "$(known)" "6|1|$run" "what is known of the bodies belongs to the last run"
runs "the runs before it are deleted" orgsync run delete "$first" --yes
is "$(known)" "6|1|$run" "which takes nothing along that it still needs"
runs "the last one is deleted" orgsync run delete "$run" --yes
is "$(known)" "0|0|" "and with it what is known"
e2e_end

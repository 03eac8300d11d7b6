#!/usr/bin/env bash
# Batches that need no request but one after the other in a lane: no pause between them.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
worker
add_orgs
python3 -c '
for n in range(20000):
    print("{\"attributes\":{\"type\":\"Lead\"},\"LastName\":\"Doe\",\"Company\":\"Acme %d\",\"Status\":\"Open\"}" % n)' >"$T/leads.jsonl"
seed "$SRC" "$T/leads.jsonl"
cat >"$T/again.yaml" <<'YAML'
name: again
objects:
  - name: Lead
    fields: {include: [LastName, Company, Status]}
    match: {keys: [Company]}
options: {lanes: 1}
YAML
orgsync template apply -f "$T/again.yaml" >/dev/null || bail "the template is refused"
run=$(create_run again)
orgsync run start "$run" --wait >/dev/null 2>&1
is "$(run_get "$run" '[d["state"], d["totals"]["inserted"]]')" "['Synced', 20000]" "all are inserted"
quick() { # RUN
	local seconds
	seconds=$(run_get "$1" 'd["elapsedSeconds"]')
	diag "100 batches in $seconds s"
	[[ ${seconds%.*} -lt 12 ]]
}
slow=1
for _ in 1 2 3; do # with pauses it is never quick, without it may be kept from it
	again=$(create_run again)
	orgsync run start "$again" --wait >/dev/null 2>&1
	quick "$again" && slow=0 && break
done
is "$(run_get "$again" '[d["state"], d["totals"]["existing"]]')" "['Synced', 20000]" "all are there already"
ok $slow "100 batches of them take less than 12 s"
e2e_end

#!/usr/bin/env bash
# Programs that stand still past their lease and wake up after a successor took over; identical records without any key.
. "$(dirname "$0")/lib.sh"
export ORGSYNC_LEASE_MS=2000
faults_begin
worker one
ONE=$WORKER_PID
worker two

for template in demo demo-nokey; do
	start_trial $template
	wait_reached "$RUN" $((RANDOM % 50 + 10))
	kill -STOP "$ONE"
	before=$(settled "$RUN")
	moved() { [[ $(settled "$RUN") -gt $before ]] || run_ended "$RUN"; }
	runs "$template: the run goes on while a worker stands still" wait_for 60 moved
	wait_ended "$RUN" 60
	kill -CONT "$ONE"
	judge "$template: a worker stopped and woken" $template

	start_trial $template
	wait_reached "$RUN" $((RANDOM % 30 + 5))
	OLD=$COORDINATOR_PID
	kill -STOP "$OLD"
	API_PORT=
	coordinator second
	owned() { [[ $(psql -qtA "$ORGSYNC_POSTGRES_URL" -c "SELECT epoch FROM run WHERE id = '$RUN'") -ge 2 ]] || run_ended "$RUN"; }
	runs "$template: the successor takes the run over" wait_for 60 owned
	kill -CONT "$OLD"
	judge "$template: a coordinator stopped and woken after its successor took over" $template
	kill9 "$OLD"
done

# 3,000 records that nobody can tell apart.
cat >"$T/same.yaml" <<'YAML'
name: same
objects:
  - name: Lead
    fields: {include: [LastName, Company, Status]}
    match: none
YAML
orgsync template apply -f "$T/same.yaml" >/dev/null || bail "the template is refused"
curl -sf -X POST "$SRC/__sim/reset" >/dev/null
python3 -c '
for _ in range(3000):
    print("{\"attributes\":{\"type\":\"Lead\"},\"LastName\":\"Doe\",\"Company\":\"Acme\",\"Status\":\"Open\"}")' >"$T/same.jsonl"
seed "$SRC" "$T/same.jsonl"
for fault in drop-after slow-commit; do
	start_trial same
	curl -sf -d "[{\"match\":\"POST /composite\",\"kind\":\"$fault\",\"probability\":0.5,\"count\":3,\"ms\":1000}]" "$DST/__sim/faults" >/dev/null
	wait_ended "$RUN" 90
	is "$(run_get "$RUN" '[d["state"], d["totals"]["inserted"]]')" "['Synced', 3000]" "identical records, $fault: counts"
	is "$(curl -sf "$DST/__sim/count" | json 'd["Lead"]')" 3000 "identical records, $fault: once each"
done
start_trial same
some_lead() { [[ $(curl -sf "$DST/__sim/count" | json 'd.get("Lead", 0)') -gt 0 ]]; }
wait_for 30 some_lead
kill9 "$ONE"
worker one
wait_ended "$RUN" 90
is "$(curl -sf "$DST/__sim/count" | json 'd["Lead"]')" 3000 "identical records, kill -9: once each"
e2e_end

#!/usr/bin/env bash
# Automation is off, and the coordinator and a worker are killed at random moments: every switch is back where it was. TRIALS=50 for
# long runs; SEED repeats a test's moments.
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/automation.sh"
TRIALS=${TRIALS:-5}
SEED=${SEED:-$RANDOM}
RANDOM=$SEED
export ORGSYNC_LEASE_MS=1500 ORGSYNC_REQUEST_LIMIT_MS=3000
e2e_begin own
diag "SEED=$SEED TRIALS=$TRIALS"
simulators --latency 60
coordinator
worker
add_orgs
automation_data 60
template automation ''
curl -sf "$DST/__sim/settings" -d '{"deployMs":150}' >/dev/null
curl -sf "$DST/__sim/faults" -d '{"match":"POST /v60.0/composite","kind":"delay","ms":300}' >/dev/null
before=$(switches)

nap() { # MOST: a random moment within so many milliseconds
	python3 -c 'import sys, time; time.sleep(int(sys.argv[1]) / 1000)' $((RANDOM % $1))
}

for ((trial = 1; trial <= TRIALS; trial++)); do
	empty_target
	RUN=$(create_run automation) || bail 'no run'
	orgsync run start "$RUN" >/dev/null || bail 'the run does not start'
	abort=$((RANDOM % 3 == 0)) kills=$((1 + RANDOM % 2))
	for ((k = 0; k < kills; k++)); do
		nap 2500
		kill9 "$COORDINATOR_PID"
		if ((RANDOM % 2)); then
			kill9 "$WORKER_PID"
			worker
		fi
		coordinator
		((abort && k == 0)) && orgsync run abort "$RUN" >/dev/null 2>&1
	done
	runs "trial $trial: the run ends" wait_ended "$RUN" 120
	wait_restored "$RUN"
	is "$(switches)" "$before" "trial $trial: $(run_get "$RUN" 'd["state"]'): every switch is back where it was"
	is "$(automation "$RUN" 'd["state"] in ("on", None)')" True "trial $trial: and told so"
done
e2e_end

#!/usr/bin/env bash
# kill -9 of each program and each backend at a random moment of a run, with and without an external id in the target.
. "$(dirname "$0")/lib.sh"
faults_begin
worker one
ONE=$WORKER_PID
worker two

kill_worker() {
	kill9 "$ONE"
	worker one
	ONE=$WORKER_PID
}
kill_coordinator() {
	kill9 "$COORDINATOR_PID"
	coordinator
}
kill_backend() { # SERVICE
	"$ROOT/tests/stack" kill "$1" --dir "$STACK_DIR" >/dev/null 2>&1
	"$ROOT/tests/stack" start "$1" --dir "$STACK_DIR" >/dev/null 2>&1 || bail "$1 does not come back"
}

for template in demo demo-nokey; do
	for victim in worker coordinator kafka redis postgres; do
		percent=$((RANDOM % 80 + 5))
		start_trial $template
		wait_reached "$RUN" $percent
		case $victim in
		worker) kill_worker ;;
		coordinator) kill_coordinator ;;
		*) kill_backend $victim ;;
		esac
		judge "$template: kill -9 of $victim at $percent %" $template
	done
done
e2e_end

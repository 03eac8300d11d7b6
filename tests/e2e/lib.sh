# shellcheck shell=bash
#
# What the end-to-end tests share. A test file sources it, calls e2e_begin, makes assertions, and ends with e2e_end, which
# prints the TAP plan. Everything lies in a folder of its own under $TMPDIR; when the shell ends, all that it started is
# stopped and the folder is removed (kept when KEEP=1 or when an assertion failed and KEEP_FAILED=1).
#
# Backends: with ORGSYNC_E2E_STACK (a folder of tests/stack) a test makes a database of its own in that stack and a topic prefix
# of its own; without, or when it asks for it (e2e_begin own), it starts a stack of its own, which it may kill.

set -u
export LC_ALL=C.UTF-8
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
BIN=${ORGSYNC_BIN:-$ROOT/build/bin}
TAP_N=0
TAP_FAILED=0
PIDS=()

# ---- TAP ---------------------------------------------------------------------------------------------

diag() {
	local line
	while IFS= read -r line; do printf '# %s\n' "$line"; done <<<"$*"
}

ok() { # STATUS NAME
	TAP_N=$((TAP_N + 1))
	if [[ $1 -eq 0 ]]; then
		printf 'ok %d - %s\n' "$TAP_N" "$2"
	else
		TAP_FAILED=$((TAP_FAILED + 1))
		printf 'not ok %d - %s\n' "$TAP_N" "$2"
	fi
	return "$1"
}

is() { # GOT WANT NAME
	if [[ $1 == "$2" ]]; then
		ok 0 "$3"
	else
		ok 1 "$3"
		diag "got:  $1"
		diag "want: $2"
		return 1
	fi
}

like() { # TEXT REGEX NAME
	if [[ $1 =~ $2 ]]; then
		ok 0 "$3"
	else
		ok 1 "$3"
		diag "got:  $1"
		diag "want: /$2/"
		return 1
	fi
}

runs() { # NAME COMMAND...: the command ends with 0
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then
		ok 0 "$name"
	else
		ok 1 "$name"
		diag "$(tail -40 <<<"$out")"
		return 1
	fi
}

bail() { # the end of this file, not of the files after it
	TAP_N=$((TAP_N + 1)) TAP_FAILED=$((TAP_FAILED + 1))
	printf 'not ok %d - cannot go on\n' "$TAP_N"
	diag "$*"
	exit 1
}

# ---- begin and end -----------------------------------------------------------------------------------

# A number of a program that ended long ago may be somebody else's by now: tests run for minutes, and numbers come round.
ours() { # PID
	[[ $(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) == "$$" ]]
}

e2e_cleanup() {
	local status=$?
	trap - EXIT
	trap '' INT TERM HUP
	for pid in "${PIDS[@]-}"; do [[ -n $pid ]] && ours "$pid" && kill -CONT "$pid" 2>/dev/null && kill -TERM "$pid" 2>/dev/null; done
	for pid in "${PIDS[@]-}"; do
		[[ -n $pid ]] || continue
		ours "$pid" || continue
		for _ in {1..50}; do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	if [[ -d $T/stack ]]; then "$ROOT/tests/stack" down --dir "$T/stack" >/dev/null 2>&1; fi
	if [[ -n ${E2E_DATABASE:-} ]]; then
		psql -q "$E2E_ADMIN_URL" -c "DROP DATABASE IF EXISTS $E2E_DATABASE WITH (FORCE)" >/dev/null 2>&1
	fi
	if [[ ${KEEP:-0} == 1 || (${KEEP_FAILED:-0} == 1 && ($TAP_FAILED -gt 0 || $status -ne 0)) ]]; then
		diag "kept: $T"
	else
		rm -rf "$T"
	fi
	exit "$status"
}

own_stack() {
	"$ROOT/tests/stack" up --dir "$STACK_DIR" >"$T/stack.log" 2>&1 || bail "no stack: $(tail -3 "$T/stack.log")"
}

e2e_begin() { # [own]
	T=$(mktemp -d "${TMPDIR:-/tmp}/orgsync-e2e.XXXXXX") || bail "no temporary folder"
	chmod 755 "$T"
	trap e2e_cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	trap 'exit 129' HUP
	for program in orgsync orgsync-coordinator orgsync-worker orgsync-simulator; do
		[[ -x $BIN/$program ]] || bail "$BIN/$program is missing; run make build"
	done
	if [[ ${1:-} != own && -n ${ORGSYNC_E2E_STACK:-} ]]; then
		eval "$("$ROOT/tests/stack" env --dir "$ORGSYNC_E2E_STACK")" || bail "no stack at $ORGSYNC_E2E_STACK"
		E2E_ADMIN_URL=$ORGSYNC_POSTGRES_URL
		E2E_DATABASE=t_$$_$RANDOM
		psql -q "$E2E_ADMIN_URL" -c "CREATE DATABASE $E2E_DATABASE" >/dev/null || bail "no database"
		ORGSYNC_POSTGRES_URL=$(sed -E "s#/orgsync(\\?|\$)#/$E2E_DATABASE\\1#" <<<"$ORGSYNC_POSTGRES_URL")
		STACK_DIR=$ORGSYNC_E2E_STACK
	else
		STACK_DIR=$T/stack
		own_stack
		eval "$("$ROOT/tests/stack" env --dir "$STACK_DIR")"
	fi
	export ORGSYNC_POSTGRES_URL
	export ORGSYNC_KAFKA_PREFIX=t$$x$RANDOM
	export ORGSYNC_API_TOKEN_FILE=$T/token ORGSYNC_LOG_FORMAT=json
	export PATH=$BIN:$PATH
	cd "$T" || bail "no folder"
}

e2e_end() {
	printf '1..%d\n' "$TAP_N"
	exit $((TAP_FAILED > 0))
}

# ---- programs ----------------------------------------------------------------------------------------

# Below the ports of stacks and those that the system gives to outgoing connections. A port that one test has is no other's while the
# stack lives that they share: it is there again when what was killed comes back.
free_ports() { # N
	python3 -c '
import os, random, socket, sys
def is_ours(port):
    try:
        os.makedirs(os.path.join(sys.argv[2], "ports.claimed", str(port)))
    except FileExistsError:
        return False
    return True
taken = []
while len(taken) < int(sys.argv[1]):
    s = socket.socket()
    try:
        s.bind(("127.0.0.1", random.randrange(10240, 20000)))
    except OSError:
        continue
    if not sys.argv[2] or is_ours(s.getsockname()[1]):
        taken.append(s)
print(*[s.getsockname()[1] for s in taken])' "$1" "${ORGSYNC_E2E_STACK:-}"
}

wait_for() { # SECONDS COMMAND...: until it succeeds; asked seldom once it takes long, as asking takes a core from what is waited for
	local end=$((SECONDS + $1)) asked=0
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || return 1
		sleep "$((asked++ < 10 ? 5 : 15))e-2"
	done
}

# Orgs tell moments to the second: what comes now is later than what was.
next_second() {
	local begun=$EPOCHSECONDS
	later() { ((EPOCHSECONDS > begun)); }
	wait_for 5 later
}

start_program() { # VARIABLE LOG COMMAND...: in the background; its pid in VARIABLE
	local -n pid_of=$1
	local log=$2
	shift 2
	"$@" >>"$log" 2>&1 </dev/null &
	pid_of=$!
	PIDS+=("$pid_of")
}

# Whether a program that was started says that it is ready, or has ended.
said() { # PID LOG TEXT TIMES
	[[ $(grep -c -- "$3" "$2") -ge $4 ]] || ! kill -0 "$1" 2>/dev/null
}

# Starts a program and waits until it is ready. 2: somebody else has taken its port meanwhile.
start_ready() { # VARIABLE LOG TEXT COMMAND...
	local -n started=$1
	local log=$2 text=$3 before
	before=$(grep -c -- "$text" "$log" 2>/dev/null)
	start_program "$1" "$log" "${@:4}"
	wait_for 60 said "$started" "$log" "$text" $((before + 1))
	kill -0 "$started" 2>/dev/null && [[ $(grep -c -- "$text" "$log") -gt ${before:-0} ]] && return
	tail -n 1 "$log" | grep -q 'cannot listen' && return 2
	bail "${4##*/} does not start: $(tail -n 5 "$log")"
}

simulators() { # [further arguments]: org src and org dst
	local ports try given=${SRC_PORT:-}${DST_PORT:-}
	for try in 1 2 3; do
		read -r -a ports < <(free_ports 2)
		SRC=http://127.0.0.1:${SRC_PORT:=${ports[0]}}
		DST=http://127.0.0.1:${DST_PORT:=${ports[1]}}
		start_ready SIM_PID "$T/simulator.log" '^ready' "$BIN/orgsync-simulator" --org "src=$SRC_PORT" --org "dst=$DST_PORT" "$@" &&
			return
		[[ -z $given && $try -lt 3 ]] || bail "the simulator does not start: $(tail -n 5 "$T/simulator.log")"
		SRC_PORT='' DST_PORT=''
	done
}

coordinator() { # [NAME]: log NAME.log, pid in COORDINATOR_PID
	local name=${1:-coordinator} try given=${API_PORT:-}
	for try in 1 2 3; do
		export ORGSYNC_LISTEN=127.0.0.1:${API_PORT:=$(free_ports 1)}
		export ORGSYNC_API_URL=http://$ORGSYNC_LISTEN
		start_ready COORDINATOR_PID "$T/$name.log" '"coordinator.ready"' "$BIN/orgsync-coordinator" --bootstrap-token-file "$T/token" &&
			return
		[[ -z $given && $try -lt 3 ]] || bail "the coordinator does not start: $(tail -n 5 "$T/$name.log")"
		API_PORT=''
	done
}

worker() { # [NAME]: log NAME.log, pid in WORKER_PID
	local name=${1:-worker}
	start_ready WORKER_PID "$T/$name.log" '"worker.ready"' "$BIN/orgsync-worker" || bail "the worker's port is taken"
}

kill9() { # PID
	ours "$1" && kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	return 0
}

add_orgs() {
	printf 'orgsync-secret' >"$T/secret"
	orgsync org add src --instance-url "$SRC" --auth client-credentials --client-id orgsync --client-secret-file "$T/secret" >/dev/null ||
		bail "org src cannot be added"
	orgsync org add dst --instance-url "$DST" --auth client-credentials --client-id orgsync --client-secret-file "$T/secret" >/dev/null ||
		bail "org dst cannot be added"
}

seed() { # URL FILE
	curl -sf --data-binary "@$2" -H 'Content-Type: application/x-ndjson' "$1/__sim/seed" >/dev/null || bail "seeding $1 failed"
}

# Lets what matches wait in an org until it is let go: an order that hangs on nobody's speed. Faults that are there go with it.
hold() { # URL MATCH [KIND [MEMBERS]]: kinds hold, hold-body, hold-job
	curl -sf -d "{\"match\":\"$2\",\"kind\":\"${3:-hold}\"${4:+,$4}}" "$1/__sim/faults" >/dev/null || bail "nothing is held"
}

held() { # URL [N]: whether so many wait there
	[[ $(curl -sf "$1/__sim/stats" | json 'd["held"]') -ge ${2:-1} ]]
}

let_go() { # URL
	curl -sf -X DELETE "$1/__sim/faults" >/dev/null || bail "nothing is let go"
}

# ---- runs --------------------------------------------------------------------------------------------

json() { # EXPRESSION: of d, the JSON on standard input
	python3 -c 'import json, sys; d = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"
}

run_get() { # RUN EXPRESSION
	orgsync run show "$1" -o json | json "$2"
}

run_ended() { # RUN
	[[ $(run_get "$1" 'd["state"]' 2>/dev/null) =~ ^(Synced|Aborted|Not\ Started)$ ]]
}

wait_ended() { # RUN [SECONDS]
	wait_for "${2:-300}" run_ended "$1" && return 0
	diag "run $1: $(orgsync run show "$1" -o json 2>&1 | head -c 3000)"
	return 1
}

create_run() { # TEMPLATE-NAME: prints the id
	orgsync run create --template "$1" --source src --target dst
}

forget_mappings() { # what runs have mapped between the orgs; before the first run there is nothing to make anew
	psql -q "$ORGSYNC_POSTGRES_URL" -c 'TRUNCATE idmap_log' >/dev/null 2>&1
	orgsync idmap rebuild --source src --target dst >/dev/null 2>&1
}

check_orgs() { # RUN [arguments for the checker]: the judge
	local run=$1
	shift
	orgsync run show "$run" -o json >"$T/run.json" || return 1
	orgsync run errors "$run" --csv "$T/errors.csv" >/dev/null || return 1
	python3 "$ROOT/tests/checker/check" orgs "$SRC" "$DST" --run "$T/run.json" --failed "$T/errors.csv" "$@"
}

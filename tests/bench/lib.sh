# shellcheck shell=bash
#
# What the benchmarks share, on top of tests/e2e/lib.sh. A script sources it, calls bench_begin, makes records in the source,
# starts programs with bench_programs, runs a template with bench_run, and gets its figures with bench_figures.

# shellcheck disable=SC2119 # what lib.sh starts takes arguments that are not needed here
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
BENCH=$ROOT/tests/bench
WORKER_PIDS=()

say() {
	printf 'bench %s: %s\n' "$BENCH_NAME" "$*" >&2
}

die() {
	say "FAILED: $*"
	exit 1
}

number() { # NAME VALUE LEAST MOST
	[[ $2 =~ ^[1-9][0-9]{0,8}$ ]] && (($2 >= $3 && $2 <= $4)) && return
	say "$1: $2 is not a number from $3 to $4"
	exit 2
}

bench_begin() { # NAME: a stack of its own, and two simulated orgs
	BENCH_NAME=$1
	BENCH_RESULTS=$(realpath -m "${BENCH_OUT:-.}")
	[[ ${BENCH_API:-rest} =~ ^(rest|bulk)$ ]] || { say "BENCH_API: $BENCH_API is not rest or bulk"; exit 2; }
	e2e_begin own
	[[ -n ${BENCH_OUT:-} ]] || BENCH_RESULTS=$T/results
	mkdir -p "$BENCH_RESULTS" || die "no folder for the results"
	simulators
}

bench_end() { # prints what is in the results of this script; its exit status is that of the figures
	"$BENCH/report" "$BENCH_RESULTS/$BENCH_NAME"*.json || BENCH_STATUS=1
	exit "${BENCH_STATUS:-0}"
}

# A benchmark of several runs, each of which has a stack of its own: this script again for each of them, with its name in
# BENCH_PART. Prints the figures of all, and ends.
bench_parts() { # PART...
	local part status=0
	PARTS_OUT=${BENCH_OUT:-$(mktemp -d "${TMPDIR:-/tmp}/orgsync-bench.XXXXXX")} || exit 1
	trap '[[ -z ${PART_PID:-} ]] || { kill -TERM "$PART_PID" 2>/dev/null && wait "$PART_PID"; }
		[[ -n ${BENCH_OUT:-} ]] || rm -rf "$PARTS_OUT"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	for part in "$@"; do
		BENCH_PART=$part BENCH_OUT=$PARTS_OUT "$0" >/dev/null &
		PART_PID=$!
		wait "$PART_PID" || status=1
		PART_PID=
	done
	"$BENCH/report" "$PARTS_OUT/$BENCH_NAME"*.json || status=1
	exit "$status"
}

# ---- what the system tells -----------------------------------------------------------------------------

ticks() { # PID...: user and system time of these processes and of the children they have reaped
	local pid stat fields sum=0
	for pid in "$@"; do
		{ stat=$(<"/proc/$pid/stat"); } 2>/dev/null || continue
		read -ra fields <<<"${stat##*) }"
		sum=$((sum + fields[11] + fields[12] + fields[13] + fields[14]))
	done
	echo "$sum"
}

peak() { # PID...: the largest VmHWM, in KiB
	local pid
	for pid in "$@"; do sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$pid/status"; done | sort -n | tail -1
}

family() { # SERVICE: its process and the children of it
	local pid _
	read -r pid _ <"$STACK_DIR/$1/pid"
	echo "$pid"
	cat "/proc/$pid/task/"*"/children" 2>/dev/null
}

# One line, of: coordinator, workers, simulator, kafka, redis, postgres.
of_programs() { # ticks|peak
	# shellcheck disable=SC2046 # the children are words
	echo "$("$1" "$COORDINATOR_PID") $("$1" "${WORKER_PIDS[@]}") $("$1" "$SIM_PID") $("$1" $(family kafka))" \
		"$("$1" $(family redis)) $("$1" $(family postgres))"
}

redis_memory() {
	redis-cli -u "$ORGSYNC_REDIS_URL" info memory | tr -d '\r' | sed -n 's/^used_memory://p'
}

alive() {
	local pid
	for pid in "$COORDINATOR_PID" "${WORKER_PIDS[@]}" "$SIM_PID"; do kill -0 "$pid" 2>/dev/null || return 1; done
}

# ---- the orgs ------------------------------------------------------------------------------------------

sim() { # URL DOOR [JSON]: a call of the admin door
	if [[ $# -eq 3 ]]; then
		curl -sf "$1/__sim/$2" -d "$3" >/dev/null
	else
		curl -sf "$1/__sim/$2"
	fi || die "the simulator refuses $2"
}

token() { # URL
	curl -sf "$1/services/oauth2/token" -d grant_type=client_credentials -d client_id=orgsync -d client_secret=orgsync-secret |
		json 'd["access_token"]'
}

# Accounts and contacts 1:4, of twenty fields: nineteen and Ext_Id__c, which the generator fills always.
bench_records() { # URL SIZE
	local accounts=$(($2 / 5))
	sim "$1" generate "{\"object\":\"Account\",\"count\":$accounts,\"fields\":19}"
	sim "$1" generate "{\"object\":\"Contact\",\"count\":$(($2 - accounts)),\"parent\":\"Account\",\"fields\":19}"
	WANT=("Account=$accounts" "Contact=$(($2 - accounts))")
}

# ---- a run ---------------------------------------------------------------------------------------------

bench_programs() { # WORKERS
	local i
	coordinator
	for ((i = 1; i <= $1; i++)); do
		worker "worker$i"
		WORKER_PIDS+=("$WORKER_PID")
	done
	add_orgs
}

bench_template() { # FILE [SED-EXPRESSION...]: the template with the API that is asked for
	local file=$1 args=(-e "s/api: rest/api: ${BENCH_API:-rest}/") e
	shift
	for e in "$@"; do args+=(-e "$e"); done
	sed "${args[@]}" "$file" >"$T/template.yaml"
	orgsync template apply -f "$T/template.yaml" >/dev/null || die "the template is refused"
}

# A run of no records: the broker makes the log of its transactions with the first one, which takes some two seconds.
bench_warm() {
	printf 'name: warm\nobjects: [{name: Lead, fields: {include: [LastName]}, match: none}]\n' >"$T/warm.yaml"
	orgsync template apply -f "$T/warm.yaml" >/dev/null || die "the template is refused"
	RUN=$(create_run warm) || die "no run"
	orgsync run start "$RUN" --wait >/dev/null 2>&1 || die "a run of no records does not end"
}

# A worker tells its calls twice a second, the last ones when it is idle.
calls_told() {
	local told
	told=$(run_get "$RUN" 'd["targetCalls"]')
	((told >= $(sim "$DST" stats | json 'sum(d["byCall"].values())')))
}

# Logins are no API calls, but stand in the simulator's number of requests: a fault that does nothing counts them.
count_logins() { # URL
	sim "$1" faults '{"match":"/services/oauth2/","kind":"delay","ms":0}'
}

bench_start() { # TEMPLATE-NAME
	local url
	RUN=$(create_run "$1") || die "no run"
	for url in "$SRC" "$DST"; do
		count_logins "$url"
		curl -sf -X DELETE "$url/__sim/stats" >/dev/null || die "the simulator keeps its figures"
	done
	REDIS_BEFORE=$(redis_memory) CPU_BEFORE=$(of_programs ticks)
	start_program SAMPLER_PID "$T/samples" "$BENCH/sample" "$DST"
	say "run $RUN"
	orgsync run start "$RUN" >&2 || die "the run does not start"
}

in_state() { # STATE
	[[ $(run_get "$RUN" 'd["state"]' 2>/dev/null) == "$1" ]]
}

bench_wait() { # COMMAND...: until it succeeds
	local deadline=$((SECONDS + ${BENCH_TIMEOUT:-3600}))
	until "$@"; do
		alive || die "a program died: $(tail -n 3 "$T"/*.log)"
		((SECONDS < deadline)) || die "not in time: $(orgsync run show "$RUN" -o json)"
		sleep "${BENCH_POLL:-0.5}"
	done
}

# After the run: what was measured, into the folder that the figures are made from.
bench_collect() {
	local org url what
	CPU_AFTER=$(of_programs ticks) REDIS_AFTER=$(redis_memory) PEAKS=$(of_programs peak)
	kill "$SAMPLER_PID"
	wait "$SAMPLER_PID" 2>/dev/null
	wait_for 10 calls_told || say "the run's target calls are not those that the org saw"
	orgsync run show "$RUN" -o json >"$T/run.json" || die "the run cannot be shown"
	orgsync run errors "$RUN" -o json >"$T/errors.json" 2>&1
	for org in src dst; do
		url=$SRC
		[[ $org == src ]] || url=$DST
		for what in stats count faults; do sim "$url" "$what" >"$T/$org-$what.json"; done
	done
}

bench_run() { # TEMPLATE-NAME
	bench_start "$1"
	bench_wait run_ended "$RUN"
	bench_collect
}

bench_figures() { # KIND COLUMN [NAME=VALUE...]: to the results; BENCH_STATUS is 1 when counts do not add up
	local kind=$1 column=$2 file=$BENCH_RESULTS/$BENCH_NAME-${2//[^a-z0-9]/-}.json
	shift 2
	"$BENCH/figures" "$T" "kind=$kind" "column=$column" "api=${BENCH_API:-rest}" "hz=$(getconf CLK_TCK)" \
		"workers=${#WORKER_PIDS[@]}" "cpuBefore=$CPU_BEFORE" "cpuAfter=$CPU_AFTER" "peaks=$PEAKS" \
		"redisBefore=$REDIS_BEFORE" "redisAfter=$REDIS_AFTER" "want=${WANT[*]}" "$@" >"$file.part"
	local status=$?
	((status == 0)) || { BENCH_STATUS=1; cat "$T/errors.json" >&2; }
	[[ ! -s $file.part ]] || mv "$file.part" "$file"
}

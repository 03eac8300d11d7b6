# shellcheck shell=bash
#
# Faults at random moments of a run. A trial: fresh orgs and data, a run, something dies at a random share of its progress, comes
# back, and the run must end Synced by itself; the checker finds no loss and no duplicate. SEED repeats a test's moments.

# shellcheck source=../e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
DEMO=$ROOT/tests/demo
RECORDS=${RECORDS:-6000}
LATENCY=${LATENCY:-15}
SEED=${SEED:-$RANDOM}
RANDOM=$SEED

# Short, because the simulator's requests are short.
export ORGSYNC_REQUEST_LIMIT_MS=${ORGSYNC_REQUEST_LIMIT_MS:-3000}

# From now on coordinators and workers are those that have failpoints.
faulty_programs() {
	local faulty=${ORGSYNC_FAULTY:-$ROOT/build/faulty}
	[[ -x $faulty/orgsync-worker && -x $faulty/orgsync-coordinator ]] || bail "$faulty has no programs; run make build"
	mkdir -p "$T/bin"
	ln -sf "$BIN/orgsync" "$BIN/orgsync-simulator" "$faulty/orgsync-worker" "$faulty/orgsync-coordinator" "$T/bin/"
	BIN=$T/bin PATH=$T/bin:$PATH
}

# ---- A net that fails: coordinators and workers reach what they need over tests/chaos/proxy, the test itself does not -------------
net_begin() { # in the place of e2e_begin own
	local ports
	read -r -a ports < <(free_ports 5)
	NET_PORT=${ports[0]} NET_KAFKA=${ports[1]} NET_REDIS=${ports[3]} NET_POSTGRES=${ports[4]}
	export STACK_KAFKA_PROXY=${ports[2]}:$NET_KAFKA
	e2e_begin own
	local port='s/.*:([0-9]+)(\/.*)?$/\1/'
	net_proxy "$NET_PORT" "kafka=$NET_KAFKA:${ports[2]}" "redis=$NET_REDIS:$(sed -E "$port" <<<"$ORGSYNC_REDIS_URL")" \
		"postgres=$NET_POSTGRES:$(sed -E "$port" <<<"$ORGSYNC_POSTGRES_URL")"
	mkdir -p "$T/net"
	for program in orgsync-coordinator orgsync-worker; do
		printf '#!/bin/sh\nORGSYNC_KAFKA_BROKERS=127.0.0.1:%s ORGSYNC_REDIS_URL=%s ORGSYNC_POSTGRES_URL=%s exec %s "$@"\n' "$NET_KAFKA" \
			"$(sed -E "s/:[0-9]+(\/|$)/:$NET_REDIS\1/" <<<"$ORGSYNC_REDIS_URL")" \
			"$(sed -E "s/:[0-9]+(\/|$)/:$NET_POSTGRES\1/" <<<"$ORGSYNC_POSTGRES_URL")" "$BIN/$program" >"$T/net/$program"
		chmod +x "$T/net/$program"
	done
	ln -s "$BIN/orgsync" "$BIN/orgsync-simulator" "$T/net/"
	BIN=$T/net PATH=$T/net:$PATH
}
net_proxy() { # CONTROL-PORT ROUTE...
	local pid
	start_ready pid "$T/net.log" '^ready' "$ROOT/tests/chaos/proxy" "$@" || bail "no proxy"
}
# The orgs too, as org src and dst: their logins send the caller to the proxy.
net_orgs() {
	local ports
	read -r -a ports < <(free_ports 3)
	NET_ORGS_PORT=${ports[0]}
	net_proxy "$NET_ORGS_PORT" "src=${ports[1]}:${SRC##*:}" "dst=${ports[2]}:${DST##*:}"
	curl -sf -d "{\"publicPort\":${ports[1]}}" "$SRC/__sim/settings" >/dev/null || bail "no setting"
	curl -sf -d "{\"publicPort\":${ports[2]}}" "$DST/__sim/settings" >/dev/null || bail "no setting"
	SRC=http://127.0.0.1:${ports[1]} DST=http://127.0.0.1:${ports[2]} add_orgs
}
net() { # ACT NAME [MS...]: prints how many connections it was done to
	local port=$NET_PORT answer
	[[ $2 != src && $2 != dst ]] || port=$NET_ORGS_PORT
	exec 9<>"/dev/tcp/127.0.0.1/$port" && echo "$*" >&9 && read -r answer <&9
	exec 9>&-
	[[ $answer =~ ^[0-9]+$ ]] || bail "the proxy says: $answer"
	echo "$answer"
}

faults_begin() { # [net]
	if [[ ${1:-} == net ]]; then net_begin; else e2e_begin own; fi
	diag "SEED=$SEED"
	"$DEMO/make-data" --records "$RECORDS" >"$T/demo.jsonl" 2>/dev/null
	simulators --schema "dst:$DEMO/target-schema.json" --latency "$LATENCY"
	coordinator
	if [[ ${1:-} == net ]]; then net_orgs; else add_orgs; fi
	seed "$SRC" "$T/demo.jsonl"
	orgsync template apply -f "$DEMO/template.yaml" >/dev/null || bail "the template is refused"
	orgsync template apply -f "$DEMO/template-nokey.yaml" >/dev/null || bail "the template is refused"
	EXPECTED=$(json 'd["totals"]["total"]' <"$T/demo.jsonl.expect.json")
}

# What is settled of a run so far.
settled() { # RUN
	run_get "$1" 'sum(d["totals"][k] for k in ("inserted","updated","existing","skipped","failed"))' 2>/dev/null || echo 0
}

reached() { # RUN RECORDS
	[[ $(settled "$1") -ge $2 ]] || run_ended "$1"
}

wait_reached() { # RUN PERCENT
	wait_for 300 reached "$1" $((EXPECTED * $2 / 100))
}

start_trial() { # TEMPLATE: fresh target, fresh id map; a run started, id in RUN
	curl -sf -X POST "$DST/__sim/reset" >/dev/null || bail "the target cannot be emptied"
	curl -sf -X DELETE "$DST/__sim/faults" >/dev/null
	# the rebuild would mark what former trials left as OUTCOME_UNKNOWN
	psql -q "$ORGSYNC_POSTGRES_URL" -c 'TRUNCATE idmap_log' -c "DELETE FROM failure WHERE code = 'OUTCOME_UNKNOWN'" >/dev/null 2>&1
	orgsync idmap rebuild --source src --target dst >/dev/null 2>&1
	RUN=$(create_run "$1") || bail "no run"
	orgsync run start "$RUN" >/dev/null || bail "the run does not start"
}

judge() { # NAME TEMPLATE: the end of a trial
	local name=$1 template=$2 file=$DEMO/template.yaml key=(--key Ext_Id__c)
	if [[ $template == demo-nokey ]]; then file=$DEMO/template-nokey.yaml key=(); fi
	wait_ended "$RUN" "${TRIAL_SECONDS:-300}"
	is "$(run_get "$RUN" 'd["state"]')" Synced "$name: Synced by itself"
	runs "$name: no loss, no duplicate" check_orgs "$RUN" --template "$file" "${key[@]}"
	runs "$name: the summary is exact" python3 "$ROOT/tests/e2e/expect.py" "$T/run.json" "$T/errors.csv" "$T/demo.jsonl.expect.json"
}

# ---- Trials with failpoints: all programs anew, one of them with the point ----------------------------------------------------------
stop_all() {
	for pid in "${TRIAL_WORKERS[@]-}"; do [[ -n $pid ]] && kill9 "$pid"; done
	TRIAL_WORKERS=()
	kill9 "$COORDINATOR_PID"
}
start_worker() { # [FAILPOINTS]
	ORGSYNC_FAILPOINTS=${1:-} worker w$((${#TRIAL_WORKERS[@]} + 1))
	TRIAL_WORKERS+=("$WORKER_PID")
}
start_coordinator() { # [FAILPOINTS]
	export ORGSYNC_FAILPOINTS=${1:-}
	coordinator
	export ORGSYNC_FAILPOINTS=
}
arm() { # POINT
	stop_all
	if [[ $1 == coordinator.* ]]; then
		start_coordinator "$1"
		start_worker
	else
		start_coordinator
		start_worker "$1"
	fi
}

#!/usr/bin/env bash
# Calls are dear: records that lock no parent fill their requests.
. "$(dirname "$0")/lib.sh"
e2e_begin
simulators
coordinator
add_orgs
curl -sf -d '{"object":"Account","count":24000,"seed":76}' "$SRC/__sim/generate" >/dev/null || bail "no accounts"
printf 'name: full\nobjects:\n  - {name: Account, fields: {include: [Name, Phone]}, match: none, api: rest}\n' >"$T/full.yaml"
orgsync template apply -f "$T/full.yaml" >/dev/null || bail "the template is refused"
RUN=$(create_run full)
# The worker comes when all is there for it.
orgsync run start "$RUN" >"$T/out" 2>&1
published() { [[ $(run_get "$RUN" 'd["totals"]["published"]') == 24000 ]]; }
wait_for 60 published || bail "not published: $(orgsync run show "$RUN" -o json)"
worker
wait_ended "$RUN"
is "$(run_get "$RUN" 'd["state"], d["totals"]["inserted"]')" "('Synced', 24000)" "all are in"
runs "the checker agrees" check_orgs "$RUN" --template "$T/full.yaml"
calls=$(curl -sf "$DST/__sim/stats" | json 'sum(n for call, n in d["byCall"].items() if call in ("POST composite", "POST composite/sobjects"))')
diag "$calls calls"
ok $((calls > 26)) "24,000 records in 24 calls, give or take two that could not wait"

# A run goes through by the shortest lease that is allowed too.
kill9 "$WORKER_PID"
kill9 "$COORDINATOR_PID"
export ORGSYNC_LEASE_MS=1000
curl -sf -X POST "$DST/__sim/reset" >/dev/null
psql -q "$ORGSYNC_POSTGRES_URL" -c 'TRUNCATE idmap_log' >/dev/null
coordinator short
worker short-lived
orgsync idmap rebuild --source src --target dst >/dev/null
RUN=$(create_run full)
orgsync run start "$RUN" --wait >"$T/out" 2>&1
is "$(run_get "$RUN" 'd["state"], d["totals"]["inserted"]')" "('Synced', 24000)" "a lease of a second: all are in"
e2e_end

#!/usr/bin/env bash
# An org that puts a new refresh token in the place of the one that was used: whoever was given it keeps it, sealed, for all.
. "$(dirname "$0")/../e2e/lib.sh"
e2e_begin
simulators
for org in "$SRC" "$DST"; do curl -sf -d '{"refreshTokens":"rotate"}' "$org/__sim/settings" >/dev/null || bail "no setting"; done
coordinator
worker one
printf 'orgsync-secret' >"$T/secret"
for org in src dst; do
	printf 'refresh-%s' $org >"$T/refresh"
	url=$SRC
	[[ $org == src ]] || url=$DST
	runs "$org is added" orgsync org add $org --instance-url "$url" --auth refresh-token --client-id orgsync \
		--client-secret-file "$T/secret" --refresh-token-file "$T/refresh"
	runs "its token was replaced, and holds" orgsync org test $org
	runs "and again" orgsync org test $org
done
printf 'name: lead\nobjects:\n  - name: Lead\n    fields: {include: [LastName, Company]}\n    match: none\n' >"$T/lead.yaml"
orgsync template apply -f "$T/lead.yaml" >/dev/null || bail "the template is refused"
curl -sf -d '{"object":"Lead","count":3000,"seed":90,"fields":4}' "$SRC/__sim/generate" >/dev/null || bail "no records"
RUN=$(create_run lead)
runs "a run goes through" orgsync run start "$RUN" --wait
kill9 "$WORKER_PID"
kill9 "$COORDINATOR_PID"
coordinator
worker two
worker three
curl -sf -d '{"object":"Lead","count":3000,"seed":91,"fields":4}' "$SRC/__sim/generate" >/dev/null || bail "no records"
for org in "$SRC" "$DST"; do curl -sf -X POST "$org/__sim/expire-sessions" >/dev/null; done
RUN=$(create_run lead)
runs "after kill -9 of all, with two workers that log in side by side" orgsync run start "$RUN" --wait
is "$(run_get "$RUN" '[d["state"], d["totals"]["inserted"], d["totals"]["existing"]]')" "['Synced', 3000, 3000]" "nothing is missing"
is "$(cat "$T"/*.log | grep -c -e 'refresh-src' -e 'refresh-dst')" 0 "no token is in the logs"
is "$(pg_dump "$ORGSYNC_POSTGRES_URL" | grep -c -e 'refresh-src' -e 'refresh-dst')" 0 "nor in Postgres as it is"
e2e_end

/* The simulator's SOQL: text to a query, its records, its rows. */
#include "sim.h"
#include "sim_soql.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(struct sim_query *q)
{
	struct sim_result result = {0};
	struct sim_buf out = {0};

	sim_query_columns(q, &out);
	sim_query_run(q, 0, &result);
	if (q->aggregate)
		sim_query_aggregate(q, &result, &out);
	else if (!q->count_only)
		sim_query_rows(q, &out, result.serial, result.n);
	if (sim_utf8_len(sim_buf_view(&out), false) < 0)
		abort();
	sim_result_done(&result);
	sim_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *authorization;
	struct sim_org *org = fuzz_sim_org(&authorization);
	struct sim_arena arena = {NULL};
	struct sim_err err = {0};
	struct sim_query *q;

	/* a server never hands on what is not UTF-8 */
	if (sim_utf8_len(fuzz_str(data, size), false) < 0)
		return 0;
	q = sim_soql_parse(org, &arena, fuzz_str(data, size), &err);
	if (!q && !err.code)
		abort();
	if (q) {
		q->version = "v60.0";
		run(q);
	}
	sim_arena_done(&arena);
	return 0;
}

/* The data of the simulator's ingest jobs: rows are found, each gives as many cells as the header.
 */
#include "sim.h"
#include "sim_job.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_rows(const struct sim_job *job)
{
	struct sim_arena arena = {NULL};
	struct sim_str *cells = sim_alloc(((size_t)job->ncolumns + 1) * sizeof(*cells));
	size_t bytes = 0;

	for (size_t i = 0; i < job->nrows; i++) {
		sim_csv_row(job, &arena, i, cells);
		for (int k = 0; k < job->ncolumns; k++)
			bytes += cells[k].len;
	}
	if (bytes > job->csv_len)
		abort();
	sim_arena_done(&arena);
	free(cells);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char insert[] = "insert";
	const char *authorization;
	struct sim_org *org = fuzz_sim_org(&authorization);
	struct sim_job job = {.org = org, .operation = insert, .ingest = true};

	if (size < 1)
		return 0;
	job.delimiter = ",;\t|^`"[data[0] % 6];
	job.crlf = data[0] & 0x80;
	job.csv = sim_alloc(size);
	memcpy(job.csv, data + 1, size - 1);
	job.csv_len = size - 1;
	if (!sim_csv_parse(&job)) {
		(void)sim_csv_columns(&job, sim_object_find(org, SIM_S("Account")));
		read_rows(&job);
	}
	free(job.csv);
	free(job.row);
	sim_arena_done(&job.arena);
	return 0;
}

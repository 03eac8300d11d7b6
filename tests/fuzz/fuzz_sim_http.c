/* A request to the simulated org, from its line to its reply: "METHOD /path?query", an empty line,
 * the body. Its admin door is left out: it does what it is told. */
#include "sim.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void handle(
	struct sim_org *org, const char *authorization, struct sim_str line, struct sim_str body)
{
	struct sim_arena arena = {NULL};
	struct sim_resp resp = {.status = 200};
	struct sim_req req = {
		.org = org, .arena = &arena, .method = sim_cut(&line, ' '), .uri = line};
	char *copy = sim_alloc(body.len + 1);

	if (body.len)
		memcpy(copy, body.p, body.len);
	copy[body.len] = 0;
	req.body = copy;
	req.len = body.len;
	req.header[SIM_H_AUTH] = sim_cstr(authorization);
	req.header[SIM_H_TYPE] = SIM_S("application/json");
	sim_handle(&req, &resp);
	if (resp.status < 200 || resp.status > 599)
		abort();
	sim_buf_done(&resp.body);
	sim_arena_done(&arena);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned count;
	const char *authorization;
	struct sim_org *org = fuzz_sim_org(&authorization);
	struct sim_str rest = fuzz_str(data, size), line = sim_cut(&rest, '\n');

	if (memmem(line.p, line.len, "__sim", 5) || memchr(line.p, 0, line.len))
		return 0;
	if (rest.len && rest.p[0] == '\n')
		rest.p++, rest.len--;
	org->daily_left = org->daily_max;
	handle(org, authorization, line, rest);
	if (++count % 1000 == 0)
		fuzz_sim_reset(org);
	return 0;
}

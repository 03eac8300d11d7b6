#include <stdlib.h>

#include "sim.h"

static const char seed[] =
	"{\"attributes\":{\"type\":\"Account\"},\"Id\":\"@a\",\"Name\":\"Acme\",\"Industry\":"
	"\"Energy\",\"AnnualRevenue\":7}\n"
	"{\"attributes\":{\"type\":\"Account\"},\"Id\":\"@b\",\"Name\":\"B\",\"ParentId\":\"@a\"}\n"
	"{\"attributes\":{\"type\":\"Contact\"},\"LastName\":\"Li\",\"AccountId\":\"@a\",\"Email\":"
	"\"a@b.example\"}\n";

/* One request with its arena, as the server makes it; the reply is freed. */
static void ask(struct sim_org *org, const char *method, const char *uri, const char *body,
	struct sim_buf *ret)
{
	struct sim_arena arena = {NULL};
	struct sim_buf copy = {0};
	struct sim_resp resp = {.status = 200};
	struct sim_req req = {
		.org = org, .arena = &arena, .method = sim_cstr(method), .uri = sim_cstr(uri)};

	sim_buf_str(&copy, body);
	req.body = copy.p;
	req.len = copy.len;
	sim_handle(&req, &resp);
	if (resp.status != 200)
		abort();
	sim_buf_s(ret, sim_buf_view(&resp.body));
	sim_buf_done(&resp.body);
	sim_buf_done(&copy);
	sim_arena_done(&arena);
}

static void plant(struct sim_org *org)
{
	struct sim_buf reply = {0};

	ask(org, "POST", "/__sim/seed", seed, &reply);
	sim_buf_done(&reply);
}

struct sim_org *fuzz_sim_org(const char **ret_authorization)
{
	static struct sim_org *org;
	static char authorization[200];
	struct sim_buf reply = {0};

	if (!org) {
		org = sim_org_new(SIM_S("fuzz"), 1);
		org->set.lock_wait_ms = 0;
		org->set.bulk_keep_s = 0;
		ask(org, "POST", "/services/oauth2/token",
			"grant_type=client_credentials&client_id=orgsync&client_secret=orgsync-"
			"secret",
			&reply);
		sim_buf_ch(&reply, '\0');
		const char *token = strstr(reply.p, "\"access_token\":\"");
		if (!token || sscanf(token + 16, "%149[^\"]", authorization + 7) != 1)
			abort();
		memcpy(authorization, "Bearer ", 7);
		sim_buf_done(&reply);
		plant(org);
	}
	*ret_authorization = authorization;
	return org;
}

void fuzz_sim_reset(struct sim_org *org)
{
	struct sim_buf reply = {0};

	ask(org, "POST", "/__sim/reset", "", &reply);
	sim_buf_done(&reply);
	plant(org);
}

/* Faults: which of them fires on a request. */
#include "sim_http.h"

#include <stdlib.h>

void sim_fault_add(struct sim_org *org, const struct sim_json *v)
{
	struct sim_fault *f = sim_zalloc(sizeof(*f)), **at;
	struct sim_str match = sim_json_str(v, "match"), rest = match, word = sim_cut(&rest, ' ');
	struct sim_buf text = {0};

	if (word.len && word.p[0] >= 'A' && word.p[0] <= 'Z') {
		f->method = sim_strdup(word);
		f->path = sim_strdup(rest);
	} else {
		f->path = sim_strdup(match);
	}
	f->kind = sim_strdup(sim_json_str(v, "kind"));
	f->probability = sim_json_num(v, "probability", 1.0);
	f->after = sim_json_i64(v, "after", 0);
	f->count = sim_json_i64(v, "count", INT64_MAX);
	f->ms = sim_json_i64(v, "ms", 0);
	f->rows = sim_json_num(v, "rows", 1.0);
	f->batches = sim_json_i64(v, "batches", 0);
	f->over_limit = sim_json_i64(v, "overLimit", -1);
	f->over_bytes = sim_json_i64(v, "overBytes", -1);
	sim_json_write(&text, v);
	f->text = sim_strdup(sim_buf_view(&text));
	sim_buf_done(&text);
	pthread_mutex_lock(&org->side);
	for (at = &org->faults; *at; at = &(*at)->next)
		;
	*at = f;
	pthread_mutex_unlock(&org->side);
}

void sim_fault_clear(struct sim_org *org)
{
	pthread_mutex_lock(&org->side);
	org->fault_clears++;
	while (org->faults) {
		struct sim_fault *f = org->faults;

		org->faults = f->next;
		free(f->method);
		free(f->path);
		free(f->kind);
		free(f->text);
		free(f);
	}
	pthread_mutex_unlock(&org->side);
}

bool sim_fault_holds(const struct sim_org *org, uint64_t clears)
{
	return org->fault_clears == clears;
}

void sim_fault_wait(struct sim_org *org, uint64_t clears)
{
	org->stats.held++;
	while (sim_fault_holds(org, clears))
		sim_sleep_us(2000);
	org->stats.held--;
}

void sim_fault_list(struct sim_org *org, struct sim_buf *b)
{
	bool first = true;

	sim_buf_ch(b, '[');
	pthread_mutex_lock(&org->side);
	for (const struct sim_fault *f = org->faults; f; f = f->next) {
		size_t n = strlen(f->text);

		sim_buf_fmt(b, "%s%.*s%s\"seen\":%lld,\"hits\":%lld}", first ? "" : ",", (int)n - 1,
			f->text, n > 2 ? "," : "", (long long)f->seen, (long long)f->hits);
		first = false;
	}
	pthread_mutex_unlock(&org->side);
	sim_buf_ch(b, ']');
}

/* the LIMIT at the end of a query's address; 0: none */
static int64_t sim_limit_of(struct sim_str uri)
{
	int64_t n = 0, ten = 1;
	const char *p = uri.p + uri.len;

	for (; p > uri.p && p[-1] >= '0' && p[-1] <= '9'; p--, ten *= 10)
		n += ten * (p[-1] - '0');
	/* the digits of "%20" are not the number's */
	if (p - uri.p >= 1 && p[-1] == '%')
		n %= ten / 100;
	return sim_findi(uri, SIM_S("LIMIT")) ? n : 0;
}

static bool sim_fault_fires(struct sim_fault *f, const struct sim_req *req)
{
	if ((f->method && !sim_eq(req->method, sim_cstr(f->method))) ||
		(f->path && *f->path && !sim_findi(req->uri, sim_cstr(f->path))))
		return false;
	if ((int64_t)req->len <= f->over_bytes)
		return false;
	if (f->over_limit >= 0 && sim_limit_of(req->uri) <= f->over_limit)
		return false;
	if (f->seen++ < f->after || f->hits >= f->count)
		return false;
	if (f->probability < 1 &&
		(double)(sim_random() >> 11) / 9007199254740992.0 >= f->probability)
		return false;
	f->hits++;
	return true;
}

/* what a fault that fired means for the request; its kind, NULL for those that only take time */
static const char *sim_fault_of(struct sim_req *req, const struct sim_fault *f, int64_t *delay)
{
	if (!strcmp(f->kind, "delay")) {
		*delay += f->ms;
		return NULL;
	}
	if (!strcmp(f->kind, "hold")) {
		req->fault_hold = true;
		return NULL;
	}
	req->fault_share = f->rows;
	req->fault_batches = f->batches;
	return sim_arena_dup(req->arena, sim_cstr(f->kind)).p;
}

static void sim_fault_error(struct sim_req *req, const char *kind)
{
	req->fault_err = (struct sim_err){.code = kind, .msg = kind};
	if (!strcmp(kind, "lock"))
		req->fault_err = (struct sim_err){.code = "UNABLE_TO_LOCK_ROW",
			.msg = "unable to obtain exclusive access to this record or 1 records"};
	if (!strcmp(kind, "row-error"))
		req->fault_err = (struct sim_err){.code = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
			.msg = "trigger of the simulator: execution of BeforeInsert caused by: "
			       "System.DmlException: injected"};
	req->fault_fail = !strcmp(kind, "fail-job");
	req->fault_hold = !strcmp(kind, "hold-job");
	req->fault_rows = !strcmp(kind, "lock") || !strcmp(kind, "row-error");
}

const char *sim_fault_pick(struct sim_req *req, int64_t *ret_ms)
{
	static const char *const transport[] = {"drop-before", "drop-after", "slow-commit",
		"cut-body", "hold-body", "short-body", "spoil-body", "spoil-request"};
	const char *kind = NULL;
	int64_t delay = 0;

	if (sim_findi(req->uri, SIM_S("/__sim/")))
		return NULL;
	pthread_mutex_lock(&req->org->side);
	req->fault_clears = req->org->fault_clears;
	for (struct sim_fault *f = req->org->faults; f && !kind; f = f->next)
		if (sim_fault_fires(f, req)) {
			req->org->stats.faults++;
			*ret_ms = f->ms;
			kind = sim_fault_of(req, f, &delay);
		}
	pthread_mutex_unlock(&req->org->side);
	sim_sleep_us(delay * 1000);
	if (req->fault_hold)
		sim_fault_wait(req->org, req->fault_clears);
	req->fault_hold = false;
	if (!kind)
		return NULL;
	for (size_t i = 0; i < SIM_COUNT(transport); i++)
		if (!strcmp(kind, transport[i]))
			return transport[i];
	sim_fault_error(req, kind);
	return kind;
}

/* orgsync-simulator: simulated Salesforce orgs. See README.md. */
#include "sim_server.h"

#include <getopt.h>
#include <signal.h>
#include <unistd.h>
#include <stdlib.h>

#define SIM_MAX_ORGS 32

struct sim_file {
	char kind;
	const char *arg;
};

struct sim_main {
	struct sim_org *org[SIM_MAX_ORGS];
	void *server[SIM_MAX_ORGS];
	int norgs;
	struct sim_file file[256];
	int nfiles;
	int64_t latency, latency_record, ttl;
	unsigned threads;
};

static const struct option sim_options[] = {
	{"org", required_argument, NULL, 'o'},
	{"schema", required_argument, NULL, 's'},
	{"seed", required_argument, NULL, 'd'},
	{"faults", required_argument, NULL, 'f'},
	{"jwt-key", required_argument, NULL, 'k'},
	{"latency", required_argument, NULL, 'l'},
	{"latency-per-record", required_argument, NULL, 'r'},
	{"session-ttl", required_argument, NULL, 't'},
	{"threads", required_argument, NULL, 'n'},
	{"log", required_argument, NULL, 'L'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static int sim_usage(FILE *to, int rc)
{
	fputs("usage: orgsync-simulator --org NAME=PORT [--org NAME=PORT ...]\n"
	      "    [--schema [NAME:]FILE] [--seed [NAME:]FILE] [--faults [NAME:]FILE] [--jwt-key "
	      "[NAME:]FILE]\n"
	      "    [--latency MS] [--latency-per-record US] [--session-ttl SECONDS] [--threads N] "
	      "[--log FILE]\n",
		to);
	return rc;
}

static bool sim_add_org(struct sim_main *m, const char *arg)
{
	struct sim_str rest = sim_cstr(arg), name = sim_cut(&rest, '=');
	int64_t port = 0;

	if (!name.len || !sim_to_i64(rest, &port) || port < 1 || port > 65535 ||
		m->norgs == SIM_MAX_ORGS) {
		fprintf(stderr, "simulator: --org takes NAME=PORT, not '%s'\n", arg);
		return false;
	}
	m->org[m->norgs++] = sim_org_new(name, (int)port);
	return true;
}

static bool sim_parse(struct sim_main *m, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", sim_options, NULL)) >= 0) {
		int64_t n = 0;

		if (strchr("lrtn", c) && !sim_to_i64(sim_cstr(optarg), &n))
			return false;
		switch (c) {
		case 'o':
			if (!sim_add_org(m, optarg))
				return false;
			break;
		case 's':
		case 'd':
		case 'f':
		case 'k':
			if (m->nfiles == (int)SIM_COUNT(m->file))
				return false;
			m->file[m->nfiles++] = (struct sim_file){(char)c, optarg};
			break;
		case 'l':
			m->latency = n;
			break;
		case 'r':
			m->latency_record = n;
			break;
		case 't':
			m->ttl = n;
			break;
		case 'n':
			m->threads = (unsigned)n;
			break;
		case 'L':
			if (!freopen(optarg, "a", stderr))
				return false;
			break;
		default:
			return false;
		}
	}
	return m->norgs && optind == argc;
}

static bool sim_slurp(const char *path, struct sim_buf *b)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f)
		return false;
	do {
		sim_buf_need(b, 65536);
		n = fread(b->p + b->len, 1, 65536, f);
		b->len += n;
	} while (n);
	fclose(f);
	return true;
}

static const char *sim_use_file(struct sim_org *org, char kind, struct sim_buf text)
{
	struct sim_buf copy = {0};
	struct sim_arena a = {NULL};
	const char *error = NULL;
	struct sim_json *doc;

	sim_buf_add(&copy, text.p, text.len);
	if (kind == 'k') {
		error = sim_auth_load_key(org, copy.p, copy.len) ? NULL : "not a public key in PEM";
	} else if (kind == 'd') {
		sim_seed(org, copy.p, copy.len, NULL, &error);
	} else {
		doc = sim_json_parse(&a, copy.p, copy.len, &error);
		if (doc && kind == 's')
			error = sim_schema_load(org, doc);
		else if (doc && doc->type == SIM_J_ARR)
			for (const struct sim_json *v = doc->child; v; v = v->next)
				sim_fault_add(org, v);
		else if (doc)
			sim_fault_add(org, doc);
	}
	sim_arena_done(&a);
	sim_buf_done(&copy);
	return error;
}

static bool sim_file_for(struct sim_main *m, const struct sim_file *f)
{
	struct sim_str rest = sim_cstr(f->arg), head = sim_cut(&rest, ':');
	struct sim_org *only = NULL;
	const char *path = f->arg, *error;
	struct sim_buf text = {0};
	bool ok = true;

	for (int i = 0; i < m->norgs && rest.len; i++)
		if (sim_eq(head, sim_cstr(m->org[i]->name)))
			only = m->org[i];
	if (only)
		path = rest.p;
	if (!sim_slurp(path, &text)) {
		fprintf(stderr, "simulator: cannot read %s\n", path);
		return false;
	}
	for (int i = 0; i < m->norgs && ok; i++) {
		if (only && m->org[i] != only)
			continue;
		error = sim_use_file(m->org[i], f->kind, text);
		if (error)
			fprintf(stderr, "simulator: %s: %s\n", path, error);
		ok = !error;
	}
	sim_buf_done(&text);
	return ok;
}

static bool sim_start(struct sim_main *m)
{
	static const char order[] = "skdf"; /* schemas before seeds */

	for (const char *k = order; *k; k++)
		for (int i = 0; i < m->nfiles; i++)
			if (m->file[i].kind == *k && !sim_file_for(m, &m->file[i]))
				return false;
	for (int i = 0; i < m->norgs; i++) {
		m->org[i]->latency_ms = m->latency;
		m->org[i]->latency_record_us = m->latency_record;
		if (m->ttl)
			m->org[i]->session_ttl_ms = m->ttl * 1000;
		m->server[i] = sim_server_start(m->org[i], m->threads ? m->threads : 2000);
		if (!m->server[i]) {
			fprintf(stderr, "simulator: cannot listen on port %d for org %s\n",
				m->org[i]->port, m->org[i]->name);
			return false;
		}
	}
	return true;
}

int main(int argc, char **argv)
{
	static struct sim_main m;
	sigset_t set;
	int sig;

	if (argc > 1 && !strcmp(argv[1], "--help"))
		return sim_usage(stdout, 0);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (!sim_parse(&m, argc, argv))
		return sim_usage(stderr, 2);
	if (!sim_start(&m))
		return 1;
	fputs("ready\n", stderr);
	fflush(stderr);
	sigwait(&set, &sig);
	_exit(0); /* nothing to save; requests asleep in their latency are not waited for */
}

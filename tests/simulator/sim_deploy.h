/*
 * Deployments: a package that was unpacked, checked and put in place by a thread of its own, one
 * at a time in each org.
 */
#ifndef SIM_DEPLOY_H
#define SIM_DEPLOY_H

#include "sim_base.h"
#include "sim_org.h"

struct sim_file {
	struct sim_str name, data;
};

struct sim_problem {
	struct sim_str file, name;
	const char *type, *text;
};

struct sim_package {
	struct sim_arena arena;
	struct sim_file *file;
	size_t nfiles;
	struct sim_problem problem[100];
	size_t nproblems;
	size_t components;
	bool apex;
};

/* unpacks; false: it is no zip */
bool sim_package_open(struct sim_package *p, struct sim_str zip);
void sim_package_done(struct sim_package *p);
/* finds what is wrong with its components; with apply also puts them in place */
void sim_package_walk(struct sim_org *org, struct sim_package *p, bool apply);

#endif

/*
 * Inside of related.c and related_where.c: the walk, level by level.
 */
#ifndef RELATED_INTERNAL_H
#define RELATED_INTERNAL_H

#include "osy/sf_describe.h"
#include "related.h"

struct related_edge {
	size_t parent, child;		  /* places in the template */
	const char *name;		  /* of the lookup */
	bool named;			  /* by include */
	const struct osy_sf_field *field; /* NULL: it cannot be used */
};

struct related_place {
	size_t root; /* the listed object whose `related` has led here */
	int level;   /* 0: selected by itself; -1: not reached */
	bool gone;   /* found, and then left out */
};

struct related_walk {
	struct osy_template *template;
	const struct osy_related_orgs *orgs;
	struct osy_related *ret;
	struct osy_template_object *objects; /* template->objects, with room */
	struct related_place *places;
	size_t listed;
	struct related_edge *edges;
	size_t edge_count, edge_cap, edges_told /* of earlier levels */;
	const char **skipped; /* transactional, told once */
	size_t skipped_count;
};

void related_note(struct related_walk *walk, bool refuses, size_t place, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Gives the object its filter, by the edges of the present level that lead to it; without one that
 * can be said it is gone. */
void related_select(struct related_walk *walk, size_t place);

#endif

/*
 * The check: everything that stands between a template and a good run, found before it: what the
 * two orgs' metadata and our user's rights say, and the automation that would meet the records.
 * Nothing is written to an org.
 *
 * check.c        findings, the report; the whole of it
 * check_plan.c   what the plan would refuse or leave out; record types
 * check_fields.c a pair of fields that is copied: type, length, numbers, picklists, keys
 * check_rules.c  validation rules, workflow rules, triggers, flows, duplicate rules of both orgs
 * check_values.c picklist values by record type
 * check_ask.c    the questions to the orgs (check_describe.c, check_composite.c)
 *
 * One thread. A finding's texts live in the check's arena.
 */
#ifndef OSY_CHECK_H
#define OSY_CHECK_H

#include "osy/json_write.h"
#include "osy/pg.h"
#include "osy/settings.h"
#include "osy/sf_describe.h"
#include "osy/sf_many.h"
#include "template.h"

/* Kinds, in the order in which they are told of an object. The formatter never comes to rest here.
 */
/* clang-format off */
#define OSY_CHECK_KINDS(X) \
	X("object") X("permission") X("field") X("required") X("type") X("length") X("precision") \
	X("picklist") X("currency") X("feature") X("recordType") X("match") X("unique") X("lookup") X("order") \
	X("query") X("validationRule") X("workflowRule") X("trigger") X("flow") X("duplicateRule") X("tooling")
/* clang-format on */

struct osy_finding {
	bool blocks;
	const char *kind;
	const char *org;    /* its name */
	const char *object; /* as the template names it; "" for the run as a whole */
	const char *field;  /* in that org; "" for none */
	const char *name;   /* of a rule, trigger, flow or record type; "" for none */
	const char *what, *todo;
	size_t place; /* of its object in the template */
};

/* A validation rule, workflow rule, trigger, flow or duplicate rule. */
struct osy_rule {
	const char *kind;
	const char *object; /* API name */
	const char *name;   /* with its namespace */
	bool active;
	bool packaged; /* of a managed package */
	char id[19];   /* "" where its state is known at once */
};
struct osy_rules {
	struct osy_rule *items;
	size_t count, cap;
};

enum { OSY_CHECK_SOURCE, OSY_CHECK_TARGET, OSY_CHECK_SIDES };

/* Which values a record type of the target takes, and that of the source whose records get it:
 * answers of the UI API. NULL: not known. */
struct osy_check_type {
	const char *name; /* developer name in the target */
	const char *ids[OSY_CHECK_SIDES];
	struct osy_json *values[OSY_CHECK_SIDES];
};
struct osy_check_types {
	struct osy_check_type *items;
	size_t count;
	bool told; /* that they are not known */
};

struct osy_check {
	struct osy_arena arena;
	const struct osy_template *template;
	const char *orgs[OSY_CHECK_SIDES]; /* names */
	/* in the template's order; NULL: the org has none, or our user may not see it */
	struct osy_sf_object **describes[OSY_CHECK_SIDES];
	const char **nearest[OSY_CHECK_SIDES]; /* of those that are NULL; NULL: nothing is near */
	struct osy_check_types *types;	       /* in the template's order */
	struct osy_rules rules[OSY_CHECK_SIDES];
	struct osy_finding *findings;
	size_t count, cap;
};

/* template and names are borrowed. */
void osy_check_init(struct osy_check *check, const struct osy_template *template,
	const char *source_org, const char *target_org);
void osy_check_done(struct osy_check *check);

/* ---- Findings ---- */
struct osy_check_at {
	const char *kind;
	int side;	   /* whose org */
	size_t place;	   /* of the object; the template's object_count: none */
	const char *field; /* NULL: none */
	const char *name;  /* NULL: none */
};
/* The texts are copied; beyond a bound they are left out, and the report says so. */
void osy_check_add(struct osy_check *check, bool blocks, const struct osy_check_at *at,
	const char *todo, const char *format, ...) __attribute__((format(printf, 5, 6)));
size_t osy_check_blocking(const struct osy_check *check);

/* ---- Judging, without asking anybody ---- */
/* Of the describes: adds findings. */
void osy_check_metadata(struct osy_check *check);
/* A pair of fields of the object at place. rule: what is done to its values, NULL: nothing. */
void osy_check_pair(struct osy_check *check, size_t place, const struct osy_sf_field *source,
	const struct osy_sf_field *target, const struct osy_spec_rule *rule);
/* Of the rules: adds findings. */
void osy_check_automation(struct osy_check *check);
struct osy_rule *osy_check_rule(struct osy_check *check, int side); /* a new one, to be filled in */

/* ---- Asking ---- */
/* Fills in describes (and what is nearest to those that are missing) and rules. An org that does
 * not tell a kind of rule is a finding; anything else that goes wrong is an error. */
enum osy_code osy_check_ask(struct osy_check *check, struct osy_http *http,
	struct osy_org *const orgs[OSY_CHECK_SIDES], struct osy_err *err) OSY_CHECKED;

/* ---- The whole ---- */
/*
 * Checks a run, within the orgs' budgets, and keeps the report with it. OSY_E_NOT_FOUND;
 * OSY_E_STATE when the calls would use an org's reserve.
 */
enum osy_code osy_check_run(struct osy_pg *pg, const struct osy_settings *settings, const char *run,
	struct osy_err *err) OSY_CHECKED;

#endif

/*
 * Inside of the template check: a table of keys a kind of mapping, walked by one function.
 */
#ifndef OSY_TEMPLATE_CHECK_H
#define OSY_TEMPLATE_CHECK_H

#include "osy/yaml.h"
#include "template.h"

struct check {
	const struct osy_yaml *yaml;
	const char *what;
	struct osy_str users_file; /* CSV; p NULL: none was sent */
};

enum key_kind {
	KEY_TEXT, /* any text, min..max bytes */
	KEY_NAME, /* name of an object or field */
	KEY_INT,  /* min..max */
	KEY_BOOL,
	KEY_CHOICE,  /* one of choices, "a|b" */
	KEY_CHOICES, /* list of choices */
	KEY_NAMES,   /* list of names, "*" where min is 1 */
	KEY_MAP,     /* name: name */
	KEY_MATCH,
	KEY_EXPRESSIONS,   /* name: expression; template_expressions.c */
	KEY_VALUES,	   /* name: {value: value}; template_rules.c */
	KEY_NULLS,	   /* one of choices, or name: one of choices; template_rules.c */
	KEY_PARENTS,	   /* a policy, or name: policy; template_parents.c */
	KEY_USERS,	   /* template_users.c */
	KEY_FILE,	   /* a text that is looked at and not kept */
	KEY_TEXTS,	   /* text: text or null; template_users.c */
	KEY_MASK,	   /* name: style; template_rules.c */
	KEY_CHILDREN,	   /* names of objects, with min 1 of their lookups; template_related.c */
	KEY_LOOKUPS,	   /* "all" or names of lookups; template_related.c */
	KEY_TRANSACTIONAL, /* true, false or names of objects; template_related.c */
	KEY_HOOKS,	   /* template_hooks.c */
	KEY_OBJECT,	   /* a mapping with keys of its own: keys */
	KEY_OBJECTS,	   /* the list of objects */
	KEY_ONLY, /* known, but nothing else than its default (JSON text in choices) works yet */
};

struct key {
	const char *name;
	enum key_kind kind;
	const char *fallback; /* JSON text put where the key is missing; NULL: nothing is put */
	int64_t min, max;
	const char *choices;
	const struct key *keys; /* of KEY_OBJECT; ends with a nameless row */
};

/* An error at a member (key) or item (index) of container: "crm.yaml, line 7: ..."; returns its
 * code. */
enum osy_code check_fail(const struct check *check, const struct osy_json *container,
	const char *key, size_t index, struct osy_err *err, const char *format, ...)
	__attribute__((format(printf, 6, 7)));
/* A list, item by item: each puts its normalised form into all. *ret: for osy_json_free(). */
typedef enum osy_code (*check_item)(const struct check *check, const struct osy_json *list,
	size_t index, struct osy_json *all, struct osy_err *err);
enum osy_code check_each(const struct check *check, const struct osy_json *list, check_item item,
	struct osy_json **ret, struct osy_err *err);
/* Checks all members of container by the table and puts the normalised ones into out. where names
 * it: "object Account". */
enum osy_code check_object(const struct check *check, const struct osy_json *container,
	const struct key *keys, const char *where, struct osy_json *out,
	struct osy_err *err) OSY_CHECKED;
/* One value of kinds TEXT to OBJECT; gives its normalised form. */
enum osy_code check_value(const struct check *check, const struct osy_json *container,
	const struct key *key, const char *where, struct osy_json **ret,
	struct osy_err *err) OSY_CHECKED;
bool check_is_name(struct osy_str text);
/* template_users.c */
enum osy_code check_users(const struct check *check, const struct osy_json *container,
	const struct key *key, struct osy_json **ret, struct osy_err *err) OSY_CHECKED;
enum osy_code check_texts(const struct check *check, const struct osy_json *container,
	const struct key *key, struct osy_json **ret, struct osy_err *err) OSY_CHECKED;
/* template_hooks.c */
enum osy_code check_hooks(const struct check *check, const struct osy_json *container,
	const struct key *key, struct osy_json **ret, struct osy_err *err) OSY_CHECKED;
/* `transform` of an object: what the table cannot say. */
enum osy_code check_transform(const struct check *check, const struct osy_json *object,
	const struct osy_json *out, const char *name, struct osy_err *err) OSY_CHECKED;
extern const struct key template_transform_keys[];
/* template_parents.c */
enum osy_code check_parents(const struct check *check, const struct osy_json *container,
	const struct key *key, struct osy_json **ret, struct osy_err *err) OSY_CHECKED;
/* template_related.c; check_related: what the table cannot say of it. */
enum osy_code check_children(const struct check *check, const struct osy_json *container,
	const struct key *key, struct osy_json **ret, struct osy_err *err) OSY_CHECKED;
enum osy_code check_lookups(const struct check *check, const struct osy_json *container,
	const struct key *key, struct osy_json **ret, struct osy_err *err) OSY_CHECKED;
enum osy_code check_transactional(const struct check *check, const struct osy_json *container,
	const struct key *key, struct osy_json **ret, struct osy_err *err) OSY_CHECKED;
enum osy_code check_related(const struct check *check, const struct osy_json *object,
	const struct osy_json *out, const char *name, struct osy_err *err) OSY_CHECKED;
/* template_expressions.c */
enum osy_code check_expressions(const struct check *check, const struct osy_json *container,
	const struct key *key, struct osy_json **ret, struct osy_err *err) OSY_CHECKED;
/* template_rules.c: value maps and masks. */
enum osy_code check_values(const struct check *check, const struct osy_json *container,
	const struct key *key, struct osy_json **ret, struct osy_err *err) OSY_CHECKED;
enum osy_code check_nulls(const struct check *check, const struct osy_json *container,
	const struct key *key, struct osy_json **ret, struct osy_err *err) OSY_CHECKED;
enum osy_code check_mask(const struct check *check, const struct osy_json *container,
	const struct key *key, struct osy_json **ret, struct osy_err *err) OSY_CHECKED;

extern const struct key template_object_keys[];

#endif

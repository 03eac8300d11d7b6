/*
 * Inside of automation: its switches in memory. One thread, that of the run.
 */
#ifndef AUTOMATION_INTERNAL_H
#define AUTOMATION_INTERNAL_H

#include "automation.h"
#include "osy/mem.h"
#include "osy/xml.h"

/* symbol, name in a template, type in the APIs, whether the Tooling API switches it. The formatter
 * never comes to rest here. */
/* clang-format off */
#define AUTO_KINDS(X) \
	X(AUTO_VALIDATION, "validationRules", "ValidationRule", true) \
	X(AUTO_WORKFLOW, "workflowRules", "WorkflowRule", true) \
	X(AUTO_FLOW, "flows", "FlowDefinition", true) \
	X(AUTO_TRIGGER, "triggers", "ApexTrigger", false) \
	X(AUTO_DUPLICATE, "duplicateRules", "DuplicateRule", false)
/* clang-format on */
enum auto_kind {
#define X(symbol, name, type, tooling) symbol,
	AUTO_KINDS(X)
#undef X
		AUTO_KIND_COUNT
};
const char *auto_kind_name(enum auto_kind kind);
const char *auto_kind_type(enum auto_kind kind);
bool auto_kind_tooling(enum auto_kind kind);
bool auto_kind_parse(struct osy_str name, enum auto_kind *ret);

/* The table's states, in its words. */
#define AUTO_STATES(X)               \
	X(AUTO_FOUND, "found")       \
	X(AUTO_SENT, "sent")         \
	X(AUTO_OFF, "off")           \
	X(AUTO_BACK, "back")         \
	X(AUTO_THEIRS, "theirs")     \
	X(AUTO_GONE, "gone")         \
	X(AUTO_PACKAGED, "packaged") \
	X(AUTO_REFUSED, "refused")
enum auto_state {
#define X(symbol, name) symbol,
	AUTO_STATES(X)
#undef X
		AUTO_STATE_COUNT
};
const char *auto_state_name(enum auto_state state);
bool auto_state_parse(struct osy_str name, enum auto_state *ret);

struct auto_switch {
	enum auto_kind kind;
	enum auto_state state;
	int pass, item;
	char id[19];
	const char *object, *name;
	int64_t version;    /* of a flow: the one that was active */
	const char *before; /* exactly what the org told; NULL: not read yet */
	const char *note;   /* NULL: nothing to say */
	char deploy[19];    /* "": none is known to be under way */
	bool changed;	    /* its row is to be written */
	/* as it is now (automation_look.c) */
	bool looked, there, active;
	int64_t active_version;
	const char *now; /* JSON, or XML of a duplicate rule */
};

struct auto_work {
	struct osy_drive *drive;
	struct osy_arena arena;
	struct auto_switch *items;
	size_t count, cap;
};

struct auto_switch *auto_add(struct auto_work *work);
const char *auto_keep(struct auto_work *work, struct osy_str text);
/* Sets what is to be recorded of it. */
void auto_set(struct auto_work *work, struct auto_switch *item, enum auto_state state,
	const char *note, ...) __attribute__((format(printf, 4, 5)));

/* ---- automation_rule.c: no calls ---- */
enum auto_action { AUTO_DO, AUTO_IS_BACK, AUTO_IS_THEIRS, AUTO_IS_GONE };
/* What is to be done to bring it back, by how it is now. */
enum auto_action auto_decide(const struct auto_switch *item);
/* How it is, by its JSON: active, active_version. */
void auto_read_json(struct auto_switch *item, const struct osy_json *record);
/* {"Metadata":{...}} with the switch in the wanted place, all else as `now`. */
enum osy_code auto_write_patch(const struct auto_switch *item, bool on, struct osy_buf *out,
	struct osy_err *err) OSY_CHECKED;
/* Whether anything but the switch differs from before. */
bool auto_edited(const struct auto_switch *item);

/* ---- automation_find.c ---- */
/* Adds the active automation of those kinds on the run's objects, and reads it. */
enum osy_code auto_find(struct auto_work *work, const bool kinds[AUTO_KIND_COUNT],
	const char *const *objects, size_t count, struct osy_err *err) OSY_CHECKED;

/* ---- automation_look.c ---- */
/* Reads how those that pick() names are now, unless that is known. */
typedef bool (*auto_pick)(const struct auto_switch *item);
enum osy_code auto_look(struct auto_work *work, auto_pick pick, struct osy_err *err) OSY_CHECKED;

/* ---- automation_switch.c, automation_deploy.c ---- */
/* Switches the items given, all of one way of switching, and records what came of it. Items that
 * could not be switched: refused when off was wanted; else off still, with a note. */
enum osy_code auto_patch(struct auto_work *work, struct auto_switch **items, size_t count, bool on,
	struct osy_err *err) OSY_CHECKED;
enum osy_code auto_deploy(struct auto_work *work, struct auto_switch **items, size_t count, bool on,
	struct osy_err *err) OSY_CHECKED;
/* Waits for deployments that a former driver has left under way. */
enum osy_code auto_deploys_end(struct auto_work *work, struct osy_err *err) OSY_CHECKED;

/* ---- automation_store.c ---- */
/* Writes all items and the run's state `off` in one transaction. */
enum osy_code auto_record(struct auto_work *work, struct osy_err *err) OSY_CHECKED;
/* Of all passes: found, sent and off. */
enum osy_code auto_load(struct auto_work *work, struct osy_err *err) OSY_CHECKED;
/* Writes those that have changed, under our epoch. */
enum osy_code auto_save(struct auto_work *work, struct osy_err *err) OSY_CHECKED;

#endif

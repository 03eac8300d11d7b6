/*
 * Automation: a rule, trigger or flow is the same in both orgs by kind, object and name. One
 * sentence for each, about the org where something may have to be done.
 */
#include <strings.h>

#include "check.h"

static const struct kind {
	const char *kind, *noun;
	const char *effect; /* of an active one, in the target */
	const char *off;    /* how one keeps it from the run's records */
} kinds[] = {
	{"validationRule", "validation rule", "records that break it are refused",
		"switch it off for the run, or see to it that the records satisfy it"},
	{"workflowRule", "workflow rule", "it acts on the records that are written",
		"switch it off for the run, unless its actions are wanted"},
	{"trigger", "Apex trigger", "it runs on the records that are written",
		"switch it off for the run, unless what it does is wanted"},
	{"flow", "flow", "it runs on the records that are written",
		"deactivate it for the run, unless what it does is wanted"},
	{"duplicateRule", "duplicate rule",
		"one that blocks refuses records (DUPLICATES_DETECTED), whatever duplicateRules "
		"says",
		"deactivate it for the run, or match by a key so that duplicates are updated"},
};

static const struct kind *kind_of(const struct osy_rule *rule)
{
	for (size_t i = 0; i < OSY_COUNT(kinds); i++) {
		if (strcmp(kinds[i].kind, rule->kind) == 0)
			return &kinds[i];
	}
	return NULL;
}

static const char *name_at(const struct osy_template_object *object, int side)
{
	return side == OSY_CHECK_TARGET ? object->target : object->name;
}

static const struct osy_rule *find(
	const struct osy_check *check, int side, size_t place, const struct osy_rule *like)
{
	const struct osy_rules *rules = &check->rules[side];

	for (size_t i = 0; i < rules->count; i++) {
		const struct osy_rule *rule = &rules->items[i];
		if (strcmp(rule->kind, like->kind) == 0 &&
			strcasecmp(rule->name, like->name) == 0 &&
			strcasecmp(rule->object, name_at(&check->template->objects[place], side)) ==
				0)
			return rule;
	}
	return NULL;
}

static void tell_active(struct osy_check *check, const struct osy_check_at *at,
	const struct osy_rule *rule, const struct osy_rule *source)
{
	const struct kind *kind = kind_of(rule);
	const char *org = check->orgs[OSY_CHECK_TARGET], *from = check->orgs[OSY_CHECK_SOURCE];

	osy_check_add(check, false, at,
		rule->packaged ? "it belongs to a managed package: use the package's own settings"
			       : kind->off,
		"%s %s is active in org '%s'%s%s%s: %s", kind->noun, rule->name, org,
		!source		 ? " and not there in org '"
		: source->active ? " and in org '"
				 : " and off in org '",
		from, "'", kind->effect);
}

static void tell_off(struct osy_check *check, const struct osy_check_at *at,
	const struct osy_rule *rule, const struct osy_rule *source)
{
	const char *org = check->orgs[OSY_CHECK_TARGET], *from = check->orgs[OSY_CHECK_SOURCE];
	const char *noun = kind_of(rule)->noun;

	if (source && source->active)
		osy_check_add(check, false, at,
			"activate it after the run, if it was meant to be on",
			"%s %s is off in org '%s' but active in org '%s'", noun, rule->name, org,
			from);
	else
		osy_check_add(check, false, at, "nothing, if it is meant to be off",
			"%s %s is off in org '%s'%s", noun, rule->name, org,
			source ? " and in the source" : "");
}

/* What the source alone has. */
static void tell_source(
	struct osy_check *check, const struct osy_check_at *at, const struct osy_rule *rule)
{
	const char *org = check->orgs[OSY_CHECK_TARGET], *from = check->orgs[OSY_CHECK_SOURCE];
	const char *noun = kind_of(rule)->noun;

	osy_check_add(check, false, at,
		rule->active ? "deploy it, if the target is to have it"
			     : "nothing, if it is meant to be off",
		"%s %s is %s in org '%s' and not there in org '%s'", noun, rule->name,
		rule->active ? "active" : "off", from, org);
}

static void check_target(struct osy_check *check, size_t place)
{
	const struct osy_rules *rules = &check->rules[OSY_CHECK_TARGET];

	for (size_t i = 0; i < rules->count; i++) {
		const struct osy_rule *rule = &rules->items[i];
		struct osy_check_at at = {.kind = rule->kind,
			.side = OSY_CHECK_TARGET,
			.place = place,
			.name = rule->name};
		if (!kind_of(rule) ||
			strcasecmp(rule->object, check->template->objects[place].target) != 0)
			continue;
		const struct osy_rule *source = find(check, OSY_CHECK_SOURCE, place, rule);
		if (rule->active)
			tell_active(check, &at, rule, source);
		else
			tell_off(check, &at, rule, source);
	}
}

static void check_source(struct osy_check *check, size_t place)
{
	const struct osy_rules *rules = &check->rules[OSY_CHECK_SOURCE];

	for (size_t i = 0; i < rules->count; i++) {
		const struct osy_rule *rule = &rules->items[i];
		struct osy_check_at at = {.kind = rule->kind,
			.side = rule->active ? OSY_CHECK_TARGET : OSY_CHECK_SOURCE,
			.place = place,
			.name = rule->name};
		if (kind_of(rule) &&
			strcasecmp(rule->object, check->template->objects[place].name) == 0 &&
			!find(check, OSY_CHECK_TARGET, place, rule))
			tell_source(check, &at, rule);
	}
}

void osy_check_automation(struct osy_check *check)
{
	for (size_t i = 0; i < check->template->object_count; i++) {
		/* what is only matched meets nothing */
		if (check->template->objects[i].match_only ||
			!check->describes[OSY_CHECK_TARGET][i])
			continue;
		check_target(check, i);
		check_source(check, i);
	}
}

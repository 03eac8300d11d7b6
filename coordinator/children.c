#include "children.h"

#include <strings.h>

#include "osy/mem.h"
#include "osy/sf_query.h"

bool osy_is_shadow(const char *name)
{
	static const char *const ends[] = {"Feed", "History", "Share", "ChangeEvent", "Tag"};
	size_t len = strlen(name);

	for (size_t i = 0; i < OSY_COUNT(ends); i++) {
		size_t n = strlen(ends[i]);
		if (len > n && strcasecmp(name + len - n, ends[i]) == 0)
			return true;
	}
	return false;
}

struct osy_children_known {
	const char *name;
	bool any;
	struct osy_children_known *next;
};

static bool is_of(const struct osy_spec *spec, const char *name)
{
	for (size_t i = 0; spec && i < spec->object_count; i++) {
		if (strcasecmp(spec->objects[i].target, name) == 0)
			return true;
	}
	return false;
}

static const char *keep(struct osy_arena *arena, const char *text)
{
	return osy_arena_strndup(arena, text, strlen(text));
}

/* Whether the org has a record of it; one that cannot be asked has none that we could see. */
static enum osy_code has_records(struct osy_drive *drive, struct osy_children_known **known,
	const char *name, struct osy_arena *arena, bool *ret, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(1024);
	int64_t count = 0;

	for (const struct osy_children_known *one = *known; one; one = one->next) {
		if (strcasecmp(one->name, name) != 0)
			continue;
		*ret = one->any;
		return OSY_OK;
	}
	osy_buf_addf(&soql, "SELECT COUNT() FROM %s", name);
	enum osy_code rc = osy_sf_count(drive->target, osy_buf_str(&soql), &count, err);
	if (rc == OSY_E_SALESFORCE && err->cls != OSY_RETRY)
		rc = OSY_OK;
	struct osy_children_known *one = osy_arena_calloc(arena, 1, sizeof(*one));
	*one = (struct osy_children_known){keep(arena, name), count > 0, *known};
	*known = one;
	*ret = count > 0;
	return rc;
}

/* The contact of a person account goes with it as it came, and is nobody else's. */
static const char *goes_along(const struct osy_sf_object *target, const struct osy_sf_child *child)
{
	bool people = strcasecmp(target->name, "Account") == 0 &&
		      strcasecmp(child->object, "Contact") == 0 &&
		      osy_sf_find_field(target, "IsPersonAccount");

	return people ? "IsPersonAccount = false" : "";
}

enum osy_code osy_children_find(struct osy_drive *drive, const struct osy_sf_object *target,
	const struct osy_spec *with, struct osy_arena *arena, struct osy_children_known **known,
	struct osy_spec_child **ret, size_t *ret_count, struct osy_err *err)
{
	struct osy_spec_child *found =
		osy_arena_calloc(arena, target->child_count + 1, sizeof(*found));
	enum osy_code rc = OSY_OK;
	size_t n = 0;

	for (size_t i = 0; !rc && i < target->child_count; i++) {
		const struct osy_sf_child *child = &target->children[i];
		bool any = is_of(with, child->object);
		if (!child->cascade_delete || osy_is_shadow(child->object))
			continue;
		if (!any)
			rc = has_records(drive, known, child->object, arena, &any, err);
		if (!rc && any)
			found[n++] = (struct osy_spec_child){keep(arena, child->object),
				keep(arena, child->field), goes_along(target, child)};
	}
	*ret = found;
	*ret_count = n;
	return rc;
}

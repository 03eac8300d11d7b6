#include "automation_internal.h"

/* ---- Names ---- */
static const struct {
	const char *name, *type;
	bool tooling;
} kinds[] = {
#define X(symbol, name, type, tooling) {name, type, tooling},
	AUTO_KINDS(X)
#undef X
};

const char *auto_kind_name(enum auto_kind kind)
{
	return kinds[kind].name;
}

const char *auto_kind_type(enum auto_kind kind)
{
	return kinds[kind].type;
}

bool auto_kind_tooling(enum auto_kind kind)
{
	return kinds[kind].tooling;
}

bool auto_kind_parse(struct osy_str name, enum auto_kind *ret)
{
	for (unsigned i = 0; i < AUTO_KIND_COUNT; i++) {
		if (!osy_str_is(name, kinds[i].name))
			continue;
		*ret = (enum auto_kind)i;
		return true;
	}
	return false;
}

static const char *const states[] = {
#define X(symbol, name) name,
	AUTO_STATES(X)
#undef X
};

const char *auto_state_name(enum auto_state state)
{
	return states[state];
}

bool auto_state_parse(struct osy_str name, enum auto_state *ret)
{
	for (unsigned i = 0; i < AUTO_STATE_COUNT; i++) {
		if (!osy_str_is(name, states[i]))
			continue;
		*ret = (enum auto_state)i;
		return true;
	}
	return false;
}

/* ---- What to do ---- */
enum auto_action auto_decide(const struct auto_switch *item)
{
	bool other = item->kind == AUTO_FLOW && item->active_version != item->version;

	if (!item->there)
		return AUTO_IS_GONE;
	if (!item->active)
		return AUTO_DO;
	if (other)
		return AUTO_IS_THEIRS;
	/* what was sent without an answer may still be carried out: said again, it comes later */
	return item->state == AUTO_SENT ? AUTO_DO : AUTO_IS_BACK;
}

/* ---- JSON ---- */
void auto_read_json(struct auto_switch *item, const struct osy_json *record)
{
	const struct osy_json *metadata = osy_json_get(record, "Metadata");

	item->there = true;
	item->active_version = osy_json_get_i64(metadata, "activeVersionNumber", 0);
	if (item->kind == AUTO_FLOW)
		item->active = item->active_version != 0;
	else if (item->kind == AUTO_TRIGGER)
		item->active = osy_str_is(osy_json_get_str(record, "Status"), "Active");
	else
		item->active = osy_json_get_bool(metadata, "active", false);
}

static void put_value(struct osy_json_writer *w, const struct osy_json *value)
{
	OSY_AUTO(osy_buf_done) struct osy_buf text = OSY_BUF(16u << 20);

	osy_json_write(value, false, &text);
	osy_jw_raw(w, osy_buf_str(&text));
}

/* All members but the switch, as they are. */
static void put_members(
	struct osy_json_writer *w, const struct osy_json *metadata, const char *without)
{
	struct osy_str key;
	struct osy_json *value;

	for (size_t i = 0; osy_json_member(metadata, i, &key, &value); i++) {
		if (osy_str_is(key, without))
			continue;
		osy_jw_key_str(w, key);
		put_value(w, value);
	}
}

static const char *switch_of(const struct auto_switch *item)
{
	return item->kind == AUTO_FLOW ? "activeVersionNumber" : "active";
}

enum osy_code auto_write_patch(
	const struct auto_switch *item, bool on, struct osy_buf *out, struct osy_err *err)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *record = NULL;
	struct osy_json_writer w = osy_json_writer(out);
	enum osy_code rc = osy_json_parse(osy_str(item->now), item->name, &record, err);

	if (rc)
		return rc;
	osy_jw_object(&w);
	osy_jw_key(&w, "Metadata");
	osy_jw_object(&w);
	put_members(&w, osy_json_get(record, "Metadata"), switch_of(item));
	if (item->kind == AUTO_FLOW)
		osy_jw_put_i64(&w, switch_of(item), on ? item->version : 0);
	else
		osy_jw_put_bool(&w, switch_of(item), on);
	osy_jw_object_end(&w);
	osy_jw_object_end(&w);
	return OSY_OK;
}

/* The text that an edit would change. */
static bool substance(const struct auto_switch *item, const char *text, struct osy_buf *out)
{
	OSY_AUTO(osy_json_free_at) struct osy_json *record = NULL;
	struct osy_json_writer w = osy_json_writer(out);
	struct osy_err ignored;

	if (osy_json_parse(osy_str(text), item->name, &record, &ignored))
		return false;
	if (item->kind == AUTO_TRIGGER) {
		osy_buf_add_str(out, osy_json_get_str(record, "Body"));
		return true;
	}
	osy_jw_object(&w);
	put_members(&w, osy_json_get(record, "Metadata"), switch_of(item));
	osy_jw_object_end(&w);
	return true;
}

bool auto_edited(const struct auto_switch *item)
{
	OSY_AUTO(osy_buf_done) struct osy_buf was = OSY_BUF(16u << 20), is = OSY_BUF(16u << 20);

	if (!item->before || !item->now)
		return false;
	if (item->kind == AUTO_DUPLICATE) /* both are written with the switch on */
		return strcmp(item->before, item->now) != 0;
	return substance(item, item->before, &was) && substance(item, item->now, &is) &&
	       !osy_str_equal(osy_buf_str(&was), osy_buf_str(&is));
}

/* PATCHes of the Tooling API, 25 a call. Each part of a call stands for itself. */
#include "automation_internal.h"
#include "check_internal.h"

/* What came of one; an error when it is to be tried again. */
static enum osy_code take_answer(struct auto_work *work, struct auto_switch *item, bool on,
	const struct check_parts *parts, unsigned index, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done) struct osy_buf why = OSY_BUF(4096);
	int status = check_parts_status(parts, index);

	if (status >= 200 && status < 300) {
		bool edited = on && auto_edited(item);
		auto_set(work, item, on ? AUTO_BACK : AUTO_OFF, edited ? "%s" : NULL,
			"somebody has edited it meanwhile; the edit is kept");
		return OSY_OK;
	}
	(void)check_parts_body(parts, index, &why);
	if (status == 404) {
		auto_set(work, item, AUTO_GONE, "somebody has deleted it meanwhile");
		return OSY_OK;
	}
	if (status < 400 || status >= 500 || strstr(why.p, "LOCK") || strstr(why.p, "LIMIT"))
		return osy_fail(err, OSY_E_NO_REPLY, "org '%s' did not switch %s %s (%s)",
			work->drive->target_name, auto_kind_type(item->kind), item->name, why.p);
	auto_set(work, item, on ? AUTO_OFF : AUTO_REFUSED, "%s", why.p);
	return OSY_OK;
}

static enum osy_code patch_some(struct auto_work *work, struct auto_switch **items, size_t count,
	bool on, struct osy_err *err)
{
	OSY_AUTO(check_parts_done) struct check_parts parts;
	enum osy_code rc = OSY_OK, first = OSY_OK;
	struct osy_err ignored;

	check_parts_begin(&parts, work->drive->target, "tooling/composite");
	for (size_t i = 0; !rc && i < count; i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf path = OSY_BUF(256), body = OSY_BUF(1u << 20);
		osy_buf_addf(&path, "tooling/sobjects/%s/%s", auto_kind_type(items[i]->kind),
			items[i]->id);
		rc = auto_write_patch(items[i], on, &body, err);
		if (!rc)
			check_parts_put(&parts, "PATCH", osy_buf_str(&path), osy_buf_str(&body));
	}
	if (rc)
		return rc;
	check_parts_send(work->drive->http, &parts, 1);
	if (parts.code) {
		*err = parts.err;
		return parts.code;
	}
	for (size_t i = 0; i < count; i++) {
		rc = take_answer(work, items[i], on, &parts, (unsigned)i, first ? &ignored : err);
		first = first ? first : rc;
	}
	rc = auto_save(work, first ? &ignored : err);
	return first ? first : rc;
}

enum osy_code auto_patch(struct auto_work *work, struct auto_switch **items, size_t count, bool on,
	struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	for (size_t i = 0; !rc && i < count; i += CHECK_PARTS_MAX) {
		size_t left = count - i;
		rc = patch_some(
			work, items + i, left < CHECK_PARTS_MAX ? left : CHECK_PARTS_MAX, on, err);
	}
	return rc;
}

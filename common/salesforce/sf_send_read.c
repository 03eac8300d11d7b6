/*
 * Reading the reply of a send. Nothing is handed out before the whole reply has been read and
 * answers for every record: a reply that is cut off, or that counts otherwise than we do, says
 * nothing about any row.
 */
#include "osy/sf_collection.h"

#include <stdlib.h>

#include "osy/json_pull.h"
#include "osy/mem.h"

#include "sf_internal.h"

#include "osy/banned.h"

struct part {
	int status; /* 0: not answered for */
	struct osy_str body;
};

struct entry {
	struct osy_sf_row_result row;
	bool has_success, has_errors;
	struct osy_str fault_code; /* raw errorCode: this is no row but an error of the call */
};

static enum osy_code unclear(
	const struct osy_json_pull *pull, const char *what, struct osy_err *err)
{
	if (pull->error)
		what = pull->error;
	return osy_fail(err, OSY_E_NO_REPLY,
		"the org's reply to a write cannot be read (%s, at byte %zu)", what,
		(size_t)(pull->p - pull->start));
}

/* The text of a plain string token; p NULL for everything else, also for an empty text. */
static struct osy_str plain(enum osy_pull kind, struct osy_str raw)
{
	struct osy_str text;
	if (kind != OSY_PULL_STRING || !osy_json_plain(raw, &text) || text.len == 0)
		return OSY_STR_NULL;
	return text;
}

/* One entry of `errors`: the first one counts. */
static enum osy_code read_error(
	struct osy_json_pull *pull, struct osy_sf_row_result *row, struct osy_err *err)
{
	enum osy_pull token;

	while ((token = osy_json_pull_next(pull)) == OSY_PULL_KEY) {
		const struct osy_str key = pull->token;
		struct osy_str raw;
		const enum osy_pull kind = osy_json_pull_value(pull, &raw);
		if (kind == OSY_PULL_ERROR)
			return unclear(pull, "", err);
		if (osy_str_equal(key, OSY_STR("statusCode")) ||
			osy_str_equal(key, OSY_STR("errorCode")))
			row->status_code = plain(kind, raw);
		else if (osy_str_equal(key, OSY_STR("message")) && kind == OSY_PULL_STRING)
			row->message_raw = raw;
		else if (osy_str_equal(key, OSY_STR("fields")) && kind == OSY_PULL_ARRAY)
			row->fields_raw = raw;
	}
	return token == OSY_PULL_OBJECT_END ? OSY_OK : unclear(pull, "an error is cut off", err);
}

static enum osy_code read_errors(
	struct osy_json_pull *pull, struct entry *entry, struct osy_err *err)
{
	enum osy_pull token = osy_json_pull_next(pull);

	if (token == OSY_PULL_NULL)
		return OSY_OK;
	if (token != OSY_PULL_ARRAY)
		return unclear(pull, "errors is no list", err);
	while ((token = osy_json_pull_next(pull)) == OSY_PULL_OBJECT) {
		struct osy_sf_row_result further = {.status_code = OSY_STR_NULL};
		const enum osy_code code =
			read_error(pull, entry->has_errors ? &further : &entry->row, err);
		if (code)
			return code;
		entry->has_errors = true;
	}
	return token == OSY_PULL_ARRAY_END ? OSY_OK : unclear(pull, "errors is cut off", err);
}

static enum osy_code read_member(
	struct osy_json_pull *pull, struct entry *entry, struct osy_err *err)
{
	const struct osy_str key = pull->token;
	struct osy_str raw;

	if (osy_str_equal(key, OSY_STR("errors")))
		return read_errors(pull, entry, err);
	const enum osy_pull kind = osy_json_pull_value(pull, &raw);
	if (kind == OSY_PULL_ERROR)
		return unclear(pull, "", err);
	if (osy_str_equal(key, OSY_STR("id"))) {
		entry->row.id = plain(kind, raw);
	} else if (osy_str_equal(key, OSY_STR("success"))) {
		entry->has_success = kind == OSY_PULL_TRUE || kind == OSY_PULL_FALSE;
		entry->row.success = kind == OSY_PULL_TRUE;
	} else if (osy_str_equal(key, OSY_STR("errorCode"))) {
		entry->fault_code = plain(kind, raw);
	}
	return OSY_OK;
}

static enum osy_code read_entry(
	struct osy_json_pull *pull, struct entry *entry, struct osy_err *err)
{
	enum osy_pull token;

	*entry = (struct entry){.has_success = false};
	while ((token = osy_json_pull_next(pull)) == OSY_PULL_KEY) {
		const enum osy_code code = read_member(pull, entry, err);
		if (code)
			return code;
	}
	if (token != OSY_PULL_OBJECT_END)
		return unclear(pull, "a row is cut off", err);
	if (entry->fault_code.p && !entry->has_success) {
		entry->row.success = false;
		entry->row.status_code = entry->fault_code;
		return OSY_OK;
	}
	if (!entry->has_success) {
		if (!entry->has_errors && !entry->row.id.p)
			return unclear(pull, "a row says neither success nor failure", err);
		entry->row.success = !entry->has_errors;
	}
	if (!entry->row.success && !entry->row.status_code.p)
		entry->row.status_code = OSY_STR("UNKNOWN_EXCEPTION");
	if (entry->row.success)
		entry->row.status_code = entry->row.message_raw = entry->row.fields_raw =
			OSY_STR_NULL;
	return OSY_OK;
}

/* The rows of one collection: exactly count, or one error of the call (*ret_fault). */
static enum osy_code read_rows(struct osy_str body, size_t count, struct osy_sf_row_result *rows,
	bool *ret_fault, struct osy_err *err)
{
	struct osy_json_pull pull;
	enum osy_pull token;
	struct entry entry;
	size_t seen = 0, faults = 0;

	osy_json_pull_init(&pull, body);
	if (osy_json_pull_next(&pull) != OSY_PULL_ARRAY)
		return unclear(&pull, "it is no list of rows", err);
	for (; (token = osy_json_pull_next(&pull)) == OSY_PULL_OBJECT; seen++) {
		const enum osy_code code = read_entry(&pull, &entry, err);
		if (code)
			return code;
		faults += entry.fault_code.p && !entry.has_success;
		if (seen < count)
			rows[seen] = entry.row;
	}
	if (token != OSY_PULL_ARRAY_END || osy_json_pull_next(&pull) != OSY_PULL_END)
		return unclear(&pull, "the list of rows is cut off", err);
	const bool fault = seen && faults == seen;
	if (!fault && seen != count)
		return osy_fail(err, OSY_E_NO_REPLY, "the org answered for %zu records of %zu",
			seen, count);
	*ret_fault = fault;
	return OSY_OK;
}

/* ---- The composite around them ---- */

/* "p3" is part 3; without such a name it is the place in the list. */
static size_t part_of(struct osy_str reference, size_t place)
{
	if (reference.len == 2 && reference.p[0] == 'p' && reference.p[1] >= '0' &&
		reference.p[1] <= '9')
		return (size_t)(reference.p[1] - '0');
	return place;
}

static enum osy_code read_part(struct osy_json_pull *pull, size_t place, struct part *parts,
	size_t count, struct osy_err *err)
{
	struct part part = {0};
	struct osy_str reference = OSY_STR_NULL;
	enum osy_pull token;
	int64_t status = 0;

	while ((token = osy_json_pull_next(pull)) == OSY_PULL_KEY) {
		const struct osy_str key = pull->token;
		struct osy_str raw;
		struct osy_err ignored;
		const enum osy_pull kind = osy_json_pull_value(pull, &raw);
		if (kind == OSY_PULL_ERROR)
			return unclear(pull, "", err);
		if (osy_str_equal(key, OSY_STR("body")))
			part.body = raw;
		else if (osy_str_equal(key, OSY_STR("referenceId")))
			reference = plain(kind, raw);
		else if (osy_str_equal(key, OSY_STR("httpStatusCode")) &&
			 osy_parse_i64(raw, 100, 999, &status, &ignored))
			return unclear(pull, "httpStatusCode is none", err);
	}
	if (token != OSY_PULL_OBJECT_END)
		return unclear(pull, "a part is cut off", err);
	const size_t at = part_of(reference, place);
	if (at >= count || parts[at].status || status == 0)
		return unclear(pull, "its parts are not those that were asked for", err);
	part.status = (int)status;
	parts[at] = part;
	return OSY_OK;
}

static enum osy_code read_parts(
	struct osy_json_pull *pull, struct part *parts, size_t count, struct osy_err *err)
{
	enum osy_pull token;

	if (osy_json_pull_next(pull) != OSY_PULL_ARRAY)
		return unclear(pull, "compositeResponse is no list", err);
	for (size_t place = 0; (token = osy_json_pull_next(pull)) == OSY_PULL_OBJECT; place++) {
		const enum osy_code code = read_part(pull, place, parts, count, err);
		if (code)
			return code;
	}
	return token == OSY_PULL_ARRAY_END ? OSY_OK
					   : unclear(pull, "compositeResponse is cut off", err);
}

static enum osy_code read_composite(
	struct osy_str reply, struct part *parts, size_t count, struct osy_err *err)
{
	struct osy_json_pull pull;
	enum osy_pull token;
	struct osy_str raw;

	osy_json_pull_init(&pull, reply);
	if (osy_json_pull_next(&pull) != OSY_PULL_OBJECT)
		return unclear(&pull, "it is no composite", err);
	while ((token = osy_json_pull_next(&pull)) == OSY_PULL_KEY) {
		if (osy_str_equal(pull.token, OSY_STR("compositeResponse"))) {
			const enum osy_code code = read_parts(&pull, parts, count, err);
			if (code)
				return code;
		} else if (osy_json_pull_value(&pull, &raw) == OSY_PULL_ERROR) {
			return unclear(&pull, "", err);
		}
	}
	if (token != OSY_PULL_OBJECT_END || osy_json_pull_next(&pull) != OSY_PULL_END)
		return unclear(&pull, "the composite is cut off", err);
	for (size_t i = 0; i < count; i++) {
		if (!parts[i].status)
			return osy_fail(err, OSY_E_NO_REPLY,
				"the org did not answer for part %zu of %zu", i + 1, count);
	}
	return OSY_OK;
}

/* Whether the whole call was refused: a bare error or list of errors where a composite should be.
 */
static bool is_refusal(struct osy_str reply)
{
	struct osy_sf_fault fault;
	struct osy_json_pull pull;
	struct osy_str raw;

	osy_json_pull_init(&pull, reply);
	return osy_json_pull_value(&pull, &raw) == OSY_PULL_ARRAY &&
	       osy_json_pull_next(&pull) == OSY_PULL_END && osy_sf_fault_read(reply, &fault);
}

static enum osy_code split(const struct osy_sf_send *send, struct osy_str reply, struct part *parts,
	struct osy_err *err)
{
	OSY_ASSERT(send->parts >= 1 && send->parts <= OSY_SF_COMPOSITE_MAX);
	memset(parts, 0, sizeof(*parts) * OSY_SF_COMPOSITE_MAX);
	if (!send->composite) {
		parts[0] = (struct part){200, reply};
		return OSY_OK;
	}
	if (!is_refusal(reply))
		return read_composite(reply, parts, send->parts, err);
	for (unsigned i = 0; i < send->parts; i++)
		parts[i] = (struct part){400, reply};
	return OSY_OK;
}

static bool went_well(int status)
{
	return status >= 200 && status < 300;
}

static void fail_part(const struct part *part, int *ret_status, struct osy_err *ret_err)
{
	*ret_status = part->status;
	/* a status below 200 or a 300 is as odd here as no reply at all */
	if (osy_sf_classify(part->status, true, false, part->body, 0, ret_err) == OSY_OK)
		(void)osy_fail(ret_err, OSY_E_NO_REPLY,
			"a part of a composite came back with status %d", part->status);
}

enum osy_code osy_sf_send_read(const struct osy_sf_send *send, struct osy_str reply,
	int *part_status, struct osy_err *part_errs, osy_sf_result result, void *arg,
	struct osy_err *err)
{
	struct part parts[OSY_SF_COMPOSITE_MAX];
	enum osy_code code = split(send, reply, parts, err);
	if (code)
		return code;
	OSY_AUTO_FREE struct osy_sf_row_result *rows =
		osy_xcalloc(send->records + 1, sizeof(*rows));
	size_t at = 0;
	for (unsigned i = 0; i < send->parts; at += send->part_records[i++]) {
		bool fault = false;
		if (send->part_records[i] && went_well(parts[i].status))
			code = read_rows(
				parts[i].body, send->part_records[i], rows + at, &fault, err);
		if (code)
			return code;
		if (fault)
			parts[i].status = 400;
	}
	for (unsigned i = 0; i < send->parts; i++) {
		part_errs[i] = OSY_ERR_NONE;
		part_status[i] = parts[i].status;
		if (!went_well(parts[i].status))
			fail_part(&parts[i], &part_status[i], &part_errs[i]);
	}
	at = 0;
	for (unsigned i = 0; i < send->parts; at += send->part_records[i++]) {
		for (size_t j = 0; j < send->part_records[i] && went_well(parts[i].status); j++) {
			code = result(i, j, &rows[at + j], arg, err);
			if (code)
				return code;
		}
	}
	return OSY_OK;
}

enum osy_code osy_sf_send_bodies(const struct osy_sf_send *send, struct osy_str reply,
	int *part_status, struct osy_str *part_bodies, struct osy_err *part_errs,
	struct osy_err *err)
{
	struct part parts[OSY_SF_COMPOSITE_MAX];
	const enum osy_code code = split(send, reply, parts, err);
	if (code)
		return code;
	for (unsigned i = 0; i < send->parts; i++) {
		part_errs[i] = OSY_ERR_NONE;
		part_status[i] = parts[i].status;
		part_bodies[i] = parts[i].body;
		if (went_well(parts[i].status))
			continue;
		part_bodies[i] = OSY_STR_NULL;
		fail_part(&parts[i], &part_status[i], &part_errs[i]);
	}
	return OSY_OK;
}

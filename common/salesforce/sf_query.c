#include "osy/sf_query.h"

#include "osy/mem.h"
#include "osy/sf_collection.h"

#include "osy/banned.h"

void osy_soql_quote(struct osy_str text, struct osy_buf *out)
{
	static const char escapes[256] = {['\''] = '\'',
		['\\'] = '\\',
		['\n'] = 'n',
		['\r'] = 'r',
		['\t'] = 't',
		['\b'] = 'b',
		['\f'] = 'f'};

	osy_buf_addc(out, '\'');
	for (size_t i = 0; i < text.len; i++) {
		const char escape = escapes[(unsigned char)text.p[i]];
		if (escape)
			osy_buf_addc(out, '\\');
		osy_buf_addc(out, escape ? escape : text.p[i]);
	}
	osy_buf_addc(out, '\'');
}

void osy_soql_path(struct osy_str soql, bool all_rows, struct osy_buf *out)
{
	osy_buf_addz(out, all_rows ? "queryAll?q=" : "query?q=");
	osy_url_encode(soql, out);
}

#define SOQL_MAX 100000u
#define PATH_MAX_BYTES (3 * SOQL_MAX + 64)

/* A path that is too long for a URL travels in the body of a composite of one part. */
static enum osy_code get_long(
	struct osy_org *org, struct osy_str path, struct osy_buf *out, struct osy_err *err)
{
	OSY_AUTO(osy_sf_send_done) struct osy_sf_send send;
	OSY_AUTO(osy_buf_done) struct osy_buf reply = OSY_BUF(64u << 20);
	struct osy_sf_request request;
	struct osy_err part_err;
	struct osy_str body;
	int status;

	osy_sf_send_init(&send, 8 * SOQL_MAX);
	osy_sf_send_begin(&send, 1);
	osy_sf_send_get(&send, path);
	osy_sf_send_end(&send, &request);
	enum osy_code code = osy_sf_run(org, &request, &reply, err);
	if (!code)
		code = osy_sf_send_bodies(
			&send, osy_buf_str(&reply), &status, &body, &part_err, err);
	if (code)
		return code;
	if (part_err.code) {
		*err = part_err;
		return err->code;
	}
	osy_buf_reset(out);
	return osy_buf_try(out, body.p, body.len, err);
}

static enum osy_code get(
	struct osy_org *org, struct osy_str path, struct osy_buf *out, struct osy_err *err)
{
	if (path.len > OSY_SF_MAX_URL)
		return get_long(org, path, out, err);
	const struct osy_sf_request request = {.method = "GET", .path = path};
	return osy_sf_run(org, &request, out, err);
}

static enum osy_code soql_to_path(
	struct osy_str soql, bool all, struct osy_buf *path, struct osy_err *err)
{
	if (soql.len > SOQL_MAX)
		return osy_fail(err, OSY_E_TOO_BIG, "a query of %zu characters; the org takes %u",
			soql.len, SOQL_MAX);
	osy_soql_path(soql, all, path);
	return OSY_OK;
}

enum osy_code osy_sf_count(
	struct osy_org *org, struct osy_str soql, int64_t *ret, struct osy_err *err)
{
	OSY_AUTO(osy_buf_done)
	struct osy_buf path = OSY_BUF(PATH_MAX_BYTES), body = OSY_BUF(1u << 20);
	OSY_AUTO(osy_json_free_at) struct osy_json *tree = NULL;
	enum osy_code code;

	code = soql_to_path(soql, false, &path, err);
	if (!code)
		code = get(org, osy_buf_str(&path), &body, err);
	if (!code)
		code = osy_json_parse(osy_buf_str(&body), "count", &tree, err);
	if (code)
		return code;
	const int64_t total = osy_json_get_i64(tree, "totalSize", -1);
	if (total < 0)
		return osy_fail(
			err, OSY_E_INVALID, "org %s: a count without totalSize", osy_org_name(org));
	*ret = total;
	return OSY_OK;
}

struct bounded {
	osy_sf_row row;
	void *arg;
	size_t left;
};

static enum osy_code bounded_row(const struct osy_str *values, void *arg, struct osy_err *err)
{
	struct bounded *b = arg;
	if (b->left == 0)
		return osy_fail(err, OSY_E_TOO_BIG, "a query gave more rows than it may");
	b->left--;
	return b->row(values, b->arg, err);
}

static enum osy_code run_query(struct osy_org *org, struct osy_str soql, bool all,
	const char *const *fields, size_t field_count, size_t max_rows, osy_sf_row row, void *arg,
	struct osy_err *err)
{
	OSY_AUTO(osy_buf_done)
	struct osy_buf path = OSY_BUF(PATH_MAX_BYTES), body = OSY_BUF(64u << 20);
	struct bounded bounded = {row, arg, max_rows};
	enum osy_code code = soql_to_path(soql, all, &path, err);

	while (!code) {
		struct osy_sf_page page;
		code = get(org, osy_buf_str(&path), &body, err);
		if (!code)
			code = osy_sf_page_read(osy_buf_str(&body), false, fields, field_count,
				bounded_row, &bounded, &page, err);
		if (code || page.done)
			break;
		osy_buf_reset(&path);
		code = osy_buf_try(&path, page.next_path.p, page.next_path.len, err);
	}
	return code ? osy_err_prefix(err, "org %s", osy_org_name(org)) : OSY_OK;
}

enum osy_code osy_sf_query(struct osy_org *org, struct osy_str soql, const char *const *fields,
	size_t field_count, size_t max_rows, osy_sf_row row, void *arg, struct osy_err *err)
{
	return run_query(org, soql, false, fields, field_count, max_rows, row, arg, err);
}

enum osy_code osy_sf_query_all(struct osy_org *org, struct osy_str soql, const char *const *fields,
	size_t field_count, size_t max_rows, osy_sf_row row, void *arg, struct osy_err *err)
{
	return run_query(org, soql, true, fields, field_count, max_rows, row, arg, err);
}

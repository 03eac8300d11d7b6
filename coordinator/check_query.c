/*
 * Filters and orders, tried in the source: a query of each for one record, five in a call.
 */
#include "check_internal.h"
#include "soql.h"

#define SOQL_BYTES (100u * 1000)
#define QUERIES_MAX 5 /* of a composite */

static bool is_asked(const struct osy_check *check, size_t place)
{
	const struct osy_template_object *object = &check->template->objects[place];

	return check->describes[OSY_CHECK_SOURCE][place] && (object->where || object->order_by);
}

static void put_query(struct check_parts *parts, const struct osy_template_object *object)
{
	OSY_AUTO(osy_buf_done) struct osy_buf soql = OSY_BUF(SOQL_BYTES);

	osy_buf_addf(&soql, "SELECT Id FROM %s WHERE ", object->name);
	if (object->where) {
		osy_soql_nest(object->where, &soql);
		osy_buf_addz(&soql, " AND ");
	}
	osy_buf_addf(&soql, "Id > '000000000000000AAA' ORDER BY %s LIMIT 1",
		object->order_by ? object->order_by : "Id");
	check_parts_query(parts, osy_buf_str(&soql));
}

static void tell(struct osy_check *check, size_t place, const char *why)
{
	const struct osy_template_object *object = &check->template->objects[place];
	const char *names = object->where && object->order_by ? "where and orderBy"
			    : object->where		      ? "where"
							      : "orderBy";

	osy_check_add(check, true,
		&(struct osy_check_at){
			.kind = "query", .side = OSY_CHECK_SOURCE, .place = place, .name = names},
		"correct it in the template",
		"org '%s' refuses the query with %s (%.200s%s%.200s): %s",
		check->orgs[OSY_CHECK_SOURCE], names, object->where ? object->where : "",
		object->where && object->order_by ? "; " : "",
		object->order_by ? object->order_by : "", why);
}

/* Those from *at on, as many as one call takes. */
static enum osy_code ask_some(struct osy_check *check, struct osy_http *http,
	struct osy_org *source, size_t *at, struct osy_err *err)
{
	OSY_AUTO(check_parts_done) struct check_parts parts;
	size_t places[QUERIES_MAX], count = check->template->object_count;

	check_parts_begin(&parts, source, "composite");
	for (; *at < count && parts.count < QUERIES_MAX; (*at)++) {
		if (!is_asked(check, *at))
			continue;
		places[parts.count] = *at;
		put_query(&parts, &check->template->objects[*at]);
	}
	if (parts.count == 0)
		return OSY_OK;
	check_parts_send(http, &parts, 1);
	if (parts.code) {
		*err = parts.err;
		return err->code;
	}
	for (unsigned i = 0; i < parts.count; i++) {
		OSY_AUTO(osy_buf_done) struct osy_buf why = OSY_BUF(4096);
		if (!check_parts_body(&parts, i, &why) && strncmp(why.p, "QUERY_TIMEOUT", 13) != 0)
			tell(check, places[i], why.p);
	}
	return OSY_OK;
}

enum osy_code check_queries(
	struct osy_check *check, struct osy_http *http, struct osy_org *source, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	for (size_t at = 0; !rc && at < check->template->object_count;)
		rc = ask_some(check, http, source, &at, err);
	return rc;
}

/* A reader: by REST or by a Bulk query job, from one to the other, and what the journal holds. */
#include <stdlib.h>

#include "osy/clock.h"
#include "osy/failpoint.h"
#include "osy/log.h"
#include "osy/mem.h"
#include "read_internal.h"
#include "soql.h"

#define ATTEMPTS 8
#define JOBS_MOST 3

struct osy_reader {
	struct osy_drive *drive;
	const struct osy_spec_object *object;
	struct osy_checkpoint_object from;
	struct read_rest *rest; /* one of both */
	struct read_bulk *bulk;
	struct read_deleted *deleted; /* or this one */
	struct read_known *known;     /* NULL: nothing is left out */
	/* Ids that are read by another leg, and left out here; in that leg: those that have come.
	 */
	struct read_known *listed, *came;
	bool again, gave; /* gave: with again, a row that was not left out */
	unsigned jobs;	  /* made, or found made */
	/* while rows are taken */
	osy_reader_row row;
	void *arg;
};

/* ---- Requests ---- */
struct osy_read_request *read_request_new(struct osy_drive *drive, void *owner)
{
	struct osy_read_request *request = osy_xcalloc(1, sizeof(*request));

	*request = (struct osy_read_request){.owner = owner,
		.drive = drive,
		.path = OSY_BUF(4 * READ_MAX_SOQL),
		.next = drive->requests};
	osy_sf_send_init(&request->send, 4 * 1024 * 1024);
	osy_bulk_ask_init(&request->ask);
	drive->requests = request;
	return request;
}

void read_request_drop(struct osy_read_request *request)
{
	struct osy_read_request **at = &request->drive->requests;

	while (*at != request)
		at = &(*at)->next;
	*at = request->next;
	osy_sf_send_done(&request->send);
	osy_bulk_ask_done(&request->ask);
	osy_buf_done(&request->path);
	free(request);
}

void read_request_leave(struct osy_read_request *request)
{
	struct osy_http_call *paused = request->paused;

	request->owner = NULL;
	request->paused = NULL;
	if (paused)
		osy_http_resume(paused);
}

void osy_read_forget(struct osy_drive *drive)
{
	while (drive->requests)
		read_request_drop(drive->requests);
}

void read_again_after(struct read_again *again, const struct osy_err *err)
{
	if (err->cls != OSY_RETRY || ++again->attempts > ATTEMPTS) {
		again->failed = *err;
		return;
	}
	again->at =
		osy_mono_ms() + (err->retry_after_ms ? err->retry_after_ms
						     : osy_backoff_ms(again->attempts, 100, 10000));
}

bool read_again_waits(const struct read_again *again)
{
	return osy_mono_ms() < again->at;
}

void read_soql(const struct osy_spec_object *object, struct osy_buf *soql)
{
	osy_buf_addz(soql, "SELECT Id");
	for (size_t i = 0; i < osy_spec_columns(object); i++) {
		const char *name = osy_spec_column(object, i, NULL);
		if (name)
			osy_buf_addf(soql, ",%s", name);
	}
	osy_buf_addf(soql, " FROM %s", object->name);
	if (object->where) {
		osy_buf_addz(soql, " WHERE ");
		osy_soql_nest(object->where, soql);
	}
}

/* ---- A reader ---- */
struct osy_reader *osy_reader_new(struct osy_drive *drive, const struct osy_read_place *place,
	const struct osy_checkpoint_object *from)
{
	struct osy_reader *reader = osy_xcalloc(1, sizeof(*reader));
	const struct osy_spec_object *object = place->object;
	const struct osy_frontier *frontier = &from->frontier;

	reader->drive = drive;
	reader->object = object;
	reader->from = *from;
	reader->again = frontier->again;
	if (object->deletes)
		reader->deleted = read_deleted_new(drive, object, frontier->last_id);
	else if (frontier->job[0] ||
		 (object->read_bulk && !frontier->last_id[0] && !frontier->again))
		reader->bulk = read_bulk_new(drive, OSY_GATE_SOURCE, object, frontier);
	else
		reader->rest = read_rest_new(drive, place, frontier->last_id);
	return reader;
}

struct osy_reader *osy_reader_free(struct osy_reader *reader)
{
	if (reader) {
		read_rest_free(reader->rest);
		read_bulk_free(reader->bulk);
		read_deleted_free(reader->deleted);
		read_known_free(reader->known);
		read_known_free(reader->listed);
		read_known_free(reader->came);
		free(reader);
	}
	return NULL;
}

static void go_on_by_rest(struct osy_reader *reader, const char *why)
{
	osy_log(OSY_WARN, "read.by_rest", OSY_KV("run", reader->drive->run),
		OSY_KV("object", reader->object->name), OSY_KV("reason", why));
	reader->bulk = read_bulk_free(reader->bulk);
	reader->rest = read_rest_new(
		reader->drive, &(struct osy_read_place){.object = reader->object}, "");
}

/*
 * A job that cannot be used any more. Rows of it that are in open batches but not in the journal
 * cannot be told from those that were never read: then the publisher starts over from its
 * checkpoint. From there: what is in the journal is left out by its ids.
 */
static enum osy_code replace_job(struct osy_reader *reader, const char *why, struct osy_err *err)
{
	struct osy_frontier none = {0};

	if (reader->again ? reader->gave : read_bulk_given(reader->bulk) > 0)
		return osy_fail(err, OSY_E_NO_REPLY,
			"the Bulk job that reads %s is lost (%s); it is read again from the last "
			"checkpoint",
			reader->object->name, why);
	read_bulk_delete(reader->bulk);
	reader->again = reader->from.published > 0;
	if (++reader->jobs >= JOBS_MOST) {
		go_on_by_rest(reader, why);
		return OSY_OK;
	}
	osy_log(OSY_WARN, "read.job_lost", OSY_KV("run", reader->drive->run),
		OSY_KV("object", reader->object->name), OSY_KV("reason", why),
		OSY_KV_INT("published", reader->from.published));
	reader->bulk = read_bulk_free(reader->bulk);
	reader->bulk = read_bulk_new(reader->drive, OSY_GATE_SOURCE, reader->object, &none);
	return OSY_OK;
}

static enum osy_code start_bulk(struct osy_reader *reader, struct osy_err *err)
{
	const char *why;
	enum osy_code rc = read_bulk_start(reader->bulk, err);

	if (rc)
		return osy_err_prefix(err, "reading %s by Bulk", reader->object->name);
	switch (read_bulk_ended(reader->bulk, &why)) {
	case READ_BULK_REFUSED:
		go_on_by_rest(reader, why);
		break;
	case READ_BULK_LOST:
		return replace_job(reader, why, err);
	case READ_BULK_GOES_ON:
		break;
	}
	return OSY_OK;
}

enum osy_code osy_reader_start(struct osy_reader *reader, struct osy_err *err)
{
	enum osy_code rc = OSY_OK;

	if (reader->deleted)
		return read_deleted_start(reader->deleted, err);
	if (reader->object->waiting_leg >= 0 && !reader->listed)
		rc = read_waiting_list(reader->drive, reader->object, &reader->listed, err);
	if (!rc && reader->object->waiting_of >= 0 && !reader->came)
		rc = read_known_new(reader->object->limit, &reader->came, err);
	if (!rc && reader->bulk)
		rc = start_bulk(reader, err);
	if (!rc && reader->again && !reader->known)
		rc = read_known_make(
			reader->drive, reader->object, reader->from.published, &reader->known, err);
	if (!rc && reader->rest)
		rc = read_rest_start(reader->rest, err);
	return rc;
}

bool osy_reader_has_page(const struct osy_reader *reader)
{
	if (reader->deleted)
		return read_deleted_has_page(reader->deleted);
	return reader->rest ? read_rest_has_page(reader->rest) : read_bulk_has_page(reader->bulk);
}

bool osy_reader_complete(const struct osy_reader *reader)
{
	if (reader->deleted)
		return read_deleted_complete(reader->deleted);
	return reader->rest ? read_rest_complete(reader->rest) : read_bulk_complete(reader->bulk);
}

void osy_reader_frontier(const struct osy_reader *reader, struct osy_frontier *ret)
{
	*ret = (struct osy_frontier){.again = reader->again};
	if (reader->bulk)
		read_bulk_frontier(reader->bulk, ret);
	else if (reader->deleted)
		memcpy(ret->last_id, read_deleted_last(reader->deleted), sizeof(ret->last_id));
	else
		memcpy(ret->last_id, read_rest_last(reader->rest), sizeof(ret->last_id));
}

void osy_reader_settled(struct osy_reader *reader)
{
	if (reader->bulk)
		read_bulk_delete(reader->bulk);
	if (reader->came && osy_reader_complete(reader))
		read_waiting_gone(
			reader->drive, reader->object, reader->from.frontier.last_id, reader->came);
}

/* ---- Rows ---- */
static enum osy_code take_unknown(const struct osy_str *values, void *arg, struct osy_err *err)
{
	struct osy_reader *reader = arg;
	struct osy_id id;
	bool known = false;

	if (osy_id_parse_json(values[0], &id)) {
		enum osy_code rc = OSY_OK;
		if (reader->again)
			rc = read_known_has(reader->known, &id, &known, err);
		if (!rc && !known && reader->listed)
			rc = read_known_has(reader->listed, &id, &known, err);
		if (!rc && !known && reader->came)
			rc = read_known_add(reader->came, &id, err);
		if (rc || known)
			return rc;
	}
	reader->gave = true;
	return reader->row(values, reader->arg, err);
}

enum osy_code osy_reader_take(
	struct osy_reader *reader, osy_reader_row row, void *arg, struct osy_err *err)
{
	if (reader->deleted)
		return read_deleted_take(reader->deleted, row, arg, err);
	OSY_ASSERT(!reader->again || reader->known);
	if (reader->again || reader->listed || reader->came) {
		reader->row = row;
		reader->arg = arg;
		row = take_unknown;
		arg = reader;
	}
	return reader->rest ? read_rest_take(reader->rest, row, arg, err)
			    : read_bulk_take(reader->bulk, row, arg, err);
}

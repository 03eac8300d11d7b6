/* Files: the bytes as the source sends them. See load_file.h. */
#include "load_file_internal.h"

#include <stdio.h>

#include "osy/clock.h"

#include "osy/banned.h"

/* ---- From the source ---- */
static void put_in_ring(struct osy_lfile *file, struct osy_str piece)
{
	size_t end = (file->begin + file->len) % OSY_FILE_RING, first = OSY_FILE_RING - end;

	first = piece.len < first ? piece.len : first;
	memcpy(file->ring + end, piece.p, first);
	memcpy(file->ring, piece.p + first, piece.len - first);
	file->len += piece.len;
}

static bool on_piece(struct osy_http_call *call, struct osy_str piece, void *arg)
{
	struct osy_lfile *file = arg;

	file->from = call;
	if (file->err.code || (file->size >= 0 && file->got + (int64_t)piece.len > file->size)) {
		file->got += (int64_t)piece.len; /* more than it should be: told at its end */
		return true;
	}
	if (file->hashes) {
		file->got += (int64_t)piece.len;
		osy_md5_add(file->md5, piece);
		return true;
	}
	if (file->len + piece.len > OSY_FILE_RING)
		return false;
	put_in_ring(file, piece);
	file->got += (int64_t)piece.len;
	osy_md5_add(file->md5, piece);
	if (file->phase == OSY_FILE_READING) {
		file->phase = OSY_FILE_READY;
		osy_lfile_wake(file);
	} else if (file->to) {
		osy_http_resume(file->to);
	}
	return true;
}

static enum osy_code judge(struct osy_lfile *file, const struct osy_sf_reply *reply)
{
	const struct osy_lbatch *batch = file->batch;
	struct osy_str sum =
		batch ? osy_lfile_plain(osy_lfile_value(
				batch, batch->rows[file->row].values, batch->object->file->sum))
		      : OSY_STR_NULL;

	if (reply->code) {
		file->err = reply->err;
		return reply->code;
	}
	if (file->size < 0)
		file->size = file->got;
	if (file->got != file->size)
		return osy_fail_from(&file->err, OSY_E_INVALID, "file",
			"the source says that the file has %lld bytes, and sent %lld",
			(long long)file->size, (long long)file->got);
	osy_md5_hex(file->md5, file->sum);
	if (sum.p && !osy_str_equal_nocase(sum, osy_str(file->sum)))
		return osy_fail_from(&file->err, OSY_E_INVALID, "file",
			"the file has the checksum %.*s, and what the source sent has %s",
			(int)sum.len, sum.p, file->sum);
	return OSY_OK;
}

static void on_read(struct osy_sf_reply *reply, void *arg)
{
	struct osy_lfile *file = arg;

	osy_lfile_read_over(file, reply);
	file->whole = judge(file, reply) == OSY_OK;
	if (file->hashes && file->whole) {
		if (file->measures)
			osy_lfile_source_measured(file);
		else
			osy_lfile_source_hashed(file);
		return;
	}
	if (file->phase == OSY_FILE_READING)
		file->phase = OSY_FILE_READY;
	if (file->to)
		osy_http_resume(file->to);
	osy_lfile_wake(file);
}

static enum osy_code start(struct osy_lfile *file, struct osy_err *err)
{
	const struct osy_lbatch *batch = file->batch;
	const struct osy_spec_object *object = batch->object;
	char id[19], path[256];

	osy_id_18(&batch->rows[file->row].source, id);
	snprintf(path, sizeof(path), "sobjects/%s/%s/%s", object->name, id,
		object->fields[object->file->body].name);
	const struct osy_sf_request request = {
		.method = "GET", .path = osy_str(path), .on_data = on_piece};
	enum osy_code rc = osy_sf_start(file->run->source, &request, on_read, file, err);

	if (rc)
		return rc;
	file->got = 0;
	file->whole = false;
	osy_md5_free(file->md5);
	file->md5 = osy_md5_new();
	file->measures = file->phase == OSY_FILE_MEASURE;
	file->hashes = file->measures || file->phase == OSY_FILE_HASH_SOURCE;
	file->phase = OSY_FILE_READING;
	osy_lfile_read_began(file);
	return OSY_OK;
}

void osy_lfile_read_now(struct osy_lfile *file)
{
	if (file->size < 0 && file->phase != OSY_FILE_HASH_SOURCE)
		file->phase = OSY_FILE_MEASURE;
	if (start(file, &file->err))
		file->phase = OSY_FILE_READY;
}

size_t osy_lfile_take(struct osy_lfile *file, char *out, size_t size)
{
	size_t n = file->len < size ? file->len : size;

	n = n < OSY_FILE_RING - file->begin ? n : OSY_FILE_RING - file->begin;
	memcpy(out, file->ring + file->begin, n);
	file->begin = (file->begin + n) % OSY_FILE_RING;
	file->len -= n;
	file->sent += (int64_t)n;
	if (n && file->from)
		osy_http_resume(file->from);
	return n;
}

#include "osy/batch.h"

#include "osy/mem.h"

/* Head and field names take little room beside the rows; a row's own overhead is five bytes a value
 * at most. */
#define HEAD_RESERVE (64u * 1024)
#define VALUE_OVERHEAD 5

void osy_batch_writer_init(struct osy_batch_writer *writer)
{
	*writer = (struct osy_batch_writer){.rows = OSY_BUF(16u * 1024 * 1024)};
}

void osy_batch_writer_done(struct osy_batch_writer *writer)
{
	osy_buf_done(&writer->rows);
}

bool osy_batch_fits(const struct osy_batch_writer *writer, size_t value_bytes, size_t field_count)
{
	size_t row_bytes = value_bytes + (field_count + 2) * VALUE_OVERHEAD + 16;

	return writer->head.count < OSY_BATCH_MAX_RECORDS &&
	       writer->rows.len + row_bytes + HEAD_RESERVE <= OSY_BATCH_MAX_BYTES;
}

void osy_batch_add(struct osy_batch_writer *writer, const struct osy_id *source,
	const struct osy_str *values, size_t field_count)
{
	struct osy_buf *rows = &writer->rows;

	osy_mp_array(rows, (uint32_t)field_count + 1);
	osy_mp_str(rows, (struct osy_str){source->c, 15});
	for (size_t i = 0; i < field_count; i++)
		osy_mp_str(rows, values[i]);
	writer->head.count++;
}

/* key of the maps' members that are not numbers of the head */
#define KEY_FIELDS "fields"
#define KEY_ROWS "rows"

enum {
	HEAD_MEMBERS = 0
#define X(type, name, help) +1
	OSY_BATCH_HEAD(X)
#undef X
};

void osy_batch_finish(struct osy_batch_writer *writer, const char *const *fields,
	size_t field_count, struct osy_buf *out)
{
	writer->head.v = OSY_BATCH_VERSION;
	osy_mp_map(out, HEAD_MEMBERS + 2);
#define X(type, name, help)              \
	osy_mp_str(out, OSY_STR(#name)); \
	osy_mp_i64(out, writer->head.name);
	OSY_BATCH_HEAD(X)
#undef X
	osy_mp_str(out, OSY_STR(KEY_FIELDS));
	osy_mp_array(out, (uint32_t)field_count);
	for (size_t i = 0; i < field_count; i++)
		osy_mp_str(out, osy_str(fields[i]));
	osy_mp_str(out, OSY_STR(KEY_ROWS));
	osy_mp_array(out, (uint32_t)writer->head.count);
	osy_buf_add(out, writer->rows.p, writer->rows.len);
	writer->head.count = 0;
	osy_buf_reset(&writer->rows);
}

static void read_fields(struct osy_batch_reader *reader, struct osy_arena *arena)
{
	uint32_t count = osy_mp_need_array(&reader->mp);

	if (count > OSY_BATCH_MAX_FIELDS) {
		reader->mp.error = "too many fields";
		return;
	}
	struct osy_str *fields = osy_arena_calloc(arena, count + 1u, sizeof(*fields));
	for (uint32_t i = 0; i < count && !reader->mp.error; i++)
		fields[i] = osy_mp_need_str(&reader->mp);
	reader->fields = fields;
	reader->field_count = count;
}

/* One member of the map; true when it was the rows, which come last. */
static bool read_member(struct osy_batch_reader *reader, struct osy_arena *arena, unsigned *seen)
{
	struct osy_str key = osy_mp_need_str(&reader->mp);
	unsigned bit = 1;

	if (reader->mp.error)
		return true;
#define X(type, name, help)                                       \
	if (osy_str_is(key, #name)) {                             \
		reader->head.name = osy_mp_need_i64(&reader->mp); \
		*seen |= bit;                                     \
		return false;                                     \
	}                                                         \
	bit <<= 1;
	OSY_BATCH_HEAD(X)
#undef X
	if (osy_str_is(key, KEY_FIELDS)) {
		read_fields(reader, arena);
	} else if (osy_str_is(key, KEY_ROWS)) {
		reader->rows_left = osy_mp_need_array(&reader->mp);
		return true;
	} else {
		osy_mp_skip(&reader->mp);
	}
	return false;
}

static const char *head_problem(const struct osy_batch_reader *reader, unsigned seen)
{
	const struct osy_batch_head *head = &reader->head;

	if (reader->mp.error)
		return reader->mp.error;
	if (seen != (1u << HEAD_MEMBERS) - 1 || !reader->fields)
		return "a required key is missing";
	if (head->v != OSY_BATCH_VERSION)
		return "its schema version is not known here";
	if (head->count != (int64_t)reader->rows_left || head->count < 1 ||
		head->count > OSY_BATCH_MAX_RECORDS)
		return "its count of rows is wrong";
	if (head->links < 0 || head->links > 1 || head->pass < 1 || head->object < 0 ||
		head->stage < 1 || head->object > 100000 || head->stage > 100000 ||
		head->pass > INT32_MAX)
		return "a number of its head is out of range";
	return NULL;
}

enum osy_code osy_batch_read(struct osy_str message, struct osy_arena *arena,
	struct osy_batch_reader *ret, struct osy_err *err)
{
	struct osy_batch_reader reader = {0};
	unsigned seen = 0;

	osy_mp_init(&reader.mp, message.p, message.len);
	uint32_t members = osy_mp_need_map(&reader.mp);
	for (uint32_t i = 0; i < members && !reader.mp.error; i++) {
		if (read_member(&reader, arena, &seen)) {
			if (!reader.mp.error && i + 1 != members)
				reader.mp.error = "rows is not its last key";
			break;
		}
	}
	const char *problem = head_problem(&reader, seen);
	if (problem)
		return osy_fail(err, OSY_E_INVALID, "a message of %zu bytes is no batch: %s",
			message.len, problem);
	*ret = reader;
	return OSY_OK;
}

bool osy_batch_row(struct osy_batch_reader *reader, struct osy_id *ret_source,
	struct osy_str *values, enum osy_code *ret_code, struct osy_err *err)
{
	const char *problem = NULL;

	*ret_code = OSY_OK;
	if (reader->rows_left == 0) {
		if (reader->mp.p == reader->mp.end)
			return false;
		problem = "bytes follow its last row";
	} else {
		reader->rows_left--;
		uint32_t count = osy_mp_need_array(&reader->mp);
		if (!reader->mp.error && count != reader->field_count + 1)
			problem = "a row has another number of values than there are fields";
		struct osy_str id = problem ? OSY_STR_NULL : osy_mp_need_str(&reader->mp);
		for (size_t i = 0; i < reader->field_count && !reader->mp.error && !problem; i++)
			values[i] = osy_mp_need_str_or_nil(&reader->mp);
		if (!problem)
			problem = reader->mp.error;
		if (!problem && !osy_id_parse(id, ret_source))
			problem = "a row's source id is no record id";
	}
	if (!problem)
		return true;
	*ret_code = osy_fail(err, OSY_E_INVALID, "a batch of %lld rows is broken: %s",
		(long long)reader->head.count, problem);
	return false;
}

#include "osy/intent.h"

#include "osy/msgpack.h"

#define VERSION 1
#define MAX_ROWS 100000

static void begin(struct osy_buf *out, uint32_t items)
{
	osy_mp_array(out, items + 1);
	osy_mp_i64(out, VERSION);
}

/* Reads the frame [VERSION, ...] and says how many items follow. */
static uint32_t begin_read(struct osy_mp *mp, struct osy_str packed)
{
	osy_mp_init(mp, packed.p, packed.len);
	uint32_t items = osy_mp_need_array(mp);
	if (osy_mp_need_i64(mp) != VERSION && !mp->error)
		mp->error = "its version is not known here";
	return items ? items - 1 : 0;
}

static enum osy_code end_read(const struct osy_mp *mp, const char *what, struct osy_err *err)
{
	if (mp->error)
		return osy_fail(
			err, OSY_E_INTERNAL, "a stored %s cannot be read: %s", what, mp->error);
	return OSY_OK;
}

static void write_id(struct osy_buf *out, const struct osy_id *id)
{
	osy_mp_str(out, osy_id_is_set(id) ? (struct osy_str){id->c, 15} : OSY_STR_NULL);
}

static void read_id(struct osy_mp *mp, struct osy_id *ret)
{
	struct osy_str text = osy_mp_need_str_or_nil(mp);

	if (text.p && !osy_id_parse(text, ret) && !mp->error)
		mp->error = "an id is none";
}

/* [v, [action, collection, target, claim, source, (sent)] ...]; a row that sends nothing and claims
 * nothing is nil */
void osy_intent_write(const struct osy_intent *intent, struct osy_buf *out)
{
	begin(out, intent->count);
	for (unsigned i = 0; i < intent->count; i++) {
		const struct osy_intent_row *row = &intent->rows[i];
		if (row->action == OSY_ACT_NONE && !row->claim) {
			osy_mp_nil(out);
			continue;
		}
		osy_mp_array(out, row->in_job ? 6 : 5);
		osy_mp_i64(out, row->action);
		osy_mp_i64(out, row->collection);
		write_id(out, &row->target);
		osy_mp_i64(out, (int64_t)row->claim);
		write_id(out, &row->source);
		if (row->in_job)
			osy_mp_bin(
				out, (struct osy_str){(const char *)row->sent, sizeof(row->sent)});
	}
}

static void read_sent(struct osy_mp *mp, struct osy_intent_row *row)
{
	struct osy_str sent = osy_mp_need_bin(mp);

	if (mp->error)
		return;
	if (sent.len != sizeof(row->sent)) {
		mp->error = "a row's identity is broken";
		return;
	}
	memcpy(row->sent, sent.p, sizeof(row->sent));
	row->in_job = true;
}

enum osy_code osy_intent_read(
	struct osy_str packed, struct osy_arena *arena, struct osy_intent *ret, struct osy_err *err)
{
	struct osy_mp mp;
	struct osy_intent intent = {.count = begin_read(&mp, packed)};

	if (intent.count > MAX_ROWS)
		mp.error = "too many rows";
	intent.rows =
		osy_arena_calloc(arena, mp.error ? 1 : intent.count + 1u, sizeof(*intent.rows));
	for (unsigned i = 0; i < intent.count && !mp.error; i++) {
		struct osy_intent_row *row = &intent.rows[i];
		row->collection = -1;
		enum osy_mp_type type = osy_mp_next(&mp);
		if (type == OSY_MP_NIL)
			continue;
		bool in_job = mp.count == 6;
		if (type != OSY_MP_ARRAY || (mp.count != 5 && !in_job)) {
			mp.error = "a row is broken";
			break;
		}
		row->action = (enum osy_action)osy_mp_need_i64(&mp);
		row->collection = (int)osy_mp_need_i64(&mp);
		read_id(&mp, &row->target);
		row->claim = (uint64_t)osy_mp_need_i64(&mp);
		read_id(&mp, &row->source);
		if (in_job)
			read_sent(&mp, row);
	}
	if (!mp.error)
		*ret = intent;
	return end_read(&mp, "intent", err);
}

/* [v, [field ...], [row, target, value ...] ...] */
void osy_snapshot_write(const struct osy_snapshot *snapshot, struct osy_buf *out)
{
	begin(out, snapshot->count + 1);
	osy_mp_array(out, snapshot->field_count);
	for (unsigned f = 0; f < snapshot->field_count; f++)
		osy_mp_str(out, snapshot->fields[f]);
	for (unsigned i = 0; i < snapshot->count; i++) {
		const struct osy_snapshot_row *row = &snapshot->rows[i];
		osy_mp_array(out, snapshot->field_count + 2);
		osy_mp_i64(out, row->row);
		write_id(out, &row->target);
		for (unsigned f = 0; f < snapshot->field_count; f++)
			osy_mp_str(out, row->values[f]);
	}
}

static void read_snapshot_rows(
	struct osy_mp *mp, struct osy_arena *arena, struct osy_snapshot *snapshot)
{
	for (unsigned i = 0; i < snapshot->count && !mp->error; i++) {
		struct osy_snapshot_row *row = &snapshot->rows[i];
		struct osy_str *values =
			osy_arena_calloc(arena, snapshot->field_count + 1u, sizeof(*values));
		if (osy_mp_need_array(mp) != snapshot->field_count + 2 && !mp->error)
			mp->error = "a row has another number of values than there are fields";
		row->row = (unsigned)osy_mp_need_i64(mp);
		read_id(mp, &row->target);
		for (unsigned f = 0; f < snapshot->field_count && !mp->error; f++)
			values[f] = osy_mp_need_str_or_nil(mp);
		row->values = values;
	}
}

enum osy_code osy_snapshot_read(struct osy_str packed, struct osy_arena *arena,
	struct osy_snapshot *ret, struct osy_err *err)
{
	struct osy_mp mp;
	struct osy_snapshot snapshot = {0};
	uint32_t items = begin_read(&mp, packed);

	if (items < 1 || items > MAX_ROWS)
		mp.error = mp.error ? mp.error : "its number of rows is wrong";
	uint32_t fields = osy_mp_need_array(&mp);
	if (!mp.error) {
		struct osy_str *names = osy_arena_calloc(arena, fields + 1u, sizeof(*names));
		for (uint32_t f = 0; f < fields && !mp.error; f++)
			names[f] = osy_mp_need_str(&mp);
		snapshot = (struct osy_snapshot){
			.fields = names, .field_count = fields, .count = items - 1};
		snapshot.rows = osy_arena_calloc(arena, items, sizeof(*snapshot.rows));
		read_snapshot_rows(&mp, arena, &snapshot);
	}
	if (!mp.error)
		*ret = snapshot;
	return end_read(&mp, "snapshot", err);
}

/* [v, bin of one byte a row, bin of packed target ids of the rows that have one (bit 7 of their
 * byte)] */
#define HAS_TARGET 0x80

void osy_outcomes_write(const struct osy_outcome_row *rows, unsigned count,
	const char target_prefix[3], struct osy_buf *out)
{
	OSY_AUTO(osy_buf_done) struct osy_buf bytes = OSY_BUF(MAX_ROWS);
	OSY_AUTO(osy_buf_done) struct osy_buf ids = OSY_BUF(MAX_ROWS * OSY_ID_PACKED);

	for (unsigned i = 0; i < count; i++) {
		bool has = osy_id_is_set(&rows[i].target);
		osy_buf_addc(&bytes, (char)((unsigned)rows[i].outcome | (has ? HAS_TARGET : 0)));
		if (has) {
			unsigned char packed[OSY_ID_PACKED];
			OSY_ASSERT(memcmp(rows[i].target.c, target_prefix, 3) == 0);
			osy_id_pack(&rows[i].target, packed);
			osy_buf_add(&ids, packed, sizeof(packed));
		}
	}
	begin(out, 2);
	osy_mp_bin(out, osy_buf_str(&bytes));
	osy_mp_bin(out, osy_buf_str(&ids));
}

enum osy_code osy_outcomes_read(struct osy_str packed, const char target_prefix[3],
	struct osy_outcome_row *rows, unsigned count, struct osy_err *err)
{
	struct osy_mp mp;

	begin_read(&mp, packed);
	struct osy_str bytes = osy_mp_need_bin(&mp);
	struct osy_str ids = osy_mp_need_bin(&mp);
	if (!mp.error && bytes.len != count)
		mp.error = "it is of another number of rows";
	for (unsigned i = 0; i < count && !mp.error; i++) {
		unsigned char byte = (unsigned char)bytes.p[i];
		rows[i] =
			(struct osy_outcome_row){.outcome = (enum osy_outcome)(byte & ~HAS_TARGET)};
		if (rows[i].outcome >= OSY_OUTCOMES_COUNT) {
			mp.error = "an outcome is not known here";
		} else if (byte & HAS_TARGET) {
			if (ids.len < OSY_ID_PACKED ||
				!osy_id_unpack(target_prefix, (const unsigned char *)ids.p,
					&rows[i].target)) {
				mp.error = "a target id is missing";
				break;
			}
			ids.p += OSY_ID_PACKED;
			ids.len -= OSY_ID_PACKED;
		}
	}
	return end_read(&mp, "outcome", err);
}

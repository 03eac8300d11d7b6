#include <endian.h>
#include <limits.h>

#include "pg_internal.h"

/* Postgres itself refuses fields above 1 GB; a parameter of ours is never near this. */
#define MAX_PARAM_BYTES (256u * 1024 * 1024)
#define PG_EPOCH_MS INT64_C(946684800000) /* 2000-01-01, where Postgres counts its time from */

static void add_u32(struct osy_buf *buf, uint32_t n)
{
	uint32_t wire = htobe32(n);

	osy_buf_add(buf, &wire, sizeof(wire));
}

static void add_u64(struct osy_buf *buf, uint64_t n)
{
	uint64_t wire = htobe64(n);

	osy_buf_add(buf, &wire, sizeof(wire));
}

static uint16_t get_u16(const char *p)
{
	uint16_t n;

	memcpy(&n, p, sizeof(n));
	return be16toh(n);
}

static uint32_t get_u32(const char *p)
{
	uint32_t n;

	memcpy(&n, p, sizeof(n));
	return be32toh(n);
}

static uint64_t get_u64(const char *p)
{
	uint64_t n;

	memcpy(&n, p, sizeof(n));
	return be64toh(n);
}

/* ---- Parameters ---- */

static unsigned kind_oid(enum osy_pg_kind kind)
{
	switch (kind) {
	case OSY_PG_KIND_NULL:
		return OSY_PG_OID_ANY;
	case OSY_PG_KIND_TEXT:
		return OSY_PG_OID_TEXT;
	case OSY_PG_KIND_I64:
		return OSY_PG_OID_INT8;
	case OSY_PG_KIND_I32:
		return OSY_PG_OID_INT4;
	case OSY_PG_KIND_BOOL:
		return OSY_PG_OID_BOOL;
	case OSY_PG_KIND_BYTES:
		return OSY_PG_OID_BYTEA;
	case OSY_PG_KIND_TEXTS:
		return OSY_PG_OID_TEXTS;
	case OSY_PG_KIND_I64S:
		return OSY_PG_OID_INT8S;
	case OSY_PG_KIND_I32S:
		return OSY_PG_OID_INT4S;
	case OSY_PG_KIND_BYTESS:
		return OSY_PG_OID_BYTEAS;
	}
	OSY_BUG("Postgres parameter of unknown kind %d", (int)kind);
}

static size_t array_bytes(const struct osy_pg_param *param)
{
	const struct osy_str *strs = param->items;
	size_t bytes = 20;

	if (param->count > MAX_PARAM_BYTES / 16)
		return SIZE_MAX;
	if (param->kind == OSY_PG_KIND_I64S || param->kind == OSY_PG_KIND_I32S)
		return bytes + param->count * 12;
	for (size_t i = 0; i < param->count; i++) {
		if (strs[i].len > MAX_PARAM_BYTES || bytes > MAX_PARAM_BYTES)
			return SIZE_MAX;
		bytes += 4 + strs[i].len;
	}
	return bytes;
}

static bool array_has_null(const struct osy_pg_param *param)
{
	const struct osy_str *strs = param->items;

	if (param->kind == OSY_PG_KIND_I64S || param->kind == OSY_PG_KIND_I32S)
		return false;
	for (size_t i = 0; i < param->count; i++)
		if (!strs[i].p)
			return true;
	return false;
}

static void add_item(struct osy_buf *buf, const struct osy_pg_param *param, size_t i)
{
	const struct osy_str *str = (const struct osy_str *)param->items + i;

	if (param->kind == OSY_PG_KIND_I64S) {
		add_u32(buf, 8);
		add_u64(buf, (uint64_t)((const int64_t *)param->items)[i]);
	} else if (param->kind == OSY_PG_KIND_I32S) {
		add_u32(buf, 4);
		add_u32(buf, (uint32_t)((const int32_t *)param->items)[i]);
	} else if (!str->p) {
		add_u32(buf, UINT32_MAX);
	} else {
		add_u32(buf, (uint32_t)str->len);
		osy_buf_add(buf, str->p, str->len);
	}
}

/* One dimension counted from 1; an empty array has none. */
static void add_array(struct osy_buf *buf, const struct osy_pg_param *param)
{
	unsigned item_oid = param->kind == OSY_PG_KIND_TEXTS	? OSY_PG_OID_TEXT
			    : param->kind == OSY_PG_KIND_BYTESS ? OSY_PG_OID_BYTEA
			    : param->kind == OSY_PG_KIND_I64S	? OSY_PG_OID_INT8
								: OSY_PG_OID_INT4;

	add_u32(buf, param->count > 0);
	add_u32(buf, array_has_null(param));
	add_u32(buf, item_oid);
	if (param->count == 0)
		return;
	add_u32(buf, (uint32_t)param->count);
	add_u32(buf, 1);
	for (size_t i = 0; i < param->count; i++)
		add_item(buf, param, i);
}

static void encode_scalar(const struct osy_pg_param *param, struct osy_pg_wire *wire, size_t i)
{
	uint64_t n64 = htobe64((uint64_t)param->i64);
	uint32_t n32 = htobe32((uint32_t)param->i64);
	char *number = wire->numbers[i];

	wire->values[i] = number;
	if (param->kind == OSY_PG_KIND_I64) {
		memcpy(number, &n64, 8);
		wire->lengths[i] = 8;
	} else if (param->kind == OSY_PG_KIND_I32) {
		OSY_ASSERT(param->i64 >= INT32_MIN && param->i64 <= INT32_MAX);
		memcpy(number, &n32, 4);
		wire->lengths[i] = 4;
	} else if (param->kind == OSY_PG_KIND_BOOL) {
		number[0] = param->i64 != 0;
		wire->lengths[i] = 1;
	} else if (param->kind == OSY_PG_KIND_NULL) {
		wire->values[i] = NULL;
		wire->lengths[i] = 0;
	} else {
		wire->values[i] = param->str.p;
		wire->lengths[i] = param->str.p ? (int)param->str.len : 0;
	}
}

static bool is_array(enum osy_pg_kind kind)
{
	return kind == OSY_PG_KIND_TEXTS || kind == OSY_PG_KIND_BYTESS ||
	       kind == OSY_PG_KIND_I64S || kind == OSY_PG_KIND_I32S;
}

enum osy_code osy_pg_encode(const struct osy_pg_param *params, size_t count,
	struct osy_pg_wire *ret, struct osy_err *err)
{
	size_t total = 0;

	OSY_ASSERT(count <= OSY_PG_MAX_PARAMS);
	ret->count = (int)count;
	ret->buf = OSY_BUF(MAX_PARAM_BYTES + 1024);
	for (size_t i = 0; i < count; i++) {
		const struct osy_pg_param *param = &params[i];
		size_t bytes = is_array(param->kind) ? array_bytes(param) : param->str.len;

		if (bytes > MAX_PARAM_BYTES || (total += bytes) > MAX_PARAM_BYTES)
			return osy_fail(err, OSY_E_TOO_BIG,
				"the parameters of one Postgres statement pass %u MiB; send fewer "
				"rows at once",
				MAX_PARAM_BYTES >> 20);
		ret->types[i] = kind_oid(param->kind);
		ret->formats[i] = 1;
		if (!is_array(param->kind)) {
			encode_scalar(param, ret, i);
			continue;
		}
		ret->offsets[i] = ret->buf.len;
		add_array(&ret->buf, param);
		ret->lengths[i] = (int)(ret->buf.len - ret->offsets[i]);
	}
	for (size_t i = 0; i < count; i++) /* only now does the buffer stay where it is */
		if (is_array(params[i].kind))
			ret->values[i] = ret->buf.p + ret->offsets[i];
	return OSY_OK;
}

/* ---- Results ---- */

struct osy_str osy_pg_str(const struct osy_pg_result *result, size_t row, int column)
{
	struct osy_pg_cell cell = osy_pg_cell(result, row, column);

	if (!cell.p)
		return OSY_STR_NULL;
	switch (cell.type) {
	case OSY_PG_OID_BYTEA:
	case OSY_PG_OID_CHAR:
	case OSY_PG_OID_NAME:
	case OSY_PG_OID_TEXT:
	case OSY_PG_OID_JSON:
	case OSY_PG_OID_UNKNOWN:
	case OSY_PG_OID_BPCHAR:
	case OSY_PG_OID_VARCHAR:
	case OSY_PG_OID_VOID:
	case OSY_PG_OID_UUID:
		return (struct osy_str){cell.p, cell.len};
	case OSY_PG_OID_JSONB: /* a version byte comes first */
		OSY_ASSERT(cell.len > 0 && cell.p[0] == 1);
		return (struct osy_str){cell.p + 1, cell.len - 1};
	default:
		if (cell.type >= OSY_PG_OID_FIRST_USER)
			return (struct osy_str){cell.p, cell.len};
		OSY_BUG("osy_pg_str on column %d of Postgres type %u: cast it to text in the SQL",
			column, cell.type);
	}
}

/* The whole part of a numeric: digits of base 10,000, the first of them worth 10,000^weight. Stops
 * at the limits. */
static int64_t numeric_i64(const char *p, size_t len)
{
	int count = get_u16(p);
	int weight = (int16_t)get_u16(p + 2);
	bool negative = get_u16(p + 4) == 0x4000;
	__int128 sum = 0;

	for (int i = 0; i <= weight && sum <= INT64_MAX; i++)
		sum = sum * 10000 +
		      (i < count && len >= 10 + 2 * (size_t)i ? get_u16(p + 8 + 2 * i) : 0);
	if (sum > INT64_MAX)
		return negative ? INT64_MIN : INT64_MAX;
	return negative ? -(int64_t)sum : (int64_t)sum;
}

static int64_t time_ms(int64_t us)
{
	if (us == INT64_MAX || us == INT64_MIN) /* 'infinity' */
		return us;
	return (us >= 0 ? us / 1000 : -((-us + 999) / 1000)) + PG_EPOCH_MS;
}

int64_t osy_pg_i64(const struct osy_pg_result *result, size_t row, int column, int64_t otherwise)
{
	struct osy_pg_cell cell = osy_pg_cell(result, row, column);

	if (!cell.p)
		return otherwise;
	switch (cell.type) {
	case OSY_PG_OID_BOOL:
		return cell.p[0] != 0;
	case OSY_PG_OID_INT2:
		return (int16_t)get_u16(cell.p);
	case OSY_PG_OID_INT4:
		return (int32_t)get_u32(cell.p);
	case OSY_PG_OID_OID:
		return get_u32(cell.p);
	case OSY_PG_OID_INT8:
		return (int64_t)get_u64(cell.p);
	case OSY_PG_OID_TIMESTAMP:
	case OSY_PG_OID_TIMESTAMPTZ:
		return time_ms((int64_t)get_u64(cell.p));
	case OSY_PG_OID_NUMERIC: /* what sum(bigint) gives */
		return numeric_i64(cell.p, cell.len);
	default:
		OSY_BUG("osy_pg_i64 on column %d of Postgres type %u: cast it to bigint in the SQL",
			column, cell.type);
	}
}

size_t osy_pg_i64s(
	const struct osy_pg_result *result, size_t row, int column, int64_t *items, size_t max)
{
	struct osy_pg_cell cell = osy_pg_cell(result, row, column);
	const char *p = cell.p;
	size_t count;

	if (!p || cell.len < 20) /* NULL, or the empty array */
		return 0;
	if (cell.type != OSY_PG_OID_INT8S && cell.type != OSY_PG_OID_INT4S)
		OSY_BUG("osy_pg_i64s on column %d of Postgres type %u: cast it to bigint[] in the "
			"SQL",
			column, cell.type);
	OSY_ASSERT(get_u32(p) == 1);
	count = get_u32(p + 12);
	p += 20;
	for (size_t i = 0; i < count && i < max; i++) {
		uint32_t len = get_u32(p);

		items[i] = len == 8   ? (int64_t)get_u64(p + 4)
			   : len == 4 ? (int32_t)get_u32(p + 4)
				      : 0;
		p += 4 + (len == UINT32_MAX ? 0 : len);
	}
	return count;
}

/* No msgpack-c here: it allocates for lengths before it looks whether the bytes are there. */
#include "osy/msgpack.h"

#include "osy/banned.h"

enum { DEPTH_MAX = 16 };

void osy_mp_init(struct osy_mp *mp, const void *p, size_t len)
{
	const unsigned char *bytes = p ? p : (const void *)"";

	*mp = (struct osy_mp){.p = bytes, .end = bytes + len};
}

static enum osy_mp_type fail(struct osy_mp *mp, const char *error)
{
	if (!mp->error)
		mp->error = error;
	mp->str = OSY_STR_NULL;
	mp->i64 = 0;
	mp->count = 0;
	return OSY_MP_ERROR;
}

static uint64_t left(const struct osy_mp *mp)
{
	return (uint64_t)(mp->end - mp->p);
}

/* A big-endian number of `width` bytes; false when they are not there. */
static bool take_number(struct osy_mp *mp, unsigned width, uint64_t *ret)
{
	uint64_t n = 0;

	if (left(mp) < width)
		return false;
	for (; width > 0; width--)
		n = n << 8 | *mp->p++;
	*ret = n;
	return true;
}

static enum osy_mp_type take_bytes(struct osy_mp *mp, enum osy_mp_type type, uint64_t len)
{
	if (left(mp) < len)
		return fail(mp, "string passes the end of the message");
	mp->str = (struct osy_str){(const char *)mp->p, len};
	mp->p += len;
	return type;
}

/* An item has at least one byte, so a count that the rest cannot hold is a lie. */
static enum osy_mp_type take_count(struct osy_mp *mp, enum osy_mp_type type, uint64_t count)
{
	if ((type == OSY_MP_MAP ? count * 2 : count) > left(mp))
		return fail(mp, "container passes the end of the message");
	mp->count = (uint32_t)count;
	return type;
}

static enum osy_mp_type take_i64(struct osy_mp *mp, enum osy_mp_type type, int64_t n)
{
	mp->i64 = n;
	return type;
}

static enum osy_mp_type take_unsigned(struct osy_mp *mp, uint64_t n)
{
	if (n > INT64_MAX)
		return fail(mp, "number is over the limit");
	return take_i64(mp, OSY_MP_INT, (int64_t)n);
}

static enum osy_mp_type take_signed(struct osy_mp *mp, uint64_t n, unsigned width)
{
	unsigned shift = 64 - 8 * width;

	return take_i64(mp, OSY_MP_INT, (int64_t)(n << shift) >> shift);
}

/* 0xc0 to 0xdf: what stands behind the tag */
static const struct row {
	enum { NIL = 1, FALSE_, TRUE_, STR, BIN, UINT, SINT, ARRAY, MAP } kind;
	unsigned width;
} rows[32] = {
	[0x00] = {NIL, 0},
	[0x02] = {FALSE_, 0},
	[0x03] = {TRUE_, 0},
	[0x04] = {BIN, 1},
	[0x05] = {BIN, 2},
	[0x06] = {BIN, 4},
	[0x0c] = {UINT, 1},
	[0x0d] = {UINT, 2},
	[0x0e] = {UINT, 4},
	[0x0f] = {UINT, 8},
	[0x10] = {SINT, 1},
	[0x11] = {SINT, 2},
	[0x12] = {SINT, 4},
	[0x13] = {SINT, 8},
	[0x19] = {STR, 1},
	[0x1a] = {STR, 2},
	[0x1b] = {STR, 4},
	[0x1c] = {ARRAY, 2},
	[0x1d] = {ARRAY, 4},
	[0x1e] = {MAP, 2},
	[0x1f] = {MAP, 4},
};

static enum osy_mp_type take_tagged(struct osy_mp *mp, unsigned char tag)
{
	const struct row *row = &rows[tag - 0xc0];
	uint64_t n;

	if (!row->kind)
		return fail(mp, "floats, extensions and unknown tags are not used here");
	if (!take_number(mp, row->width, &n))
		return fail(mp, "message is cut off");
	switch (row->kind) {
	case NIL:
		return OSY_MP_NIL;
	case FALSE_:
		return take_i64(mp, OSY_MP_BOOL, 0);
	case TRUE_:
		return take_i64(mp, OSY_MP_BOOL, 1);
	case STR:
		return take_bytes(mp, OSY_MP_STR, n);
	case BIN:
		return take_bytes(mp, OSY_MP_BIN, n);
	case UINT:
		return take_unsigned(mp, n);
	case SINT:
		return take_signed(mp, n, row->width);
	case ARRAY:
		return take_count(mp, OSY_MP_ARRAY, n);
	case MAP:
		return take_count(mp, OSY_MP_MAP, n);
	}
	return fail(mp, "unknown tag");
}

enum osy_mp_type osy_mp_next(struct osy_mp *mp)
{
	unsigned char tag;

	if (mp->error)
		return OSY_MP_ERROR;
	if (mp->p == mp->end)
		return OSY_MP_END;
	tag = *mp->p++;
	if (tag < 0x80)
		return take_i64(mp, OSY_MP_INT, tag);
	if (tag < 0x90)
		return take_count(mp, OSY_MP_MAP, tag & 15);
	if (tag < 0xa0)
		return take_count(mp, OSY_MP_ARRAY, tag & 15);
	if (tag < 0xc0)
		return take_bytes(mp, OSY_MP_STR, tag & 31);
	if (tag >= 0xe0)
		return take_i64(mp, OSY_MP_INT, (signed char)tag);
	return take_tagged(mp, tag);
}

void osy_mp_skip(struct osy_mp *mp)
{
	uint64_t still[DEPTH_MAX + 1] = {1}; /* values to come, a level each */
	unsigned depth = 0;

	for (;;) {
		enum osy_mp_type type;

		while (still[depth] == 0)
			if (depth-- == 0)
				return;
		still[depth]--;
		type = osy_mp_next(mp);
		if (type == OSY_MP_END)
			fail(mp, "message is cut off");
		if (mp->error)
			return;
		if (type != OSY_MP_ARRAY && type != OSY_MP_MAP)
			continue;
		if (depth == DEPTH_MAX) {
			fail(mp, "nested too deep");
			return;
		}
		still[++depth] = type == OSY_MP_MAP ? 2ull * mp->count : mp->count;
	}
}

/* Whether a value of this type comes. */
static bool need(struct osy_mp *mp, enum osy_mp_type type, const char *error)
{
	enum osy_mp_type got = osy_mp_next(mp);

	if (got == type)
		return true;
	fail(mp, got == OSY_MP_END ? "message is cut off" : error);
	return false;
}

uint32_t osy_mp_need_map(struct osy_mp *mp)
{
	return need(mp, OSY_MP_MAP, "a map was expected") ? mp->count : 0;
}

uint32_t osy_mp_need_array(struct osy_mp *mp)
{
	return need(mp, OSY_MP_ARRAY, "an array was expected") ? mp->count : 0;
}

struct osy_str osy_mp_need_str(struct osy_mp *mp)
{
	return need(mp, OSY_MP_STR, "a string was expected") ? mp->str : OSY_STR("");
}

struct osy_str osy_mp_need_str_or_nil(struct osy_mp *mp)
{
	enum osy_mp_type got = osy_mp_next(mp);

	if (got == OSY_MP_STR)
		return mp->str;
	if (got != OSY_MP_NIL)
		fail(mp, got == OSY_MP_END ? "message is cut off" : "a string or nil was expected");
	return OSY_STR_NULL;
}

struct osy_str osy_mp_need_bin(struct osy_mp *mp)
{
	return need(mp, OSY_MP_BIN, "bytes were expected") ? mp->str : OSY_STR("");
}

int64_t osy_mp_need_i64(struct osy_mp *mp)
{
	return need(mp, OSY_MP_INT, "a whole number was expected") ? mp->i64 : 0;
}

enum osy_code osy_mp_fail(const struct osy_mp *mp, const char *what, struct osy_err *err)
{
	return osy_fail(err, OSY_E_INVALID, "%s: %s, %zu bytes before its end", what,
		mp->error ? mp->error : "unexpected value", (size_t)(mp->end - mp->p));
}

/* The MessagePack reader: next, skip and the expecting readers stay inside; what is read is written
 * the same in value. */
#include "osy/mem.h"
#include "osy/msgpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(const struct osy_mp *mp, const uint8_t *data, size_t size)
{
	OSY_ASSERT(mp->p >= data && mp->p <= data + size);
	if (!mp->error && mp->str.len)
		OSY_ASSERT((const uint8_t *)mp->str.p >= data &&
			   (const uint8_t *)mp->str.p + mp->str.len <= data + size);
}

/* Reads all values flat and writes each again. */
static void copy_all(struct osy_mp *mp, struct osy_buf *out, const uint8_t *data, size_t size)
{
	enum osy_mp_type type;

	while ((type = osy_mp_next(mp)) > OSY_MP_END) {
		check_inside(mp, data, size);
		if (type == OSY_MP_NIL)
			osy_mp_nil(out);
		else if (type == OSY_MP_BOOL)
			osy_mp_bool(out, mp->i64);
		else if (type == OSY_MP_INT)
			osy_mp_i64(out, mp->i64);
		else if (type == OSY_MP_STR)
			osy_mp_str(out, mp->str);
		else if (type == OSY_MP_BIN)
			osy_mp_bin(out, mp->str);
		else if (type == OSY_MP_ARRAY)
			osy_mp_array(out, mp->count);
		else
			osy_mp_map(out, mp->count);
	}
	OSY_ASSERT((type == OSY_MP_ERROR) == (mp->error != NULL));
}

/* Whether it is a row of whole values; a container whose items are missing passes when it is read
 * flat. */
static bool skip_all(const uint8_t *data, size_t size)
{
	struct osy_mp mp;

	osy_mp_init(&mp, data, size);
	while (!mp.error && mp.p < mp.end)
		osy_mp_skip(&mp);
	OSY_ASSERT(mp.p >= data && mp.p <= data + size);
	return !mp.error;
}

static void need_all(const uint8_t *data, size_t size)
{
	for (unsigned which = 0; which < 6; which++) {
		struct osy_mp mp;

		osy_mp_init(&mp, data, size);
		for (unsigned i = which; !mp.error; i++) {
			switch (i % 6) {
			case 0:
				osy_mp_need_map(&mp);
				break;
			case 1:
				osy_mp_need_str(&mp);
				break;
			case 2:
				osy_mp_need_array(&mp);
				break;
			case 3:
				osy_mp_need_i64(&mp);
				break;
			case 4:
				osy_mp_need_bin(&mp);
				break;
			default:
				osy_mp_need_str_or_nil(&mp);
				break;
			}
			check_inside(&mp, data, size);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OSY_AUTO(osy_buf_done) struct osy_buf first = OSY_BUF(64 << 20);
	OSY_AUTO(osy_buf_done) struct osy_buf second = OSY_BUF(64 << 20);
	struct osy_mp mp;

	osy_mp_init(&mp, data, size);
	copy_all(&mp, &first, data, size);
	if (skip_all(data, size)) {
		OSY_ASSERT(!mp.error);
		osy_mp_init(&mp, first.p, first.len);
		copy_all(&mp, &second, (const uint8_t *)first.p, first.len);
		OSY_ASSERT(!mp.error && osy_str_equal(osy_buf_str(&first), osy_buf_str(&second)));
	}
	need_all(data, size);
	return 0;
}

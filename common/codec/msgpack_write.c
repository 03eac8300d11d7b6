#include "osy/msgpack.h"

#include <msgpack.h>

#include "osy/banned.h"

static int into_buf(void *out, const char *p, size_t len)
{
	osy_buf_add(out, p, len);
	return 0;
}

static msgpack_packer packer(struct osy_buf *out)
{
	return (msgpack_packer){.data = out, .callback = into_buf};
}

void osy_mp_map(struct osy_buf *out, uint32_t pairs)
{
	msgpack_packer pk = packer(out);

	msgpack_pack_map(&pk, pairs);
}

void osy_mp_array(struct osy_buf *out, uint32_t items)
{
	msgpack_packer pk = packer(out);

	msgpack_pack_array(&pk, items);
}

void osy_mp_str(struct osy_buf *out, struct osy_str s)
{
	msgpack_packer pk = packer(out);

	OSY_ASSERT(s.len <= UINT32_MAX);
	if (!s.p) {
		msgpack_pack_nil(&pk);
		return;
	}
	msgpack_pack_str(&pk, s.len);
	msgpack_pack_str_body(&pk, s.p, s.len);
}

void osy_mp_bin(struct osy_buf *out, struct osy_str s)
{
	msgpack_packer pk = packer(out);

	OSY_ASSERT(s.len <= UINT32_MAX);
	msgpack_pack_bin(&pk, s.len);
	msgpack_pack_bin_body(&pk, s.p, s.len);
}

void osy_mp_i64(struct osy_buf *out, int64_t n)
{
	msgpack_packer pk = packer(out);

	msgpack_pack_int64(&pk, n);
}

void osy_mp_bool(struct osy_buf *out, bool b)
{
	msgpack_packer pk = packer(out);

	if (b)
		msgpack_pack_true(&pk);
	else
		msgpack_pack_false(&pk);
}

void osy_mp_nil(struct osy_buf *out)
{
	msgpack_packer pk = packer(out);

	msgpack_pack_nil(&pk);
}

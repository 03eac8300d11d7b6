#include "sim_org.h"

static const char sim_abc[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

void sim_id_check(char id[19])
{
	static const char sum[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

	for (int block = 0; block < 3; block++) {
		unsigned bits = 0;

		for (int i = 0; i < 5; i++)
			if (id[block * 5 + i] >= 'A' && id[block * 5 + i] <= 'Z')
				bits |= 1u << i;
		id[15 + block] = sum[bits];
	}
	id[18] = 0;
}

void sim_id_text(const struct sim_org *org, uint64_t oid, char out[19])
{
	uint64_t n = sim_oid_serial(oid) + org->id_base;

	if (oid == SIM_MASTER_RT) {
		memcpy(out, "012000000000000AAA", 19);
		return;
	}
	memcpy(out, org->object[sim_oid_obj(oid)]->prefix, 3);
	memcpy(out + 3, org->pod, 2);
	for (int i = 14; i >= 5; i--) {
		out[i] = sim_abc[n % 62];
		n /= 62;
	}
	sim_id_check(out);
}

void sim_buf_id(struct sim_buf *b, const struct sim_org *org, uint64_t oid)
{
	char id[19];

	sim_id_text(org, oid, id);
	sim_buf_need(b, 20);
	b->p[b->len++] = '"';
	memcpy(b->p + b->len, id, 18);
	b->len += 18;
	b->p[b->len++] = '"';
}

static int sim_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'z' ? c - 'a' + 36 : -1;
}

struct sim_object *sim_id_object(const struct sim_org *org, struct sim_str text)
{
	if (text.len < 3)
		return NULL;
	for (unsigned i = 0; i < org->nobjects; i++)
		if (!memcmp(org->object[i]->prefix, text.p, 3))
			return org->object[i];
	return NULL;
}

enum sim_id_result sim_id_parse(const struct sim_org *org, struct sim_str text, uint64_t *ret)
{
	const struct sim_object *obj;
	uint64_t n = 0;
	char full[19];

	*ret = 0;
	if (text.len != 15 && text.len != 18)
		return SIM_ID_BAD;
	for (size_t i = 0; i < text.len; i++)
		if (sim_digit(text.p[i]) < 0)
			return SIM_ID_BAD;
	memcpy(full, text.p, 15);
	sim_id_check(full);
	if (text.len == 18 && memcmp(full + 15, text.p + 15, 3))
		return SIM_ID_BAD;
	if (!memcmp(full, "012000000000000", 15)) {
		*ret = SIM_MASTER_RT;
		return SIM_ID_OK;
	}
	obj = sim_id_object(org, text);
	for (int i = 5; i < 15; i++)
		n = n * 62 + (uint64_t)sim_digit(full[i]);
	if (!obj || memcmp(full + 3, org->pod, 2) || n < org->id_base ||
		n - org->id_base > 0xFFFFFFFFFFull)
		return SIM_ID_FOREIGN;
	*ret = sim_oid(obj->idx, n - org->id_base);
	return SIM_ID_OK;
}

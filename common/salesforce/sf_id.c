#include "osy/sf_id.h"

#include "osy/banned.h"

/* Value + 1 of a base-62 digit by its byte; 0: no digit. The order (0-9A-Za-z) is ours alone. */
static const unsigned char digit_plus_one[256] = {
	['0'] = 1,
	2,
	3,
	4,
	5,
	6,
	7,
	8,
	9,
	10, /* 0-9 */
	['A'] = 11,
	12,
	13,
	14,
	15,
	16,
	17,
	18,
	19,
	20,
	21,
	22,
	23,
	24,
	25,
	26,
	27,
	28,
	29,
	30,
	31,
	32,
	33,
	34,
	35,
	36, /* A-Z */
	['a'] = 37,
	38,
	39,
	40,
	41,
	42,
	43,
	44,
	45,
	46,
	47,
	48,
	49,
	50,
	51,
	52,
	53,
	54,
	55,
	56,
	57,
	58,
	59,
	60,
	61,
	62, /* a-z */
};
static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

#define DIGITS_EACH_HALF 6
#define HALF_RANGE 56800235584u /* 62^6 */

static void checksum(const char *c, char ret[3])
{
	for (unsigned block = 0; block < 3; block++) {
		unsigned bits = 0;
		for (unsigned i = 0; i < 5; i++) {
			const char at = c[block * 5 + i];
			bits |= (unsigned)(at >= 'A' && at <= 'Z') << i;
		}
		ret[block] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[bits];
	}
}

bool osy_id_parse(struct osy_str text, struct osy_id *ret)
{
	char sum[3];
	unsigned bad = 0;

	if (!text.p || (text.len != 15 && text.len != 18))
		return false;
	for (unsigned i = 0; i < 15; i++)
		bad |= digit_plus_one[(unsigned char)text.p[i]] == 0;
	if (bad)
		return false;
	if (text.len == 18) {
		checksum(text.p, sum);
		if (memcmp(sum, text.p + 15, 3) != 0)
			return false;
	}
	memcpy(ret->c, text.p, 15);
	ret->c[15] = 0;
	return true;
}

bool osy_id_parse_json(struct osy_str raw, struct osy_id *ret)
{
	if (!raw.p || raw.len < 2 || raw.p[0] != '"' || raw.p[raw.len - 1] != '"')
		return false;
	return osy_id_parse((struct osy_str){raw.p + 1, raw.len - 2}, ret);
}

void osy_id_18(const struct osy_id *id, char ret[19])
{
	if (!osy_id_is_set(id)) {
		ret[0] = 0;
		return;
	}
	memcpy(ret, id->c, 15);
	checksum(id->c, ret + 15);
	ret[18] = 0;
}

static uint64_t half_value(const char *c)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < DIGITS_EACH_HALF; i++) {
		const unsigned digit = digit_plus_one[(unsigned char)c[i]];
		OSY_ASSERT(digit != 0);
		value = value * 62 + (digit - 1);
	}
	return value;
}

static void half_text(uint64_t value, char *c)
{
	for (unsigned i = DIGITS_EACH_HALF; i-- > 0; value /= 62)
		c[i] = digits[value % 62];
}

/* Each half is below 62^6 < 2^36: two of them fill the 72 bits, most significant first. */
void osy_id_pack(const struct osy_id *id, unsigned char ret[OSY_ID_PACKED])
{
	const uint64_t high = half_value(id->c + 3), low = half_value(id->c + 9);

	for (unsigned i = 0; i < 4; i++)
		ret[i] = (unsigned char)(high >> (28 - 8 * i));
	ret[4] = (unsigned char)((high & 15) << 4 | low >> 32);
	for (unsigned i = 0; i < 4; i++)
		ret[5 + i] = (unsigned char)(low >> (24 - 8 * i));
}

bool osy_id_unpack(
	const char prefix[3], const unsigned char packed[OSY_ID_PACKED], struct osy_id *ret)
{
	uint64_t high = 0, low = packed[4] & 15;

	for (unsigned i = 0; i < 3; i++) {
		if (digit_plus_one[(unsigned char)prefix[i]] == 0)
			return false;
	}
	for (unsigned i = 0; i < 4; i++)
		high = high << 8 | packed[i];
	high = high << 4 | packed[4] >> 4;
	for (unsigned i = 0; i < 4; i++)
		low = low << 8 | packed[5 + i];
	if (high >= HALF_RANGE || low >= HALF_RANGE)
		return false;
	memcpy(ret->c, prefix, 3);
	half_text(high, ret->c + 3);
	half_text(low, ret->c + 9);
	ret->c[15] = 0;
	return true;
}

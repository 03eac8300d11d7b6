/*
 * A Feistel network over decimal digits: the halves take turns in being added, digit by digit, to
 * what an HMAC makes of the other. Whatever the HMAC is, each round can be undone, so it is a
 * permutation.
 */
#include "mask.h"

#include "osy/mem.h"

#define ROUNDS 8

static void round_of(struct osy_mac *mac, unsigned number, const char *from, size_t from_count,
	char *to, size_t to_count)
{
	unsigned char pad[32];
	char text[MASK_DIGITS_MOST + 16] = "digits.";

	text[7] = (char)('a' + number);
	text[8] = (char)('A' + (int)to_count);
	memcpy(text + 9, from, from_count);
	osy_mac(mac, (struct osy_str){text, 9 + from_count}, pad);
	for (size_t i = 0; i < to_count; i++)
		to[i] = (char)('0' + (to[i] - '0' + pad[i % sizeof(pad)]) % 10);
}

void mask_digits(struct osy_mac *mac, char *digits, size_t count)
{
	size_t half = count / 2;

	OSY_ASSERT(count <= MASK_DIGITS_MOST);
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (i % 2)
			round_of(mac, i, digits + half, count - half, digits, half);
		else
			round_of(mac, i, digits, half, digits + half, count - half);
	}
}

/* Where a request may go: addresses that are not public, and the proxy that stands in between. */
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "http_internal.h"
#include "osy/mem.h"

/* ---- IPv4 ---- */

/* Blocks that are not part of the public network (IANA's special-purpose registry), multicast,
 * reserved. */
static const struct block {
	uint32_t net;
	unsigned bits;
} inner_blocks[] = {
	{0x00000000, 8},  /* this network */
	{0x0a000000, 8},  /* private */
	{0x64400000, 10}, /* shared by a carrier's customers */
	{0x7f000000, 8},  /* loopback */
	{0xa9fe0000, 16}, /* link-local; metadata of clouds */
	{0xac100000, 12}, /* private */
	{0xc0000000, 24}, /* protocol assignments */
	{0xc0000200, 24}, /* documentation */
	{0xc0586300, 24}, /* relays of 6to4 */
	{0xc0a80000, 16}, /* private */
	{0xc6120000, 15}, /* benchmarks */
	{0xc6336400, 24}, /* documentation */
	{0xcb007100, 24}, /* documentation */
	{0xe0000000, 3},  /* multicast, reserved, broadcast */
};

static bool is_public_v4(uint32_t address)
{
	for (size_t i = 0; i < OSY_COUNT(inner_blocks); i++)
		if ((address ^ inner_blocks[i].net) >> (32 - inner_blocks[i].bits) == 0)
			return false;
	return true;
}

/* ---- IPv6 ---- */

static uint32_t four_at(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Forms of IPv6 that lead to an address of IPv4; false: it is none. */
static bool inner_v4(const unsigned char *p, uint32_t *ret)
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const unsigned char nat64[12] = {0x00, 0x64, 0xff, 0x9b};

	if (memcmp(p, mapped, 12) == 0 || memcmp(p, nat64, 12) == 0)
		*ret = four_at(p + 12);
	else if (p[0] == 0x20 && p[1] == 0x02) /* 6to4 */
		*ret = four_at(p + 2);
	else
		return false;
	return true;
}

/* Global unicast is 2000::/3; of it Teredo and its neighbours (2001::/23) and documentation are
 * left out. */
static bool is_public_v6(const unsigned char *p)
{
	uint32_t v4;

	if (inner_v4(p, &v4))
		return is_public_v4(v4);
	if (p[0] >> 5 != 1)
		return false;
	if (p[0] == 0x20 && p[1] == 0x01)
		return p[2] >= 0x02 && !(p[2] == 0x0d && p[3] == 0xb8);
	return !(p[0] == 0x3f && p[1] == 0xff && p[2] < 0x10);
}

static bool is_loopback_v6(const unsigned char *p)
{
	static const unsigned char one[16] = {[15] = 1};
	uint32_t v4;

	return memcmp(p, one, 16) == 0 || (inner_v4(p, &v4) && v4 >> 24 == 127);
}

bool osy_http_may_reach(const struct sockaddr *address, enum osy_http_reach reach)
{
	if (reach == OSY_HTTP_ANYWHERE)
		return true;
	if (address->sa_family == AF_INET) {
		struct sockaddr_in v4;

		memcpy(&v4, address, sizeof(v4));
		const uint32_t host = ntohl(v4.sin_addr.s_addr);
		return reach == OSY_HTTP_PUBLIC ? is_public_v4(host) : host >> 24 == 127;
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;

		memcpy(&v6, address, sizeof(v6));
		return reach == OSY_HTTP_PUBLIC ? is_public_v6(v6.sin6_addr.s6_addr)
						: is_loopback_v6(v6.sin6_addr.s6_addr);
	}
	return false;
}

/* ---- The proxy of the environment ---- */

static const char *variable(const char *const *names)
{
	for (; *names; names++) {
		const char *value = getenv(*names);
		if (value && *value)
			return value;
	}
	return NULL;
}

/* Whether host is item or lies below it. */
static bool is_below(struct osy_str host, struct osy_str item)
{
	if (item.len > 0 && item.p[0] == '.')
		item = (struct osy_str){item.p + 1, item.len - 1};
	if (item.len == 0 || host.len < item.len)
		return false;
	const struct osy_str end = {host.p + host.len - item.len, item.len};
	return osy_str_equal_nocase(end, item) && (host.len == item.len || end.p[-1] == '.');
}

const char *osy_http_proxy(struct osy_str host)
{
	static const char *const proxies[] = {
		"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL};
	static const char *const exceptions[] = {"no_proxy", "NO_PROXY", NULL};
	const char *proxy = variable(proxies), *list = variable(exceptions);

	for (const char *p = list; proxy && p && *p;) {
		const size_t len = strcspn(p, ", ");
		const struct osy_str item = {p, len};

		if (osy_str_is(item, "*") || is_below(host, item))
			return NULL;
		p += len + strspn(p + len, ", ");
	}
	return proxy;
}

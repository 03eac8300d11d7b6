/*
 * The ceiling: prepared requests, sent by a bare loop over kept-alive connections, nothing else.
 * What orgsync is measured against: the same records (20 fields), the same composite of five
 * collections of 200, the same number in flight.
 *
 *   ceiling PORT TOKEN RECORDS IN_FLIGHT
 *
 * Prints one JSON line: records, seconds, rate, cpuMicrosPerRecord.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define COLLECTION 200
#define COLLECTIONS 5
#define PER_REQUEST (COLLECTION * COLLECTIONS)
#define MAX_PREPARED 200 /* requests; sent again and again, only the external ids move on */
#define EXT_DIGITS 9

struct prepared {
	char *text;
	size_t len;
	size_t *ids; /* where each record's digits stand */
};

static struct prepared prepared[MAX_PREPARED];
static atomic_long next_request;
static long requests;
static unsigned prepared_count;
static int port;
static const char *token;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static size_t add_record(char *to, size_t *ret_digits)
{
	static const char head[] =
		"{\"attributes\":{\"type\":\"Account\"},\"Name\":\"Northern Lights Trading 0001\","
		"\"AccountNumber\":\"AN-000017\",\"Site\":\"Main\",\"Phone\":\"+49 30 1234567\","
		"\"Fax\":\"+49 30 1234568\","
		"\"Website\":\"https://www.example.com/a\",\"Sic\":\"7372\","
		"\"TickerSymbol\":\"NLT\",\"NumberOfEmployees\":4711,\"AnnualRevenue\":1234567.89,"
		"\"BillingStreet\":\"Unter den Linden 77\",\"BillingCity\":\"Berlin\","
		"\"BillingPostalCode\":\"10117\",\"BillingCountry\":\"Germany\","
		"\"ShippingStreet\":\"Hafenstr. 1\",\"ShippingCity\":\"Hamburg\","
		"\"ShippingPostalCode\":\"20457\",\"ShippingCountry\":\"Germany\","
		"\"Description\":\"A customer since 1998, pays on time\",\"Ext_Id__c\":\"B-";
	size_t n = sizeof(head) - 1;

	memcpy(to, head, n);
	*ret_digits = n;
	memset(to + n, '0', EXT_DIGITS);
	n += EXT_DIGITS;
	memcpy(to + n, "\"}", 2);
	return n + 2;
}

static void prepare(struct prepared *p)
{
	size_t max = PER_REQUEST * 1024 + 4096, n = 0;
	char *body = malloc(max), head[512];

	p->ids = calloc(PER_REQUEST, sizeof(*p->ids));
	n += (size_t)snprintf(body, max,
		"{\"allOrNone\":false,\"collateSubrequests\":false,\"compositeRequest\":[");
	for (int c = 0; c < COLLECTIONS; c++) {
		n += (size_t)snprintf(body + n, max - n,
			"%s{\"method\":\"POST\",\"url\":\"/services/data/v60.0/composite/"
			"sobjects\","
			"\"referenceId\":\"p%d\","
			"\"body\":{\"allOrNone\":false,\"records\":[",
			c ? "," : "", c);
		for (int r = 0; r < COLLECTION; r++) {
			size_t digits;
			if (r)
				body[n++] = ',';
			size_t len = add_record(body + n, &digits);
			p->ids[c * COLLECTION + r] = n + digits;
			n += len;
		}
		n += (size_t)snprintf(body + n, max - n, "]}}");
	}
	n += (size_t)snprintf(body + n, max - n, "]}");
	int h = snprintf(head, sizeof(head),
		"POST /services/data/v60.0/composite HTTP/1.1\r\n"
		"Host: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n"
		"Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
		port, token, n);
	p->text = malloc((size_t)h + n);
	p->len = (size_t)h + n;
	memcpy(p->text, head, (size_t)h);
	memcpy(p->text + h, body, n);
	for (int r = 0; r < PER_REQUEST; r++)
		p->ids[r] += (size_t)h;
	free(body);
}

static void number(struct prepared *p, long request)
{
	for (int r = 0; r < PER_REQUEST; r++) {
		long id = request * PER_REQUEST + r;
		for (char *digit = p->text + p->ids[r] + EXT_DIGITS - 1; id; id /= 10)
			*digit-- = (char)('0' + id % 10);
	}
}

static int open_connection(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		die("connect");
	return fd;
}

/* Reads one reply whole; it must be a 200. */
static void read_reply(int fd, char *buf, size_t size)
{
	size_t have = 0;
	char *end = NULL;

	while (!end) {
		ssize_t n = read(fd, buf + have, size - have - 1);
		if (n <= 0)
			die("read");
		have += (size_t)n;
		buf[have] = 0;
		end = strstr(buf, "\r\n\r\n");
	}
	if (strncmp(buf, "HTTP/1.1 200", 12) != 0) {
		fprintf(stderr, "%.300s\n", buf);
		exit(1);
	}
	char *length = strcasestr(buf, "\r\ncontent-length:");
	if (length && length < end) {
		size_t left = strtoul(length + 17, NULL, 10), got = have - (size_t)(end + 4 - buf);
		while (got < left) {
			ssize_t n = read(fd, buf, size);
			if (n <= 0)
				die("read");
			got += (size_t)n;
		}
		return;
	}
	/* chunked: the last chunk ends the reply */
	while (have < 5 || memcmp(buf + have - 5, "0\r\n\r\n", 5) != 0) {
		if (have > size / 2) {
			memmove(buf, buf + have - 5, 5);
			have = 5;
		}
		ssize_t n = read(fd, buf + have, size - have);
		if (n <= 0)
			die("read");
		have += (size_t)n;
	}
}

static void *loop(void *arg)
{
	size_t size = 1u << 20;
	char *buf = malloc(size);
	int fd = open_connection();
	struct prepared *mine = arg;

	for (long request; (request = atomic_fetch_add(&next_request, 1)) < requests;) {
		number(mine, request);
		for (size_t sent = 0; sent < mine->len;) {
			ssize_t n = write(fd, mine->text + sent, mine->len - sent);
			if (n <= 0)
				die("write");
			sent += (size_t)n;
		}
		read_reply(fd, buf, size);
	}
	close(fd);
	free(buf);
	return NULL;
}

static double cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6 +
	       (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec / 1e6;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	pthread_t threads[MAX_PREPARED];

	if (argc != 5) {
		fprintf(stderr, "usage: ceiling PORT TOKEN RECORDS IN_FLIGHT\n");
		return 2;
	}
	port = (int)strtoul(argv[1], NULL, 10);
	token = argv[2];
	requests = (long)(strtoul(argv[3], NULL, 10) / PER_REQUEST);
	prepared_count = (unsigned)strtoul(argv[4], NULL, 10);
	if (requests < 1 || prepared_count < 1 || prepared_count > MAX_PREPARED)
		return 2;
	for (unsigned i = 0; i < prepared_count; i++)
		prepare(&prepared[i]);
	double cpu = cpu_seconds(), begin = now();
	for (unsigned i = 0; i < prepared_count; i++)
		pthread_create(&threads[i], NULL, loop, &prepared[i]);
	for (unsigned i = 0; i < prepared_count; i++)
		pthread_join(threads[i], NULL);
	double seconds = now() - begin, records = (double)(requests * PER_REQUEST);
	printf("{\"records\":%.0f,\"seconds\":%.3f,\"rate\":%.0f,\"cpuMicrosPerRecord\":%.2f}\n",
		records, seconds, records / seconds, (cpu_seconds() - cpu) * 1e6 / records);
	return 0;
}

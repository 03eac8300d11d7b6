#include "health.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "osy/clock.h"
#include "osy/mem.h"
#include "osy/metrics.h"
#include "osy/str.h"

#define SILENT_MS 30000

struct osy_health {
	struct MHD_Daemon *daemon;
	_Atomic int64_t alive_at;
	_Atomic bool draining;
};

static enum MHD_Result answer(
	struct MHD_Connection *connection, unsigned status, struct osy_str text)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		text.len, (void *)(uintptr_t)text.p, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result;

	MHD_add_response_header(response, "Content-Type", "text/plain; charset=utf-8");
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload_data, size_t *upload_size,
	void **context)
{
	struct osy_health *health = arg;
	bool alive = osy_mono_ms() - atomic_load(&health->alive_at) < SILENT_MS;

	(void)version;
	(void)upload_data;
	(void)upload_size;
	(void)context;
	if (strcmp(method, "GET") != 0)
		return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, OSY_STR("only GET\n"));
	if (strcmp(url, "/healthz") == 0)
		return answer(connection, alive ? 200 : 503,
			alive ? OSY_STR("ok\n") : OSY_STR("the loop stands still\n"));
	if (strcmp(url, "/readyz") == 0) {
		bool ready = alive && !atomic_load(&health->draining);
		return answer(connection, ready ? 200 : 503,
			ready ? OSY_STR("ok\n") : OSY_STR("not ready\n"));
	}
	if (strcmp(url, "/metrics") == 0) {
		OSY_AUTO(osy_buf_done) struct osy_buf out = OSY_BUF(4u * 1024 * 1024);
		osy_metrics_render(&out);
		return answer(connection, 200, osy_buf_str(&out));
	}
	return answer(connection, MHD_HTTP_NOT_FOUND, OSY_STR("not found\n"));
}

static enum osy_code parse_address(const char *listen, struct sockaddr_in *ret, struct osy_err *err)
{
	const char *colon = strrchr(listen, ':');
	char host[64];
	int64_t port = 0;
	enum osy_code rc = OSY_OK;

	if (!colon || (size_t)(colon - listen) >= sizeof(host))
		return osy_fail(err, OSY_E_USAGE,
			"health-listen is %s; it must be an IPv4 address and a port, as "
			"127.0.0.1:8090",
			listen);
	memcpy(host, listen, (size_t)(colon - listen));
	host[colon - listen] = 0;
	rc = osy_parse_i64(osy_str(colon + 1), 0, 65535, &port, err);
	if (rc)
		return osy_err_prefix(err, "health-listen");
	*ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	if (inet_pton(AF_INET, host, &ret->sin_addr) != 1)
		return osy_fail(err, OSY_E_USAGE, "health-listen: %s is no IPv4 address", host);
	return OSY_OK;
}

enum osy_code osy_health_start(const char *listen, struct osy_health **ret, struct osy_err *err)
{
	struct osy_health *health = osy_xcalloc(1, sizeof(*health));
	struct sockaddr_in address;

	atomic_store(&health->alive_at, osy_mono_ms());
	if (listen[0]) {
		enum osy_code rc = parse_address(listen, &address, err);
		if (!rc) {
			health->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL,
				NULL, handle, health, MHD_OPTION_SOCK_ADDR, &address,
				MHD_OPTION_CONNECTION_LIMIT, 32u, MHD_OPTION_CONNECTION_TIMEOUT,
				10u, MHD_OPTION_END);
			if (!health->daemon)
				rc = osy_fail(err, OSY_E_UNREACHABLE,
					"cannot listen on %s; is the port taken?", listen);
		}
		if (rc) {
			free(health);
			return rc;
		}
	}
	*ret = health;
	return OSY_OK;
}

struct osy_health *osy_health_stop(struct osy_health *health)
{
	if (health) {
		if (health->daemon)
			MHD_stop_daemon(health->daemon);
		free(health);
	}
	return NULL;
}

void osy_health_alive(struct osy_health *health)
{
	atomic_store(&health->alive_at, osy_mono_ms());
}

void osy_health_draining(struct osy_health *health)
{
	atomic_store(&health->draining, true);
}

/*
 * Settings: every setting is one row of a table, which makes the flag, the environment variable,
 * the YAML key, the help and docs/settings.md. Order: default < file < environment < flag. The file
 * is read by the caller (it needs a YAML parser, which lies in a higher room) and handed in pair by
 * pair with osy_settings_set().
 */
#ifndef OSY_SETTINGS_H
#define OSY_SETTINGS_H

#include "osy/secret.h"
#include "osy/str.h"

enum osy_setting_type { OSY_SET_TEXT, OSY_SET_INT, OSY_SET_BOOL, OSY_SET_SECRET };
enum osy_program { OSY_IN_COORDINATOR = 1, OSY_IN_WORKER = 2, OSY_IN_CLI = 4 };

#define OSY_SERVERS (OSY_IN_COORDINATOR | OSY_IN_WORKER)

/* field of struct osy_settings, flag and YAML key, environment variable, type, default, min, max,
 * programs, help */
#define OSY_SETTINGS(X)                                                                            \
	X(kafka_brokers, "kafka-brokers", "ORGSYNC_KAFKA_BROKERS", TEXT, "127.0.0.1:9092", 0, 0,   \
		OSY_SERVERS, "Kafka bootstrap list, host:port[,host:port]")                        \
	X(kafka_prefix, "kafka-prefix", "ORGSYNC_KAFKA_PREFIX", TEXT, "orgsync", 0, 0,             \
		OSY_SERVERS, "prefix of topics, and the group id under which positions are shown") \
	X(redis_url, "redis-url", "ORGSYNC_REDIS_URL", TEXT, "redis://127.0.0.1:6379/0", 0, 0,     \
		OSY_SERVERS, "redis://[:password@]host:port/db or unix:///path")                   \
	X(postgres_url, "postgres-url", "ORGSYNC_POSTGRES_URL", TEXT,                              \
		"postgresql://127.0.0.1:5432/orgsync", 0, 0, OSY_SERVERS, "libpq URI")             \
	X(secret_key, "secret-key", "ORGSYNC_SECRET_KEY", SECRET, "", 0, 0, OSY_SERVERS,           \
		"32 bytes in base64: encrypts credentials at rest")                                \
	X(secret_key_file, "secret-key-file", "ORGSYNC_SECRET_KEY_FILE", TEXT, "", 0, 0,           \
		OSY_SERVERS, "file that holds the secret key")                                     \
	X(lease_ms, "lease-ms", "ORGSYNC_LEASE_MS", INT, "5000", 1000, 600000, OSY_SERVERS,        \
		"how long a lane or run stays with a process that has fallen silent (ms)")         \
	X(request_limit_ms, "request-limit-ms", "ORGSYNC_REQUEST_LIMIT_MS", INT, "600000", 100,    \
		86400000, OSY_SERVERS,                                                             \
		"longest time an org may be busy with a request; its reply is given up a minute "  \
		"later (ms)")                                                                      \
	X(worker_requests, "worker-requests", "ORGSYNC_WORKER_REQUESTS", INT, "16", 1, 1024,       \
		OSY_IN_WORKER, "requests in flight in one worker")                                 \
	X(listen, "listen", "ORGSYNC_LISTEN", TEXT, "127.0.0.1:8080", 0, 0, OSY_IN_COORDINATOR,    \
		"address of the HTTP API")                                                         \
	X(health_listen, "health-listen", "ORGSYNC_HEALTH_LISTEN", TEXT, "", 0, 0, OSY_IN_WORKER,  \
		"address of the worker's /healthz, /readyz and /metrics; empty: none")             \
	X(allow_http_orgs, "allow-http-orgs", "ORGSYNC_ALLOW_HTTP_ORGS", BOOL, "false", 0, 0,      \
		OSY_SERVERS, "accept http:// org addresses on loopback (simulators)")              \
	X(core_dumps, "core-dumps", "ORGSYNC_CORE_DUMPS", BOOL, "false", 0, 0,                     \
		OSY_SERVERS | OSY_IN_CLI,                                                          \
		"let core dumps be written and debuggers attach: they see secrets and records")    \
	X(bootstrap_token_file, "bootstrap-token-file", "ORGSYNC_BOOTSTRAP_TOKEN_FILE", TEXT, "",  \
		0, 0, OSY_IN_COORDINATOR,                                                          \
		"write a first admin token to this file when there is no token yet")               \
	X(run_slots, "run-slots", "ORGSYNC_RUN_SLOTS", INT, "8", 1, 64, OSY_IN_COORDINATOR,        \
		"runs that one coordinator drives at once; the others wait for their turn")        \
	X(limit_probe_ms, "limit-probe-ms", "ORGSYNC_LIMIT_PROBE_MS", INT, "30000", 1000, 3600000, \
		OSY_SERVERS,                                                                       \
		"how often an org without API calls is asked for its limits, and files are sent "  \
		"again to one that takes no more of them within 24 hours (ms)")                    \
	X(run_retention_days, "run-retention-days", "ORGSYNC_RUN_RETENTION_DAYS", INT, "180", 0,   \
		36500, OSY_IN_COORDINATOR,                                                         \
		"days after which a run that has ended is deleted with its journal and "           \
		"snapshots; "                                                                      \
		"0: never (days)")                                                                 \
	X(audit_retention_days, "audit-retention-days", "ORGSYNC_AUDIT_RETENTION_DAYS", INT, "90", \
		0, 36500, OSY_IN_COORDINATOR,                                                      \
		"days after which rows of the audit are deleted; 0: never (days)")                 \
	X(token_retention_days, "token-retention-days", "ORGSYNC_TOKEN_RETENTION_DAYS", INT, "90", \
		0, 36500, OSY_IN_COORDINATOR,                                                      \
		"days after which a token that was revoked is shown no more; 0: never (days)")     \
	X(firing_retention_days, "firing-retention-days", "ORGSYNC_FIRING_RETENTION_DAYS", INT,    \
		"60", 0, 36500, OSY_IN_COORDINATOR,                                                \
		"days after which what came of a schedule's time is deleted, once its run is; "    \
		"0: never (days)")                                                                 \
	X(publish_buffer_mb, "publish-buffer-mb", "ORGSYNC_PUBLISH_BUFFER_MB", INT, "24", 4, 4096, \
		OSY_IN_COORDINATOR,                                                                \
		"memory for open batches and the producers' queues, all runs (MiB)")               \
	X(api_url, "api-url", "ORGSYNC_API_URL", TEXT, "http://127.0.0.1:8080", 0, 0, OSY_IN_CLI,  \
		"address of the coordinator")                                                      \
	X(api_token, "api-token", "ORGSYNC_API_TOKEN", SECRET, "", 0, 0, OSY_IN_CLI,               \
		"token for the coordinator")                                                       \
	X(api_token_file, "api-token-file", "ORGSYNC_API_TOKEN_FILE", TEXT, "", 0, 0, OSY_IN_CLI,  \
		"file that holds the token")                                                       \
	X(log_level, "log-level", "ORGSYNC_LOG_LEVEL", TEXT, "info", 0, 0,                         \
		OSY_SERVERS | OSY_IN_CLI, "error, warn, info or debug")                            \
	X(log_format, "log-format", "ORGSYNC_LOG_FORMAT", TEXT, "auto", 0, 0,                      \
		OSY_SERVERS | OSY_IN_CLI, "json or text; auto: text on a terminal")

#define OSY_SETTING_FIELD_TEXT(name) char *name;
#define OSY_SETTING_FIELD_INT(name) int64_t name;
#define OSY_SETTING_FIELD_BOOL(name) bool name;
#define OSY_SETTING_FIELD_SECRET(name) struct osy_secret name;

struct osy_settings {
#define X(name, flag, env, type, def, min, max, programs, help) OSY_SETTING_FIELD_##type(name)
	OSY_SETTINGS(X)
#undef X
};

void osy_settings_init(struct osy_settings *settings); /* the defaults */
void osy_settings_done(struct osy_settings *settings);
/* Takes one value by its flag name ("lease-ms"); origin names where it came from, for the error
 * text. */
enum osy_code osy_settings_set(struct osy_settings *settings, struct osy_str flag,
	struct osy_str value, const char *origin, struct osy_err *err) OSY_CHECKED;
/* Takes the environment variables of the rows that this program has; an empty one counts as not
 * set. */
enum osy_code osy_settings_env(
	struct osy_settings *settings, enum osy_program program, struct osy_err *err) OSY_CHECKED;
/*
 * Takes `--flag value` and `--flag=value` (bool: `--flag`) of this program's rows out of argv and
 * leaves the rest (argc and argv are rewritten; "--" ends it). An unknown flag is left alone.
 */
enum osy_code osy_settings_args(struct osy_settings *settings, enum osy_program program, int *argc,
	char **argv, struct osy_err *err) OSY_CHECKED;
/* Reads the *_file settings into their secrets where those are not set. */
enum osy_code osy_settings_files(struct osy_settings *settings, struct osy_err *err) OSY_CHECKED;
/*
 * Of a lease, which lane and run owners hold alike: it counts as good for its length less the
 * margin, by the owner's own clock, and is renewed by a heartbeat each second, or more often when
 * it is short: one that is late must not end it.
 */
static inline int64_t osy_lease_margin_ms(int64_t lease_ms)
{
	return lease_ms / 5;
}
static inline int64_t osy_lease_beat_ms(int64_t lease_ms)
{
	return lease_ms < 4000 ? lease_ms / 4 : 1000;
}
void osy_settings_help(enum osy_program program, struct osy_buf *out);

#endif

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kafka_internal.h"
#include "osy/clock.h"
#include "osy/log.h"
#include "osy/mem.h"

#define KAFKA_MAGIC 0x6b61666bu
#define ENV_PREFIX "ORGSYNC_KAFKA_"
#define DESTROY_S 5

/* A broker that comes back is found within about a second. */
static const struct osy_kafka_option common[] = {
	{"client.id", "orgsync"},
	{"log_level", "4"},
	{"log.connection.close", "false"},
	{"reconnect.backoff.ms", "50"},
	{"reconnect.backoff.max.ms", "1000"},
	{"socket.keepalive.enable", "true"},
	{"socket.connection.setup.timeout.ms", "5000"},
	{"socket.timeout.ms", "20000"},
	{"topic.metadata.refresh.fast.interval.ms", "100"},
	{NULL, NULL},
};

/* ---- Errors ---- */

bool osy_kafka_is_fenced(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
	       code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH ||
	       code == RD_KAFKA_RESP_ERR_TRANSACTION_COORDINATOR_FENCED;
}

static const struct {
	rd_kafka_resp_err_t kafka;
	enum osy_code code;
} codes[] = {
	{RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, OSY_E_FORBIDDEN},
	{RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, OSY_E_FORBIDDEN},
	{RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, OSY_E_FORBIDDEN},
	{RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, OSY_E_TOO_BIG},
	{RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, OSY_E_NOT_FOUND},
	{RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, OSY_E_NOT_FOUND},
	{RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, OSY_E_NOT_FOUND},
	{RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, OSY_E_NOT_FOUND},
	{RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, OSY_E_NOT_FOUND},
	{RD_KAFKA_RESP_ERR__INVALID_ARG, OSY_E_INVALID},
};

enum osy_code osy_kafka_fail(struct osy_err *err, rd_kafka_resp_err_t code, const char *format, ...)
{
	enum osy_code ret = osy_kafka_is_fenced(code) ? OSY_E_FENCED : OSY_E_KAFKA;
	char origin[64], text[300];
	va_list args;

	for (size_t i = 0; i < OSY_COUNT(codes); i++)
		if (codes[i].kafka == code)
			ret = codes[i].code;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(origin, sizeof(origin), "kafka:%s", rd_kafka_err2name(code));
	return osy_fail_from(err, ret, origin, "%s: %s", text, rd_kafka_err2str(code));
}

/* ---- Settings ---- */

/* "ORGSYNC_KAFKA_SASL_USERNAME=x" -> sasl.username, x; false: not for librdkafka. */
static bool take_variable(const char *variable, struct osy_kafka_setting *ret)
{
	static const char *const ours[] = {"BROKERS", "PREFIX"};
	const char *name = variable + strlen(ENV_PREFIX);
	const char *equals = strchr(variable, '=');

	if (strncmp(variable, ENV_PREFIX, strlen(ENV_PREFIX)) != 0 || !equals || equals <= name)
		return false;
	for (size_t i = 0; i < OSY_COUNT(ours); i++)
		if (strlen(ours[i]) == (size_t)(equals - name) &&
			strncmp(name, ours[i], strlen(ours[i])) == 0)
			return false;
	ret->name = osy_xstrndup(name, (size_t)(equals - name));
	for (char *p = ret->name; *p; p++)
		*p = *p == '_' ? '.' : (char)tolower((unsigned char)*p);
	ret->value = osy_xstrdup(equals + 1);
	return true;
}

static void take_environment(struct osy_kafka *kafka, char **environment)
{
	size_t count = 0;

	for (char **p = environment; p && *p; p++)
		count++;
	kafka->settings = osy_xcalloc(count + 1, sizeof(*kafka->settings));
	for (size_t i = 0; i < count; i++)
		if (take_variable(environment[i], &kafka->settings[kafka->setting_count]))
			kafka->setting_count++;
}

/* librdkafka spells a few properties with underscores; values may be secrets and are never shown.
 */
static enum osy_code set_from_environment(
	rd_kafka_conf_t *conf, const struct osy_kafka_setting *setting, struct osy_err *err)
{
	OSY_AUTO_FREE char *other = osy_xstrdup(setting->name);
	char text[8];
	rd_kafka_conf_res_t res =
		rd_kafka_conf_set(conf, setting->name, setting->value, text, sizeof(text));

	if (res == RD_KAFKA_CONF_UNKNOWN) {
		for (char *p = other; *p; p++)
			*p = *p == '.' ? '_' : *p;
		res = rd_kafka_conf_set(conf, other, setting->value, text, sizeof(text));
	}
	if (res == RD_KAFKA_CONF_OK)
		return OSY_OK;
	return osy_fail(err, OSY_E_INVALID,
		"the environment's Kafka property %s %s; see librdkafka's CONFIGURATION.md",
		setting->name,
		res == RD_KAFKA_CONF_UNKNOWN ? "is not known" : "has a value that does not fit");
}

static void set_all(rd_kafka_conf_t *conf, const struct osy_kafka_option *options)
{
	char text[200];

	for (; options && options->name; options++)
		if (rd_kafka_conf_set(conf, options->name, options->value, text, sizeof(text)) !=
			RD_KAFKA_CONF_OK)
			OSY_BUG("Kafka property %s: %s", options->name, text);
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	(void)rk;
	osy_log(level <= 4 ? OSY_WARN : OSY_DEBUG, "kafka.client", OSY_KV("facility", facility),
		OSY_KV("text", text));
}

enum osy_code osy_kafka_conf(const struct osy_kafka *kafka, const struct osy_kafka_option *defaults,
	const struct osy_kafka_option *forced, rd_kafka_conf_t **ret, struct osy_err *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	const struct osy_kafka_option where[] = {
		{"bootstrap.servers", kafka->brokers}, {NULL, NULL}};

	set_all(conf, common);
	set_all(conf, defaults);
	for (size_t i = 0; i < kafka->setting_count; i++) {
		enum osy_code rc = set_from_environment(conf, &kafka->settings[i], err);

		if (rc) {
			rd_kafka_conf_destroy(conf);
			return rc;
		}
	}
	set_all(conf, where);
	set_all(conf, forced);
	rd_kafka_conf_set_log_cb(conf, on_log);
	*ret = conf;
	return OSY_OK;
}

enum osy_code osy_kafka_make(
	enum osy_kafka_role role, rd_kafka_conf_t *conf, rd_kafka_t **ret, struct osy_err *err)
{
	char text[300] = "";
	rd_kafka_t *rk =
		rd_kafka_new(role == OSY_KAFKA_CONSUMER ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER,
			conf, text, sizeof(text));

	if (!rk) {
		rd_kafka_conf_destroy(conf);
		return osy_fail_from(err, OSY_E_INVALID, "kafka:conf",
			"a Kafka client cannot be made: %s", text);
	}
	*ret = rk;
	return OSY_OK;
}

enum osy_code osy_kafka_new(
	const char *brokers, char **environ_or_null, struct osy_kafka **ret, struct osy_err *err)
{
	struct osy_kafka *kafka = osy_xcalloc(1, sizeof(*kafka));
	rd_kafka_conf_t *conf;
	enum osy_code rc;

	kafka->magic = KAFKA_MAGIC;
	kafka->brokers = osy_xstrdup(brokers);
	pthread_mutex_init(&kafka->lock, NULL);
	pthread_mutex_init(&kafka->read_lock, NULL);
	take_environment(kafka, environ_or_null);
	rc = *brokers ? osy_kafka_conf(kafka, NULL, NULL, &conf, err)
		      : osy_fail(err, OSY_E_INVALID,
				"there are no Kafka brokers; set ORGSYNC_KAFKA_BROKERS");
	if (rc) {
		osy_kafka_free(kafka);
		return rc;
	}
	rd_kafka_conf_destroy(conf);
	*ret = kafka;
	return OSY_OK;
}

struct osy_kafka *osy_kafka_free(struct osy_kafka *kafka)
{
	if (!kafka)
		return NULL;
	OSY_ASSERT(kafka->magic == KAFKA_MAGIC);
	osy_kafka_destroy(kafka->asker, "asker");
	osy_kafka_destroy(kafka->reader, "reader");
	osy_kafka_destroy(kafka->putter, "putter");
	for (size_t i = 0; i < kafka->setting_count; i++) {
		free(kafka->settings[i].name);
		explicit_bzero(kafka->settings[i].value, strlen(kafka->settings[i].value));
		free(kafka->settings[i].value);
	}
	free(kafka->settings);
	free(kafka->brokers);
	pthread_mutex_destroy(&kafka->lock);
	pthread_mutex_destroy(&kafka->read_lock);
	kafka->magic = 0;
	free(kafka);
	return NULL;
}

/* ---- The client for questions ---- */

enum osy_code osy_kafka_asker(struct osy_kafka *kafka, rd_kafka_t **ret, struct osy_err *err)
{
	/* a producer's questions would make the topic that they ask about, where the broker is set
	 * so */
	static const struct osy_kafka_option forced[] = {{"allow.auto.create.topics", "false"},
		{"isolation.level", "read_committed"}, {"enable.auto.commit", "false"},
		{NULL, NULL}};
	rd_kafka_conf_t *conf;
	enum osy_code rc = OSY_OK;

	OSY_ASSERT(kafka->magic == KAFKA_MAGIC);
	pthread_mutex_lock(&kafka->lock);
	if (!kafka->asker) {
		rc = osy_kafka_conf(kafka, NULL, forced, &conf, err);
		if (!rc)
			rc = osy_kafka_make(OSY_KAFKA_CONSUMER, conf, &kafka->asker, err);
	}
	*ret = kafka->asker;
	pthread_mutex_unlock(&kafka->lock);
	return rc;
}

enum osy_code osy_kafka_ping(
	struct osy_kafka *kafka, unsigned timeout_ms, unsigned *ret_brokers, struct osy_err *err)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t code;
	rd_kafka_t *rk;
	enum osy_code rc = osy_kafka_asker(kafka, &rk, err);

	if (rc)
		return rc;
	code = rd_kafka_metadata(rk, 0, NULL, &metadata, (int)timeout_ms);
	if (code)
		return osy_kafka_fail(err, code, "Kafka at %s does not answer", kafka->brokers);
	*ret_brokers = (unsigned)metadata->broker_cnt;
	rd_kafka_metadata_destroy(metadata);
	return OSY_OK;
}

/* ---- Destroying under a watchdog ---- */

struct farewell {
	pthread_mutex_t lock;
	pthread_cond_t gone_cond;
	rd_kafka_t *rk;
	bool gone, left;
};

static void farewell_free(struct farewell *farewell)
{
	pthread_mutex_destroy(&farewell->lock);
	pthread_cond_destroy(&farewell->gone_cond);
	free(farewell);
}

static void *destroy(void *arg)
{
	struct farewell *farewell = arg;
	bool left;

	if (rd_kafka_type(farewell->rk) == RD_KAFKA_CONSUMER)
		rd_kafka_consumer_close(farewell->rk);
	rd_kafka_destroy(farewell->rk);
	pthread_mutex_lock(&farewell->lock);
	farewell->gone = true;
	left = farewell->left;
	pthread_cond_signal(&farewell->gone_cond);
	pthread_mutex_unlock(&farewell->lock);
	if (left)
		farewell_free(farewell);
	return NULL;
}

bool osy_kafka_destroy(rd_kafka_t *rk, const char *what)
{
	struct farewell *farewell;
	struct timespec until;
	pthread_t thread;
	bool gone;

	if (!rk)
		return true;
	farewell = osy_xcalloc(1, sizeof(*farewell));
	farewell->rk = rk;
	pthread_mutex_init(&farewell->lock, NULL);
	pthread_cond_init(&farewell->gone_cond, NULL);
	if (pthread_create(&thread, NULL, destroy, farewell) != 0) {
		farewell_free(farewell);
		return false;
	}
	pthread_detach(thread);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += DESTROY_S;
	pthread_mutex_lock(&farewell->lock);
	while (!farewell->gone &&
		pthread_cond_timedwait(&farewell->gone_cond, &farewell->lock, &until) == 0)
		;
	gone = farewell->gone;
	farewell->left = !gone;
	pthread_mutex_unlock(&farewell->lock);
	if (gone)
		farewell_free(farewell);
	else
		osy_log(OSY_WARN, "kafka.close_hangs", OSY_KV("client", what),
			OSY_KV_INT("waited_s", DESTROY_S));
	return gone;
}

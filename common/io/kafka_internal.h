/*
 * What the files of the Kafka module share. The one place that sees librdkafka's header.
 */
#ifndef OSY_KAFKA_INTERNAL_H
#define OSY_KAFKA_INTERNAL_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>

#include "osy/kafka.h"

struct osy_kafka {
	unsigned magic;
	char *brokers;
	struct osy_kafka_setting *settings; /* of the environment */
	size_t setting_count;
	/* Made when first needed. A consumer for questions (it never makes topics by asking), one
	 * for reading, a producer for single messages. */
	pthread_mutex_t lock;
	rd_kafka_t *asker, *reader, *putter;
	pthread_mutex_t read_lock; /* the reader serves one at a time */
};

struct osy_kafka_setting {
	char *name, *value;
};

/* Properties, by name and value, ended by a NULL name. */
struct osy_kafka_option {
	const char *name, *value;
};

enum osy_kafka_role { OSY_KAFKA_CONSUMER, OSY_KAFKA_PRODUCER };

/* Defaults, then the environment's, then forced ones (what must not be otherwise). gives a
 * configuration. */
enum osy_code osy_kafka_conf(const struct osy_kafka *kafka, const struct osy_kafka_option *defaults,
	const struct osy_kafka_option *forced, rd_kafka_conf_t **ret,
	struct osy_err *err) OSY_CHECKED;
/* Takes conf in any case. */
enum osy_code osy_kafka_make(enum osy_kafka_role role, rd_kafka_conf_t *conf, rd_kafka_t **ret,
	struct osy_err *err) OSY_CHECKED;
/* The shared clients. */
enum osy_code osy_kafka_asker(
	struct osy_kafka *kafka, rd_kafka_t **ret, struct osy_err *err) OSY_CHECKED;

/*
 * Destroys a client on a thread of its own and waits a few seconds: librdkafka 2.0.2 may hang
 * there. False: it hangs, it is left alone, and whatever its callbacks use must be left too.
 */
bool osy_kafka_destroy(rd_kafka_t *rk, const char *what);

/* Text and code of a librdkafka error. */
enum osy_code osy_kafka_fail(struct osy_err *err, rd_kafka_resp_err_t code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool osy_kafka_is_fenced(rd_kafka_resp_err_t code);

#endif

/*
 * One org: schema, records, sessions, limits, settings, faults, statistics. Locks, outermost
 * first: row locks (sim_lock.h), `db` (schema and records), `side` (everything else here).
 */
#ifndef SIM_ORG_H
#define SIM_ORG_H

#include <pthread.h>
#include <stdatomic.h>

#include "sim_schema.h"

struct sim_session {
	char token[120];
	uint64_t user;
	int64_t used_ms;
};

struct sim_rule {
	const char *kind; /* the list of the schema file that it stands in */
	char *object, *name, *field, *op, *value, *message, *error_field;
	bool active, alert; /* alert: a duplicate rule that allowSave passes */
};

struct sim_settings {
	bool unknown_field_call; /* an unknown column refuses the whole call */
	bool email_lower, newline_lf, null_boolean_false, duplicate_last_wins, plain_doubles,
		utf16_length, audit_fields, inactive_owner, new_fields_hidden, rotate_tokens;
	bool deleted_parent_xref;
	bool own_headers; /* those of a composite do not hold for its parts */
	int64_t lock_wait_ms;
	int64_t page_rows; /* the server returns fewer rows than asked when set */
	int64_t bulk_delay_ms, bulk_batch_ms, bulk_keep_s;
	int64_t result_turn; /* rows of ingest results come in another order for each number */
	int64_t result_rows; /* a page of a job's results holds at most so many when set */
	int64_t upload_bytes, csv_field_chars;
	bool bare_null, empty_no_header, early_not_found;
	int64_t csv_doubles; /* enum sim_doubles */
	int64_t public_port; /* that logins tell to call; 0: its own */
	int64_t deploy_ms;   /* how long a deployment takes */
	bool apex_fails;     /* the tests of a deployment with Apex fail */
	char assign_to[19]; /* to whom the active assignment rules give cases and leads; "": none */
};

enum sim_doubles { SIM_DOUBLES_SAME, SIM_DOUBLES_JAVA, SIM_DOUBLES_PLAIN, SIM_DOUBLES_POINT };

struct sim_fault;
struct sim_cursor;
struct sim_job;
struct sim_locks;

struct sim_stats {
	_Atomic uint64_t requests, written, in_flight, max_in_flight, lock_waits, lock_failures,
		faults, held, jobs, max_jobs, longest_uri;
	struct {
		char *call;
		uint64_t n;
	} by_call[128];
	int ncalls;
};

struct sim_org {
	char *name;
	int port;
	char pod[3];
	char id[19];
	uint64_t id_base; /* added to serials in the text of ids */
	struct sim_object *object[SIM_MAX_OBJECTS];
	unsigned nobjects;
	struct sim_object *user_obj;
	pthread_rwlock_t db;
	uint64_t admin, std_pricebook;
	struct sim_rule *rule;
	int nrules;
	int64_t last_ms; /* newest stamp given out */

	pthread_mutex_t side;
	struct sim_session *session;
	int nsessions, session_cap;
	unsigned refreshed; /* how often the refresh token was replaced */
	int64_t session_ttl_ms;
	struct sim_settings set;
	_Atomic int64_t latency_ms, latency_record_us;
	_Atomic int64_t daily_max, daily_left, concurrent;
	_Atomic int64_t files_max, files_left; /* files and versions to be made within a day */
	_Atomic int64_t bulk_batches_max, bulk_batches_left, bulk_queries_max, bulk_queries_left;
	struct sim_stats stats;
	struct sim_fault *faults;
	_Atomic uint64_t fault_clears; /* how often they were cleared */
	struct sim_cursor *cursor[10];
	uint64_t cursor_no;
	struct sim_job *jobs;
	uint64_t job_no;
	struct sim_locks *locks;
	void *jwt_key;
	struct sim_names *names; /* the `@` names of seed files */
};

struct sim_org *sim_org_new(struct sim_str name, int port);
struct sim_org *sim_org_at(size_t i); /* all orgs of this process; NULL after the last */

/* ids: object number and serial in one word; 0 is none */
static inline uint64_t sim_oid(unsigned obj, uint64_t serial)
{
	return (uint64_t)(obj + 1) << 40 | serial;
}
static inline unsigned sim_oid_obj(uint64_t oid)
{
	return (unsigned)(oid >> 40) - 1;
}
static inline uint64_t sim_oid_serial(uint64_t oid)
{
	return oid & 0xFFFFFFFFFFull;
}
#define SIM_MASTER_RT (UINT64_MAX >> 1)

enum sim_id_result { SIM_ID_OK, SIM_ID_BAD, SIM_ID_FOREIGN }; /* FOREIGN: well formed, not ours */

void sim_id_text(const struct sim_org *org, uint64_t oid, char out[19]);
enum sim_id_result sim_id_parse(const struct sim_org *org, struct sim_str text, uint64_t *ret);
struct sim_object *sim_id_object(const struct sim_org *org, struct sim_str text); /* by prefix */
void sim_id_check(char id[19]); /* fills in the last three of eighteen */
void sim_buf_id(struct sim_buf *b, const struct sim_org *org, uint64_t oid);

#endif

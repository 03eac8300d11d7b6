/* Making an org: identity, built-in records. */
#include "sim_lock.h"
#include "sim_meta.h"
#include "sim_seed.h"

#include <stdlib.h>

static const char sim_builtin_seed[] =
	"{\"attributes\":{\"type\":\"Profile\"},\"Id\":\"@p.admin\",\"Name\":\"System "
	"Administrator\",\"UserType\":\"Standard\"}\n"
	"{\"attributes\":{\"type\":\"Profile\"},\"Id\":\"@p.std\",\"Name\":\"Standard "
	"User\",\"UserType\":\"Standard\"}\n"
	"{\"attributes\":{\"type\":\"UserRole\"},\"Name\":\"CEO\",\"DeveloperName\":\"CEO\"}\n"
	"{\"attributes\":{\"type\":\"Pricebook2\"},\"Id\":\"@builtin.pricebook\",\"Name\":"
	"\"Standard Price Book\","
	"\"IsActive\":true,\"IsStandard\":true}\n"
	"{\"attributes\":{\"type\":\"RecordType\"},\"SobjectType\":\"Account\",\"DeveloperName\":"
	"\"Customer\",\"Name\":\"Customer\",\"IsActive\":true}\n"
	"{\"attributes\":{\"type\":\"RecordType\"},\"SobjectType\":\"Account\",\"DeveloperName\":"
	"\"Partner\",\"Name\":\"Partner\",\"IsActive\":true}\n"
	"{\"attributes\":{\"type\":\"RecordType\"},\"SobjectType\":\"Opportunity\","
	"\"DeveloperName\":\"New_Business\",\"Name\":\"New Business\",\"IsActive\":true}\n"
	"{\"attributes\":{\"type\":\"RecordType\"},\"SobjectType\":\"Project__c\","
	"\"DeveloperName\":\"Internal\",\"Name\":\"Internal\",\"IsActive\":true}\n"
	"{\"attributes\":{\"type\":\"Group\"},\"Name\":\"Support\",\"DeveloperName\":\"Support\","
	"\"Type\":\"Queue\"}\n";

void sim_settings_default(struct sim_org *org)
{
	org->set = (struct sim_settings){.lock_wait_ms = 10000,
		.bulk_keep_s = 7 * 86400,
		.deploy_ms = 50,
		.upload_bytes = 100000000,
		.csv_field_chars = 32000};
}

void sim_builtin(struct sim_org *org)
{
	const char *error = NULL;
	struct sim_buf b = {0};

	/* the admin must be the first user, the organization the first of its kind */
	org->admin = sim_oid(org->user_obj->idx, 1);
	sim_buf_fmt(&b,
		"{\"attributes\":{\"type\":\"User\"},\"Username\":\"admin@%s.example\","
		"\"FirstName\":\"Ada\",\"LastName\":"
		"\"Admin\",\"Email\":\"admin@%s.example\",\"Alias\":\"admin\",\"IsActive\":true,"
		"\"UserType\":"
		"\"Standard\",\"CommunityNickname\":\"admin\",\"TimeZoneSidKey\":\"GMT\","
		"\"LocaleSidKey\":\"en_US\","
		"\"LanguageLocaleKey\":\"en_US\",\"EmailEncodingKey\":\"UTF-8\",\"ProfileId\":\"@p."
		"admin\"}\n",
		org->name, org->name);
	sim_buf_fmt(&b,
		"{\"attributes\":{\"type\":\"Organization\"},\"Name\":\"%s\",\"OrganizationType\":"
		"\"Enterprise Edition\","
		"\"InstanceName\":\"%s9\",\"DefaultLocaleSidKey\":\"en_US\",\"TimeZoneSidKey\":"
		"\"GMT\","
		"\"LanguageLocaleKey\":\"en_US\",\"IsSandbox\":false}\n",
		org->name, org->pod);
	sim_buf_str(&b, sim_builtin_seed);
	sim_seed(org, b.p, b.len, NULL, &error);
	if (error)
		fprintf(stderr, "simulator: built-in records: %s\n", error);
	org->std_pricebook = sim_oid(sim_object_find(org, SIM_S("Pricebook2"))->idx, 1);
	sim_id_text(org, sim_oid(sim_object_find(org, SIM_S("Organization"))->idx, 1), org->id);
	sim_buf_done(&b);
	error = sim_meta_load(org, NULL);
	if (error)
		fprintf(stderr, "simulator: built-in metadata: %s\n", error);
	for (unsigned i = 0; i < org->nobjects; i++)
		org->object[i]->store->builtin = org->object[i]->store->top;
}

struct sim_org *sim_org_new(struct sim_str name, int port)
{
	static const char abc[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	struct sim_org *org = sim_zalloc(sizeof(*org));
	uint64_t h = sim_hash(name, false, 42);
	pthread_rwlockattr_t attr;

	org->name = sim_strdup(name);
	org->port = port;
	org->pod[0] = abc[1 + h % 9];
	org->pod[1] = abc[10 + h / 9 % 52];
	org->id_base = 62ull * 62 * 62 * 62 + h / 512 % 300000000;
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&org->db, &attr);
	pthread_mutex_init(&org->side, NULL);
	org->locks = sim_locks_new();
	org->session_ttl_ms = 7200 * 1000;
	org->daily_max = org->daily_left = 15000000;
	org->files_max = org->files_left = 200000;
	org->bulk_batches_max = org->bulk_batches_left = 15000;
	org->bulk_queries_max = org->bulk_queries_left = 10000;
	sim_settings_default(org);
	sim_schema_init(org);
	sim_builtin(org);
	return org;
}

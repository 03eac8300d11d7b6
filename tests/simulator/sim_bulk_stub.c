/* Bulk API 2.0 comes next. */
#include "sim_http.h"

#define SIM_NOT_YET(n)                                                                             \
	void n(struct sim_req *req, struct sim_resp *resp)                                         \
	{                                                                                          \
		(void)req;                                                                         \
		sim_resp_error(resp, 404, "NOT_FOUND", "The requested resource does not exist");   \
	}
SIM_NOT_YET(sim_bulk_query_create)
SIM_NOT_YET(sim_bulk_query_list)
SIM_NOT_YET(sim_bulk_query_get)
SIM_NOT_YET(sim_bulk_query_patch)
SIM_NOT_YET(sim_bulk_query_delete)
SIM_NOT_YET(sim_bulk_query_results)
SIM_NOT_YET(sim_bulk_query_pages)
SIM_NOT_YET(sim_ingest_create)
SIM_NOT_YET(sim_ingest_upload)
SIM_NOT_YET(sim_ingest_patch)
SIM_NOT_YET(sim_ingest_get)
SIM_NOT_YET(sim_ingest_delete)
SIM_NOT_YET(sim_ingest_list)
SIM_NOT_YET(sim_ingest_good)
SIM_NOT_YET(sim_ingest_failed)
SIM_NOT_YET(sim_ingest_unprocessed)

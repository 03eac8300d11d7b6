/*
 * Loading by Bulk API 2.0 ingest jobs. A job is one request: it takes as many consecutive batches
 * of its lane and object as fill it. Inserts and updates of the same batches go in two jobs side by
 * side, which are closed together.
 *
 *   GATHER   batches come as always up to READY; their rows are written into the jobs' spools,
 *            their intents name the jobs, which are Open, and they leave memory
 *   RUN      the spools go up; the lane's row in Postgres says, under its lease, that the jobs are
 *            to be closed; they are closed and looked at until they have ended
 *   RESULTS  result files are read and joined to the rows by value: the row's identity is kept in
 *            its intent (the target's id; the unique key; else the hash of all that was sent)
 *   SETTLE   the batches come once more from Kafka, get their results, and these are recorded
 *            before anything else is done; rows that are left over go on by collections
 *   LEAVE    the jobs are not to be closed: they are aborted, and the batches are taken anew
 *
 * A job is its own fence. Before the lane's row says that it is to be closed it has done nothing,
 * and only the lane's owner can say that; afterwards there is no way back, it says of each row what
 * it did, and whoever owns the lane closes it if that is still to be done. So a new owner, which
 * finds the jobs in the intents, goes on with RUN, or LEAVEs those that nobody was to close.
 */
#ifndef OSY_LOAD_BULK_H
#define OSY_LOAD_BULK_H

#include "load_internal.h"

#define OSY_LBULK_BYTES (90u * 1000 * 1000) /* of a job; an org takes 100 MB */
#define OSY_LBULK_ROWS 150000 /* of both jobs: what memory bears while results are joined */

enum osy_lbulk_phase {
	OSY_LBULK_GATHER,
	OSY_LBULK_RUN,
	OSY_LBULK_RESULTS,
	OSY_LBULK_SETTLE,
	OSY_LBULK_LEAVE,
};

enum osy_ljob_step {
	OSY_LJOB_NONE,	 /* not needed so far */
	OSY_LJOB_CREATE, /* to be made */
	OSY_LJOB_OPEN,
	OSY_LJOB_UPLOAD,
	OSY_LJOB_FULL, /* its data is there; waits for the other one and for the lane's row */
	OSY_LJOB_CLOSE,
	OSY_LJOB_LOOK,	/* its state is to be asked */
	OSY_LJOB_ABORT, /* it hangs, or its run is aborted */
	OSY_LJOB_ENDED,
};

struct osy_ljob {
	struct osy_lbulk *bulk;
	enum osy_sf_op op;
	enum osy_ljob_step step;
	char id[19]; /* "": not made */
	int fd;	     /* spool, -1: none */
	int64_t size,
		pending; /* bytes with an intent; behind them, of the batch that waits for one */
	struct osy_bulk_job seen; /* as last told */
	int64_t moved_at;	  /* mono ms when its count last moved */
	int64_t next_at;	  /* mono ms of the next call */
	unsigned looks;
	unsigned waits, refusals; /* of one call in a row */
	bool gone;		  /* the org does not know it any more */
	bool told;		  /* to abort */
	bool stuck;		  /* the org does not close it */
	bool noticed;		  /* a notice says why it failed */
	struct osy_lcall *call;
};

/* What became of a row. */
enum osy_lresult { OSY_LRESULT_NONE, OSY_LRESULT_OK, OSY_LRESULT_FAILED, OSY_LRESULT_UNPROCESSED };

struct osy_lsent {
	unsigned char sent[16];
	char target[15];
	unsigned char result;
	unsigned char job;
	uint16_t row;
	uint32_t error_len;
	uint32_t page;	  /* that brought the result */
	int64_t error_at; /* of sf__Error in the spool of errors */
};

struct osy_lsent_batch {
	int64_t offset;
	uint32_t first, count;
};

/* Joining; see load_bulk_join.c. */
struct osy_ljoin {
	struct osy_arena arena;
	struct osy_lsent *rows;
	size_t count, cap;
	struct osy_lsent_batch *batches;
	size_t batch_count, batch_cap;
	struct osy_lindex index;
	/* Targets that rows of the jobs have got already, recorded by a former owner: their results
	 * are nobody else's. */
	struct osy_lindex taken;
	char (*taken_ids)[15];
	size_t taken_count, taken_cap;
	size_t open[2]; /* rows of each job without a result */
	int errors;	/* spool */
	int64_t errors_size;
	/* the file that is being read */
	unsigned job;
	enum osy_bulk_file file;
	char locator[OSY_BULK_LOCATOR_MAX], next[OSY_BULK_LOCATOR_MAX];
	struct osy_csv csv;
	bool in_csv, has_columns;
	struct osy_bulk_columns columns;
	struct osy_buf canon, scratch;
	struct osy_err broken; /* code OSY_OK: none */
	uint64_t strangers;    /* results that belong to no row */
	uint32_t page;	       /* number of the page that is read */
};

struct osy_lbulk {
	struct osy_load *load;
	enum osy_lbulk_phase phase;
	const struct osy_spec_object *object;
	int64_t stage;
	struct osy_ljob jobs[2]; /* inserts, updates */
	const char **columns[2]; /* of each job's CSV, the update's first is Id */
	int *fields[2];		 /* index of the object's field; -1: Id, or the source's id */
	unsigned column_count[2];
	int key_column;	     /* of the inserts: unique in the org; -1: none */
	int64_t first, last; /* offsets */
	int64_t since;	     /* adopted: from here on rows may have got results already */
	unsigned batches, rows;
	int64_t added_at; /* mono ms */
	bool adopted;	  /* from a former owner */
	bool cut;	  /* takes no more */
	bool closing;	  /* the lane's row says so: no way back */
	bool counted;	  /* the attempt at its results */
	struct osy_ljoin *join;
};

/* ---- load_bulk.c ---- */
struct osy_lbulk *osy_lbulk_new(
	struct osy_load *load, const struct osy_spec_object *object, int64_t stage);
/* Whether a job of the two has something to be done by a call. */
bool osy_lbulk_calls(const struct osy_ljob *job);

/* ---- load_bulk_gather.c ---- */
void osy_lbulk_gather(struct osy_lbulk *bulk); /* one step; phase RUN or LEAVE at the end */

/* ---- load_bulk_lane.c: what Postgres and the lane know of the jobs ---- */
/* The lane's row says that the jobs are to be closed. False: not now. */
bool osy_lbulk_say_closing(struct osy_lbulk *bulk);
/* The intents are withdrawn and the batches taken anew; bulk is gone at the end. */
void osy_lbulk_leave(struct osy_lbulk *bulk);
/* The lane goes back to the first batch of the jobs; false: something of it is still under way. */
bool osy_lbulk_rewind(struct osy_lbulk *bulk);

/* ---- load_bulk_csv.c ---- */
void osy_lbulk_columns(struct osy_lbulk *bulk);
void osy_lbulk_columns_done(struct osy_lbulk *bulk);
/* Rows of the batch that can be said in CSV, behind the spools' ends; sets in_job and sent of them.
 */
enum osy_code osy_lbulk_write(
	struct osy_lbulk *bulk, struct osy_lbatch *batch, struct osy_err *err) OSY_CHECKED;
/* The identity of a row by its cells, in the order of the job's columns (places of cells; -1:
 * none). */
void osy_lbulk_identity(const struct osy_lbulk *bulk, unsigned job,
	const struct osy_csv_cell *cells, size_t count, const int *places, struct osy_buf *canon,
	struct osy_buf *scratch, unsigned char ret[16]);

/* ---- load_bulk_job.c: calls ---- */
void osy_lbulk_run(struct osy_lbulk *bulk); /* starts what is due of both jobs */
void osy_lbulk_create(struct osy_ljob *job);
/* Best effort, nobody waits for it. */
void osy_lbulk_abort_open(struct osy_ljob *job);
struct osy_lcall *osy_lbulk_call(
	struct osy_ljob *job, void (*done)(struct osy_lcall *, struct osy_sf_reply *));
bool osy_lbulk_start(struct osy_ljob *job, struct osy_lcall *call, struct osy_sf_request *request);
enum osy_ltrouble {
	OSY_LTROUBLE_AWAY,  /* the org did not get it, or did not answer: that says nothing of it */
	OSY_LTROUBLE_AGAIN, /* it said no, for now */
	OSY_LTROUBLE_REFUSED, /* it said no, for good or too often */
};
/* A call that failed: the next one waits. */
enum osy_ltrouble osy_lbulk_failed(
	struct osy_ljob *job, const char *event, const struct osy_err *err);

/* ---- load_bulk_join.c: results ---- */
void osy_lbulk_join(struct osy_lbulk *bulk); /* one step; phase SETTLE at the end */
void osy_lbulk_join_free(struct osy_lbulk *bulk);
const struct osy_lsent_batch *osy_lbulk_batch(const struct osy_lbulk *bulk, int64_t offset);

#endif

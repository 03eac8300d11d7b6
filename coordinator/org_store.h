/*
 * Orgs as Postgres holds them: table org, secrets sealed with the secret key (context
 * "org:<name>").
 */
#ifndef OSY_ORG_STORE_H
#define OSY_ORG_STORE_H

#include "osy/pg.h"
#include "osy/settings.h"
#include "osy/sf_org.h"

/* The login of an org, secrets unsealed; the caller's: osy_org_login_done(). OSY_E_NOT_FOUND: no
 * such org. */
enum osy_code osy_org_store_login(struct osy_pg *pg, const struct osy_settings *settings,
	const char *name, struct osy_org_login *ret, struct osy_err *err) OSY_CHECKED;
/* A live org over http (borrowed); for osy_org_free(). Nothing is sent yet. */
enum osy_code osy_org_store_open(struct osy_pg *pg, const struct osy_settings *settings,
	struct osy_http *http, const char *name, struct osy_org **ret,
	struct osy_err *err) OSY_CHECKED;
/*
 * Adds an org, or replaces the login and identity of one that is there (replace; otherwise
 * OSY_E_EXISTS). The login must have been checked (osy_org_login_check) and tried
 * (osy_org_identify) by the caller; identity may be NULL.
 */
enum osy_code osy_org_store_put(struct osy_pg *pg, const struct osy_settings *settings,
	const char *name, const struct osy_org_login *login,
	const struct osy_org_identity *identity, bool replace, struct osy_err *err) OSY_CHECKED;
/* Keeps what a login has told about the org. */
enum osy_code osy_org_store_identity(struct osy_pg *pg, const char *name,
	const struct osy_org_identity *identity, struct osy_err *err) OSY_CHECKED;

#endif

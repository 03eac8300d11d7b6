/* The HTTP server of one org. */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include <netinet/in.h>

#include "sim_http.h"

void *sim_server_start(struct sim_org *org, unsigned max_connections); /* NULL: cannot */
void sim_server_stop(void *daemon);

#endif

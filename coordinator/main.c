/* orgsync-coordinator: plans, reads, publishes, opens stages; HTTP API. */
#include "serve.h"
#include "osy/settings_file.h"

int main(int argc, char **argv)
{
	static const struct osy_server server = {.name = "orgsync-coordinator",
		.program = OSY_IN_COORDINATOR,
		.large_bytes = 384u * 1024,
		.run = osy_coordinator_run};

	return osy_server_main(&server, argc, argv);
}

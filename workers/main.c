/* orgsync-worker: the only program that writes to an org. */
#include "loop.h"
#include "osy/settings_file.h"

int main(int argc, char **argv)
{
	static const struct osy_server server = {.name = "orgsync-worker",
		.program = OSY_IN_WORKER,
		.large_bytes = 320u * 1024,
		.run = osy_worker_run};

	return osy_server_main(&server, argc, argv);
}

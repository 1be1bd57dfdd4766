/* One request to the agent, one reply from it. */
#ifndef WEFT_SHIM_EXCHANGE_H
#define WEFT_SHIM_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

#include "frame.h"

/* Where the agent may listen; NULL: not there. The second is tried where the first does not exist. */
struct sockets {
	const char *first;
	const char *second;
};

/* Connects (retrying until `connect_deadline`), sends `length` bytes and reads the reply before `deadline`.
 * Answers 0 with `reply` filled in, or -1: the agent is away, hung, or answered with something torn. */
int exchange(const struct sockets *sockets, const uint8_t *frame, size_t length, uint64_t connect_deadline, uint64_t deadline,
	     struct reply *reply);

#endif

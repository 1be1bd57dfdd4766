/*
 * Fuzzes the parser of replies. clang: `make fuzz-libfuzzer`, coverage-guided. gcc: `make fuzz`, the same target under a loop
 * of its own, a fixed number of rounds from a printed seed. Both run with address and undefined-behaviour sanitizers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"

/* Everything a parsed reply points to must lie inside the frame; touching it lets the sanitizer judge. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size ? size : 1); /* exactly sized, so that one byte too far is caught */
	if (!exact)
		abort();
	memcpy(exact, data, size);
	struct reply reply;
	if (reply_parse(exact, size, &reply) == 0) {
		unsigned sum = reply.exit_code;
		for (size_t i = 0; i < reply.out.length; i++)
			sum += reply.out.start[i];
		for (size_t i = 0; i < reply.err.length; i++)
			sum += reply.err.start[i];
		if (reply.exit_code > 255 || size < FRAME_HEADER_BYTES || sum > 255u * size)
			abort();
	}
	free(exact);
	return 0;
}

#ifdef OWN_LOOP
static uint64_t state;

static uint32_t random_number(void) /* xorshift64* */
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * 0x2545f4914f6cdd1dull) >> 32);
}

/* A well-formed reply with random fields, so that mutations reach behind the first checks. */
static size_t well_formed(uint8_t *to, size_t size)
{
	struct frame_writer frame;
	uint8_t bytes[64];
	frame_begin(&frame, to, size);
	for (unsigned fields = random_number() % 6; fields-- > 0;) {
		for (unsigned i = 0; i < sizeof bytes; i++)
			bytes[i] = (uint8_t)random_number();
		frame_field(&frame, random_number() % 6, bytes, random_number() % sizeof bytes);
	}
	put_u32(bytes, random_number() % 300);
	frame_field(&frame, REPLY_EXIT_CODE, bytes, 4);
	return frame_end(&frame);
}

int main(int count, char **arguments)
{
	unsigned long rounds = count > 1 ? strtoul(arguments[1], NULL, 10) : 200000;
	uint64_t seed = count > 2 ? strtoull(arguments[2], NULL, 10) : 1;
	unsigned long accepted = 0;
	state = seed * 2 + 1;
	for (unsigned long i = 0; i < rounds; i++) {
		uint8_t frame[1024];
		struct reply reply;
		size_t length = well_formed(frame, sizeof frame);
		for (unsigned flips = random_number() % 4; flips-- > 0;)
			frame[random_number() % length] = (uint8_t)random_number();
		if (random_number() % 4 == 0)
			length = random_number() % (length + 1);
		accepted += reply_parse(frame, length, &reply) == 0;
		LLVMFuzzerTestOneInput(frame, length);
	}
	printf("%lu rounds, seed %llu, %lu accepted\n", rounds, (unsigned long long)seed, accepted);
	return accepted == 0 || accepted == rounds; /* a loop that never, or always, passes the parser proves nothing */
}
#endif

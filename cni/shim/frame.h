/*
 * The wire between shim and agent (docs/cni.md, "The socket"): a 16-byte header and tagged fields, all little-endian.
 * cni/plugin/wire/frame.ts is the other end; a test compares the two lists of tags.
 */
#ifndef WEFT_SHIM_FRAME_H
#define WEFT_SHIM_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_PROTOCOL 1u
#define FRAME_HEADER_BYTES 16u
#define FRAME_FIELD_BYTES 8u
/* An ADD result is a few hundred bytes; a reply above this is not one of ours. */
#define FRAME_REPLY_LIMIT (8u << 20)

enum request_tag {
	TAG_COMMAND = 1,
	TAG_CONTAINER_ID = 2,
	TAG_NETNS = 3,
	TAG_IFNAME = 4,
	TAG_ARGS = 5,
	TAG_PATH = 6,
	TAG_NETNS_OVERRIDE = 7,
	TAG_STDIN = 8,
	TAG_OWN_NETNS = 9,
	TAG_OPENED_NETNS = 10,
	TAG_TRACEPARENT = 11,
	TAG_TRACESTATE = 12,
	TAG_BAGGAGE = 13,
	TAG_REMAINING_MS = 14,
	TAG_STDIN_ERRNO = 15,
	TAG_PROGRAM = 16,
};

enum reply_tag {
	REPLY_EXIT_CODE = 1,
	REPLY_STDOUT = 2,
	REPLY_STDERR = 3,
	REPLY_WRONG_HOST = 4,
};

/* A request being written into memory that the caller sized. */
struct frame_writer {
	uint8_t *start;
	size_t size;
	size_t used;
	unsigned fields;
	int overflow;
};

void frame_begin(struct frame_writer *frame, uint8_t *memory, size_t size);
void frame_field(struct frame_writer *frame, unsigned tag, const void *bytes, size_t length);
/* Reserves a field of `length` bytes that the caller has already put, or will put, at the returned place. */
uint8_t *frame_reserve(struct frame_writer *frame, unsigned tag, size_t length);
/* Fills in the header; answers the length of the whole, 0 when something did not fit. */
size_t frame_end(struct frame_writer *frame);

void put_u32(uint8_t *at, uint32_t value);
void put_u64(uint8_t *at, uint64_t value);
uint32_t get_u32(const uint8_t *at);

struct bytes {
	const uint8_t *start;
	size_t length;
};

struct reply {
	unsigned exit_code;
	int wrong_host;
	struct bytes out;
	struct bytes err;
};

/* Length of the body that follows this header, or -1 when it is no reply we can read. */
long reply_body_length(const uint8_t header[FRAME_HEADER_BYTES]);
/* Reads the fields of a whole reply (header and body). Answers 0, or -1 when it is malformed in any way. */
int reply_parse(const uint8_t *frame, size_t length, struct reply *reply);

#endif

#include "frame.h"

static void copy(uint8_t *to, const uint8_t *from, size_t length)
{
	while (length--)
		*to++ = *from++;
}

static void put_u16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}

void put_u32(uint8_t *at, uint32_t value)
{
	put_u16(at, value & 0xffffu);
	put_u16(at + 2, value >> 16);
}

void put_u64(uint8_t *at, uint64_t value)
{
	put_u32(at, (uint32_t)value);
	put_u32(at + 4, (uint32_t)(value >> 32));
}

static unsigned get_u16(const uint8_t *at) { return at[0] | (unsigned)at[1] << 8; }

uint32_t get_u32(const uint8_t *at) { return get_u16(at) | (uint32_t)get_u16(at + 2) << 16; }

void frame_begin(struct frame_writer *frame, uint8_t *memory, size_t size)
{
	*frame = (struct frame_writer){.start = memory, .size = size, .used = FRAME_HEADER_BYTES};
	frame->overflow = size < FRAME_HEADER_BYTES;
}

uint8_t *frame_reserve(struct frame_writer *frame, unsigned tag, size_t length)
{
	if (frame->overflow || length > 0xffffffffu || frame->size - frame->used < FRAME_FIELD_BYTES ||
	    frame->size - frame->used - FRAME_FIELD_BYTES < length) {
		frame->overflow = 1;
		return NULL;
	}
	uint8_t *at = frame->start + frame->used;
	put_u16(at, tag);
	put_u16(at + 2, 0);
	put_u32(at + 4, (uint32_t)length);
	frame->used += FRAME_FIELD_BYTES + length;
	frame->fields++;
	return at + FRAME_FIELD_BYTES;
}

void frame_field(struct frame_writer *frame, unsigned tag, const void *bytes, size_t length)
{
	uint8_t *at = frame_reserve(frame, tag, length);
	if (at)
		copy(at, bytes, length);
}

size_t frame_end(struct frame_writer *frame)
{
	if (frame->overflow)
		return 0;
	copy(frame->start, (const uint8_t *)"WCNI", 4);
	put_u16(frame->start + 4, FRAME_PROTOCOL);
	put_u16(frame->start + 6, frame->fields);
	put_u32(frame->start + 8, (uint32_t)(frame->used - FRAME_HEADER_BYTES));
	put_u32(frame->start + 12, 0);
	return frame->used;
}

long reply_body_length(const uint8_t header[FRAME_HEADER_BYTES])
{
	if (header[0] != 'W' || header[1] != 'C' || header[2] != 'N' || header[3] != 'I')
		return -1;
	if (get_u16(header + 4) != FRAME_PROTOCOL || get_u32(header + 12) != 0)
		return -1;
	uint32_t body = get_u32(header + 8);
	return body > FRAME_REPLY_LIMIT ? -1 : (long)body;
}

int reply_parse(const uint8_t *frame, size_t length, struct reply *reply)
{
	int seen_exit_code = 0;
	*reply = (struct reply){0};
	if (length < FRAME_HEADER_BYTES)
		return -1;
	long body = reply_body_length(frame);
	if (body < 0 || (size_t)body != length - FRAME_HEADER_BYTES)
		return -1;
	unsigned fields = get_u16(frame + 6);
	size_t at = FRAME_HEADER_BYTES;
	while (fields-- > 0) {
		if (length - at < FRAME_FIELD_BYTES)
			return -1;
		unsigned tag = get_u16(frame + at);
		size_t size = get_u32(frame + at + 4);
		at += FRAME_FIELD_BYTES;
		if (length - at < size)
			return -1;
		const uint8_t *bytes = frame + at;
		at += size;
		switch (tag) {
		case REPLY_EXIT_CODE:
			if (size != 4 || seen_exit_code || get_u32(bytes) > 255)
				return -1;
			reply->exit_code = get_u32(bytes);
			seen_exit_code = 1;
			break;
		case REPLY_STDOUT:
			reply->out = (struct bytes){bytes, size};
			break;
		case REPLY_STDERR:
			reply->err = (struct bytes){bytes, size};
			break;
		case REPLY_WRONG_HOST:
			reply->wrong_host = 1;
			break;
		default: /* a newer agent may say more */
			break;
		}
	}
	return at == length && seen_exit_code ? 0 : -1;
}

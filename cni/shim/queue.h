/*
 * Deletions accepted while the agent is away. One file per attachment and host namespace, written durably before the
 * runtime hears "done"; cni/plugin/queue drains them. A node whose pods cannot terminate cannot replace its agent either.
 */
#ifndef WEFT_SHIM_QUEUE_H
#define WEFT_SHIM_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#define QUEUE_ENTRY_HEADER_BYTES 64u
#define QUEUE_LIMIT 4096u

struct queue {
	long dir;
	long lock;
};

/* Makes the folder where missing, opens it and takes the shared lock before `deadline`. Answers 0 or a negative errno;
 * what was opened is closed by queue_close in either case. */
long queue_open(struct queue *queue, const char *path, uint64_t deadline);
/* Stores one request frame under `name`; it is on disk when this answers 0. */
long queue_store(const struct queue *queue, const char name[65], const uint8_t *frame, size_t length);
void queue_close(struct queue *queue);

/* File name of an attachment: hex of SHA-256 over host namespace, container id, zero, interface name. */
void queue_name(char name[65], const uint8_t own_netns[16], const char *container_id, const char *ifname);

#endif

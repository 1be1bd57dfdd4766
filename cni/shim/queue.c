#include "queue.h"

#include "frame.h"
#include "sha256.h"
#include "sys.h"
#include "text.h"

#define LOCK_SH_ 1
#define LOCK_NB_ 4

/* mkdir -p: parents 0755, the folder itself 0700. */
static long make_folders(const char *path)
{
	char part[4096];
	size_t length = text_length(path);
	if (length == 0 || length >= sizeof part)
		return -ENAMETOOLONG;
	for (size_t i = 1; i <= length; i++) {
		if (path[i] != '/' && path[i] != 0)
			continue;
		for (size_t j = 0; j < i; j++)
			part[j] = path[j];
		part[i] = 0;
		long made = sys6(__NR_mkdirat, AT_FDCWD_, (long)part, path[i] == 0 ? 0700 : 0755, 0, 0, 0);
		if (made < 0 && made != -EEXIST)
			return made;
	}
	return 0;
}

long queue_open(struct queue *queue, const char *path, uint64_t deadline)
{
	*queue = (struct queue){-1, -1};
	long failed = make_folders(path);
	if (failed < 0)
		return failed;
	queue->dir = sys_openat(AT_FDCWD_, path, O_RDONLY | O_DIRECTORY, 0);
	if (queue->dir < 0)
		return queue->dir;
	queue->lock = sys_openat(queue->dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
	if (queue->lock < 0)
		return queue->lock;
	for (;;) {
		long locked = sys6(__NR_flock, queue->lock, LOCK_SH_ | LOCK_NB_, 0, 0, 0, 0);
		if (locked != -EAGAIN && locked != -EINTR)
			return locked;
		if (now_ms() >= deadline)
			return -ETIMEDOUT;
		wait_fd(-1, 0, now_ms() + 10);
	}
}

void queue_close(struct queue *queue)
{
	if (queue->lock >= 0)
		sys_close(queue->lock);
	if (queue->dir >= 0)
		sys_close(queue->dir);
}

/* Directory entries of the queue, "." and ".." and the lock included: a bound needs no more precision. */
static unsigned count_entries(long dir)
{
	_Alignas(8) uint8_t records[4096];
	unsigned count = 0;
	sys6(__NR_lseek, dir, 0, 0, 0, 0, 0);
	for (;;) {
		long size = sys6(__NR_getdents64, dir, (long)records, sizeof records, 0, 0, 0);
		if (size <= 0)
			return count;
		for (long at = 0; at < size; count++) /* d_reclen: u16 behind d_ino and d_off (8 bytes each) */
			at += records[at + 16] | records[at + 17] << 8;
	}
}

/* "WDQ1", four zero bytes, boot id (36 characters, padded to 40), wall clock and monotonic clock in nanoseconds. */
static void entry_header(uint8_t header[QUEUE_ENTRY_HEADER_BYTES])
{
	for (unsigned i = 0; i < QUEUE_ENTRY_HEADER_BYTES; i++)
		header[i] = (uint8_t)(i < 4 ? "WDQ1"[i] : 0);
	long boot = sys_openat(AT_FDCWD_, "/proc/sys/kernel/random/boot_id", O_RDONLY, 0);
	if (boot >= 0) {
		sys_read(boot, header + 8, 36);
		sys_close(boot);
	}
	put_u64(header + 48, sys_clock_ns(CLOCK_REALTIME_));
	put_u64(header + 56, sys_clock_ns(CLOCK_MONOTONIC_));
}

long queue_store(const struct queue *queue, const char name[65], const uint8_t *frame, size_t length)
{
	if (count_entries(queue->dir) >= QUEUE_LIMIT)
		return -ENOSPC;
	char temporary[96];
	char *at = temporary;
	text_append(&at, temporary + sizeof temporary, ".");
	text_append_number(&at, temporary + sizeof temporary, (uint64_t)sys6(__NR_getpid, 0, 0, 0, 0, 0, 0));
	text_append(&at, temporary + sizeof temporary, "-");
	text_append_number(&at, temporary + sizeof temporary, sys_clock_ns(CLOCK_MONOTONIC_));
	text_append(&at, temporary + sizeof temporary, ".tmp");
	long file = sys_openat(queue->dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (file < 0)
		return file;
	uint8_t header[QUEUE_ENTRY_HEADER_BYTES];
	entry_header(header);
	long failed = write_all(file, header, sizeof header);
	if (failed == 0)
		failed = write_all(file, frame, length);
	if (failed == 0)
		failed = sys6(__NR_fsync, file, 0, 0, 0, 0, 0);
	sys_close(file);
	if (failed == 0)
		failed = sys6(__NR_renameat2, queue->dir, (long)temporary, queue->dir, (long)name, 0, 0);
	if (failed < 0) {
		sys6(__NR_unlinkat, queue->dir, (long)temporary, 0, 0, 0, 0);
		return failed;
	}
	return sys6(__NR_fsync, queue->dir, 0, 0, 0, 0, 0);
}

void queue_name(char name[65], const uint8_t own_netns[16], const char *container_id, const char *ifname)
{
	struct sha256 hash;
	uint8_t digest[32];
	sha256_begin(&hash);
	sha256_add(&hash, own_netns, 16);
	sha256_add(&hash, container_id, text_length(container_id) + 1);
	sha256_add(&hash, ifname, text_length(ifname));
	sha256_end(&hash, digest);
	for (int i = 0; i < 64; i++)
		name[i] = "0123456789abcdef"[digest[i / 2] >> (i % 2 ? 0 : 4) & 15];
	name[64] = 0;
}

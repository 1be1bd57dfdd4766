/*
 * System calls without a C library: numbers and structures come from the kernel's own headers (linux-libc-dev), every
 * call answers the kernel's result, a negative errno on failure. A static glibc program is 800 kB; this one is a fiftieth.
 *
 * With -DHOSTED the same functions go through the C library's syscall(2), so that sanitizers can watch the program.
 */
#ifndef WEFT_SHIM_SYS_H
#define WEFT_SHIM_SYS_H

#include <asm/unistd.h>
#include <linux/time_types.h>
#include <stddef.h>
#include <stdint.h>

#ifdef HOSTED
#include <errno.h>
long syscall(long number, ...);
static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	long result = syscall(n, a, b, c, d, e, f);
	return result == -1 ? -(long)errno : result;
}
#elif defined(__x86_64__)
static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
static inline long sys6(long n, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
}
#else
#error "weft-cni knows the system calls of x86_64 and aarch64"
#endif

/* open(2) flags whose values differ between architectures come from the kernel's headers. */
#include <asm/fcntl.h>
#include <asm/errno.h>

#define AT_FDCWD_ (-100L)

static inline long sys_openat(long dir, const char *path, long flags, long mode)
{
	return sys6(__NR_openat, dir, (long)path, flags | O_CLOEXEC, mode, 0, 0);
}
static inline long sys_close(long fd) { return sys6(__NR_close, fd, 0, 0, 0, 0, 0); }
static inline long sys_read(long fd, void *to, size_t size) { return sys6(__NR_read, fd, (long)to, (long)size, 0, 0, 0); }
static inline long sys_write(long fd, const void *from, size_t size)
{
	return sys6(__NR_write, fd, (long)from, (long)size, 0, 0, 0);
}

/* Monotonic or wall-clock nanoseconds. */
static inline uint64_t sys_clock_ns(long clock)
{
	struct __kernel_timespec now = {0, 0};
	sys6(__NR_clock_gettime, clock, (long)&now, 0, 0, 0, 0);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
#define CLOCK_REALTIME_ 0
#define CLOCK_MONOTONIC_ 1

static inline uint64_t now_ms(void) { return sys_clock_ns(CLOCK_MONOTONIC_) / 1000000u; }

/* Waits until `fd` shows one of `events` (POLLIN 1, POLLOUT 4) or `deadline` (now_ms) is past; fd -1 only sleeps.
 * Answers 1 when ready (an error or hang-up counts), 0 at the deadline. */
static inline int wait_fd(long fd, short events, uint64_t deadline)
{
	for (;;) {
		struct { int fd; short events, revents; } one = {(int)fd, events, 0};
		uint64_t now = now_ms();
		uint64_t left = now >= deadline ? 0 : deadline - now;
		struct __kernel_timespec limit = {(long long)(left / 1000u), (long long)(left % 1000u) * 1000000};
		long ready = sys6(__NR_ppoll, (long)&one, 1, (long)&limit, 0, 8, 0);
		if (ready == -EINTR)
			continue;
		return ready > 0;
	}
}

static inline void *map_memory(size_t size)
{
	/* PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE: untouched pages cost nothing. */
	long at = sys6(__NR_mmap, 0, (long)size, 3, 0x2 | 0x20 | 0x4000, -1, 0);
	return at < 0 && at > -4096 ? NULL : (void *)at;
}

/* Writes all of it; answers 0 or a negative errno. */
static inline long write_all(long fd, const void *from, size_t size)
{
	const uint8_t *at = from;
	while (size > 0) {
		long wrote = sys_write(fd, at, size);
		if (wrote == -EINTR)
			continue;
		if (wrote == -EAGAIN) { /* the runtime gave us a non-blocking pipe */
			wait_fd(fd, 4, now_ms() + 1000);
			continue;
		}
		if (wrote <= 0)
			return wrote == 0 ? -EIO : wrote;
		at += wrote;
		size -= (size_t)wrote;
	}
	return 0;
}

#endif

/*
 * weft-cni: what a container runtime executes. It hands the request, as bytes, to the weft agent of the network namespace
 * it runs in, and prints what comes back. No policy and no JSON here; the agent's cni/plugin does the work.
 */
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <linux/sched.h>

#include <asm/stat.h>
#include <asm/statfs.h>

#include "answers.h"
#include "exchange.h"
#include "frame.h"
#include "queue.h"
#include "sys.h"
#include "text.h"

#define STDIN_LIMIT (4u << 20)
#define CONNECT_MS 2000u
#define NETNS_WRONG_TYPE 0xffffffffu

/* Milliseconds a verb may take, from our first instruction on: below every runtime's own deadline. */
static const struct {
	const char *verb;
	unsigned budget_ms;
	const char *when_away;
} VERBS[] = {
	{"ADD", 60000, ANSWER_TRY_AGAIN}, {"DEL", 30000, ANSWER_NOT_QUEUED}, {"CHECK", 10000, ANSWER_TRY_AGAIN},
	{"STATUS", 1900, ANSWER_NOT_READY}, {"GC", 60000, ANSWER_TRY_AGAIN}, {"", 10000, ANSWER_BAD_COMMAND},
};

/* Environment variables passed on as they are. An empty one equals an unset one. */
static const struct {
	const char *name;
	unsigned tag;
} VARIABLES[] = {
	{"CNI_COMMAND", TAG_COMMAND}, {"CNI_CONTAINERID", TAG_CONTAINER_ID}, {"CNI_NETNS", TAG_NETNS},
	{"CNI_IFNAME", TAG_IFNAME}, {"CNI_ARGS", TAG_ARGS}, {"CNI_PATH", TAG_PATH},
	{"CNI_NETNS_OVERRIDE", TAG_NETNS_OVERRIDE}, {"TRACEPARENT", TAG_TRACEPARENT}, {"TRACESTATE", TAG_TRACESTATE},
	{"BAGGAGE", TAG_BAGGAGE},
};
#define VARIABLE_COUNT (sizeof VARIABLES / sizeof VARIABLES[0])

static const char *variable(char **environment, const char *name)
{
	size_t length = text_length(name);
	for (; *environment; environment++) {
		size_t i = 0;
		while (i < length && (*environment)[i] == name[i])
			i++;
		if (i == length && (*environment)[i] == '=')
			return *environment + length + 1;
	}
	return "";
}

static int print(long fd, const char *text)
{
	write_all(fd, text, text_length(text));
	return 1;
}

/* Device and inode of what `fd` refers to; 16 little-endian bytes. */
static int identity(uint8_t to[16], long fd)
{
	struct stat about = {0};
	long failed = sys6(__NR_fstat, fd, (long)&about, 0, 0, 0, 0);
	put_u64(to, failed < 0 ? 0 : (uint64_t)about.st_dev);
	put_u64(to + 8, failed < 0 ? 0 : (uint64_t)about.st_ino);
	return failed == 0;
}

/* 0 when `fd` is a network namespace. Kernels before 3.19 keep namespaces in procfs and lack the ioctl. */
static uint32_t netns_problem(long fd)
{
	struct statfs about = {0};
	if (sys6(__NR_fstatfs, fd, (long)&about, 0, 0, 0, 0) < 0)
		return NETNS_WRONG_TYPE;
	if (about.f_type != NSFS_MAGIC && about.f_type != PROC_SUPER_MAGIC)
		return NETNS_WRONG_TYPE;
	long type = sys6(__NR_ioctl, fd, NS_GET_NSTYPE, 0, 0, 0, 0);
	return type == CLONE_NEWNET || (type == -ENOTTY && about.f_type == PROC_SUPER_MAGIC) ? 0 : NETNS_WRONG_TYPE;
}

/* Opens the pod's namespace once and keeps it open until we exit: the agent takes this very object from our
 * descriptors, so no path is looked up twice. Field: descriptor, errno or 0, device, inode. */
static void add_opened_netns(struct frame_writer *frame, const char *path)
{
	uint8_t field[24] = {0};
	if (!*path)
		return;
	long fd = sys_openat(AT_FDCWD_, path, O_RDONLY | O_NONBLOCK, 0);
	put_u32(field, fd < 0 ? 0xffffffffu : (uint32_t)fd);
	put_u32(field + 4, fd < 0 ? (uint32_t)-fd : netns_problem(fd));
	if (fd >= 0)
		identity(field + 8, fd);
	frame_field(frame, TAG_OPENED_NETNS, field, sizeof field);
}

/* Reads the configuration to its end behind the frame's other fields, as the last field. */
static void add_stdin(struct frame_writer *frame, uint64_t deadline)
{
	uint8_t error[4];
	uint8_t *to = frame->start + frame->used + FRAME_FIELD_BYTES;
	size_t length = 0;
	long got = frame->overflow ? -E2BIG : 1;
	while (got > 0 && length <= STDIN_LIMIT) {
		got = wait_fd(0, 1, deadline) ? sys_read(0, to + length, STDIN_LIMIT + 1 - length) : -ETIMEDOUT;
		if (got == -EINTR || got == -EAGAIN)
			got = 1;
		else if (got > 0)
			length += (size_t)got;
	}
	if (length > STDIN_LIMIT)
		got = -EFBIG;
	if (got == 0) {
		frame_reserve(frame, TAG_STDIN, length);
		return;
	}
	put_u32(error, (uint32_t)-got);
	frame_field(frame, TAG_STDIN_ERRNO, error, sizeof error);
}

/* "/run/weft/ns/<inode>.sock": one machine may carry several hosts as network namespaces, each with its agent. */
static void own_socket(char path[64], const uint8_t own_netns[16])
{
	char *at = path;
	text_append(&at, path + 64, "/run/weft/ns/");
	text_append_number(&at, path + 64, get_u32(own_netns + 8) | (uint64_t)get_u32(own_netns + 12) << 32);
	text_append(&at, path + 64, ".sock");
}

/* Gives the deletion to the queue; answers the exit code. The lock closes the race with an agent that is just starting:
 * it drains under the exclusive lock, so what we write is seen, or it already serves and takes the request itself. */
static int queue_deletion(char **environment, const uint8_t own_netns[16], const struct sockets *sockets, const uint8_t *frame,
			  size_t length, uint64_t deadline, struct reply *reply)
{
	const char *id = variable(environment, "CNI_CONTAINERID"), *ifname = variable(environment, "CNI_IFNAME");
	const char *path = variable(environment, "WEFT_CNI_QUEUE");
	char name[65];
	struct queue queue;
	if (!*id || !*ifname)
		return print(1, ANSWER_NO_ATTACHMENT);
	queue_name(name, own_netns, id, ifname);
	long failed = queue_open(&queue, *path ? path : "/var/lib/weft/cni/queue", now_ms() + CONNECT_MS);
	if (failed == 0 && exchange(sockets, frame, length, now_ms(), deadline, reply) == 0 && !reply->wrong_host) {
		queue_close(&queue);
		return -1;
	}
	if (failed == 0)
		failed = queue_store(&queue, name, frame, length);
	queue_close(&queue);
	return failed < 0 ? print(1, ANSWER_NOT_QUEUED) : 0;
}

static int print_reply(const struct reply *reply)
{
	write_all(2, reply->err.start, reply->err.length);
	write_all(1, reply->out.start, reply->out.length);
	return (int)reply->exit_code;
}

/* `program` is argv[0]: one binary may be linked under the names of the plugins it stands in for. */
static int run(const char *program, char **environment)
{
	uint64_t start = now_ms();
	const char *verb = variable(environment, "CNI_COMMAND");
	if (!*verb) {
		print(2, ANSWER_ABOUT);
		return 0;
	}
	if (text_equal(verb, "VERSION")) {
		print(1, ANSWER_VERSION);
		return 0;
	}
	unsigned row = 0;
	while (*VERBS[row].verb && !text_equal(VERBS[row].verb, verb))
		row++;
	uint64_t deadline = start + text_number(variable(environment, "WEFT_CNI_TIMEOUT_MS"), VERBS[row].budget_ms);

	size_t size = STDIN_LIMIT + 4096u + text_length(program);
	for (unsigned i = 0; i < VARIABLE_COUNT; i++)
		size += text_length(variable(environment, VARIABLES[i].name)) + FRAME_FIELD_BYTES;
	uint8_t *memory = map_memory(size);
	if (!memory)
		return print(1, ANSWER_TOO_LARGE);

	struct frame_writer frame;
	uint8_t own_netns[16] = {0};
	frame_begin(&frame, memory, size);
	for (unsigned i = 0; i < VARIABLE_COUNT; i++) {
		const char *value = variable(environment, VARIABLES[i].name);
		if (*value)
			frame_field(&frame, VARIABLES[i].tag, value, text_length(value));
	}
	long own = sys_openat(AT_FDCWD_, "/proc/self/ns/net", O_RDONLY, 0);
	if (own >= 0) {
		identity(own_netns, own);
		sys_close(own);
	}
	frame_field(&frame, TAG_PROGRAM, program, text_length(program));
	frame_field(&frame, TAG_OWN_NETNS, own_netns, sizeof own_netns);
	add_opened_netns(&frame, variable(environment, "CNI_NETNS"));
	uint8_t *remaining = frame_reserve(&frame, TAG_REMAINING_MS, 4);
	add_stdin(&frame, deadline);
	uint64_t now = now_ms();
	if (remaining)
		put_u32(remaining, now < deadline ? (uint32_t)(deadline - now) : 0);
	size_t length = frame_end(&frame);
	if (length == 0)
		return print(1, ANSWER_TOO_LARGE);

	char own_path[64];
	own_socket(own_path, own_netns);
	const char *given = variable(environment, "WEFT_CNI_SOCKET");
	struct sockets sockets = {*given ? given : own_path, *given ? NULL : "/run/weft/cni.sock"};
	int deletes = text_equal(verb, "DEL");
	struct reply reply;
	if (exchange(&sockets, memory, length, now_ms() + CONNECT_MS, deadline, &reply) == 0 && !(deletes && reply.wrong_host))
		return print_reply(&reply);
	if (!deletes)
		return print(1, VERBS[row].when_away);
	int exit_code = queue_deletion(environment, own_netns, &sockets, memory, length, deadline, &reply);
	return exit_code < 0 ? print_reply(&reply) : exit_code;
}

#ifdef HOSTED
int main(int count, char **arguments, char **environment)
{
	return run(count > 0 ? arguments[0] : "", environment);
}
#else
/* The kernel leaves argc, argv, 0, envp, 0 on the stack (System V ABI, "Process Initialization"). */
__attribute__((noreturn, used)) void start_with_stack(long *stack)
{
	int exit_code = run(stack[0] > 0 ? (const char *)stack[1] : "", (char **)(stack + 1 + stack[0] + 1));
	for (;;)
		sys6(__NR_exit_group, exit_code, 0, 0, 0, 0, 0);
}
#ifdef __x86_64__
__asm__(".globl _start\n_start:\n xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call start_with_stack\n");
#else
__asm__(".globl _start\n_start:\n mov x29, #0\n mov x30, #0\n mov x0, sp\n bl start_with_stack\n");
#endif

/* The compiler may call these for structures, C library or not. */
__attribute__((used)) void *memset(void *to, int value, size_t length)
{
	for (uint8_t *at = to; length--;)
		*at++ = (uint8_t)value;
	return to;
}
__attribute__((used)) void *memcpy(void *to, const void *from, size_t length)
{
	const uint8_t *source = from;
	for (uint8_t *at = to; length--;)
		*at++ = *source++;
	return to;
}
#endif

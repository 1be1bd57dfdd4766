#include "exchange.h"

#include <linux/un.h>

#include "sys.h"
#include "text.h"

#define AF_UNIX_ 1
#define SOCK_STREAM_ 1
#define SOCK_NONBLOCK_ 04000
#define SOCK_CLOEXEC_ 02000000
#define MSG_NOSIGNAL_ 0x4000
#define POLLIN_ 1
#define POLLOUT_ 4
#define RETRY_MS 50u

/* A non-blocking stream to `path`, or a negative errno. EAGAIN means a full backlog (unix(7)). */
static long connect_once(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX_};
	char *at = address.sun_path;
	if (!text_append(&at, address.sun_path + sizeof address.sun_path, path))
		return -ENAMETOOLONG;
	long fd = sys6(__NR_socket, AF_UNIX_, SOCK_STREAM_ | SOCK_NONBLOCK_ | SOCK_CLOEXEC_, 0, 0, 0, 0);
	if (fd < 0)
		return fd;
	long failed = sys6(__NR_connect, fd, (long)&address, sizeof address, 0, 0, 0);
	if (failed == 0)
		return fd;
	sys_close(fd);
	return failed;
}

static long connect_until(const struct sockets *sockets, uint64_t deadline)
{
	for (;;) {
		long fd = connect_once(sockets->first);
		if (fd == -ENOENT && sockets->second)
			fd = connect_once(sockets->second);
		if (fd >= 0 || now_ms() >= deadline)
			return fd;
		if (fd != -EAGAIN && fd != -ECONNREFUSED && fd != -ENOENT && fd != -EINTR)
			return fd;
		uint64_t next = now_ms() + RETRY_MS;
		wait_fd(-1, 0, next < deadline ? next : deadline);
	}
}

static int send_all(long fd, const uint8_t *from, size_t length, uint64_t deadline)
{
	while (length > 0) {
		long sent = sys6(__NR_sendto, fd, (long)from, (long)length, MSG_NOSIGNAL_, 0, 0);
		if (sent == -EINTR)
			continue;
		if (sent == -EAGAIN) {
			if (!wait_fd(fd, POLLOUT_, deadline))
				return -1;
			continue;
		}
		if (sent <= 0)
			return -1;
		from += sent;
		length -= (size_t)sent;
	}
	return 0;
}

static int receive_all(long fd, uint8_t *to, size_t length, uint64_t deadline)
{
	while (length > 0) {
		long got = sys_read(fd, to, length);
		if (got == -EINTR)
			continue;
		if (got == -EAGAIN) {
			if (!wait_fd(fd, POLLIN_, deadline))
				return -1;
			continue;
		}
		if (got <= 0)
			return -1;
		to += got;
		length -= (size_t)got;
	}
	return 0;
}

static int receive_reply(long fd, uint64_t deadline, struct reply *reply)
{
	uint8_t header[FRAME_HEADER_BYTES];
	if (receive_all(fd, header, sizeof header, deadline) < 0)
		return -1;
	long body = reply_body_length(header);
	if (body < 0)
		return -1;
	uint8_t *frame = map_memory(FRAME_HEADER_BYTES + (size_t)body);
	if (!frame)
		return -1;
	for (unsigned i = 0; i < FRAME_HEADER_BYTES; i++)
		frame[i] = header[i];
	if (receive_all(fd, frame + FRAME_HEADER_BYTES, (size_t)body, deadline) < 0)
		return -1;
	return reply_parse(frame, FRAME_HEADER_BYTES + (size_t)body, reply);
}

int exchange(const struct sockets *sockets, const uint8_t *frame, size_t length, uint64_t connect_deadline, uint64_t deadline,
	     struct reply *reply)
{
	long fd = connect_until(sockets, connect_deadline < deadline ? connect_deadline : deadline);
	if (fd < 0)
		return -1;
	int failed = send_all(fd, frame, length, deadline);
	if (failed == 0)
		failed = receive_reply(fd, deadline, reply);
	sys_close(fd);
	return failed;
}

/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_WIRE_H
#define BROOD_TESTS_WIRE_H

/*
 * The wire protocol without the library: for tests that play the peer of a
 * channel, also one that breaks the rules.  This code shares nothing with src/,
 * so that a mistake there is not made here too.
 *
 * These functions assert, so they are for the test's own process only.  They
 * wait for at most 10 s.
 */

#include <brood/channel.h>
#include <sys/types.h>

#define WIRE_HEADER	24
#define WIRE_PAYLOAD	65536	/* the longest that wire_recv() takes */
#define WIRE_FDS	253	/* the most that one message carries */
#define WIRE_PATIENCE	10000	/* milliseconds */

/* The fields of a header, in their order on the wire. */
struct wire_header {
	uint32_t length;
	uint8_t	 kind;
	uint8_t	 flags;
	uint8_t	 nfds;
	uint8_t	 reserved;
	uint64_t id;
	uint32_t code;
	uint32_t timeout_ms;
};

struct wire_frame {
	struct wire_header header;
	uint8_t	 payload[WIRE_PAYLOAD + 1];	/* ends with a NUL */
	int	 fds[WIRE_FDS];
	size_t	 n_fds;
};

/* One end of a socketpair is the library's, the other the test's. */
struct wire_half {
	struct brood_channel *channel;
	int	 raw;		/* the test's end */
};

/* Give the time in milliseconds, of a clock that only goes forward. */
int64_t	wire_now_ms(void);

/* Make two connected stream sockets. */
void	wire_pair(int ret_fds[2]);

struct wire_half
	wire_half_new(const struct brood_channel_options *options);
void	wire_half_free(struct wire_half *half);

/* Open a new empty file.  wire_inode() tells one such file from another. */
int	wire_file(void);
ino_t	wire_inode(int fd);

/*
 * Write a header, and a payload of header->length unless it is NULL, to bytes.
 *
 * Returns the number of bytes.
 */
size_t	wire_encode(uint8_t *bytes, const struct wire_header *header,
	    const void *payload);

/* Write the payload of a HELLO to bytes.  Returns its length. */
size_t	wire_hello(uint8_t *bytes, uint16_t version, uint32_t max_payload,
	    const char *name);

/* Send these bytes, be they a frame or not. */
void	wire_write(int fd, const void *bytes, size_t len);

/*
 * Send bytes with descriptors attached to the first one.  wire_try_fds() gives
 * what sendmsg(2) does, or a negative errno; wire_write_fds() sends all.
 */
ssize_t	wire_try_fds(int fd, const void *bytes, size_t len, const int *fds,
	    size_t n_fds);
void	wire_write_fds(int fd, const void *bytes, size_t len, const int *fds,
	    size_t n_fds);

/* Send a frame; header->length is the length of the payload. */
void	wire_send(int fd, const struct wire_header *header,
	    const void *payload);
void	wire_send_hello(int fd, uint32_t max_payload);

/* Receive len bytes.  Gives false at the end of the stream. */
bool	wire_read(int fd, void *bytes, size_t len);

/*
 * Receive a frame.  Its descriptors are left open, in ret_frame.  Gives false
 * at the end of the stream.
 */
bool	wire_recv(int fd, struct wire_frame *ret_frame);

/* Is there nothing to receive now, not even the end of the stream? */
bool	wire_is_silent(int fd);

/* Wait until every copy of the write end of this pipe has been closed. */
bool	wire_is_hung_up(int read_fd);

#endif

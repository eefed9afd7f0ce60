/* SPDX-License-Identifier: ISC */
#ifndef BROOD_TESTS_WIRE_H
#define BROOD_TESTS_WIRE_H

/*
 * The wire protocol spoken by hand, for tests that play the other side, and for
 * those that lie.  It shares nothing with src/: a mistake made there must not
 * be repeated here.
 *
 * Everything asserts, so it is for the test's own process only, and waits at
 * most 10 s for what should come.
 */

#include <brood/channel.h>
#include <sys/types.h>

#define WIRE_HEADER	24
#define WIRE_PAYLOAD	65536	/* the longest that wire_recv() takes */
#define WIRE_FDS	253
#define WIRE_PATIENCE	10000	/* milliseconds */

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

/* A channel whose peer is played by hand. */
struct wire_half {
	struct brood_channel *channel;
	int	 raw;
};

int64_t	wire_now_ms(void);

/* Two connected stream sockets. */
void	wire_pair(int ret_fds[2]);

struct wire_half
	wire_half_new(const struct brood_channel_options *options);
void	wire_half_free(struct wire_half *half);

/* An empty file of its own, to be told apart by its inode. */
int	wire_file(void);
ino_t	wire_inode(int fd);

/* Header and payload of header->length as bytes; gives their number. */
size_t	wire_encode(uint8_t *bytes, const struct wire_header *header,
	    const void *payload);

/* The payload of a HELLO; gives its length. */
size_t	wire_hello(uint8_t *bytes, uint16_t version, uint32_t max_payload,
	    const char *name);

/* Bytes as they are, descriptors attached to the first of them. */
void	wire_write(int fd, const void *bytes, size_t len);
void	wire_write_fds(int fd, const void *bytes, size_t len, const int *fds,
	    size_t n_fds);

void	wire_send(int fd, const struct wire_header *header,
	    const void *payload);
void	wire_send_hello(int fd, uint32_t max_payload);

/*
 * Receive bytes, or a frame; descriptors are collected in it and left open.
 * False at the end of the stream.
 */
bool	wire_read(int fd, void *bytes, size_t len);
bool	wire_recv(int fd, struct wire_frame *ret_frame);

/* Is there nothing to receive, and no end either? */
bool	wire_is_silent(int fd);

/* Has every copy of this pipe's writing end been closed?  Waits for it. */
bool	wire_is_hung_up(int read_fd);

#endif

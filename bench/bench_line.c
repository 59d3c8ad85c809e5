/* bench_line.c - a line with a long round trip between two network namespaces, for kernels without netem: a TUN device in each, and every
 * IP packet handed on so long after it came, whatever comes meanwhile. What the devices' own queueing disciplines do with rate comes
 * before, so a handshake, a window that opens and a lost packet cost what they cost on a line of that length.
 * Usage: bench_line NAMESPACE_A NAMESPACE_B DEVICE DELAY_US (one way). Prints "ready"; runs until its standard input closes. Needs
 * CAP_SYS_ADMIN and CAP_NET_ADMIN. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "base/clock.h"

#define PACKET_MAX 2048 /* more than the devices' 1500 bytes */
#define UNDER_WAY_MAX 4096 /* packets in one direction: more wait in the device */

typedef struct packet {
    int64_t due_us;
    size_t size;
    unsigned char bytes[PACKET_MAX];
} packet;

typedef struct direction {
    int from, to;
    size_t first, count;
    packet packets[UNDER_WAY_MAX];
} direction;

static direction directions[2];

/* A TUN device in a namespace of `ip netns`; it stays there, wherever this thread goes. */
static int open_device(const char *namespace, const char *name)
{
    char path[300];
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    int space, device = -1;

    snprintf(path, sizeof path, "/run/netns/%s", namespace);
    space = open(path, O_RDONLY | O_CLOEXEC);
    if (space < 0 || setns(space, CLONE_NEWNET) != 0)
        perror(path);
    else if ((device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0)
        perror("/dev/net/tun");
    else {
        snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
        if (ioctl(device, TUNSETIFF, &request) != 0) {
            perror(name);
            close(device);
            device = -1;
        }
    }
    if (space >= 0)
        close(space);
    return device;
}

/* All that is there and has room; false when the device is gone. */
static bool take(direction *way, int64_t delay_us)
{
    while (way->count < UNDER_WAY_MAX) {
        packet *next = &way->packets[(way->first + way->count) % UNDER_WAY_MAX];
        ssize_t size = read(way->from, next->bytes, sizeof next->bytes);

        if (size <= 0)
            return size < 0 && (errno == EAGAIN || errno == EINTR);
        next->size = (size_t)size;
        next->due_us = kh_clock_monotonic_us() + delay_us;
        way->count++;
    }
    return true;
}

/* Those whose time has come; microseconds until the next one's, negative when none is under way. */
static int64_t hand_on(direction *way)
{
    while (way->count > 0) {
        packet *next = &way->packets[way->first];
        int64_t left_us = next->due_us - kh_clock_monotonic_us();

        if (left_us > 0)
            return left_us;
        if (write(way->to, next->bytes, next->size) < 0 && errno != EAGAIN && errno != EINVAL && errno != EIO)
            perror("write"); /* lost, as on a line; a device that is down says EIO */
        way->first = (way->first + 1) % UNDER_WAY_MAX;
        way->count--;
    }
    return -1;
}

static int relay(int64_t delay_us)
{
    for (;;) {
        int64_t wait_us = -1;
        struct timespec wait;
        struct pollfd watched[3] = {{.fd = STDIN_FILENO, .events = POLLIN}};

        for (size_t i = 0; i < 2; i++) {
            int64_t next_us = hand_on(&directions[i]);

            if (next_us >= 0 && (wait_us < 0 || next_us < wait_us))
                wait_us = next_us;
            watched[1 + i] = (struct pollfd){.fd = directions[i].count < UNDER_WAY_MAX ? directions[i].from : -1, .events = POLLIN};
        }
        wait = (struct timespec){wait_us / 1000000, wait_us % 1000000 * 1000};
        if (ppoll(watched, 3, wait_us < 0 ? NULL : &wait, NULL) < 0 && errno != EINTR)
            return 1;
        if (watched[0].revents) {
            char byte;

            if (read(STDIN_FILENO, &byte, 1) <= 0)
                return 0;
        }
        for (size_t i = 0; i < 2; i++)
            if (!take(&directions[i], delay_us))
                return 1;
    }
}

int main(int argc, char **argv)
{
    long delay_us = argc == 5 ? atol(argv[4]) : -1;

    if (delay_us < 0 || delay_us > 10000000) {
        fprintf(stderr, "usage: bench_line NAMESPACE_A NAMESPACE_B DEVICE DELAY_US\n");
        return 2;
    }
    for (size_t i = 0; i < 2; i++)
        if ((directions[i].from = open_device(argv[1 + i], argv[3])) < 0)
            return 1;
    directions[0].to = directions[1].from;
    directions[1].to = directions[0].from;
    sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){.sched_priority = 1}); /* a line does not wait for a processor; without it, it may */
    puts("ready");
    fflush(stdout);
    return relay(delay_us);
}

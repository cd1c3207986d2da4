#include "base.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { BACKLOG = 4096, REPLY_MAX = 1 << 20 };

_Noreturn static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

char *base_read(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "r");
    char *text = malloc(REPLY_MAX);
    if (file == NULL || text == NULL)
        fail(path);
    *bytes = fread(text, 1, REPLY_MAX - 1, file);
    fclose(file);
    text[*bytes] = '\0';
    return text;
}

static int listen_on(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, bytes) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &bytes) != 0)
        fail("cannot listen");
    printf("listening on http://127.0.0.1:%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

base base_start(int argc, char **argv)
{
    if (argc != 4 && argc != 6) {
        fprintf(stderr, "usage: %s PORT REPLY TIMEOUT_S [CERTIFICATE KEY]\n", argv[0]);
        exit(2);
    }
    signal(SIGPIPE, SIG_IGN); /* libraries write to connections that clients have closed */
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    base b = {.timeout_s = (unsigned)strtoul(argv[3], NULL, 10)};
    b.reply = base_read(argv[2], &b.reply_bytes);
    if (argc == 6) {
        b.certificate = argv[4];
        b.key = argv[5];
    }
    b.listening = listen_on(argv[1]);
    return b;
}

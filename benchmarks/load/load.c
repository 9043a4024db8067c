/* The connections, the loop that serves them, and the report. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

enum { READ_SIZE = 256 * 1024, HEAD_SIZE = 2 * 1024, TICK_MS = 1, SLICES = 24, DROP_SIZE = 1 << 30, LOW_WATER = 512 * 1024 };

struct connection {
    int fd;
    uint32_t waits_for;         /* the events that epoll is asked for */
    int low_water;              /* bytes that must have come before it is told */
    const struct job *job;
    size_t at;                  /* which request of the job */
    const char *head;
    size_t head_length, head_sent;
    size_t body_sent;           /* as encoded */
    uint64_t job_began, began;
    uint64_t sleeps_until;      /* a slow reader's pause, or that between two jobs */
    bool rests;                 /* it is between two jobs */
    char target[2 * TARGET_ROOM];
    char built[HEAD_ROOM];
    struct response response;
};

static struct {
    struct sockaddr_in address;
    struct plan *plan;
    size_t connections;
    double seconds;             /* 0: each job once; else again and again for so long */
    double rate;                /* bytes that a connection reads in a second; 0: what it can */
    double pause;               /* seconds between two jobs of a connection */
    bool drops;                 /* bodies aren't copied out of the kernel */
} options = {.connections = 1};

static struct {
    uint64_t jobs, requests, received, sent, reconnects;
    struct histogram request_times, job_times;
} done;

static int epoll;
static size_t next_job, active;
static uint64_t began, ended, deadline;
static char scratch[READ_SIZE];
static volatile sig_atomic_t stopped;

void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static const struct request *current(const struct connection *connection)
{
    return &connection->job->requests[connection->at];
}

/* Connecting */

static void open_connection(struct connection *connection)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1, small = 16 * 1024;
    if (fd < 0)
        fail("socket: %s", strerror(errno));
    if (options.rate > 0) /* or the kernel would read ahead what is to be read slowly */
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(fd, (struct sockaddr *)&options.address, sizeof options.address) < 0)
        fail("connect: %s", strerror(errno));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    connection->fd = fd;
    connection->low_water = 1;
    connection->waits_for = EPOLLIN;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        fail("epoll_ctl: %s", strerror(errno));
}

static void wait_for(struct connection *connection, uint32_t events)
{
    if (connection->waits_for == events)
        return;
    connection->waits_for = events;
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(epoll, EPOLL_CTL_MOD, connection->fd, &event) < 0)
        fail("epoll_ctl: %s", strerror(errno));
}

/* Sending: each function returns whether it is through */

static bool is_blocked(ssize_t result, const struct connection *connection)
{
    if (result >= 0)
        return false;
    if (errno == EAGAIN || errno == EINTR)
        return true;
    fail("sending %s %s: %s", current(connection)->method, connection->target, strerror(errno));
}

static bool send_head(struct connection *connection)
{
    int more = current(connection)->length ? MSG_MORE : 0;
    while (connection->head_sent < connection->head_length) {
        ssize_t some = send(connection->fd, connection->head + connection->head_sent,
                            connection->head_length - connection->head_sent, more | MSG_NOSIGNAL);
        if (is_blocked(some, connection))
            return false;
        connection->head_sent += (size_t)some;
    }
    return true;
}

static bool send_whole_body(struct connection *connection)
{
    const struct request *request = current(connection);
    while (connection->body_sent < request->length) {
        off_t offset = request->offset + (off_t)connection->body_sent;
        ssize_t some = sendfile(connection->fd, options.plan->bodies, &offset,
                                request->length - connection->body_sent);
        if (is_blocked(some, connection))
            return false;
        connection->body_sent += (size_t)some;
    }
    return true;
}

struct slices {
    struct iovec vector[SLICES];
    int count;
    size_t skipped;             /* bytes that are still to be left out */
};

static void add_slice(struct slices *slices, const char *bytes, size_t length)
{
    if (slices->skipped >= length) {
        slices->skipped -= length;
        return;
    }
    slices->vector[slices->count].iov_base = (char *)bytes + slices->skipped;
    slices->vector[slices->count++].iov_len = length - slices->skipped;
    slices->skipped = 0;
}

/* What comes after body_sent in the chunked coding, which is made anew each time. */
static void slice_chunks(struct slices *slices, const struct request *request, size_t body_sent)
{
    static char full[32], last[32];
    size_t full_size = (size_t)snprintf(full, sizeof full, "%zx\r\n", request->piece);
    size_t index = body_sent / (full_size + request->piece + 2);
    slices->count = 0;
    slices->skipped = body_sent % (full_size + request->piece + 2);
    while (slices->count + 3 < SLICES) {
        size_t begin = index++ * request->piece;
        if (begin >= request->length) {
            add_slice(slices, "0\r\n\r\n", 5);
            return;
        }
        size_t rest = request->length - begin;
        const char *data = options.plan->mapped + request->offset + begin;
        if (rest >= request->piece) {
            add_slice(slices, full, full_size);
            add_slice(slices, data, request->piece);
        } else {
            add_slice(slices, last, (size_t)snprintf(last, sizeof last, "%zx\r\n", rest));
            add_slice(slices, data, rest);
        }
        add_slice(slices, "\r\n", 2);
    }
}

static size_t encoded_size(const struct request *request)
{
    char line[32];
    size_t whole = request->length / request->piece, rest = request->length % request->piece;
    size_t size = (size_t)snprintf(line, sizeof line, "%zx\r\n", request->piece) + request->piece + 2;
    size *= whole;
    if (rest)
        size += (size_t)snprintf(line, sizeof line, "%zx\r\n", rest) + rest + 2;
    return size + 5;
}

static bool send_chunks(struct connection *connection)
{
    const struct request *request = current(connection);
    size_t size = encoded_size(request);
    struct slices slices;
    while (connection->body_sent < size) {
        slice_chunks(&slices, request, connection->body_sent);
        ssize_t some = writev(connection->fd, slices.vector, slices.count);
        if (is_blocked(some, connection))
            return false;
        connection->body_sent += (size_t)some;
    }
    return true;
}

static void go_on_sending(struct connection *connection)
{
    const struct request *request = current(connection);
    bool through = send_head(connection)
                   && (request->piece ? send_chunks(connection) : send_whole_body(connection));
    wait_for(connection, through ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

/* Requests and jobs */

static const char *full_target(struct connection *connection)
{
    const struct request *request = current(connection);
    const char *location = connection->response.location;
    const char *between = !request->target[0] ? "" : strchr(location, '?') ? "&" : "?";
    snprintf(connection->target, sizeof connection->target, "%s%s%s", location, between,
             request->target);
    return connection->target;
}

static void build(struct connection *connection, const char *target)
{
    connection->head_length = write_head(connection->built, sizeof connection->built, options.plan,
                                         current(connection), target);
    connection->head = connection->built;
}

static void begin_request(struct connection *connection, const char *next_page)
{
    const struct request *request = current(connection);
    if (next_page)
        build(connection, next_page);
    else if (request->uses_location)
        build(connection, full_target(connection));
    else {
        connection->head = request->head;
        connection->head_length = request->head_length;
    }
    connection->head_sent = connection->body_sent = 0;
    done.sent += request->length;
    expect_response(&connection->response);
    connection->began = now();
    go_on_sending(connection);
}

static void begin_job(struct connection *connection)
{
    bool over = options.seconds > 0 ? now() >= deadline : next_job >= options.plan->count;
    if (over) {
        close(connection->fd);
        active--;
        return;
    }
    connection->job = &options.plan->jobs[next_job++ % options.plan->count];
    connection->at = 0;
    connection->job_began = now();
    begin_request(connection, NULL);
}

static void rest_or_begin_job(struct connection *connection)
{
    if (options.pause <= 0) {
        begin_job(connection);
        return;
    }
    connection->rests = true;
    connection->sleeps_until = now() + (uint64_t)(options.pause * 1e6);
    wait_for(connection, 0);
}

static void check(const struct connection *connection)
{
    const struct request *request = current(connection);
    if (connection->response.status != request->status)
        fail("%s %s%s: %d, not %d: %s", request->method, request->target,
             request->uses_location ? " (at a Location)" : "", connection->response.status,
             request->status, connection->response.sample);
}

static void end_request(struct connection *connection)
{
    static char next[TARGET_ROOM];
    check(connection);
    ended = now();
    record(&done.request_times, ended - connection->began);
    done.requests++;
    done.received += connection->response.received;
    if (connection->response.closes) {
        close(connection->fd);
        open_connection(connection);
        done.reconnects++;
    }
    if (current(connection)->follows && connection->response.next[0]) {
        strcpy(next, connection->response.next);
        begin_request(connection, next);
    } else if (++connection->at < connection->job->count) {
        begin_request(connection, NULL);
    } else {
        record(&done.job_times, ended - connection->job_began);
        done.jobs++;
        rest_or_begin_job(connection);
    }
}

/* Receiving */

static void pause_reading(struct connection *connection, size_t received)
{
    connection->sleeps_until = now() + (uint64_t)((double)received / options.rate * 1e6);
    wait_for(connection, 0);
}

/* Who drops much isn't woken for little: the wakening of each 64 KiB would be at the server's cost. */
static void set_low_water(struct connection *connection)
{
    const struct response *response = &connection->response;
    int wanted = response->state != IN_BODY ? 1 : LOW_WATER;
    if (wanted == LOW_WATER && response->rest < LOW_WATER)
        wanted = (int)response->rest; /* more will not come */
    if (!options.drops || wanted == connection->low_water)
        return;
    connection->low_water = wanted;
    setsockopt(connection->fd, SOL_SOCKET, SO_RCVLOWAT, &wanted, sizeof wanted);
}

static void receive(struct connection *connection)
{
    const struct request *request = current(connection);
    size_t size = READ_SIZE;
    int flags = 0;
    if (options.rate > 0 && options.rate / 10 < READ_SIZE)
        size = (size_t)(options.rate / 10) + 1;
    if (options.drops)
        size = HEAD_SIZE; /* and little more, for what comes along with it is copied */
    if (options.drops && connection->response.state == IN_BODY) {
        /* No more than the body's rest, and what is in scratch then is old: it isn't looked at. */
        size = connection->response.rest < DROP_SIZE ? (size_t)connection->response.rest : DROP_SIZE;
        flags = MSG_TRUNC;
    }
    ssize_t some = recv(connection->fd, scratch, size, flags);
    if (some < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (some <= 0)
        fail("%s %s: %s", request->method, request->target,
             some ? strerror(errno) : "the connection was closed before the answer's end");
    if (!take(&connection->response, scratch, (size_t)some, request->is_head))
        fail("%s %s: an answer that is none: %.80s", request->method, request->target, scratch);
    set_low_water(connection);
    if (connection->response.state != COMPLETE && options.rate > 0)
        pause_reading(connection, (size_t)some);
    else if (connection->response.state == COMPLETE)
        end_request(connection);
    else if (size == HEAD_SIZE)
        receive(connection);
}

static void wake(struct connection *all)
{
    uint64_t time = now();
    for (size_t i = 0; i < options.connections; i++) {
        if (all[i].waits_for || all[i].sleeps_until > time)
            continue;
        wait_for(&all[i], EPOLLIN);
        if (all[i].rests) {
            all[i].rests = false;
            begin_job(&all[i]);
        }
    }
}

static void serve(struct connection *all)
{
    struct epoll_event events[256];
    bool sleeps = options.rate > 0 || options.pause > 0;
    while (active && !stopped) {
        int count = epoll_wait(epoll, events, 256, sleeps ? TICK_MS : -1);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                receive(connection);
            else if (events[i].events & EPOLLOUT)
                go_on_sending(connection);
        }
        if (sleeps)
            wake(all);
    }
}

/* The command */

static void print_times(const char *name, const struct histogram *times)
{
    printf(", \"%s\": {\"mean\": %.6f, \"p50\": %.6f, \"p99\": %.6f, \"max\": %.6f}", name,
           times->count ? times->sum / (double)times->count / 1e6 : 0.0,
           (double)percentile(times, 0.5) / 1e6, (double)percentile(times, 0.99) / 1e6,
           (double)times->most / 1e6);
}

static void report(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"seconds\": %.6f, \"jobs\": %llu, \"requests\": %llu, \"received\": %llu, "
           "\"sent\": %llu, \"reconnects\": %llu, \"cpu\": %.3f",
           (double)(ended - began) / 1e6, (unsigned long long)done.jobs,
           (unsigned long long)done.requests, (unsigned long long)done.received,
           (unsigned long long)done.sent, (unsigned long long)done.reconnects,
           (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
               + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    print_times("request_times", &done.request_times);
    print_times("job_times", &done.job_times);
    puts("}");
}

static void read_options(int count, char **words)
{
    static char host[64];
    int port = 0, option;
    while ((option = getopt(count, words, "c:p:s:r:i:d")) != -1)
        switch (option) {
        case 'c': options.connections = strtoull(optarg, NULL, 10); break;
        case 'p': port = atoi(optarg); break;
        case 's': options.seconds = atof(optarg); break;
        case 'r': options.rate = atof(optarg); break;
        case 'i': options.pause = atof(optarg); break;
        case 'd': options.drops = true; break;
        default: port = 0; optind = count;
        }
    if (optind != count - 1 || port <= 0 || port > 65535 || !options.connections)
        fail("usage: load -p PORT [-c CONNECTIONS] [-s SECONDS] [-r BYTES_PER_SECOND] "
             "[-i PAUSE_SECONDS] [-d] PLAN");
    options.address.sin_family = AF_INET;
    options.address.sin_port = htons((uint16_t)port);
    options.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    snprintf(host, sizeof host, "127.0.0.1:%d", port);
    options.plan = read_plan(words[optind], host);
}

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

int main(int count, char **words)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, stop); /* ends the run, with a report of what was done until then */
    read_options(count, words);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct connection *all = calloc(options.connections, sizeof *all);
    if (epoll < 0 || !all)
        fail("%s", strerror(errno));
    for (size_t i = 0; i < options.connections; i++)
        open_connection(&all[i]);
    active = options.connections;
    began = ended = now();
    deadline = began + (uint64_t)(options.seconds * 1e6);
    for (size_t i = 0; i < options.connections; i++)
        begin_job(&all[i]);
    serve(all);
    report();
    return 0;
}

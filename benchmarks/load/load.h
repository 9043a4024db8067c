/*
 * A load generator for registries: it sends what a plan says over keep-alive HTTP/1.1 connections,
 * and measures how long the answers take.  One thread, one epoll, one request at a time on each
 * connection; it must cost little, for it runs beside what it measures.
 *
 *   plan.c      reads the plan
 *   response.c  reads answers
 *   histogram.c counts times
 *   load.c      the connections, the loop, the report
 */

#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Ends the program with a message. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* plan.c */

struct request {
    char *method;
    char *target;       /* with uses_location: what is added to the last Location's query */
    char *headers;      /* complete lines */
    char *head;         /* the whole head, if it can be known beforehand */
    size_t head_length;
    off_t offset;       /* of the body in the file of bodies */
    size_t length;
    size_t piece;       /* the body goes in chunks of so many bytes; 0: with a Content-Length */
    int status;         /* the only right one */
    bool uses_location; /* goes to the last Location */
    bool follows;       /* repeated for the rel="next" of each answer's Link */
    bool is_head;
};

struct job {
    struct request *requests;
    size_t count;
};

struct plan {
    struct job *jobs;
    size_t count;
    const char *host;   /* for the Host header */
    int bodies;         /* descriptor of the file of bodies, or -1 */
    const char *mapped; /* its bytes */
};

struct plan *read_plan(const char *path, const char *host);

/* Writes the head of a request for a target. */
size_t write_head(char *to, size_t room, const struct plan *, const struct request *,
                  const char *target);

/* response.c */

enum { HEAD_ROOM = 64 * 1024, TARGET_ROOM = 8 * 1024 };

enum reading { IN_HEAD, IN_BODY, IN_CHUNKS, COMPLETE };

struct response {
    enum reading state;
    int status;
    uint64_t rest;      /* bytes of the body, or of the chunk, that are still to come */
    uint64_t received;  /* bytes of the body */
    bool closes;
    int chunk_state;
    size_t head_length;
    char head[HEAD_ROOM];
    char location[TARGET_ROOM]; /* kept from answer to answer */
    char next[TARGET_ROOM];
    char sample[256];   /* how the body begins, for messages */
};

void expect_response(struct response *);

/* Takes bytes of an answer; false if they are none. */
bool take(struct response *, const char *bytes, size_t length, bool is_head);

/* histogram.c: microseconds in buckets, each at most 1.6 % wide. */

enum { BUCKETS = 64 * 40 };

struct histogram {
    uint64_t buckets[BUCKETS];
    uint64_t count, most;
    double sum;
};

void record(struct histogram *, uint64_t microseconds);
uint64_t percentile(const struct histogram *, double fraction);

#endif

/*
 * Plans: text, a line for each thing.
 *
 *   bodies PATH                    the file that bodies are parts of
 *   job                            what one connection does in a row begins here
 *   request METHOD STATUS TARGET   @... is the last Location, with ... added to its query
 *   header NAME: VALUE             one more header of that request
 *   body OFFSET LENGTH             its body, with a Content-Length
 *   chunked PIECE                  no: in chunks of so many bytes
 *   follow                         repeat it for the next page until there is none
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "load.h"

static void *grown(void *array, size_t count, size_t size)
{
    /* Room for a power of two of elements. */
    if (count & (count - 1))
        return array;
    void *larger = realloc(array, (count ? count * 2 : 1) * size);
    if (!larger)
        fail("out of memory");
    return larger;
}

static void open_bodies(struct plan *plan, const char *path)
{
    struct stat facts;
    plan->bodies = open(path, O_RDONLY | O_CLOEXEC);
    if (plan->bodies < 0 || fstat(plan->bodies, &facts) < 0)
        fail("%s: %s", path, strerror(errno));
    if (facts.st_size == 0)
        return;
    plan->mapped = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_SHARED, plan->bodies, 0);
    if (plan->mapped == MAP_FAILED)
        fail("mmap %s: %s", path, strerror(errno));
}

static struct job *add_job(struct plan *plan)
{
    plan->jobs = grown(plan->jobs, plan->count, sizeof *plan->jobs);
    struct job *job = &plan->jobs[plan->count++];
    memset(job, 0, sizeof *job);
    return job;
}

static struct request *add_request(struct job *job, const char *line)
{
    char method[16];
    int status, begin;
    if (!job || sscanf(line, "%15s %d %n", method, &status, &begin) != 2)
        fail("bad request in the plan: %s", line);
    job->requests = grown(job->requests, job->count, sizeof *job->requests);
    struct request *request = &job->requests[job->count++];
    memset(request, 0, sizeof *request);
    request->uses_location = line[begin] == '@';
    request->method = strdup(method);
    request->target = strdup(line + begin + request->uses_location);
    request->headers = strdup("");
    request->status = status;
    request->is_head = !strcmp(method, "HEAD");
    return request;
}

static void add_header(struct request *request, const char *line)
{
    char *more;
    if (asprintf(&more, "%s%s\r\n", request->headers, line) < 0)
        fail("out of memory");
    free(request->headers);
    request->headers = more;
}

static const char *after(const char *line, const char *word)
{
    size_t length = strlen(word);
    return strncmp(line, word, length) ? NULL : line + length;
}

static void read_detail(struct request *request, const char *line)
{
    const char *rest;
    long long offset;
    if (!request)
        fail("the plan has no request for: %s", line);
    if ((rest = after(line, "header ")))
        add_header(request, rest);
    else if ((rest = after(line, "chunked ")))
        request->piece = strtoull(rest, NULL, 10);
    else if (!strcmp(line, "follow"))
        request->follows = true;
    else if ((rest = after(line, "body ")) && sscanf(rest, "%lld %zu", &offset, &request->length) == 2)
        request->offset = offset;
    else
        fail("unknown line in the plan: %s", line);
}

size_t write_head(char *to, size_t room, const struct plan *plan, const struct request *request,
                  const char *target)
{
    char length[64] = "";
    bool reads = !strcmp(request->method, "GET") || !strcmp(request->method, "HEAD");
    if (request->piece)
        snprintf(length, sizeof length, "Transfer-Encoding: chunked\r\n");
    else if (!reads)
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", request->length);
    int written = snprintf(to, room, "%s %s HTTP/1.1\r\nHost: %s\r\n%s%s\r\n", request->method, target,
                           plan->host, request->headers, length);
    if (written < 0 || (size_t)written >= room)
        fail("the head of %s %s is too large", request->method, target);
    return (size_t)written;
}

static void prepare(const struct plan *plan)
{
    static char head[HEAD_ROOM];
    for (size_t i = 0; i < plan->count; i++)
        for (size_t j = 0; j < plan->jobs[i].count; j++) {
            struct request *request = &plan->jobs[i].requests[j];
            if (request->uses_location)
                continue;
            request->head_length = write_head(head, sizeof head, plan, request, request->target);
            request->head = strdup(head);
        }
}

struct plan *read_plan(const char *path, const char *host)
{
    struct plan *plan = calloc(1, sizeof *plan);
    FILE *file = fopen(path, "r");
    if (!plan || !file)
        fail("%s: %s", path, strerror(errno));
    plan->host = host;
    plan->bodies = -1;
    struct job *job = NULL;
    struct request *request = NULL;
    char *line = NULL;
    const char *rest;
    size_t room = 0;
    ssize_t length;
    while ((length = getline(&line, &room, file)) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (!strcmp(line, "job"))
            job = add_job(plan), request = NULL;
        else if ((rest = after(line, "request ")))
            request = add_request(job, rest);
        else if ((rest = after(line, "bodies ")))
            open_bodies(plan, rest);
        else
            read_detail(request, line);
    }
    free(line);
    fclose(file);
    if (!plan->count)
        fail("%s: an empty plan", path);
    prepare(plan);
    return plan;
}

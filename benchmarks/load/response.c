/* Answers: as much of HTTP/1.1 as it takes to find their ends, and where they lead. */

#define _GNU_SOURCE
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

/* Within the chunked coding. */
enum { SIZE_LINE, SIZE_REST, DATA, DATA_END, TRAILER_BEGIN, TRAILER };

void expect_response(struct response *response)
{
    response->state = IN_HEAD;
    response->status = 0;
    response->rest = 0;
    response->received = 0;
    response->closes = false;
    response->chunk_state = SIZE_LINE;
    response->head_length = 0;
    response->next[0] = '\0';
    response->sample[0] = '\0';
}

/* The path and query of a URL. */
static void keep_target(char *to, const char *url, size_t length)
{
    const char *end = url + length, *host = memmem(url, length, "://", 3);
    if (host && url[0] != '/') {
        url = memchr(host + 3, '/', (size_t)(end - host - 3));
        if (!url)
            url = end;
    }
    length = (size_t)(end - url);
    if (length >= TARGET_ROOM)
        fail("a URL of %zu bytes", length);
    memcpy(to, url, length);
    to[length] = '\0';
}

static void keep_next(struct response *response, const char *value, size_t length)
{
    const char *begin = memchr(value, '<', length);
    const char *end = begin ? memchr(begin, '>', (size_t)(value + length - begin)) : NULL;
    if (end && memmem(end, (size_t)(value + length - end), "next", 4))
        keep_target(response->next, begin + 1, (size_t)(end - begin - 1));
}

static bool is_named(const char *line, size_t length, const char *name)
{
    size_t wanted = strlen(name);
    return length > wanted && line[wanted] == ':' && !strncasecmp(line, name, wanted);
}

static void take_header(struct response *response, const char *line, size_t length)
{
    const char *colon = memchr(line, ':', length);
    if (!colon)
        return;
    const char *value = colon + 1;
    while (value < line + length && *value == ' ')
        value++;
    size_t rest = (size_t)(line + length - value);
    if (is_named(line, length, "content-length"))
        response->rest = strtoull(value, NULL, 10);
    else if (is_named(line, length, "transfer-encoding"))
        response->state = IN_CHUNKS;
    else if (is_named(line, length, "connection"))
        response->closes = rest >= 5 && !strncasecmp(value, "close", 5);
    else if (is_named(line, length, "location"))
        keep_target(response->location, value, rest);
    else if (is_named(line, length, "link"))
        keep_next(response, value, rest);
}

static bool parse_head(struct response *response, size_t length, bool is_head)
{
    const char *line = response->head, *end = response->head + length;
    if (sscanf(line, "HTTP/1.%*1d %d", &response->status) != 1)
        return false;
    response->state = IN_BODY;
    while ((line = memmem(line, (size_t)(end - line), "\r\n", 2)) && (line += 2) < end) {
        const char *stop = memmem(line, (size_t)(end - line), "\r\n", 2);
        take_header(response, line, (size_t)((stop ? stop : end) - line));
    }
    if (is_head || response->status == 204 || response->status == 304)
        response->rest = 0, response->state = IN_BODY;
    if (response->state == IN_BODY && response->rest == 0)
        response->state = COMPLETE;
    return true;
}

static void sample(struct response *response, const char *bytes, size_t length)
{
    size_t room = sizeof response->sample - 1;
    if (response->sample[0])
        return;
    if (length > room)
        length = room;
    memcpy(response->sample, bytes, length);
    response->sample[length] = '\0';
}

static bool take_chunked(struct response *response, const char *bytes, size_t length)
{
    const char *end = bytes + length;
    while (bytes < end && response->state != COMPLETE) {
        if (response->chunk_state == DATA) {
            size_t some = (size_t)(end - bytes);
            if (some > response->rest)
                some = response->rest;
            sample(response, bytes, some);
            bytes += some;
            response->rest -= some;
            response->received += some;
            if (!response->rest)
                response->chunk_state = DATA_END;
            continue;
        }
        char c = *bytes++;
        if (response->chunk_state == SIZE_LINE && isxdigit((unsigned char)c))
            response->rest = response->rest * 16 + (uint64_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
        else if (response->chunk_state == SIZE_LINE && c != '\n')
            response->chunk_state = SIZE_REST;
        else if (response->chunk_state <= SIZE_REST && c == '\n')
            response->chunk_state = response->rest ? DATA : TRAILER_BEGIN;
        else if (response->chunk_state == DATA_END && c == '\n')
            response->chunk_state = SIZE_LINE;
        else if (response->chunk_state == TRAILER_BEGIN && c == '\n')
            response->state = COMPLETE;
        else if (response->chunk_state == TRAILER_BEGIN && c != '\r')
            response->chunk_state = TRAILER;
        else if (response->chunk_state == TRAILER && c == '\n')
            response->chunk_state = TRAILER_BEGIN;
    }
    return bytes == end;
}

static bool take_body(struct response *response, const char *bytes, size_t length)
{
    if (response->state == IN_CHUNKS)
        return take_chunked(response, bytes, length);
    if (length > response->rest)
        return false;
    sample(response, bytes, length);
    response->rest -= length;
    response->received += length;
    if (!response->rest)
        response->state = COMPLETE;
    return true;
}

bool take(struct response *response, const char *bytes, size_t length, bool is_head)
{
    if (response->state != IN_HEAD)
        return take_body(response, bytes, length);
    size_t before = response->head_length;
    size_t some = length < HEAD_ROOM - before ? length : HEAD_ROOM - before;
    memcpy(response->head + before, bytes, some);
    response->head_length += some;
    const char *end = memmem(response->head, response->head_length, "\r\n\r\n", 4);
    if (!end)
        return some == length;
    size_t head = (size_t)(end - response->head) + 4;
    if (!parse_head(response, head - 4, is_head))
        return false;
    size_t used = head - before;
    return used == length || take_body(response, bytes + used, length - used);
}
